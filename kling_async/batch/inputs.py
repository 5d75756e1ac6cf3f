"""Local files and Base64 text of a batch: by path and hash, or kept once beside the journal. Blocking.

A file is sent as it was when its row was planned, or not at all. What was given as bytes or Base64 text lies in a
folder of the journal's, under its hash, readable by its owner only; it gets there when all rows have been found good.
"""

from __future__ import annotations

import base64
import contextlib
import hashlib
import json
import os
import shutil
import tempfile
import time
from collections.abc import Callable, Mapping
from functools import partial
from pathlib import Path
from threading import Lock
from typing import Any, Final, NamedTuple, cast

import attrs

from ..api import ROWS
from ..api.fields import Checked
from ..errors import InvalidRequest, JournalError
from ..media.durable import made, sync
from ..media.inputs import MediaInput
from ..media.local import Mark, MarkedPath, open_file
from .canonical import content_hash, local, restored, stored, written
from .queries import Planned, TaskRow

_INLINE: Final = 3072
"""Bytes that stand in the journal itself, as 4 KiB of Base64 text."""
_NEW: Final = ".new-"
_KNOWN: Final = 16_384
"""Files whose hash is remembered."""
_SETTLED: Final = 2.0
"""Seconds after which a file system gives a change another time than the one before."""
_HOW: Final = "; put it back, or give its row another custom_id"


class Body(NamedTuple):
    """A request as the journal keeps it."""

    json: str
    sha256: str


class _Look(NamedTuple):
    """A file whose content was looked at."""

    field: str
    path: Path
    mark: Mark


@attrs.define(eq=False)
class Inputs:
    """The inputs of one journal, in its folder, which is made when it is needed. For its one owner."""

    folder: Path
    now: Callable[[], float] = attrs.field(default=time.time, kw_only=True)
    _lock: Lock = attrs.field(factory=Lock, init=False, repr=False)
    _made: bool = attrs.field(default=False, init=False, repr=False)
    _known: dict[tuple[Path, Mark], str] = attrs.field(factory=dict[tuple[Path, Mark], str], init=False, repr=False)

    @classmethod
    def of(cls, journal: Path) -> Inputs:
        """Those of a journal."""
        return cls(journal.absolute().with_name(f"{journal.name}.inputs"))

    def request_of(self, row: TaskRow | Planned) -> Checked:
        """
        The request of a row, with its files as they were planned. Blocking.

        Raises `InvalidRequest` naming the field and the path where one is gone or changed.
        """
        looks = list[_Look]()
        spec = _row(row.endpoint)
        request = spec.request(**restored(json.loads(row.body_json), partial(self._found, looks)))
        for look in looks:
            # The request has taken its own mark since, by which its sender will know the file.
            _check(look, Mark.of(look.path.stat()))
        return cast("Checked", request)

    def room(self) -> Path:
        """A folder in the folder, from which those are gone that a process left that was killed. Raises `OSError`."""
        with self._lock:  # manifests may be read beside each other
            if not self._made:
                if not self.folder.exists():
                    made(self.folder).chmod(0o700)
                for left in self.folder.glob(f"{_NEW}*"):
                    shutil.rmtree(left, ignore_errors=True)
                self._made = True
            return Path(tempfile.mkdtemp(prefix=_NEW, dir=self.folder))

    def leave(self, room: Path) -> None:
        """Have it gone with all that is in it, and the whole folder with it where nothing else was ever kept."""
        with self._lock:
            shutil.rmtree(room, ignore_errors=True)
            with contextlib.suppress(OSError):  # it is not empty
                self.folder.rmdir()
                self._made = False

    def _found(self, looks: list[_Look], field: str, file: Mapping[str, Any]) -> MediaInput:
        short = file.get("base64")
        if short is not None:
            return cast("str", short)
        path = local(file) or self.folder / file["sha256"]
        try:
            digest, mark = self.hashed(field, path)
        except InvalidRequest as error:
            trouble = error.rule
        else:
            if digest == file["sha256"]:
                looks.append(_Look(field, path, mark))
                return path
            trouble = f"its content is another now: {mark.size:,} bytes, then {file['bytes']:,}"
        raise InvalidRequest(field, f"must be as it was when the batch was planned ({trouble}){_HOW}", path)

    def hashed(self, field: str, path: Path) -> tuple[str, Mark]:
        """The SHA-256 of a file in hex, and what it was then; read once, as long as the file stays as it is."""
        with open_file(field, path) as file:
            mark = Mark.of(os.fstat(file.fileno()))
            known = self._known.get((path, mark))
            if known is not None:
                return known, mark
            try:
                digest = hashlib.file_digest(file, "sha256").hexdigest()
            except OSError as error:
                trouble = error.strerror
            else:
                _check(_Look(field, path, mark), Mark.of(os.fstat(file.fileno())))
                if self.now() - mark.written / 1e9 > _SETTLED:
                    self._remember((path, mark), digest)
                return digest, mark
        raise InvalidRequest(field, f"must be a file that can be read ({trouble})", path)

    def _remember(self, key: tuple[Path, Mark], digest: str) -> None:
        if len(self._known) >= _KNOWN:
            self._known.clear()
        self._known[key] = digest


@attrs.define(eq=False)
class Keeping:
    """The inputs of one manifest, in a folder of their own until all of its rows are known to be good."""

    inputs: Inputs
    _folder: Path | None = attrs.field(default=None, init=False)

    def body(self, endpoint: str, request: Checked) -> Body:
        """A request as the journal keeps it. `InvalidRequest`; `JournalError` where the disk takes no more."""
        tree = stored(request, self._keep)
        text = written(tree)
        return Body(text, content_hash(endpoint, tree, text))

    def _keep(self, field: str, value: MediaInput) -> Mapping[str, object]:
        if isinstance(value, Path):
            path = Path(os.path.abspath(value))  # noqa: PTH100 - links stay links
            digest, mark = self.inputs.hashed(field, path)
            if isinstance(value, MarkedPath) and value.mark is not None:
                _check(_Look(field, path, value.mark), mark)
            return {"bytes": mark.size, "path": str(path), "sha256": digest}
        content = base64.b64decode(value) if isinstance(value, str) else value
        about: dict[str, object] = {"bytes": len(content), "sha256": hashlib.sha256(content).hexdigest()}
        if len(content) <= _INLINE:
            return about | {"base64": base64.b64encode(content).decode()}
        self._put(str(about["sha256"]), content)
        return about

    def _put(self, name: str, content: bytes) -> None:
        try:
            if self._folder is None:
                self._folder = self.inputs.room()
            if (self.inputs.folder / name).exists() or (self._folder / name).exists():
                return
            with open(self._folder / name, "xb", opener=_private) as file:
                file.write(content)
                file.flush()
                os.fsync(file.fileno())
        except OSError as error:
            trouble = _unkept(self.inputs.folder, error)
        else:
            return
        raise trouble

    def settle(self) -> None:
        """Let everything stay. Raises `JournalError`."""
        if self._folder is None:
            return
        try:
            for file in self._folder.iterdir():
                file.replace(self.inputs.folder / file.name)
            sync(self.inputs.folder)
        except OSError as error:
            trouble = _unkept(self.inputs.folder, error)
        else:
            return
        raise trouble

    def discard(self) -> None:
        """Let go of what did not stay."""
        folder, self._folder = self._folder, None
        if folder is not None:
            self.inputs.leave(folder)


def _row(endpoint: str) -> Any:
    row = ROWS.get(endpoint)
    if row is None:
        raise InvalidRequest(
            "endpoint", "must be an endpoint that this version knows; the journal is of another", endpoint
        )
    return row


def _private(path: str, flags: int) -> int:
    return os.open(path, flags, 0o600)


def _check(look: _Look, now: Mark) -> None:
    change = look.mark.change(now)
    if change:
        raise InvalidRequest(look.field, f"must be left as it is while it is read ({change})", look.path)


def _unkept(folder: Path, error: OSError) -> JournalError:
    return JournalError(f"{folder} takes no pictures and sounds of the manifest: {error.strerror}; nothing was planned")
