"""An account that forgives nothing, the folder of a batch, and what must be true of both in the end."""

from __future__ import annotations

import hashlib
import json
import sqlite3
from collections import Counter
from collections.abc import AsyncGenerator, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager, closing
from pathlib import Path
from typing import Any, Final
from urllib.parse import urlsplit

import attrs
from PIL import Image

from kling_async.batch.journal import Reader
from kling_async.batch.queries import TaskRow
from kling_async.batch.states import TRANSITIONS
from kling_async.emulator import Emulator
from kling_async.emulator.faults import Fault, RepeatedIds
from tests.crash.orders import NAME, Order
from tests.support.studio import content, quick

SPEED: Final = 300.0
SLOTS: Final = {"image": 3, "video": 1}
VIDEO_EVERY, FILE_EVERY = 5, 10
PICTURE: Final = "first-frame.png"
"""Beside the manifests."""
_LEGAL: Final = {(each.source or "", each.target) for each in TRANSITIONS}


def rows(count: int, *, first: int = 0, bad: bool = False) -> list[dict[str, Any]]:
    """Lines of a manifest, each with a prompt of its own; with `bad`, some that are refused and some that fail."""
    return [_row(at, bad=bad) for at in range(first, first + count)]


def _row(at: int, *, bad: bool) -> dict[str, Any]:
    word = {7: "forbidden ", 11: "risky "}.get(at % 16, "") if bad else ""
    body: dict[str, Any] = {"prompt": f"{word}lighthouse {at}"}
    if at % FILE_EVERY == FILE_EVERY - 1:
        return {"custom_id": f"row-{at}", "endpoint": "videos.image_to_video", "body": {**body, "image": PICTURE}}
    if at % VIDEO_EVERY == VIDEO_EVERY - 1:
        return {"custom_id": f"row-{at}", "endpoint": "videos.text_to_video", "body": body}
    return {"custom_id": f"row-{at}", "endpoint": "images.generate", "body": {**body, "n": 1 + at % 2}}


@attrs.define(eq=False, kw_only=True)
class World:
    """One emulator, and one folder."""

    folder: Path
    emulator: Emulator
    settle: float = 1.0
    planned: dict[str, Mapping[str, Any]] = attrs.field(factory=dict[str, Mapping[str, Any]])
    """All lines of all manifests, by their ids."""

    def plan(self, lines: Sequence[Mapping[str, Any]], pieces: int = 1) -> None:
        """Write manifests: so many, of about the same length."""
        home = self.folder / "manifests"
        home.mkdir(exist_ok=True)
        Image.new("RGB", (400, 300), "teal").save(home / PICTURE)
        there = len(list(home.glob("*.jsonl")))
        for piece in range(pieces):
            text = "".join(f"{json.dumps(line)}\n" for line in lines[piece::pieces])
            (home / f"{there + piece:03}.jsonl").write_text(text, encoding="utf-8")
        self.planned |= {line["custom_id"]: line for line in lines}

    def order(self, **more: Any) -> Order:
        """An order for a process that works here."""
        return attrs.evolve(Order(folder=str(self.folder), url=self.emulator.url, settle=self.settle), **more)

    def well(self) -> None:
        """From now on the vendor does nothing wrong, but makes twice what it is asked for twice."""
        self.emulator.clear_faults()
        self.emulator.add(RepeatedIds())

    def states(self) -> dict[str, str]:
        """How the newest generation of each task stands."""
        return {task.custom_id: str(task.state) for task in self.tasks()}

    def tasks(self) -> list[TaskRow]:
        """The newest generation of each task."""
        with Reader.open(self.journal) as reader:
            found = list[TaskRow]()
            for batch in reader.batches():
                assert batch.name == NAME
                while piece := reader.items(batch, after=found[-1].seq if found else 0):
                    found += piece
            return found

    @property
    def journal(self) -> Path:
        """The file."""
        return self.folder / "batch.db"

    def ask(self, question: str) -> list[Any]:
        """SQL, for what no reader tells."""
        with closing(sqlite3.connect(f"file:{self.journal}?mode=ro", uri=True)) as journal:
            return journal.execute(question).fetchall()

    def paid_twice(self) -> list[str]:
        """External ids, and prompts, of which there are more tasks than there should be."""
        generations = dict(self.ask("SELECT custom_id, max(generation) FROM task GROUP BY custom_id"))
        most = {line["body"]["prompt"]: generations.get(custom_id, 1) for custom_id, line in self.planned.items()}
        made = Counter[str](task.body["prompt"] for task in self.emulator.tasks.values())
        ids = {external: len(tasks) for external, tasks in self.emulator.tasks_by_external_id.items()}
        return [f"{external} was made {count} times" for external, count in ids.items() if count > 1] + [
            f"{prompt!r} was made {count} times" for prompt, count in made.items() if count > most.get(prompt, 0)
        ]

    def wrong(self) -> list[str]:
        """Everything that may not be once all is over."""
        return [*self.paid_twice(), *self._lost(), *self._files(), *self._leaps(), *self._slots()]

    def _lost(self) -> Iterable[str]:
        states = self.states()
        for custom_id, line in self.planned.items():
            wanted = _wanted(line)
            if states.get(custom_id) != wanted:
                yield f"{custom_id} is {states.get(custom_id)}, and should be {wanted}"
        known = {task_id for (task_id,) in self.ask("SELECT task_id FROM task WHERE task_id IS NOT NULL")}
        yield from (f"{task_id} was made and is not in the journal" for task_id in self.emulator.tasks.keys() - known)
        yield from (f"{task_id} was never made" for task_id in known - self.emulator.tasks.keys())

    def _files(self) -> Iterable[str]:
        there = {path.resolve() for path in (self.folder / "out").rglob("*") if path.is_file()}
        named = set[Path]()
        for task in self.tasks():
            if task.state == "done" and len(task.artifacts) != task.weight:
                yield f"{task.custom_id} has {len(task.artifacts)} files, and should have {task.weight}"
            for artifact in task.artifacts:
                if artifact.path is None:
                    yield f"{task.custom_id} has no file {artifact.idx}: it is {artifact.state}"
                    continue
                path = (self.folder / "out" / artifact.path).resolve()
                named.add(path)
                if path not in there:
                    yield f"{path.name} is not there"
                    continue
                hashes = {
                    "file": hashlib.sha256(path.read_bytes()).hexdigest(),
                    "journal": artifact.sha256,
                    "vendor": hashlib.sha256(content(urlsplit(artifact.url).path.rsplit("/", 1)[1])).hexdigest(),
                }
                if len(set(hashes.values())) > 1 or artifact.bytes != path.stat().st_size:
                    yield f"{path.name}: {hashes}, {artifact.bytes} bytes"
        yield from (f"{path.name} is left over" for path in there - named)

    def _leaps(self) -> Iterable[str]:
        """Changes that the table does not know, and tasks whose story does not end where they stand."""
        told = self.ask("SELECT task_seq, from_state, to_state FROM event ORDER BY id")
        states = dict(self.ask("SELECT seq, state FROM task"))
        at = dict.fromkeys(states, "planned")  # that a row was planned is no event of its own
        for seq, source, target in told:
            if (source, target) not in _LEGAL or (source and at[seq] != source):
                yield f"task {seq} went from {source} to {target} when it was {at[seq]}"
            at[seq] = target
        yield from (f"task {seq} is {states[seq]} and should be {end}" for seq, end in at.items() if end != states[seq])

    def _slots(self) -> Iterable[str]:
        running = [task.task_id for task in self.emulator.tasks.values() if task.status in ("submitted", "processing")]
        yield from (f"{task} still runs" for task in running)


def _wanted(line: Mapping[str, Any]) -> str:
    prompt = line["body"]["prompt"]
    return "refused" if "forbidden" in prompt else "failed" if "risky" in prompt else "done"


@asynccontextmanager
async def world(
    folder: Path, *faults: Fault, settle: float = 1.0, seed: int = 0, trouble: float = 0.0
) -> AsyncGenerator[World, None]:
    """An account whose vendor would make the same thing twice if it was asked twice."""
    async with Emulator(speed=SPEED, slots=SLOTS, seed=seed, faults=[RepeatedIds(), *faults]) as emulator:
        quick(emulator, trouble=trouble, seed=seed)
        yield World(folder=folder, emulator=emulator, settle=settle)
