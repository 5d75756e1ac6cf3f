"""What surrounds every answer: the envelope, and the many shapes of failure. Bytes in; data or an error out.

The service code decides, not the HTTP status: some gateways answer 200 with a code, and 429 covers permanent refusals.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC
from email.utils import parsedate_to_datetime
from typing import TypeAlias

from ..errors import CODES, GATEWAY, MESSAGES, ApiError, BadRequest, Meaning, ResponseError, ServerError
from ..wording import visible
from .call import Answer, Json
from .codec import loads

Mask: TypeAlias = Callable[[str], str]
"""Takes known secrets out of a text."""

_EXCERPT = 200
_LONGEST_ID = 80  # characters; those of the vendor have 36
_MARKUP = re.compile(r"<(script|style)\b.*?</\1\s*>|<[^>]*>", re.DOTALL | re.IGNORECASE)
_DELICATE = (
    (re.compile(r"(?i)\b(bearer\s+)[\w.~+/=-]+"), r"\1***"),
    (re.compile(r"\beyJ[\w-]+(\.[\w-]+)*"), "***"),
    (re.compile(r"(?i)(https?:(?:\\?/){2}[^\s\"'<>?]+)\?[^\s\"'<>]+"), r"\1?***"),  # signed links are bearer-like
    (
        re.compile(r"(?i)((?:secret|token|password|api[_-]?key|access[_-]?key)\w*[\"']?\s*[:=]\s*[\"']?)[^\s\"',&}]+"),
        r"\1***",
    ),
)


def unwrap(answer: Answer, mask: Mask) -> Json:
    """The `data` of a successful answer; raises the `ApiError` of its code, or `ResponseError`."""
    decoded = _decoded(answer.body) if answer.flaw is None else None
    envelope = decoded if isinstance(decoded, dict) else {}
    code = _number(envelope.get("code"))
    if answer.status < 300 and (code == 0 or _relayed(envelope)):
        return envelope.get("data")
    if code or answer.status >= 400:
        raise refusal(answer, envelope, mask, code=code or None)
    if answer.status >= 300:
        words = "a redirect, which no call of the vendor's answers; check the base URL"
    elif answer.flaw is not None:
        words = f"the answer {answer.flaw}"
    elif decoded is None:
        words = "the answer is not JSON, or was cut short"
    else:
        words = "the answer is not the vendor's envelope of code, message and data"
    raise ResponseError(
        words,
        status=answer.status,
        request_id=request_id(answer, envelope, mask),
        excerpt=excerpt(answer.body, mask),
    )


def refusal(answer: Answer, envelope: Mapping[str, Json], mask: Mask, *, code: int | None) -> ApiError:
    """The error that a code, or in its absence an HTTP status, stands for."""
    meaning = CODES.get(code) if code is not None else _gateway(answer.status)
    if meaning is None:  # a code nobody has seen; what a 429 says is clear all the same
        meaning = GATEWAY[429] if answer.status == 429 else Meaning(ApiError, "")
    message = envelope.get("message")
    text = excerpt(message.encode("utf-8", "replace"), mask) if isinstance(message, str) and message else ""
    if not text:
        said = excerpt(answer.body, mask) or "an empty body"
        text = "the vendor gave no message" if code else f"not the vendor's words but a gateway's: {said}"
    kind = meaning.error
    if code == 1201:
        kind = next((special for words, special in MESSAGES if words.search(text)), BadRequest)
    error = kind(
        text,
        code=code,
        status=answer.status,
        request_id=request_id(answer, envelope, mask),
        advice=meaning.advice,
        retry_after=_asked(answer.headers),
    )
    if kind is ApiError and answer.status >= 500:  # a code nobody has seen: the status tells whose fault it was
        error.retryable = error.may_have_been_created = True
    return error


def refused_inside(code: Json, message: Json) -> None:
    """Raise what a second code inside of the data means, which some calls have; nothing if it is zero or missing."""
    number = _number(code)
    if number in (None, 0):
        return
    meaning = CODES.get(number or 0, Meaning(BadRequest, "Change what the call asks for"))
    text = message if isinstance(message, str) and message else "the vendor gave no reason"
    raise meaning.error(f"{text} (the answer as a whole said success)", code=number, advice=meaning.advice)


def located(error: ApiError, answer: Answer, mask: Mask) -> ApiError:
    """A refusal that was found inside of the data, with what only the answer around it tells."""
    envelope = _decoded(answer.body)
    return type(error)(
        excerpt(error.message.encode("utf-8", "replace"), mask),
        code=error.code,
        status=answer.status,
        request_id=request_id(answer, envelope if isinstance(envelope, dict) else {}, mask),
        advice=error.advice,
    )


def excerpt(body: bytes, mask: Mask) -> str:
    """The first readable words of a body in one line, without control characters, markup, secrets or signed links."""
    # Before secrets are looked for: one with an invisible character in it is still one to whoever reads it.
    text = _MARKUP.sub(" ", visible(body[: 16 * _EXCERPT].decode("utf-8", "replace")))
    text = _discreet(" ".join(text.split()), mask)
    return text if len(text) <= _EXCERPT else f"{text[:_EXCERPT]}..."


def request_id(answer: Answer, envelope: Mapping[str, Json], mask: Mask) -> str | None:
    """What the vendor's support asks for, wherever it stands; one readable word of a bounded length, no secret."""
    named = envelope.get("request_id")
    told = named if isinstance(named, str) and named else answer.headers.get("X-Request-Id")
    if told is None:
        return None
    # Before it is one word, in which a secret's name would be part of it, and before it is cut, as a secret may be.
    plain = mask("".join(_discreet(" ".join(visible(told[: 16 * _EXCERPT]).split()), mask).split()))
    return (plain or None) if len(plain) <= _LONGEST_ID else f"{plain[:_LONGEST_ID]}..."


def told_id(answer: Answer, mask: Mask) -> str | None:
    """The request id of any answer, read or not; as `request_id`."""
    envelope = _decoded(answer.body)
    return request_id(answer, envelope if isinstance(envelope, dict) else {}, mask)


def _discreet(text: str, mask: Mask) -> str:
    text = mask(text)
    for pattern, replacement in _DELICATE:
        text = pattern.sub(replacement, text)
    return text


def _relayed(envelope: Mapping[str, Json]) -> bool:
    # Some relays in front of the service lose the code of a success.
    return "code" in envelope and envelope["code"] is None and bool(envelope.get("data"))


def _decoded(body: bytes) -> Json:
    try:
        return loads(body)
    except (ValueError, RecursionError):
        return None


def _number(code: Json) -> int | None:
    if isinstance(code, str) and code.isdecimal() and len(code) <= 9:
        return int(code)
    return code if isinstance(code, int) and not isinstance(code, bool) else None


def _gateway(status: int) -> Meaning:
    fallback = Meaning(ServerError, "Try again later") if status >= 500 else Meaning(ApiError, "")
    return GATEWAY.get(status, fallback)


def _asked(headers: Mapping[str, str]) -> float | None:
    """The seconds of a Retry-After: a number, or a date, of which the answer's own says how far away it is."""
    asked = headers.get("Retry-After", "").strip()
    if asked.isdecimal():
        return float(asked) if len(asked) <= 9 else None
    until, now = moment(asked), moment(headers.get("Date", ""))
    return None if until is None or now is None else max(0.0, until - now)


def moment(date: str) -> float | None:
    """A header's date in seconds since 1970; None where it is none."""
    try:
        return parsedate_to_datetime(date).replace(tzinfo=UTC).timestamp()  # which is what HTTP's dates are in
    except (ValueError, OverflowError):
        return None
