"""
What the hooks of a row may look at besides the body: tasks, products, sessions, the library, the time, links to files.

One per run of the emulator. A product (a video, a sound) is known from the moment its task is created and is there from
the moment that task succeeds, so nothing has to run in between.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

import attrs

from .library import Library
from .lifecycle import KEEP_SECONDS
from .media import Work
from .sessions import Sessions
from .tasks import EmulatedTask, TaskShelf


@attrs.frozen(eq=False)
class Product:
    """One entry of a result that has an id and can be the input of a later call."""

    listed: str
    """The list it stands in: ``videos``, ``audios``."""
    entry: Mapping[str, Any] = attrs.field(repr=False)
    made: float
    path: str
    """The endpoint that made it."""
    task: EmulatedTask | None = None
    """The task that made it; synchronous calls have none."""

    @property
    def product_id(self) -> str:
        """The id a later call names it by."""
        return str(self.entry["id"])

    @property
    def seconds(self) -> float:
        """How long it plays."""
        return float(self.entry.get("duration", self.entry.get("duration_mp3", 0)))

    def expired(self, now: float) -> bool:
        """Whether its id is too old to be used."""
        return now >= self.made + KEEP_SECONDS


class Products:
    """What was made, by kind and id."""

    def __init__(self) -> None:
        self._products: dict[tuple[str, str], Product] = {}

    def put(self, product: Product) -> None:
        """Remember a product, also one that is not finished yet."""
        self._products[product.listed, product.product_id] = product

    def find(self, listed: str, product_id: str, now: float) -> Product | None:
        """A product that is finished; whether it is too old is the caller's question."""
        product = self._products.get((listed, product_id))
        return product if product is not None and product.made <= now else None


@attrs.frozen(eq=False)
class World:
    """The state of one run, as hooks see it."""

    tasks: TaskShelf
    products: Products
    sessions: Sessions
    library: Library
    now: Callable[[], float]
    """Seconds since 1970 by the loop's clock."""
    stamp: Callable[[float], int]
    """A moment as the API tells it, in milliseconds of the vendor's clock, which may be wrong."""
    link: Callable[[Work, float], str]
    """The whole address of a file that was made at a moment."""
    seed: int

    def video(self, video_id: str) -> Product | None:
        """A finished video by its id."""
        return self.products.find("videos", video_id, self.now())

    def audio(self, audio_id: str) -> Product | None:
        """A finished sound by its id."""
        return self.products.find("audios", audio_id, self.now())
