"""Whatever the vendor does in whatever order: one task at most, and none that nobody knows of."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from typing import Any, Final

import attrs
import looptime
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_async import SubmitUnknown
from kling_async.errors import KlingError
from kling_async.protocol.call import Call
from kling_async.protocol.endpoint import Pool
from kling_async.submitting.intent import Created, Finished, Intent
from kling_async.submitting.submit import Submitter
from tests.submitting.creating import (
    CALL,
    ID,
    Held,
    a_task,
    coded,
    down,
    invalid,
    lost,
    no_slot,
    now,
    others,
    taken,
    too_fast,
    unreached,
)

SETTLE = 10.0
REFUSALS: Final[dict[str, Callable[[], KlingError]]] = {
    "too fast": too_fast,
    "no slot": no_slot,
    "invalid": invalid,
    "unreached": unreached,
    "arrears": lambda: coded(1101),
}
ANSWERS = st.sampled_from(["accept", "accept and lose", "accept and fail", "lose", "fail", *REFUSALS])


@attrs.define(eq=False)
class Vendor:
    """Makes tasks, hides new ones for a while, loses answers, and may or may not refuse an id that is in use."""

    answers: list[tuple[str, float]]
    """What it does with each POST, and how long that takes."""
    failing: list[bool]
    """Which questions fail."""
    hides: float
    unique: Callable[[], KlingError] | None
    before: float
    """Seconds that a POST waits before it leaves."""
    asked: float
    """Seconds that a question takes; the answer tells how things stood when it came."""
    made: list[float] = attrs.field(factory=list[float])
    left: list[tuple[float, object]] = attrs.field(factory=list[tuple[float, object]])
    """When POSTs left, and what they were."""

    async def attempt(self, call: Call[Any], *, leaving: Callable[[], None] | None = None) -> Any:
        """A POST."""
        await asyncio.sleep(self.before)
        assert leaving is not None
        leaving()
        self.left.append((now(), call))
        word, seconds = self.answers.pop(0) if self.answers else ("accept", 1.0)
        await asyncio.sleep(seconds / 2)
        accepts = word.startswith("accept")
        if accepts and self.made and self.unique is not None:
            raise self.unique()
        if accepts:
            self.made.append(now())
        await asyncio.sleep(seconds / 2)
        if word in REFUSALS:
            error = REFUSALS[word]()
            raise error
        if word.endswith(("lose", "fail")):
            raise lost() if word.endswith("lose") else down()
        return a_task(str(len(self.made)))

    async def find(self, _: int | None) -> Any:
        """A question."""
        came = now()
        await asyncio.sleep(self.asked)
        if self.failing and self.failing.pop(0):
            raise down()
        return a_task() if self.made and came >= self.made[0] + self.hides else None


def vendors(hides: st.SearchStrategy[float]) -> st.SearchStrategy[Vendor]:
    """Any of them."""
    return st.builds(
        Vendor,
        answers=st.lists(st.tuples(ANSWERS, st.floats(0, 8)), max_size=12),
        failing=st.lists(st.booleans(), max_size=60),
        hides=hides,
        unique=st.sampled_from([None, taken, invalid]),
        before=st.sampled_from([0.0, 3.0]),
        asked=st.sampled_from([0.3, 3.0]),
    )


async def create(vendor: Vendor, on_unknown: Any, cancel_at: float | None) -> tuple[Any, Held, list[Finished]]:
    """What a create ends as, an error included."""
    told, hold = list[Finished](), Held(median=450.0)  # so that what may exist keeps its slots to the end
    submitter = Submitter(
        engine=vendor,
        random=random.Random(1),
        stop=_ignored,
        tell=told.append,
        afford=lambda _: True,
        settle=SETTLE,
        on_unknown=on_unknown,
    )
    making = asyncio.ensure_future(
        submitter.submit(
            Intent(endpoint="x", external_task_id=ID, pool="image", call=CALL, find=vendor.find, hold=hold)
        )
    )
    if cancel_at is not None:
        await asyncio.wait((making,), timeout=cancel_at)
        making.cancel()
    (end,) = list[Any](await asyncio.gather(making, return_exceptions=True))
    await submitter.close()
    assert [] == others()
    return end, hold, told


def _ignored(_: Pool | None, __: KlingError) -> None:
    """What a ledger would be told."""


def run(vendor: Vendor, on_unknown: Any, cancel_at: float | None) -> tuple[Any, Held, list[Finished]]:
    """The same on a clock that jumps."""
    loop = looptime.new_event_loop()
    try:
        return loop.run_until_complete(create(vendor, on_unknown, cancel_at))
    finally:
        loop.close()


def names_the_id(error: BaseException) -> bool:
    """Whether somebody who gets this error can look for the task."""
    return ID in str(error) or any(ID in note for note in getattr(error, "__notes__", ()))


@settings(deadline=None)
@given(
    vendor=vendors(st.just(SETTLE) | st.floats(0, SETTLE)),
    on_unknown=st.sampled_from(["resend", "hold"]),
    cancel_at=st.none() | st.floats(0, 12) | st.floats(0, 60),
)
def test_never_two_tasks_and_never_one_that_is_lost(vendor: Vendor, on_unknown: str, cancel_at: float | None) -> None:
    """As long as the vendor hides none for longer than the settle window."""
    end, hold, told = run(vendor, on_unknown, cancel_at)

    assert len(vendor.made) <= 1
    assert all(call is CALL for _, call in vendor.left)
    if isinstance(end, Created):
        assert 1 == len(vendor.made)
        assert ["accepted"] == [word for word in hold.told if word not in {"refused", "doubted"}]
    elif isinstance(end, asyncio.CancelledError):
        assert cancel_at is not None
        assert all(at <= cancel_at for at, _ in vendor.left)
        assert not vendor.made or [ID] == [each.external_task_id for each in told]
        assert not vendor.made or "refused" != told[0].outcome
    else:
        assert not vendor.made or names_the_id(end)
        assert not vendor.made or isinstance(end, SubmitUnknown)
        assert hold.told[-1] in {"doubted", "release"}
        assert hold.told.count("release") <= 1
    assert not (vendor.made and hold.told[-1] == "release")


@settings(deadline=None)
@given(vendor=vendors(st.sampled_from([100.0, 1e9])))
def test_on_hold_not_even_a_vendor_that_hides_tasks_for_ever_makes_two(vendor: Vendor) -> None:
    """And the id is named whatever happens."""
    end, _, _ = run(vendor, "hold", None)

    assert len(vendor.made) <= 1
    assert not vendor.made or isinstance(end, Created) or names_the_id(end)


@settings(deadline=None)
@given(vendor=vendors(st.sampled_from([100.0, 1e9])))
def test_no_id_is_lost_to_a_vendor_that_hides_tasks_for_too_long(vendor: Vendor) -> None:
    """A second one may be made then; whatever is raised names the id."""
    end, _, _ = run(vendor, "resend", None)

    assert not vendor.made or isinstance(end, Created) or names_the_id(end)
    assert vendor.unique is None or len(vendor.made) <= 1
