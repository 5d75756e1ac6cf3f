"""What can be made from words alone, read from the rows of the package: models, options, prices."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any, Final, cast

import attrs

from kling_async import InvalidRequest
from kling_async.api import ROWS
from kling_async.api.about import FieldInfo, info

LABELS: Final[Mapping[str, str]] = {
    "images.generate": "Picture",
    "videos.text_to_video": "Video",
    "images.omni": "Omni picture",
    "videos.omni": "Omni video",
    "audio.text_to_audio": "Sound",
}
_OPTIONS: Final[Mapping[str, str]] = {
    "model_name": "Model",
    "aspect_ratio": "Format",
    "duration": "Seconds",
    "n": "How many",
    "mode": "Mode",
    "resolution": "Size",
    "sound": "Sound",
}
_FIRST: Final[Mapping[str, tuple[object, ...]]] = {
    "model_name": ("kling-v3", "kling-v3-omni"),
    "aspect_ratio": ("16:9",),
    "duration": (5,),
    "n": (1,),
}
"""What is chosen to begin with, where there is a choice of it."""
_STEPS: Final = 20
"""Whole numbers from one limit to the other, at most, that are offered as a list."""


def kinds() -> list[dict[str, Any]]:
    """What the page offers: each kind with its options and the values that they take."""
    return [{"kind": kind, "label": label, "options": list(_options(kind))} for kind, label in LABELS.items()]


def request(kind: str, prompt: str, options: Mapping[str, object], external_task_id: str) -> Any:
    """The request as a value; raises `InvalidRequest` for what cannot be, or what the model cannot do."""
    if kind not in LABELS:
        raise InvalidRequest("kind", f"must be one of {', '.join(LABELS)}", kind)
    for name in options:
        if name not in _OPTIONS:
            raise InvalidRequest("options", f"must be some of {', '.join(_OPTIONS)}", name)
    made: Any = ROWS[kind].request(prompt=prompt, external_task_id=external_task_id, **options)
    for rule in made.abilities():
        if not rule.met:
            raise InvalidRequest(rule.field, rule.rule, options.get(rule.field))
    return made


def _options(kind: str) -> Iterator[dict[str, Any]]:
    known = {field.name: info(field) for field in attrs.fields(cast("type[attrs.AttrsInstance]", ROWS[kind].request))}
    for name, label in _OPTIONS.items():
        about = known.get(name)
        if about is not None and (values := _values(kind, name, about)):
            first = next((value for value in _FIRST.get(name, ()) if value in values), None)
            yield {"name": name, "label": label, "values": values, "first": first, "help": about.doc}


def _values(kind: str, name: str, about: FieldInfo) -> list[Any]:
    if name == "model_name":
        return [model for model in reversed(about.choices) if _speaks(kind, model)]  # the newest first
    if about.choices:
        return list(about.choices)
    if about.minimum is None or about.maximum is None or about.maximum - about.minimum > _STEPS:
        return []
    return list(range(int(about.minimum), int(about.maximum) + 1))


def _speaks(kind: str, model: str) -> bool:
    """Whether a model makes something from words alone."""
    fields = {field.name for field in attrs.fields(cast("type[attrs.AttrsInstance]", ROWS[kind].request))}
    usual = {name: values[0] for name, values in _FIRST.items() if name in fields}
    try:
        request(kind, "words", {**usual, "model_name": model}, "x")
    except InvalidRequest:
        return False
    return True
