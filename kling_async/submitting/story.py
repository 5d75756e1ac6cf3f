"""What is told of one create while it happens. Decides nothing, and makes no event where nobody listens."""

from __future__ import annotations

import asyncio
from typing import Literal

import attrs

from ..errors import KlingError
from ..events import SlotGranted, SubmitDoubted, SubmitEnded, SubmitSent, SubmitSettled, SubmitStarted, Teller


@attrs.define(eq=False)
class Story:
    """One create from its begin to its end, each told once."""

    tell: Teller = attrs.field(factory=Teller)
    endpoint: str = ""
    external_task_id: str = ""
    pool: str = ""
    slots: int = 1
    _begun: float = attrs.field(default=0.0, init=False)
    _since: float = attrs.field(default=0.0, init=False)
    """When the last wait began: for slots, or for what became of a lost answer."""
    _attempts: int = attrs.field(default=0, init=False)

    def began(self, model: str | None, url: str) -> None:
        """It was checked, and waits for slots next."""
        if self.tell:
            self._begun = self._since = _now()
            self.tell(
                SubmitStarted(
                    endpoint=self.endpoint,
                    external_task_id=self.external_task_id,
                    pool=self.pool,
                    slots=self.slots,
                    model=model,
                    url=url,
                )
            )

    def waits(self) -> None:
        """It waits for slots again."""
        if self.tell:
            self._since = _now()

    def granted(self) -> None:
        """It has its slots."""
        if self.tell:
            self.tell(
                SlotGranted(
                    endpoint=self.endpoint,
                    external_task_id=self.external_task_id,
                    pool=self.pool,
                    slots=self.slots,
                    seconds=_now() - self._since,
                )
            )

    def sent(self) -> None:
        """It is about to leave."""
        if self.tell:
            self._attempts += 1
            named = self.external_task_id
            self.tell(SubmitSent(endpoint=self.endpoint, external_task_id=named, attempt=self._attempts))

    def doubted(self, error: KlingError) -> None:
        """An answer was lost."""
        if self.tell:
            self._since = _now()
            self.tell(SubmitDoubted(endpoint=self.endpoint, external_task_id=self.external_task_id, error=error))

    def settled(self, found: bool | None) -> None:  # noqa: FBT001 - the answer to a question
        """It is known what became of it, or not."""
        if self.tell:
            self.tell(
                SubmitSettled(
                    endpoint=self.endpoint,
                    external_task_id=self.external_task_id,
                    found=found,
                    seconds=_now() - self._since,
                )
            )

    def ended(
        self,
        outcome: Literal["accepted", "refused", "unknown"],
        *,
        task_id: str | None = None,
        error: BaseException | None = None,
        cancelled: bool = False,
    ) -> None:
        """Nothing more is sent, and nobody looks for it any more."""
        if self.tell:
            self.tell(
                SubmitEnded(
                    endpoint=self.endpoint,
                    external_task_id=self.external_task_id,
                    outcome=outcome,
                    task_id=task_id,
                    pool=self.pool,
                    error=error,
                    cancelled=cancelled or isinstance(error, asyncio.CancelledError),
                    seconds=_now() - self._begun,
                )
            )


def _now() -> float:
    return asyncio.get_running_loop().time()
