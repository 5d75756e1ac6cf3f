"""Requests as values: equal, hashable, frozen, picklable, short to look at, honest in help()."""

from __future__ import annotations

import base64
import copy
import inspect
import pickle
import pydoc
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import attrs
import pytest

from kling_async import InvalidRequest, api
from kling_async.api import (
    CALLS,
    ROWS,
    CameraControl,
    GenerateImage,
    Images,
    ImageToVideo,
    ListCosts,
    OmniVideo,
    ShotPrompt,
    TextToVideo,
    info,
)
from kling_async.api.fields import Checked
from kling_async.media.inputs import Embedded
from kling_async.protocol.codec import dump
from tests.api.least import LEAST

URL = "https://files.example/fox.png"
PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\0\0\0\x02\0" + b"\0" * 200_000

TEXT = base64.b64encode(PNG).decode()


def a_rich_request() -> TextToVideo:
    """A request with everything that nests."""
    return TextToVideo(
        model_name="kling-v3",
        multi_shot=True,
        shot_type="customize",
        multi_prompt=[
            {"index": 1, "prompt": "a fox", "duration": 2},
            ShotPrompt(index=2, prompt="it runs", duration=3),
        ],
        watermark_info={"enabled": True},
        extra={"seed": 7},
    )


def test_requests_with_equal_fields_are_equal() -> None:
    """Mappings and objects, tuples and lists make the same request, which can be a key."""
    one, other = a_rich_request(), a_rich_request()

    assert one == other
    assert 1 == len({one, other})
    assert one != changed(other, extra={"seed": 8})


def test_request_is_frozen() -> None:
    """What was checked cannot be changed afterwards, neither by name nor through the mapping it came from."""
    extra: dict[str, object] = {"seed": 7}
    made: Any = GenerateImage(prompt="a fox", extra=extra)

    extra["seed"] = 8

    assert 7 == made.extra["seed"]
    with pytest.raises(attrs.exceptions.FrozenInstanceError):
        made.prompt = "a cat"


def changed(made: Any, **changes: object) -> Any:
    """A copy with other values."""
    return attrs.evolve(made, **changes)


def through_pickle(made: object) -> Any:
    """What arrives in another process."""
    return pickle.loads(pickle.dumps(made))  # noqa: S301 - our own bytes


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, through_pickle])
def test_request_survives_copies_and_pickle(twin: Any) -> None:
    """A copy, from this process or another, is the same request."""
    made = a_rich_request()

    assert made == twin(made)


def test_changed_copy_is_checked_again() -> None:
    """`attrs.evolve` obeys the rules like a new request."""
    made = GenerateImage(prompt="a fox", n=2)

    with pytest.raises(InvalidRequest, match="between 1 and 9"):
        changed(made, n=10)


def test_repr_shows_what_was_given() -> None:
    """Fields that were given show, falsy ones too; the others do not."""
    made = GenerateImage(prompt="a fox", image_fidelity=0, watermark_info={"enabled": False})

    assert "GenerateImage(prompt='a fox', image_fidelity=0, watermark_info=WatermarkInfo(enabled=False))" == repr(made)


@pytest.mark.parametrize(
    "picture", [PNG, base64.b64encode(PNG).decode(), f"data:image/png;base64,{base64.b64encode(PNG).decode()}"]
)
def test_repr_never_dumps_a_picture(picture: Any) -> None:
    """Neither a request nor an error about one prints a picture."""
    made = ImageToVideo(image=picture)

    with pytest.raises(InvalidRequest) as caught:
        ImageToVideo(image=picture, image_tail=picture, static_mask=picture)

    assert 200 > len(repr(made))
    assert 300 > len(str(caught.value))


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
def test_signature_shows_the_real_parameters(row: Any) -> None:
    """help() shows every field with its type, the endpoint's own before those of all requests, `extra` last."""
    nobody: Any = None
    method = row.__get__(Images(nobody), Images)

    shown = inspect.signature(method).parameters

    assert [field.name for field in attrs.fields(row.request)] == list(shown)
    assert ["callback_url", "external_task_id", "extra"] == list(shown)[-3:]
    assert all(each.kind is inspect.Parameter.KEYWORD_ONLY for each in shown.values())
    assert inspect.signature(row.request).parameters == shown
    assert "object" not in {str(each.annotation) for each in shown.values()}


@pytest.mark.parametrize("row", CALLS.values(), ids=CALLS.keys())
def test_signature_of_a_direct_call(row: Any) -> None:
    """The same for calls that are answered at once, which have no callback and no external id."""
    nobody: Any = None
    method = row.__get__(Images(nobody), Images)

    shown = inspect.signature(method).parameters

    assert [field.name for field in attrs.fields(row.request)] == list(shown)
    assert "extra" == list(shown)[-1]
    assert not {"callback_url", "external_task_id"} & set(shown)
    assert inspect.signature(row.request).parameters == shown


@pytest.mark.parametrize("kind", LEAST, ids=lambda kind: kind.__name__)
def test_every_request_is_a_value(kind: Any) -> None:
    """Each request class is equal by its fields, survives pickle, and is short to look at."""
    made = kind(**LEAST[kind])

    assert kind(**LEAST[kind]) == made == through_pickle(made)
    assert hash(made) == hash(through_pickle(made))
    assert repr(made).startswith(f"{kind.__name__}(")


def test_every_request_class_is_public() -> None:
    """The classes of all rows, and those that stand in their fields, are in `kling_async.api`."""
    used: set[Any] = {row.request for row in ROWS.values()} | {row.request for row in CALLS.values()}
    parts = {part for kind in used for part in parts_of(kind)}

    assert used == set(LEAST)
    assert set() == {kind.__name__ for kind in used | parts} - set(api.__all__)


def parts_of(kind: Any) -> Iterator[Any]:
    """The classes of the objects inside of a request."""
    for field in attrs.fields(kind):
        about = info(field)
        if about is not None and about.item is not None:
            yield about.item
            yield from parts_of(about.item)


@pytest.mark.parametrize("kind", [getattr(api, name) for name in api.__all__ if inspect.isclass(getattr(api, name))])
def test_help_shows_every_public_class(kind: Any) -> None:
    """`help()` works on request classes and on their parts, and shows what they take."""
    shown = pydoc.plain(pydoc.render_doc(kind))

    assert kind.__name__ in shown
    if issubclass(kind, Checked) and attrs.has(kind):
        assert all(f"{field.name}:" in shown for field in attrs.fields(kind))


@pytest.mark.parametrize("kind", LEAST, ids=lambda kind: kind.__name__)
def test_description_has_a_line_for_each_field(kind: Any) -> None:
    """What a class says of itself is followed by its fields: whether they are required, and what they are for."""
    told = kind.described()
    lines = [line.strip() for line in told.partition("Fields:")[2].splitlines() if line]

    assert told.startswith(inspect.getdoc(kind))
    assert len(attrs.fields(kind)) == len(lines)
    for field, line in zip(attrs.fields(kind), lines, strict=True):
        about = info(field)
        assert line.startswith(f"{field.name} ({'required' if field.default is attrs.NOTHING else 'optional'}")
        assert line.endswith(about.doc if about else "after us.")


@pytest.mark.parametrize(
    ("kind", "line"),
    [
        (GenerateImage, "prompt (required; at most 2500 characters): What to show."),
        (GenerateImage, "n (optional; 1 to 9): How many pictures (vendor's default 1)."),
        (GenerateImage, "element_list (optional; ElementRef(element_id); at most 10 items): Elements to show, with"),
        (GenerateImage, "resolution (optional; 1k or 2k): Size class"),
        (GenerateImage, "model_name (optional; for instance kling-v1 or "),
        (GenerateImage, "image (optional; a URL, Base64 text, bytes or a Path): A picture to start from."),
        (GenerateImage, "watermark_info (optional; WatermarkInfo(enabled)): Ask"),
        (TextToVideo, "duration (optional; 3 to 15): Seconds"),
        (TextToVideo, "multi_shot (optional; true or false): True for"),
        (api.ReferenceToVideo, "duration (optional; 5 or 10): Seconds"),
        (api.EffectInput, "images (optional; each a URL, Base64 text, bytes or a Path; 2 items): "),
        (api.DynamicMask, "trajectories (required; Point(x, y); 2 to 77 items): The path"),
        (api.FaceChoice, "sound_start_time (required; at least 0): Where to start"),
        (api.AdvancedLipSync, ", original_audio_volume); one item): Which face"),
        (api.Point, "x (required): From the left."),
    ],
)
def test_description_tells_limits(kind: Any, line: str) -> None:
    """Limits and choices are told in a few words."""
    assert line in kind.described()


def test_description_of_the_base_is_its_own() -> None:
    """What has no fields is described by its sentence."""
    assert inspect.getdoc(Checked) == Checked.described()


def test_window_of_costs_goes_without_names() -> None:
    """Where two values speak for themselves they may be given in order, and by name as well; nothing else may be."""
    costs: Any = ListCosts
    early, late = LEAST[ListCosts].values()

    assert ListCosts(start_time=early, end_time=late) == costs(early, late) == costs(early, end_time=late)
    assert ["start_time", "end_time"] == [
        name
        for name, each in inspect.signature(costs).parameters.items()
        if each.kind is inspect.Parameter.POSITIONAL_OR_KEYWORD
    ]
    with pytest.raises(TypeError, match="no more than start_time, end_time"):
        costs(early, late, "a pack")
    with pytest.raises(TypeError, match="start_time twice"):
        costs(early, start_time=early, end_time=late)


def test_signature_tells_required_from_optional() -> None:
    """A required field has no default, every other one None, and `extra` an empty mapping."""
    shown = inspect.signature(GenerateImage).parameters

    assert inspect.Parameter.empty is shown["prompt"].default
    assert None is shown["n"].default
    assert {} == shown["extra"].default
    assert shown["prompt"].annotation in {"str", str}  # as written, or resolved once a request was sent


def test_positional_arguments_are_a_mistake_of_the_caller() -> None:
    """Fields go by name only, as Python says itself."""
    wrong: Any = GenerateImage

    with pytest.raises(TypeError, match="positional"):
        wrong("a fox")


def test_only_given_fields_are_sent() -> None:
    """Defaults stay the vendor's, and `extra` never shows as a field of its own."""
    assert {"prompt": "a fox"} == dump(GenerateImage(prompt="a fox"))
    assert {"prompt": "a fox", "seed": 1} == dump(GenerateImage(prompt="a fox", extra={"seed": 1}))


def test_extra_passes_unchecked_and_wins() -> None:
    """Fields of `extra` replace ours, in any form JSON has."""
    extra = {"n": "many", "prompt": "", "camera_control": {"type": None, "deep": [1, 2.5, {"a": "b"}]}}

    body = dump(GenerateImage(prompt="a fox", n=2, aspect_ratio="1:1", extra=extra))

    assert {"aspect_ratio": "1:1", **extra} == body


def test_extra_may_be_none() -> None:
    """None is no extra."""
    nothing: Any = None

    assert {} == GenerateImage(prompt="a fox", extra=nothing).extra


def test_extra_may_hold_files(tmp_path: Path) -> None:
    """A local file in `extra` becomes Base64 text like any other."""
    file = tmp_path / "style.png"

    body = dump(GenerateImage(prompt="a fox", extra={"style": file, "logo": b"x"}))

    assert (Embedded(file), Embedded(b"x")) == (body["style"], body["logo"])


def test_extra_cannot_be_reached_into() -> None:
    """What is in `extra` at any depth is as frozen as the request; the mapping it was made of is not touched."""
    given: dict[str, Any] = {"seed": 1, "deep": {"list": [1, {"a": 1}]}}
    made = GenerateImage(prompt="a fox", extra=given)
    twin = GenerateImage(prompt="a fox", extra=copy.deepcopy(given))
    extra: Any = made.extra

    given["deep"]["list"].append(2)
    given["deep"]["new"] = 2

    for inner in (extra, extra["deep"], extra["deep"]["list"][1]):
        for change in CHANGES:
            with pytest.raises(TypeError, match="cannot be changed"):
                change(inner)
    with pytest.raises(AttributeError):
        extra["deep"]["list"].append(2)
    assert made == twin
    assert {"seed": 1, "deep": {"list": (1, {"a": 1})}} == extra


CHANGES: list[Callable[[Any], object]] = [
    lambda extra: extra.__setitem__("b", 2),
    lambda extra: extra.__delitem__("a"),
    lambda extra: extra.__ior__({"b": 2}),
    lambda extra: extra.update(b=2),
    lambda extra: extra.setdefault("b", 2),
    lambda extra: extra.pop("a"),
    lambda extra: extra.popitem(),
    lambda extra: extra.clear(),
]


@pytest.mark.parametrize("twin", [copy.copy, copy.deepcopy, through_pickle])
def test_extra_survives_copies(twin: Any) -> None:
    """A copy of what a request keeps is as frozen, and a dict of it can be changed."""
    extra = twin(GenerateImage(prompt="a fox", extra={"a": {"b": [1]}}).extra)

    assert {"a": {"b": (1,)}, "c": 1} == {**extra, "c": 1} == dict(extra) | {"c": 1}
    with pytest.raises(TypeError, match="cannot be changed"):
        extra["a"]["b"] = 2


def test_extra_without_end_is_refused() -> None:
    """A mapping that holds itself is told in time."""
    endless: dict[str, object] = {}
    endless["deeper"] = endless

    with pytest.raises(InvalidRequest, match="nested so deeply"):
        GenerateImage(prompt="a fox", extra=endless)


def test_signed_links_are_not_shown() -> None:
    """Neither a request nor an error about one shows what opens a link: user, password, query; at any depth."""
    link = "https://me:SECRET-1@files.example:8443/fox.png?Expires=99&Signature=SECRET-2"
    made = (
        ImageToVideo(image=link, callback_url=link, prompt=f"as in {link} they say"),
        OmniVideo(prompt="x", aspect_ratio="1:1", image_list=[{"image_url": link}], extra={"a": [{"b": (link,)}]}),
    )

    with pytest.raises(InvalidRequest) as one:
        ImageToVideo(image=link, image_tail=link, static_mask=link)
    with pytest.raises(InvalidRequest) as other:
        GenerateImage(prompt="a fox", callback_url=f"{link} ")
    with pytest.raises(InvalidRequest) as listed:
        OmniVideo(prompt="x", aspect_ratio="1:1", image_list=[{"image_url": link}] * 8)

    for text in [*map(repr, made), *(str(each.value) for each in (one, other, listed))]:
        assert "SECRET" not in text
    assert "image='https://***@files.example:8443/fox.png?***'" in repr(made[0])
    assert link == made[0].image


@pytest.mark.parametrize("value", [object(), {1: 2}, {"a": {3, 4}}, float("nan"), ["\ud800"], {"\udfff": 1}])
def test_extra_that_json_cannot_write_is_refused(value: object) -> None:
    """What no JSON could carry is found before anything is sent, and named."""
    made = GenerateImage(prompt="a fox", extra={"seed": 1, "odd": value})

    with pytest.raises(InvalidRequest) as caught:
        dump(made)

    assert "extra.odd" == caught.value.field


def test_nested_objects_may_be_values_too() -> None:
    """A nested object can be made on its own, and is sent like the mapping it stands for."""
    camera = CameraControl(type="simple", config={"pan": -5})

    assert dump(TextToVideo(prompt="x", camera_control=camera)) == dump(
        TextToVideo(prompt="x", camera_control={"type": "simple", "config": {"pan": -5}})
    )
    assert "CameraControl(type='simple', config=CameraConfig(pan=-5))" == repr(camera)
