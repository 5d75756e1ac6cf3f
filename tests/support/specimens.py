"""Batches that were never run, with small real files: pictures, clips and sounds, and a journal that says so."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
from collections.abc import Iterator, Sequence
from decimal import Decimal
from functools import cache
from pathlib import Path
from random import Random
from typing import Any, Final

import attrs
from PIL import Image

from kling_async.batch.items import Artifact, ItemError
from kling_async.batch.journal import Journal
from kling_async.batch.queries import Planned
from kling_async.batch.states import Cause, State
from kling_async.emulator.media import SoundWork, VideoWork
from kling_async.emulator.scenery import landscape
from kling_async.emulator.sounds import play
from kling_async.emulator.videos import shoot
from kling_async.models import Kind

_SIZES: Final = {"16:9": (320, 180), "1:1": (240, 240), "9:16": (180, 320), "4:3": (320, 240)}
_PLACES: Final = ("frozen lake", "night market", "tea house", "black beach", "high pass", "glass city", "old orchard")
_SCENES: Final = 24
_LIGHT: Final = ("at dawn", "in heavy rain", "under a green aurora", "at noon", "by lamplight", "in morning fog")
_THINGS: Final = ("A red fox", "A paper boat", "Two herons", "A brass robot", "An old tram", "A kite", "A sleeping cat")
_TROUBLE: Final = (
    ("failed", ItemError(type="TaskFailed", message="The generation failed, please try again")),
    ("refused", ItemError(type="ContentRefused", message="Failure to pass the risk control system", code=1301)),
    ("held", ItemError(type="SubmitUnknown", message="The answer was lost, and no task was found")),
    ("lost", ItemError(type="TaskLost", message="The vendor knows no longer of the task")),
)
_KINDS: Final[dict[str, tuple[Kind, str]]] = {
    "images": ("image", ".jpg"),
    "videos": ("video", ".mp4"),
    "audio": ("audio", ".mp3"),
}


@attrs.frozen(kw_only=True)
class Specimen:
    """One task, and what became of it."""

    custom_id: str
    endpoint: str = "images.generate"
    body: dict[str, Any] = attrs.field(factory=dict[str, Any])
    state: str = "done"
    error: ItemError | None = None
    files: int = 1
    expired: int = 0
    """Of its files, those that could not be fetched."""
    name: str = ""
    """Of its files, where it is not the custom_id."""


def many(count: int, seed: int = 1) -> Iterator[Specimen]:
    """As a large batch looks when it is nearly over: most is done, some failed, the last are not."""
    chance = Random(seed)
    for at in range(count):
        endpoint = chance.choices(
            ("images.generate", "videos.text_to_video", "audio.text_to_audio"), weights=(90, 8, 2)
        )[0]
        body: dict[str, Any] = {
            "prompt": f"{chance.choice(_THINGS)} by the {chance.choice(_PLACES)} {chance.choice(_LIGHT)}, number {at}",
        }
        if endpoint != "audio.text_to_audio":
            body["model_name"] = chance.choice(("kling-v3", "kling-v2-1", "kling-v1-5"))
            body["aspect_ratio"] = chance.choice([*_SIZES])
        state, error = "done", None
        if chance.random() < 0.04:
            state, error = chance.choice(_TROUBLE)
        elif at >= count * 0.985:
            state = chance.choice(("planned", "submitted", "unknown", "succeeded"))
        files = chance.choices((1, 2, 4, 9), weights=(85, 8, 6, 1))[0] if endpoint.startswith("images") else 1
        yield Specimen(custom_id=f"shot-{at:05}", endpoint=endpoint, body=body, state=state, error=error, files=files)


async def journal_of(path: Path, folder: Path, specimens: Sequence[Specimen], name: str = "launch-teasers") -> None:
    """Write the files, and the journal of a batch that made them."""
    folder.mkdir(parents=True, exist_ok=True)
    journal = await Journal.open(path, now_ms=lambda: 1_790_000_000_000)
    batch = await journal.enter(name, account="test", options={})
    await journal.plan(batch, lambda: map(_planned, specimens, range(len(specimens))))
    rows = {row.custom_id: row for row in await journal.unfinished(batch, [*State], limit=len(specimens))}
    await asyncio.gather(*(_happened(journal, rows[each.custom_id].seq, each, folder) for each in specimens))
    await journal.close()


_LEADS: Final[dict[str, tuple[Cause, ...]]] = {
    "planned": (),
    "submitting": (Cause.SLOT_GRANTED,),
    "unknown": (Cause.SLOT_GRANTED, Cause.DOUBT),
    "held": (Cause.SLOT_GRANTED, Cause.DOUBT, Cause.HELD),
    "refused": (Cause.SLOT_GRANTED, Cause.REFUSED),
    "submitted": (Cause.SLOT_GRANTED, Cause.ACCEPTED),
    "lost": (Cause.SLOT_GRANTED, Cause.ACCEPTED, Cause.LOST),
    "failed": (Cause.SLOT_GRANTED, Cause.ACCEPTED, Cause.FAIL),
    "succeeded": (Cause.SLOT_GRANTED, Cause.ACCEPTED, Cause.SUCCEED),
    "done": (Cause.SLOT_GRANTED, Cause.ACCEPTED, Cause.SUCCEED),
}


def _planned(it: Specimen, at: int) -> Planned:
    body = json.dumps(it.body, sort_keys=True)
    return Planned(
        custom_id=it.custom_id,
        endpoint=it.endpoint,
        pool="video" if it.endpoint.startswith("videos") else "image",
        kind=(),
        body_json=body,
        body_sha256=hashlib.sha256(body.encode("utf-8", "surrogatepass")).hexdigest(),
        weight=1,
        estimate=Decimal(1),
        priority=0,
        name=it.name or it.custom_id,
        where=f"line {at + 1}",
    )


async def _happened(journal: Journal, seq: int, it: Specimen, folder: Path) -> None:
    kind, suffix = _KINDS[it.endpoint.partition(".")[0]]
    for cause in _LEADS[it.state]:
        match cause:
            case Cause.ACCEPTED:
                await journal.step(seq, cause, task_id=f"t{seq}")
            case Cause.SUCCEED:
                links = [Artifact(idx=at, kind=kind, url=f"https://example.com/{seq}/{at}") for at in range(it.files)]
                await journal.step(seq, cause, units=Decimal(it.files), artifacts=links)
            case _:
                await journal.step(seq, cause, error=it.error)
    if it.state != "done":
        return
    for at in range(it.files):
        if at < it.expired:
            await journal.expired(seq, at, error=ItemError(type="ExpiredResult", message="it is gone"))
            continue
        path = folder / f"{it.name or it.custom_id}-{at}{suffix}"
        content = _content(kind, seq * 10 + at, str(it.body.get("aspect_ratio", "16:9")))
        path.write_bytes(content)
        digest = hashlib.sha256(content).hexdigest()
        await journal.stored(seq, at, path=path, bytes=len(content), sha256=digest)


def paint(at: int, ratio: str = "16:9") -> bytes:
    """A small landscape, no two alike."""
    mood = Image.new("RGB", _SIZES[ratio], f"hsl({at * 137 % 360},60%,{35 + at % 30}%)")
    out = io.BytesIO()
    Image.blend(_scene(at % _SCENES, ratio), mood, at % 7 / 20).save(out, "jpeg", quality=88)
    return out.getvalue()


@cache
def _scene(at: int, ratio: str) -> Image.Image:
    return landscape(*_SIZES[ratio], Random(at))


@cache
def _shot(at: int, ratio: str) -> bytes:
    width, height = _SIZES[ratio]
    return shoot(
        VideoWork(title="", model="", label="", width=width, height=height, seed=str(at), frames=8, fps=8), None
    )


@cache
def _played(at: int) -> bytes:
    return play(SoundWork(seed=str(at), thousandths=900))


def _content(kind: Kind, at: int, ratio: str) -> bytes:
    match kind:
        case "image":
            return paint(at, ratio)
        case "video":
            return _shot(at % _SCENES, ratio)
        case "audio":
            return _played(at % _SCENES)
