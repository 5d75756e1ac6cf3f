"""What the body of a request tells: whether the vendor can have understood it, which decides if a task may exist.

A connection is waited for, made and encrypted before the first byte of a body is written. Whatever fails until then,
or is cancelled, has reached nobody.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING

import aiohttp

from ..errors import KlingError

if TYPE_CHECKING:
    from aiohttp.abc import AbstractStreamWriter


class Outgoing(aiohttp.Payload):
    """JSON on its way to a connection."""

    whole: bool = False
    """Whether the last piece was given to a connection. Before that nobody can have understood the body."""
    on_whole: Callable[[], None] | None = None
    """Called just before it is, once; with a `KlingError` it may forbid it."""
    trouble: KlingError | None = None
    """Why the body was not written, where the reason is not the connection."""

    def leaves(self, writer: AbstractStreamWriter) -> None:
        """To be called before the last piece is written."""
        transport = writer.transport
        if self.whole or transport is None or transport.is_closing():  # where the writing is going to fail
            return
        if self.on_whole is not None:
            try:
                self.on_whole()
            except KlingError as error:
                self.trouble = error
                raise
        self.whole = True

    async def write_with_length(
        self,
        writer: AbstractStreamWriter,
        content_length: int | None,  # noqa: ARG002 - aiohttp's word for `size`
    ) -> None:
        """Write everything, which is never more or less than was announced."""
        await self.write(writer)


class Small(Outgoing):
    """A body that is written at once."""

    def __init__(self, text: bytes, on_whole: Callable[[], None] | None) -> None:
        super().__init__(text, content_type="application/json")
        self.on_whole = on_whole
        self._text = text
        self._size = len(text)

    @property
    def autoclose(self) -> bool:
        """True: nothing is held open."""
        return True

    def decode(self, encoding: str = "utf-8", errors: str = "strict") -> str:
        """The text, for hooks of a borrowed session that ask for it."""
        return self._text.decode(encoding, errors)

    async def write(self, writer: AbstractStreamWriter) -> None:
        """Write the text."""
        self.leaves(writer)
        await writer.write(self._text)
