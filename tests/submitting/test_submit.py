"""One create, however often it is sent: one task, and never one that nobody knows of."""

from __future__ import annotations

import asyncio
import random
from typing import Any

import attrs
import pytest

from kling_async import (
    AccountError,
    ApiError,
    AuthenticationError,
    BadRequest,
    BalanceError,
    ClientClosed,
    ConnectionFailed,
    DuplicateTask,
    InvalidRequest,
    IPNotAllowed,
    PermissionDenied,
    RateLimited,
    ResponseError,
    ServerError,
    SlotsUnavailable,
    SubmitUnknown,
)
from kling_async.errors import KlingError
from kling_async.submitting.submit import new_id
from tests.submitting.creating import (
    CALL,
    ID,
    Bench,
    Step,
    Wait,
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

WINDOW = [0, 1, 2, 4, 8, 15, 30]
"""When is asked for a task that never shows, in seconds after the POST."""


def test_every_external_id_is_another_one() -> None:
    """25 letters and digits, within the vendor's rules."""
    ids = {new_id() for _ in range(100)}

    assert 100 == len(ids)
    assert all(len(each) == 25 and each.isalnum() and each.startswith("k") for each in ids)


@pytest.mark.looptime
async def test_an_answer_makes_a_task_whose_birth_is_known() -> None:
    """One POST, no question."""
    bench = Bench(Wait(3, a_task()))
    start = now()
    created = await bench.make()

    assert (a_task(), start + 3) == (created.task, created.born)
    assert [CALL] == bench.posts.calls
    assert [] == bench.finds.at
    assert ["accepted"] == bench.hold.told
    assert ([], [], []) == (bench.told, bench.stopped, bench.paid)


async def test_a_created_task_is_named_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """With its id as a field of its own."""
    caplog.set_level("INFO")
    await Bench(a_task()).make()

    assert ["a task of images.generate was created, external_task_id 'mine-1'"] == caplog.messages
    assert ID == vars(caplog.records[0])["kling.external_task_id"]


# Refused in passing.


@pytest.mark.looptime
@pytest.mark.parametrize("trouble", [unreached(), too_fast(), coded(1999, RateLimited, 429)])
async def test_what_was_refused_in_passing_is_sent_again(trouble: KlingError) -> None:
    """The same call; no question is asked since no task can have been made. What reached somebody is paid for."""
    bench = Bench(trouble, trouble, a_task())
    created = await bench.make()

    assert "1" == created.task.id
    assert created.born == now()
    assert [CALL] * 3 == bench.posts.calls
    assert ([] if isinstance(trouble, ConnectionFailed) else [trouble] * 2) == bench.paid
    assert [] == bench.finds.at
    assert ["accepted"] == bench.hold.told


@pytest.mark.looptime
async def test_what_is_refused_again_and_again_is_given_up() -> None:
    """After five times, with the last error; the slot is given back."""
    bench = Bench(unreached())
    with pytest.raises(ConnectionFailed, match="refused"):
        await bench.make()

    assert 5 == len(bench.posts.calls)
    assert [] == bench.paid
    assert ["release"] == bench.hold.told


@pytest.mark.looptime
async def test_pauses_while_nobody_can_be_reached_grow_up_to_a_minute() -> None:
    """Each is drawn from its upper half, so that five attempts last for fifteen seconds at least."""
    bench, same, start = Bench(unreached(), attempts=9, seed=5), random.Random(5), now()
    with pytest.raises(ConnectionFailed):
        await bench.make()

    pauses = [after - before for before, after in zip(bench.posts.at, bench.posts.at[1:], strict=False)]
    expected = [same.uniform(0.5, 1) * most for most in (2, 4, 8, 16, 32, 60, 60, 60)]
    assert start == bench.posts.at[0]
    assert expected == pytest.approx(pauses, abs=0.001)


@pytest.mark.looptime
async def test_what_was_too_fast_has_no_pause_of_its_own() -> None:
    """It waits with all others, where the rate is kept."""
    bench, start = Bench(too_fast(7), a_task()), now()
    await bench.make()

    assert start == now()


@pytest.mark.looptime
async def test_nothing_is_repeated_that_the_budget_does_not_pay_for() -> None:
    """Where everything fails, more of it does not help."""
    bench, start = Bench(too_fast(), tokens=0), now()
    with pytest.raises(RateLimited):
        await bench.make()

    assert ([CALL], start) == (bench.posts.calls, now())
    assert ["release"] == bench.hold.told


@pytest.mark.looptime
async def test_a_create_without_a_slot_waits_for_one_as_often_as_need_be() -> None:
    """It counts as no attempt, costs nothing and has no pause of its own."""
    bench, start = Bench(*[no_slot()] * 20, too_fast(0), too_fast(0), too_fast(0), too_fast(0), a_task()), now()
    await bench.make()

    assert 25 == len(bench.posts.calls)
    assert 4 == len(bench.paid)
    assert start == now()
    assert ["refused"] * 20 + ["accepted"] == bench.hold.told


@pytest.mark.looptime
@pytest.mark.parametrize("error", [SlotsUnavailable("none in time"), coded(1101, BalanceError)])
async def test_what_ends_the_waiting_for_a_slot_is_raised(error: KlingError) -> None:
    """No time left, or a pool that was stopped: nothing was sent that could have made a task."""
    bench = Bench(no_slot(), slot=error)
    with pytest.raises(type(error)) as caught:
        await bench.make()

    assert error is caught.value
    assert not hasattr(error, "__notes__")
    assert ["refused", "release"] == bench.hold.told
    assert 1 == len(bench.posts.calls)


# Refused for good.


@pytest.mark.looptime
@pytest.mark.parametrize(
    "error",
    [
        invalid(),
        taken(),
        coded(1103, PermissionDenied, 403),
        coded(1203, status=404),
        coded(1301),
        InvalidRequest("image", "must be as it was"),
        ResponseError("a redirect", status=302),
        ClientClosed("closed"),
    ],
)
async def test_a_refusal_for_good_is_raised_as_it_is(error: KlingError) -> None:
    """At once, without a question; the slot is given back, and nobody else is concerned."""
    bench = Bench(error)
    with pytest.raises(type(error)) as caught:
        await bench.make()

    assert error is caught.value
    assert not hasattr(error, "__notes__")
    assert ([CALL], []) == (bench.posts.calls, bench.finds.at)
    assert ["release"] == bench.hold.told
    assert ([], []) == (bench.stopped, bench.paid)


@pytest.mark.parametrize(
    "error",
    [
        *[coded(code, AuthenticationError, 401) for code in (1000, 1001, 1002, 1003, 1004)],
        coded(1100, AccountError, 429),
        coded(1101, BalanceError, 429),
        coded(1304, IPNotAllowed, 429),
    ],
)
async def test_an_error_of_the_account_stops_all_pools(error: KlingError) -> None:
    """Whoever waits in them would meet it as well."""
    bench = Bench(error)
    with pytest.raises(ApiError):
        await bench.make()

    assert [(None, error)] == bench.stopped
    assert ["release"] == bench.hold.told


async def test_a_pack_that_is_used_up_stops_its_pool_only() -> None:
    """Packs of images, videos and try-on are separate."""
    error = coded(1102, BalanceError, 429)
    bench = Bench(error)
    with pytest.raises(BalanceError):
        await bench.make()

    assert [("image", error)] == bench.stopped


async def test_a_certificate_that_is_not_accepted_stops_all_pools() -> None:
    """There is no going on without one."""
    error = ConnectionFailed("certificate")
    error.retryable = False
    bench = Bench(error)
    with pytest.raises(ConnectionFailed):
        await bench.make()

    assert [(None, error)] == bench.stopped
    assert 1 == len(bench.posts.calls)


async def test_an_id_in_use_is_the_callers_mistake_where_nothing_can_have_been_made_before() -> None:
    """Also after a first try that was certainly refused."""
    bench = Bench(too_fast(0), taken())
    with pytest.raises(DuplicateTask):
        await bench.make()

    assert [] == bench.finds.at


# Unknown.


@pytest.mark.looptime
@pytest.mark.parametrize(
    "error",
    [
        lost(),
        down(),
        coded(5001, ServerError, 503),
        coded(5002, ServerError, 504),
        ServerError("a page", status=502),
        ResponseError("not JSON", status=200),
    ],
)
async def test_a_task_whose_answer_was_lost_is_found_by_its_id(error: KlingError) -> None:
    """One POST; how old it is only `created_at` tells."""
    bench = Bench(error, finds=[None, a_task()])
    created = await bench.make()

    assert (a_task(), None) == (created.task, created.born)
    assert 1 == len(bench.posts.calls)
    assert ["doubted", "accepted"] == bench.hold.told
    assert 1 == now() - bench.posts.at[0]


@pytest.mark.looptime
async def test_a_create_is_sent_again_only_when_there_is_certainly_no_task() -> None:
    """The same id and body, when the window is over."""
    bench = Bench(lost(), a_task())
    created = await bench.make()

    assert [CALL, CALL] == bench.posts.calls
    assert WINDOW == [at - bench.posts.at[0] for at in bench.finds.at]
    assert 30 == bench.posts.at[1] - bench.posts.at[0]
    assert now() == created.born
    assert ["doubted", "accepted"] == bench.hold.told


@pytest.mark.looptime
async def test_the_window_begins_when_the_post_ended() -> None:
    """A vendor that was slow may have made the task at the last moment."""
    bench = Bench(Wait(20, lost()), a_task(), settle=2)
    await bench.make()

    assert [20, 21, 22] == [at - bench.posts.at[0] for at in bench.finds.at]


@pytest.mark.looptime
async def test_each_time_it_is_sent_again_the_same_rule_holds() -> None:
    """Five times at most; then the last error is told, with the id and the way back, and the slot is given back."""
    bench = Bench(lost(), down(), lost(), lost(), down())
    with pytest.raises(SubmitUnknown) as caught:
        await bench.make()

    assert 5 == len(bench.posts.calls)
    assert 5 * 7 == len(bench.finds.at)
    assert ID == caught.value.external_task_id
    assert "images.generate: down" in str(caught.value)
    assert "no such task was seen since" in str(caught.value)
    assert "attach(external_task_id='mine-1')" in str(caught.value)
    assert isinstance(caught.value.__cause__, ServerError)
    assert ["doubted", "release"] == bench.hold.told


@pytest.mark.looptime
async def test_what_is_sent_again_because_there_is_no_task_costs_nothing() -> None:
    """It comes after the window, which is slow enough; a budget that is empty does not lose a create."""
    bench = Bench(lost(), a_task(), tokens=0)

    assert "1" == (await bench.make()).task.id
    assert [] == bench.paid


@pytest.mark.looptime
async def test_on_hold_nothing_is_sent_a_second_time() -> None:
    """A task is looked for all the same."""
    bench, found = Bench(lost(), on_unknown="hold"), Bench(lost(), finds=[None, a_task()], on_unknown="hold")
    with pytest.raises(SubmitUnknown):
        await bench.make()
    created = await found.make()

    assert 1 == len(bench.posts.calls)
    assert WINDOW == [at - bench.posts.at[0] for at in bench.finds.at]
    assert ["doubted", "release"] == bench.hold.told
    assert a_task() == created.task


@pytest.mark.looptime
async def test_on_hold_what_was_certainly_refused_is_sent_again() -> None:
    """Only doubt is held."""
    bench = Bench(too_fast(), no_slot(), a_task(), on_unknown="hold")

    assert "1" == (await bench.make()).task.id


@pytest.mark.looptime
async def test_questions_that_fail_never_lead_to_a_second_post() -> None:
    """What could not be settled names the id, and why; its slot stays held until it is likely to be over."""
    trouble = coded(5001, ServerError, 503)
    bench, start = Bench(lost(), finds=[trouble]), now()
    bench.hold.median = 200.0
    with pytest.raises(SubmitUnknown, match="cut; what became of it could not be found out") as caught:
        await bench.make()
    took = now() - start
    await asyncio.sleep(249)
    before = list(bench.hold.told)
    await asyncio.sleep(2)

    assert 1 == len(bench.posts.calls)
    assert 150 == took
    assert caught.value.__cause__ is trouble
    assert (["doubted"], ["doubted", "release"]) == (before, bench.hold.told)


@pytest.mark.looptime
@pytest.mark.parametrize(("median", "kept"), [(1.0, 60.0), (31.0, 62.0), (440.0, 880.0), (7200.0, 900.0)])
async def test_slots_of_a_task_that_may_exist_are_kept_for_two_medians(median: float, kept: float) -> None:
    """Within bounds, from the POST on; nobody is to wait a quarter of an hour for the end of a picture."""
    bench = Bench(Wait(3600, None))
    bench.hold.median = median
    making = bench.start()
    await asyncio.sleep(1)
    await cancel(making)
    await asyncio.sleep(10 + kept - 0.5)
    before = list(bench.hold.told)
    await asyncio.sleep(1)

    assert (["doubted"], ["doubted", "release"]) == (before, bench.hold.told)


@pytest.mark.looptime
async def test_slots_of_a_task_that_would_be_over_are_not_kept() -> None:
    """It took longer to find nothing out than a picture takes."""
    bench = Bench(lost(), finds=[down()])
    with pytest.raises(SubmitUnknown):
        await bench.make()

    assert ["doubted", "release"] == bench.hold.told
    assert {} == bench.submitter._kept


@pytest.mark.looptime
@pytest.mark.parametrize("error", [invalid(), coded(1301), coded(1203, status=404), coded(1101, BalanceError, 429)])
async def test_a_refusal_for_good_after_an_unknown_outcome_may_be_about_the_id(error: KlingError) -> None:
    """Whatever it says, the task is looked for; what is found is ours."""
    bench = Bench(lost(), error, finds=[*[None] * 7, None, None, a_task()], settle=30)
    created = await bench.make()

    assert (a_task(), None) == (created.task, created.born)
    assert [0, 1, 2] == [at - bench.posts.at[1] for at in bench.finds.at[7:]]
    assert ["doubted", "accepted"] == bench.hold.told


@pytest.mark.looptime
async def test_a_refusal_for_good_after_which_there_is_no_task_is_raised_with_the_id() -> None:
    """After a window of its own; it is not sent again."""
    error = invalid()
    bench = Bench(lost(), error)
    with pytest.raises(BadRequest) as caught:
        await bench.make()

    assert error is caught.value
    assert ["external_task_id='mine-1': if the task exists, attach finds it by this"] == caught.value.__notes__
    assert 2 == len(bench.posts.calls)
    assert WINDOW == [at - bench.posts.at[1] for at in bench.finds.at[7:]]
    assert ["doubted", "release"] == bench.hold.told


@pytest.mark.looptime
async def test_an_id_that_is_taken_after_an_unknown_outcome_is_our_own_task() -> None:
    """It is taken over once it shows, however long that takes."""
    bench = Bench(lost(), taken(), finds=[*[None] * 7, *[None] * 9, a_task()])
    created = await bench.make()

    assert a_task() == created.task
    assert 2 == len(bench.posts.calls)
    assert 75 == now() - bench.posts.at[1]


@pytest.mark.looptime
async def test_an_id_that_is_taken_by_a_task_that_never_shows_is_unknown() -> None:
    """It is not given up as absent: somebody pays for it."""
    bench = Bench(lost(), taken())
    bench.hold.median = 200.0
    with pytest.raises(SubmitUnknown, match="already exists") as caught:
        await bench.make()

    assert isinstance(caught.value.__cause__, DuplicateTask)
    assert ["doubted"] == bench.hold.told


@pytest.mark.looptime
@pytest.mark.parametrize("passing", [no_slot(), too_fast(5)])
async def test_after_an_unknown_outcome_every_post_follows_a_question(passing: KlingError) -> None:
    """One is enough where the window is over; a passing refusal does not begin another."""
    bench = Bench(lost(), passing, a_task())
    created = await bench.make()

    assert 3 == len(bench.posts.calls)
    assert 8 == len(bench.finds.at)
    assert bench.finds.at[7] == bench.posts.at[2]
    assert created.born == now()


@pytest.mark.looptime
async def test_a_task_that_shows_while_we_wait_for_a_slot_is_taken_over() -> None:
    """Nothing is sent then."""
    bench = Bench(lost(), no_slot(), finds=[*[None] * 7, a_task()], slot=Wait(100, None))
    created = await bench.make()

    assert a_task() == created.task
    assert 2 == len(bench.posts.calls)
    assert ["doubted", "refused", "doubted", "accepted"] == bench.hold.told


@pytest.mark.looptime
@pytest.mark.parametrize("error", [SlotsUnavailable("none in time"), coded(1101, BalanceError), ClientClosed("closed")])
async def test_no_slot_after_an_unknown_outcome_is_still_unknown(error: KlingError) -> None:
    """None was seen, but nobody is told that there is none: the id is named, and why it was not sent again."""
    bench = Bench(lost(), no_slot(), slot=error)
    with pytest.raises(SubmitUnknown, match=r"lost, and it was not sent again: (none|no|closed)") as caught:
        await bench.make()

    assert ID == caught.value.external_task_id
    assert error is caught.value.__cause__
    assert 8 == len(bench.finds.at)
    assert ["doubted", "refused", "doubted", "release"] == bench.hold.told


@pytest.mark.looptime
async def test_a_task_that_shows_after_the_wait_for_a_slot_was_given_up_is_taken_over() -> None:
    """It holds slots again."""
    bench = Bench(lost(), no_slot(), finds=[*[None] * 7, a_task()], slot=SlotsUnavailable("none in time"))

    assert a_task() == (await bench.make()).task
    assert ["doubted", "refused", "doubted", "accepted"] == bench.hold.told


@pytest.mark.looptime
async def test_closing_in_a_wait_for_a_slot_after_an_unknown_outcome_names_the_id() -> None:
    """As above."""
    bench = Bench(lost(), no_slot(), slot=Wait(100, None))
    making = bench.start()
    await asyncio.sleep(50)
    await bench.submitter.close()
    with pytest.raises(SubmitUnknown) as caught:
        await making

    assert ID == caught.value.external_task_id


# An id that the caller chose.


def dated(created: float | None) -> Any:
    """A snapshot with a time of the vendor's, in seconds."""
    return attrs.evolve(a_task(), created_ms=None if created is None else int(created * 1000))


async def known(bench: Bench, *created: float) -> None:
    """Creates that were answered with the vendor's time, before the one in question."""
    later = bench.posts.steps
    for each in created:
        bench.posts.steps = [dated(each)]
        await bench.make()
    bench.posts.steps = later
    bench.hold.told.clear()


@pytest.mark.looptime
async def test_a_task_that_was_made_well_before_the_create_is_not_ours() -> None:
    """The id that the caller chose was in use; nothing was made, whatever the answer was that got lost."""
    bench = Bench(lost(), finds=[dated(1_000_000)])
    await known(bench, 1_000_000)
    await asyncio.sleep(61)
    with pytest.raises(
        DuplicateTask, match="'mine-1' is that of a task made well before this create was sent"
    ) as error:
        await bench.make(given=True)

    assert 1201 == error.value.code
    assert isinstance(error.value.__cause__, ConnectionFailed)
    assert ["doubted", "release"] == bench.hold.told


@pytest.mark.looptime
@pytest.mark.parametrize(
    ("given", "created", "times"),
    [
        (False, 1_000_000, [1_000_000]),
        (True, 1_000_041, [1_000_000]),
        (True, None, [1_000_000]),
        (True, 1_000_000, []),
        (True, 1_000_000, [1_000_000, 1_000_061]),
    ],
    ids=["an id of our own", "a minute is not well before", "no time", "time unknown", "clock that contradicts itself"],
)
async def test_a_task_that_may_be_the_wanted_one_is_taken_over(
    *, given: bool, created: float | None, times: list[float]
) -> None:
    """To call it another's would be to pay again."""
    bench = Bench(lost(), finds=[dated(created)])
    await known(bench, *times)
    await asyncio.sleep(100)

    assert dated(created) == (await bench.make(given=given)).task


@pytest.mark.looptime
async def test_questions_say_when_the_task_can_have_been_made() -> None:
    """A minute before the create, by the vendor's clock, so that a list need not be read to its end."""
    bench = Bench(lost(), down(), finds=[*[None] * 8, a_task()])
    await known(bench, 1_000_000)
    await asyncio.sleep(500)
    await bench.make()

    assert {1_000_440_000} == set(bench.finds.since)


@pytest.mark.looptime
async def test_a_passing_refusal_is_given_up_after_an_unknown_outcome_too() -> None:
    """With a note of the id."""
    bench = Bench(lost(), too_fast(), attempts=3)
    with pytest.raises(RateLimited) as caught:
        await bench.make()

    assert ID in caught.value.__notes__[0]
    assert 3 == len(bench.posts.calls)
    assert ["doubted", "release"] == bench.hold.told


async def test_a_client_closed_below_names_the_id() -> None:
    """There is nobody left to ask."""
    error = ClientClosed("closed", may_have_been_created=True)
    bench = Bench(error, finds=[ClientClosed("closed")])
    with pytest.raises(SubmitUnknown, match="closed"):
        await bench.make()

    assert 1 == len(bench.finds.at)
    assert ["doubted"] == bench.hold.told


async def test_somebody_elses_exception_passes_with_the_id(caplog: pytest.LogCaptureFixture) -> None:
    """A hook of a borrowed session, after the POST: there may be a task."""
    bench = Bench(ValueError("the metrics are down"))
    with pytest.raises(ValueError, match="metrics") as caught:
        await bench.make()

    assert ["external_task_id='mine-1': if the task exists, attach finds it by this"] == caught.value.__notes__
    assert ["doubted"] == bench.hold.told
    line = "a create of images.generate ended in ValueError before its answer came; "
    assert [f"{line}if the task exists, attach(external_task_id='mine-1') finds it"] == caplog.messages
    assert ID == vars(caplog.records[0])["kling.external_task_id"]


async def test_somebody_elses_exception_before_anything_left_is_only_that(caplog: pytest.LogCaptureFixture) -> None:
    """A provider of keys that fails: no task."""

    class Keyless:
        async def attempt(self, *_: Any, **__: Any) -> Any:
            raise OSError("no vault")

    bench = Bench()
    bench.submitter.engine = Keyless()
    with pytest.raises(OSError, match="vault") as caught:
        await bench.make()

    assert not hasattr(caught.value, "__notes__")
    assert ["release"] == bench.hold.told
    assert [] == caplog.messages


@pytest.mark.looptime
async def test_what_is_sent_again_is_said_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """With the reason and the id."""
    caplog.set_level("INFO")
    await Bench(too_fast(), a_task()).make()

    assert "a create of images.generate is sent again (slow (code 1302, HTTP 429))" == caplog.messages[0]
    assert ID == vars(caplog.records[0])["kling.external_task_id"]


# Cancelled.


async def cancel(making: asyncio.Task[Any]) -> None:
    """Cancel, and wait until the caller is gone."""
    making.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making


@pytest.mark.looptime
@pytest.mark.parametrize(
    "bench",
    [
        lambda: Bench(Wait(5, a_task(), before=100)),
        lambda: Bench(*[unreached()] * 8, a_task(), attempts=9),
        lambda: Bench(no_slot(), a_task(), slot=Wait(100, None)),
        lambda: Bench(lost(), Wait(5, a_task(), before=100), settle=2),
    ],
)
async def test_cancelled_before_anything_left_nothing_is_sent(bench: Any, caplog: pytest.LogCaptureFixture) -> None:
    """In the queue of a rate limit, in a pause, waiting for a slot, after a first one that made nothing."""
    it: Bench = bench()
    making = it.start()
    await asyncio.sleep(50)
    posts = len(it.posts.calls)
    await cancel(making)

    assert "release" == it.hold.told[-1]
    assert [] == others()
    await asyncio.sleep(1000)
    assert posts == len(it.posts.calls)
    assert [] == it.told
    assert [] == caplog.messages


@pytest.mark.looptime
async def test_a_create_that_was_on_its_way_is_followed_to_its_end(caplog: pytest.LogCaptureFixture) -> None:
    """The caller is gone at once; the outcome is told, and the slot stays held."""
    bench = Bench(Wait(9, a_task()))
    making = bench.start()
    await asyncio.sleep(1)
    start = now()
    await cancel(making)

    assert start == now()
    assert [] == bench.told
    assert ["kling_async create of images.generate"] == others()
    await asyncio.sleep(8.5)
    told = bench.told[0]
    assert (start + 8, bench.hold) == (told.born, told.hold)
    assert ("images.generate", ID, "accepted", a_task(), None) == (
        told.endpoint,
        told.external_task_id,
        told.outcome,
        told.task,
        told.error,
    )
    assert ["accepted"] == bench.hold.told
    line = "a create of images.generate was cancelled, and ended as accepted, external_task_id 'mine-1'"
    assert [line] == caplog.messages
    assert ID == vars(caplog.records[0])["kling.external_task_id"]
    assert [] == others()


@pytest.mark.looptime
async def test_after_ten_seconds_its_end_is_not_waited_for(caplog: pytest.LogCaptureFixture) -> None:
    """It is unknown then, and the log names the id; nothing is left behind."""
    bench = Bench(Wait(30, a_task()))
    making = bench.start()
    await asyncio.sleep(1)
    await cancel(making)
    await asyncio.sleep(9.9)
    assert [] == bench.told
    await asyncio.sleep(0.2)

    assert [("unknown", None)] == [(each.outcome, each.task) for each in bench.told]
    assert isinstance(bench.told[0].error, asyncio.CancelledError)
    assert ["doubted"] == bench.hold.told
    assert [] == others()
    assert "was cancelled before its answer came" in caplog.messages[0]
    assert "ended as unknown, external_task_id 'mine-1'" in caplog.messages[1]


@pytest.mark.looptime
async def test_a_create_that_was_on_its_way_and_is_refused_made_nothing() -> None:
    """It is told so, the slot is given back, and it is not sent again although it could be."""
    for trouble in (invalid(), too_fast(), no_slot(), unreached()):
        bench = Bench(Wait(5, trouble), a_task())
        making = bench.start()
        await asyncio.sleep(1)
        await cancel(making)
        start = now()
        await asyncio.sleep(4.1)

        assert [("refused", trouble)] == [(each.outcome, each.error) for each in bench.told]
        assert "release" == bench.hold.told[-1]
        assert "refused" not in bench.hold.told
        assert 1 == len(bench.posts.calls)
        assert [] == others()
        assert 4.1 == pytest.approx(now() - start)


@pytest.mark.looptime
async def test_a_create_without_answer_is_looked_for_although_its_caller_is_gone() -> None:
    """What is found is told, what is absent for long enough too; nothing is sent again."""
    found = Bench(Wait(2, lost()), finds=[None, a_task()])
    absent = Bench(Wait(2, lost()), a_task(), settle=2)
    hidden = Bench(Wait(2, lost()), a_task())
    benches = (found, absent, hidden)
    makings = [bench.start() for bench in benches]
    await asyncio.sleep(1)
    for making in makings:
        await cancel(making)
    await asyncio.sleep(20)

    assert ["accepted", "refused", "unknown"] == [bench.told[0].outcome for bench in benches]
    assert [1, 1, 1] == [len(bench.posts.calls) for bench in benches]
    assert [["doubted", "accepted"], ["doubted", "release"], ["doubted"]] == [bench.hold.told for bench in benches]
    assert a_task() == found.told[0].task


@pytest.mark.looptime
async def test_cancelled_while_it_is_looked_for_it_is_looked_for_a_little_longer() -> None:
    """Ten seconds, as for an answer."""
    bench = Bench(lost(), finds=[*[None] * 5, a_task()])
    making = bench.start()
    await asyncio.sleep(6)
    await cancel(making)
    await asyncio.sleep(9.5)

    assert ["accepted"] == [each.outcome for each in bench.told]
    assert 1 == len(bench.posts.calls)


@pytest.mark.looptime
async def test_cancelled_while_it_is_looked_for_it_is_not_sent_again() -> None:
    """Although it is certain soon after that there is no task: nobody wants it any more."""
    bench = Bench(lost(), a_task(), settle=5)
    making = bench.start()
    await asyncio.sleep(3)
    await cancel(making)
    await asyncio.sleep(20)

    assert ["refused"] == [each.outcome for each in bench.told]
    assert 1 == len(bench.posts.calls)
    assert ["doubted", "release"] == bench.hold.told


@pytest.mark.looptime
async def test_an_answer_that_comes_together_with_the_cancellation_is_told() -> None:
    """The task was made, and the caller will never hear of it from us."""
    bench = Bench(Wait(3, a_task()))
    making = bench.start()
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_at(now() + 3, lambda: asyncio.get_running_loop().call_soon(making.cancel))
    with pytest.raises(asyncio.CancelledError):
        await making
    await asyncio.sleep(1)

    assert ["accepted"] == [each.outcome for each in bench.told]
    assert [] == others()


@pytest.mark.looptime
async def test_a_task_that_is_found_together_with_the_cancellation_is_told() -> None:
    """As above."""
    bench = Bench(lost(), finds=[Wait(3, a_task())])
    making = bench.start()
    await asyncio.sleep(0)
    asyncio.get_running_loop().call_at(now() + 3, lambda: asyncio.get_running_loop().call_soon(making.cancel))
    with pytest.raises(asyncio.CancelledError):
        await making
    await asyncio.sleep(1)

    assert ["accepted"] == [each.outcome for each in bench.told]


@pytest.mark.looptime
async def test_a_time_limit_of_the_callers_is_a_cancellation_like_any() -> None:
    """`asyncio.timeout` around a create."""
    bench = Bench(Wait(5, a_task()))
    with pytest.raises(TimeoutError):
        async with asyncio.timeout(2):
            await bench.make()
    await asyncio.sleep(4)

    assert ["accepted"] == [each.outcome for each in bench.told]


@pytest.mark.looptime
async def test_cancelled_by_whoever_cancels_all_tasks_the_id_is_in_the_log(caplog: pytest.LogCaptureFixture) -> None:
    """As `asyncio.run` does at its end."""
    bench = Bench(Wait(5, a_task()))
    making = bench.start()
    await asyncio.sleep(1)
    for task in asyncio.all_tasks() - {asyncio.current_task()}:
        task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await making
    await asyncio.sleep(0)

    assert "was cancelled before its answer came" in caplog.messages[0]
    assert "attach(external_task_id='mine-1')" in caplog.messages[0]
    assert ["unknown"] == [each.outcome for each in bench.told]
    assert [] == others()


# Closed.


@pytest.mark.looptime
async def test_closing_ends_a_create_that_may_have_arrived_with_its_id() -> None:
    """Its caller gets the id, at once."""
    bench = Bench(Wait(50, a_task()))
    making = bench.start()
    await asyncio.sleep(1)
    start = now()
    await bench.submitter.close()
    with pytest.raises(
        SubmitUnknown, match=r"^images\.generate: the client was closed before it was known what became of it; the task"
    ) as caught:
        await making

    assert ID == caught.value.external_task_id
    assert start == now()
    assert [] == others()


@pytest.mark.looptime
async def test_closing_ends_a_create_that_has_not_left() -> None:
    """Nothing was sent and nothing will be."""
    bench = Bench(Wait(5, a_task(), before=100))
    making = bench.start()
    await asyncio.sleep(1)
    await bench.submitter.close()
    with pytest.raises(ClientClosed, match=r"before a create of images\.generate was sent"):
        await making

    assert ["release"] == bench.hold.told


@pytest.mark.looptime
async def test_closing_waits_for_what_is_followed_although_its_caller_is_gone() -> None:
    """For the rest of its ten seconds; nothing is left behind."""
    soon, late = Bench(Wait(6, a_task())), Bench(Wait(600, a_task()))
    for bench, until in ((soon, 6), (late, 11)):
        start, making = now(), bench.start()
        await asyncio.sleep(1)
        await cancel(making)
        await bench.submitter.close()

        assert until == now() - start
        assert [] == others()
    assert ["accepted", "unknown"] == [bench.told[0].outcome for bench in (soon, late)]
    assert isinstance(late.told[0].error, asyncio.CancelledError)


async def test_a_closed_submitter_sends_nothing() -> None:
    """And gives the slot back."""
    bench = Bench(a_task())
    await bench.submitter.close()
    await bench.submitter.close()
    with pytest.raises(ClientClosed, match=r"^the client is closed; make a new KlingClient$"):
        await bench.make()

    assert [] == bench.posts.calls
    assert ["release"] == bench.hold.told


@pytest.mark.looptime
async def test_closing_forgets_the_slots_of_what_was_never_settled() -> None:
    """No timer outlives the client."""
    bench = Bench(lost(), finds=[down()])
    bench.hold.median = 200.0
    with pytest.raises(SubmitUnknown):
        await bench.make()
    await bench.submitter.close()
    await asyncio.sleep(1000)

    assert ["doubted"] == bench.hold.told


async def test_creates_do_not_wait_for_each_other() -> None:
    """And none is kept when it is over."""
    steps: list[Step] = [a_task(str(number)) for number in range(20)]
    bench = Bench(*steps)
    created = await asyncio.gather(*(bench.make() for _ in range(20)))

    assert [str(number) for number in range(20)] == sorted((each.task.id for each in created), key=int)
    assert [] == others()
    assert {} == bench.submitter._works
