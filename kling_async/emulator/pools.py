"""The pools of an account: what packs are bought for, and what slots are counted in."""

from __future__ import annotations

from typing import Final

POOLS: Final = frozenset({"video", "image", "try_on"})
