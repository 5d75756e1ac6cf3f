"""The options of an emulator, checked once. What is wrong with them is said at construction, not at the first call."""

from __future__ import annotations

import base64
from collections.abc import Callable, Collection, Iterable, Mapping
from decimal import Decimal
from typing import Literal

import attrs

from .faults import Fault
from .media import PictureForm
from .pools import POOLS


@attrs.frozen
class Settings:
    """Everything that stays the same for as long as an emulator runs."""

    access_key: str = attrs.field(repr=False)
    secret_key: str = attrs.field(repr=False)
    api_key: str = attrs.field(repr=False)
    slots: Mapping[str, int]
    units: Mapping[str, Decimal]
    speed: float = attrs.field(validator=attrs.validators.gt(0))
    seed: int
    refused_words: Collection[str] = attrs.field(validator=attrs.validators.not_(attrs.validators.instance_of(str)))
    risky_words: Collection[str] = attrs.field(validator=attrs.validators.not_(attrs.validators.instance_of(str)))
    quirks: bool
    unknown_model: Literal[1201, 1203] = attrs.field(validator=attrs.validators.in_((1201, 1203)))
    newest_first: bool
    pictures: PictureForm = attrs.field(validator=attrs.validators.in_(("png", "jpeg")))
    faults: tuple[Fault, ...]
    clock: Callable[[], float]
    webhook_secrets: tuple[str, ...] = attrs.field(repr=False)


def pools(given: Mapping[str, int | Decimal | str] | None, option: str) -> Mapping[str, Decimal]:
    """Amounts by pool; an unknown pool would be an option without effect."""
    try:
        amounts = {pool: Decimal(amount) for pool, amount in (given or {}).items()}
    except (ArithmeticError, TypeError, ValueError):
        raise ValueError(f"{option} must be numbers by pool, got {given!r}") from None
    negative = sorted(pool for pool, amount in amounts.items() if not amount.is_finite() or amount < 0)
    if negative:
        raise ValueError(f"{option} must be finite and not negative, as for {', '.join(negative)}")
    unknown = sorted(set(amounts) - POOLS)
    if unknown:
        raise ValueError(f"{option} names {', '.join(map(repr, unknown))}; the pools are {', '.join(sorted(POOLS))}")
    return amounts


def webhook_secrets(given: str | Iterable[str] | None) -> tuple[str, ...]:
    """The secrets by which callbacks are signed."""
    secrets = (given,) if isinstance(given, str) else tuple(given or ())
    for secret in secrets:
        try:
            key = base64.b64decode(secret.removeprefix("whsec_"), validate=True)
        except (AttributeError, ValueError):
            key = b""
        if not key or not secret.startswith("whsec_"):
            raise ValueError("webhook_secret must be whsec_ and the key in Base64; the value is not shown")
    return secrets


def only_faults(given: Iterable[object]) -> tuple[Fault, ...]:
    """The faults, and nothing else among them."""
    faults: list[Fault] = []
    for each in given:
        if not isinstance(each, Fault):
            raise ValueError(f"faults must be faults, got {each!r}")  # noqa: TRY004 - as for every other option
        faults.append(each)
    return tuple(faults)
