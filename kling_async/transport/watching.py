"""What is logged of exchanges: a line for each request and each answer, at DEBUG. Sends and decides nothing.

Never a credential: headers by an allow-list, addresses without their query, and what is asked for only where the
environment says so.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Mapping
from typing import Any, Final, cast

import attrs
from yarl import URL

from ..events.logs import PROMPTS, about, readable
from ..protocol.call import Answer, Call
from ..protocol.envelope import Mask, told_id
from ..wording import shown, unlinked

log: Final = logging.getLogger("kling_async.http")

_PROMPT: Final = 5000
"""Characters of a text that are shown; the vendor takes prompts of half that length."""
_BASE64: Final = 200
"""A text of more characters without a space is no prompt but a file."""
_ADDRESS: Final = "callback_url"
"""A field whose address opens something by itself."""


def prompts_wanted(environ: Mapping[str, str] = os.environ) -> bool:
    """Whether the log may show what is asked for."""
    return environ.get(PROMPTS, "").strip().lower() in {"1", "true", "yes", "on"}


@attrs.frozen(eq=False)
class Exchanges:
    """Logs exchanges with one vendor; to be asked only where `log` is enabled for DEBUG."""

    base: URL
    mask: Mask = attrs.field(repr=False)
    """Takes known secrets out of a text."""
    prompts: bool = False
    """Whether bodies are shown."""

    def request(self, call: Call[Any], headers: Mapping[str, str]) -> None:
        """A request is about to be sent."""
        log.debug(
            "%s %s",
            call.method,
            self._url(call),
            extra=about(
                endpoint=call.endpoint,
                external_task_id=call.external_task_id,
                method=call.method,
                url=self._url(call),
                headers=readable(headers),
            ),
        )
        if self.prompts and call.body is not None:
            body = self.mask(str(_told(call.body)))
            log.debug(
                "%s asks for %s",
                call.endpoint,
                body,
                extra=about(endpoint=call.endpoint, external_task_id=call.external_task_id, body=body),
            )

    def answer(self, call: Call[Any], answer: Answer, seconds: float) -> None:
        """An answer came, whatever it says."""
        shown_headers = {name: self.mask(value) for name, value in readable(answer.headers).items()}
        log.debug(
            "%s %s: HTTP %d in %.3f s",
            call.method,
            self._url(call),
            answer.status,
            seconds,
            extra=about(
                endpoint=call.endpoint,
                external_task_id=call.external_task_id,
                method=call.method,
                url=self._url(call),
                status=answer.status,
                request_id=told_id(answer, self.mask),
                seconds=seconds,
                headers=shown_headers,
            ),
        )

    def silence(self, call: Call[Any], error: BaseException, seconds: float) -> None:
        """No answer came."""
        log.debug(
            "%s %s: no answer after %.3f s (%s)",
            call.method,
            self._url(call),
            seconds,
            type(error).__name__,
            extra=about(
                endpoint=call.endpoint,
                external_task_id=call.external_task_id,
                method=call.method,
                url=self._url(call),
                seconds=seconds,
                error=error,
            ),
        )

    def _url(self, call: Call[Any]) -> str:
        """Where it goes, without the query."""
        return f"{self.base}{call.path}"


def _told(value: object, name: str = "") -> object:
    """A part of a body as the log shows it: prompts whole, files by their size, addresses by their host."""
    if isinstance(value, Mapping):
        return {each: _told(part, each) for each, part in cast("Mapping[str, object]", value).items()}
    if isinstance(value, list):
        return [_told(part, name) for part in cast("list[object]", value)]
    if not isinstance(value, str):
        return value if isinstance(value, bool | int | float) or value is None else shown(value)
    if name == _ADDRESS:
        return f"{value.partition('//')[2].partition('/')[0]}/***"
    if len(value) > _BASE64 and " " not in value and "://" not in value:
        return f"<{len(value)} characters>"
    return unlinked(value)[:_PROMPT]
