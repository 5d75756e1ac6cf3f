"""What a journal or a directory of results has to show, as cards of a page. Reads in pieces, and holds one of them."""

from __future__ import annotations

import json
import re
from collections import defaultdict
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path
from typing import Final, cast

from ..api import ROWS
from ..errors import CODES
from ..models import Kind
from .gallery import LABELS, Card, Medium, Verdict, address, facts
from .journal import Reader
from .queries import TaskRow
from .states import State

_ENDINGS: Final[Mapping[Kind, tuple[str, ...]]] = {
    "image": (".png", ".jpg", ".jpeg", ".webp"),
    "video": (".mp4", ".mov", ".webm"),
    "audio": (".mp3", ".wav", ".m4a", ".aac"),
}
KINDS: Final[Mapping[str, Kind]] = {ending: kind for kind, endings in _ENDINGS.items() for ending in endings}
"""What a file is, by its extension."""

_STEM: Final = re.compile(r"(.+)-(\d{1,6})", re.DOTALL)
_PIECE: Final = 500  # rows read at once
_LONGEST: Final = 160  # characters of a prompt that stand for a picture where it cannot be seen

_WAITING: Final[Mapping[State, str]] = {
    State.PLANNED: "Not sent yet",
    State.SUBMITTING: "Being sent",
    State.UNKNOWN: "Sent; whether it was made is being found out",
    State.SUBMITTED: "Being made",
    State.SUCCEEDED: "Made; its files are being fetched",
}
_ADVICE: Final[Mapping[State, str]] = {
    State.HELD: "Decide with kling batch resolve",
    State.LOST: "Have it looked for with kling batch resolve",
}


def journaled(reader: Reader, folder: Path) -> Iterator[Card]:
    """Every task of a journal in the newest of its generations, for a page in a folder."""
    for batch in reader.batches():
        after = 0
        while rows := reader.items(batch, after, _PIECE):
            for row in rows:
                yield card(row, folder)
            after = rows[-1].seq


def card(row: TaskRow, folder: Path) -> Card:
    """One task, as far as it got."""
    body = cast("Mapping[str, object]", json.loads(row.body_json))
    prompt = _prompt(row.endpoint, body)
    model = body.get("model_name")
    named = isinstance(model, str) and bool(model)
    had: list[tuple[Path, Kind]] = [
        (artifact.path, artifact.kind) for artifact in row.artifacts if artifact.path is not None
    ]
    files: list[tuple[Path, Kind]] = [(path, kind) for path, kind in had if path.is_file()]
    return Card(
        custom_id=row.custom_id,
        prompt=prompt,
        endpoint=row.endpoint,
        model=str(model) if named else row.endpoint,
        pool=row.pool,
        facts=facts(body),
        media=_media(files, prompt, folder),
        units=row.units,
        cost="" if row.units is None else f"{row.units:f} {'unit' if row.units == 1 else 'units'}",
        state=row.state,
        verdict=_verdict(row, gone=len(had) - len(files)),
    )


def stored(directory: Path, folder: Path) -> Iterator[Card]:
    """Every task that has files called `<custom_id>-<index>.<extension>` in a directory; what it was is not known."""
    found: dict[str, list[tuple[int, Path]]] = defaultdict(list)
    for path in directory.iterdir():
        named = _STEM.fullmatch(path.stem)
        if named and path.suffix.lower() in KINDS and path.is_file():
            found[named[1]].append((int(named[2]), path))
    for custom_id in sorted(found, key=_natural):
        files: list[tuple[Path, Kind]] = [(path, KINDS[path.suffix.lower()]) for _, path in sorted(found[custom_id])]
        yield Card(custom_id=custom_id, media=_media(files, custom_id, folder))


def _media(files: Iterable[tuple[Path, Kind]], prompt: str, folder: Path) -> tuple[Medium, ...]:
    files = tuple(files)
    told = prompt if len(prompt) <= _LONGEST else f"{prompt[: _LONGEST - 1]}…"
    return tuple(
        Medium(
            src=address(path, folder),
            alt=told if len(files) == 1 else f"{told} ({at} of {len(files)})",
            kind=kind,
        )
        for at, (path, kind) in enumerate(files, 1)
    )


def _prompt(endpoint: str, body: Mapping[str, object]) -> str:
    """What was asked for, in words; of a task without any, the first sentence on its request."""
    for name in ("prompt", "text"):
        if isinstance(words := body.get(name), str) and words:
            return words
    if isinstance(shots := body.get("multi_prompt"), list):
        parts = [cast("Mapping[str, object]", shot) for shot in cast("list[object]", shots) if isinstance(shot, dict)]
        if words := "\n".join(str(part["prompt"]) for part in parts if part.get("prompt")):
            return words
    row = ROWS.get(endpoint)
    return endpoint if row is None else (row.request.__doc__ or endpoint).strip().partition("\n")[0]


def _verdict(row: TaskRow, *, gone: int) -> Verdict | None:
    error = row.error
    if row.state in _WAITING:
        return Verdict(title=_WAITING[row.state])
    if row.state is State.DONE:
        return _incomplete(row, gone)
    code = "" if error is None or error.code is None else f" (code {error.code})"
    meant = None if error is None or error.code is None else CODES.get(error.code)
    return Verdict(
        title=f"{LABELS[row.state]}{code}",
        message="" if error is None else error.message,
        advice=_ADVICE.get(row.state, "" if meant is None else meant.advice),
    )


def _incomplete(row: TaskRow, gone: int) -> Verdict | None:
    expired, all_of_them = sum(artifact.state == "expired" for artifact in row.artifacts), len(row.artifacts)
    causes = ((expired, "deleted by the vendor before they could be fetched"), (gone, "not where they were stored"))
    told = [f"{number} of {all_of_them} files: {why}" for number, why in causes if number]
    return Verdict("Not complete", "; ".join(told)) if told else None


def _natural(text: str) -> list[tuple[int, int, str]]:
    """Numbers in names by their value."""
    return [(0, int(each), "") if each.isdecimal() else (1, 0, each) for each in re.split(r"(\d+)", text) if each]
