"""Ctrl-C and SIGTERM for something that has paid for what it waits for: once finishes that, twice leaves at once."""

from __future__ import annotations

import asyncio
import contextlib
import signal
from collections.abc import Callable
from types import TracebackType
from typing import Any, Final, Self

import attrs

SIGNALS: Final = (signal.SIGINT, signal.SIGTERM)


@attrs.define(eq=False)
class Interrupts:
    """Hears signals as long as the block lasts. The third one ends the process as if nobody had listened."""

    finish: Callable[[], None] | None = None
    """What the first one calls; None as long as nothing was paid, when the first one leaves at once."""
    left: bool = attrs.field(default=False, init=False)
    """Whether the block was cancelled by a signal."""
    _task: asyncio.Task[Any] | None = attrs.field(default=None, init=False)

    def __enter__(self) -> Self:
        self._task, loop = asyncio.current_task(), asyncio.get_running_loop()
        with contextlib.suppress(NotImplementedError, RuntimeError):  # Windows, or not the main thread
            for each in SIGNALS:
                loop.add_signal_handler(each, self.interrupt)
        return self

    def interrupt(self) -> None:
        """Take in one signal."""
        finish, self.finish = self.finish, None
        if finish is not None:
            finish()
            return
        self._deaf()
        self.left = True
        if self._task is not None:
            self._task.cancel()

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._deaf()

    def _deaf(self) -> None:
        with contextlib.suppress(NotImplementedError, RuntimeError):
            for each in SIGNALS:
                asyncio.get_running_loop().remove_signal_handler(each)
