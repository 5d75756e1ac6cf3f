"""Where things of a batch lie: all of them beside the journal and named after it, and that beside the manifest."""

from __future__ import annotations

from collections.abc import Generator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Final, Self

import attrs

from ..media.naming import slug

ENDING: Final = ".journal.db"
EMULATED: Final = ".emulator"
"""In the names of what an emulator made, so that a rehearsal is never taken for the real thing."""


@attrs.frozen
class Places:
    """The files of one batch, by default."""

    journal: Path
    batch: str = ""
    """Its name, where it is not the first of its journal, so that it replaces nothing of the others."""

    @classmethod
    def of_manifest(cls, manifest: Path, *, emulated: bool = False) -> Self:
        """Beside a manifest: `prompts.journal.db` for `prompts.jsonl`."""
        return cls(manifest.with_name(f"{name_of(manifest)}{EMULATED if emulated else ''}{ENDING}"))

    @property
    def results(self) -> Path:
        """What the tasks made, in OpenAI Batch form."""
        return self._beside(".results.jsonl")

    @property
    def errors(self) -> Path:
        """The tasks that made nothing."""
        return self._beside(".errors.jsonl")

    @property
    def output(self) -> Path:
        """The directory of the pictures, videos and sounds."""
        return self._beside("-files")

    @property
    def durations(self) -> Path:
        """What was learned of how long tasks take."""
        return self.journal.with_name(f"{self._stem}.durations.json")

    @property
    def _stem(self) -> str:
        name = self.journal.name
        return (name.removesuffix(ENDING) if name.endswith(ENDING) else self.journal.stem) or name

    def _beside(self, ending: str) -> Path:
        own = f".{slug(self.batch)}" if self.batch else ""
        return self.journal.with_name(f"{self._stem}{own}{ending}")


@contextmanager
def unless_empty(folder: Path) -> Generator[None, None, None]:
    """A folder stays if anything is in it afterwards, or if it was there before; so with those that it lies in."""
    missing = [each for each in (folder, *folder.parents) if not each.exists()]
    try:
        yield
    finally:
        for each in missing:
            with suppress(OSError):  # it holds something
                each.rmdir()


def name_of(manifest: Path) -> str:
    """What a batch is called whose manifest this is: `prompts` for `prompts.jsonl.gz`."""
    return Path(manifest.stem if manifest.suffix == ".gz" else manifest.name).stem
