"""Looking for one task by an external id: where it is, and what proves that there is none."""

from __future__ import annotations

from typing import Any

import attrs
import pytest

from kling_async import NotFound, ResponseError, TaskNotFound
from kling_async.api import Images
from kling_async.polling.lookup import find, made
from kling_async.protocol.call import Call

ROW: Any = Images.multi_shot
"""Documented to be asked for one task by its own id only."""
ASKED: Any = Images.generate
BEGIN = 1_774_700_000_000


def task(at: int, name: str | None) -> dict[str, Any]:
    """A row, made so many seconds after the first."""
    info = {} if name is None else {"external_task_id": name}
    return {
        "task_id": str(10_000 + at), "task_status": "processing", "task_info": info,
        "created_at": BEGIN + 1000 * at, "updated_at": BEGIN + 1000 * at,
    }  # fmt: skip


def tasks(before: int, after: int, *, named: bool = True) -> list[Any]:
    """The newest first: some, the one that is looked for, and others."""
    names = [*(f"old {at}" for at in range(before)), "mine", *(f"new {at}" for at in range(after))]
    return [task(at, name if named else None) for at, name in reversed(tuple(enumerate(names)))]


@attrs.define(eq=False)
class Lists:
    """A vendor who knows no external ids but those of his list."""

    rows: list[Any]
    cap: int = 500
    """Rows on a page at most, whatever is asked for."""
    whole: bool = False
    """Whether a page begins where it would if none were shortened."""
    single: Any = None
    asked: list[tuple[int, int]] = attrs.field(factory=list[tuple[int, int]])
    retried: set[bool] = attrs.field(factory=set[bool])

    async def send(self, call: Call[Any], /, *, retry: bool = True) -> Any:
        """An answer."""
        self.retried.add(retry)
        if "pageNum" not in call.query:
            if isinstance(self.single, Exception):
                raise self.single
            return call.read(self.single)
        number, size = int(call.query["pageNum"]), int(call.query["pageSize"])
        self.asked.append((number, size))
        begin = (number - 1) * (size if self.whole else min(size, self.cap))
        return call.read(self.rows[begin : begin + min(size, self.cap)])


def lists(rows: list[Any], **more: Any) -> Lists:
    """That vendor."""
    return Lists(rows, single=TaskNotFound("Task not found by id", code=1201, status=400), **more)


@pytest.mark.parametrize("whole", [False, True])
@pytest.mark.parametrize(
    ("cap", "after"), [(500, 0), (500, 499), (500, 500), (500, 9000), (100, 150), (100, 1999), (7, 130), (1, 19)]
)
async def test_a_task_is_found_however_short_the_pages_are(cap: int, after: int, *, whole: bool) -> None:
    """A page with less than was asked for need not be the last, wherever the next one begins."""
    vendor = lists(tasks(3, after), cap=cap, whole=whole)
    found = await made(vendor, ROW, "mine", None)

    assert found is not None
    assert ("mine", str(10_003)) == (found.external_task_id, found.id)
    assert {False} == vendor.retried


@pytest.mark.parametrize("count", [0, 1, 30, 499, 500, 501, 1200])
async def test_a_list_that_ends_without_the_task_proves_that_there_is_none(count: int) -> None:
    """The page after its last row is empty."""
    vendor = lists([task(at, "other") for at in range(count)])

    assert await made(vendor, ROW, "mine", None) is None
    assert len(vendor.asked) <= 2 + count // 500


async def test_where_the_vendor_can_be_asked_no_list_is_searched() -> None:
    """His word is enough."""
    vendor = lists(tasks(1, 1))

    assert await made(vendor, ASKED, "mine", None) is None
    with pytest.raises(TaskNotFound):
        await find(vendor, ASKED, None, "mine")
    assert [] == vendor.asked


async def test_a_list_that_does_not_end_proves_nothing() -> None:
    """Twenty pages are looked at."""
    vendor = lists(tasks(3, 9999))
    with pytest.raises(ResponseError, match=r"the list of images\.multi_shot did not end with its first 10000 tasks"):
        await made(vendor, ROW, "another", None)

    assert 20 == len(vendor.asked)


async def test_what_was_made_before_the_create_need_not_be_looked_at() -> None:
    """The newest come first: after one that is older there are only older ones."""
    vendor = lists(tasks(3, 9999), cap=100)

    assert await made(vendor, ROW, "another", BEGIN + 1000 * (10_003 - 250)) is None
    assert [(1, 500), (2, 100), (3, 100)] == vendor.asked


@pytest.mark.parametrize("how", ["oldest first", "all at once", "no times", "one without"])
async def test_a_list_in_another_order_is_read_to_its_end(how: str) -> None:
    """An old row says nothing about those after it then."""
    rows = tasks(900, 0)
    if how == "oldest first":
        rows.reverse()
    for row in rows[5:6] if how == "one without" else rows:
        row["created_at"] = {"all at once": BEGIN, "oldest first": row["created_at"]}.get(how)
    vendor = lists(rows)
    found = await made(vendor, ROW, "old 0" if how != "oldest first" else "mine", BEGIN + 9_000_000)

    assert found is not None
    assert 2 == len(vendor.asked)


@pytest.mark.parametrize(("late", "pages"), [(2000, 1), (2001, 2)])
async def test_neighbours_may_change_places(late: int, pages: int) -> None:
    """Two servers of the vendor's differ by two seconds at most."""
    rows = tasks(900, 0)
    rows[11]["created_at"] = rows[10]["created_at"] + late
    vendor = lists(rows)
    found = await made(vendor, ROW, "old 0", BEGIN + 9_000_000)

    assert (pages == 2, pages) == (found is not None, len(vendor.asked))


@pytest.mark.parametrize("times", [(5, 4, 3), (5, 3, 3), (5, 3)])
async def test_one_row_that_is_older_is_enough(times: tuple[int, ...]) -> None:
    """What follows it is older still."""
    vendor = lists([task(at, "theirs") for at in times])

    assert await made(vendor, ROW, "mine", BEGIN + 3001) is None
    assert [(1, 500)] == vendor.asked


@pytest.mark.parametrize("odd", [None, "text", [], {}])
@pytest.mark.parametrize("since", [None, BEGIN, BEGIN + 3000])
async def test_a_list_without_external_ids_proves_nothing(odd: Any, since: int | None) -> None:
    """Any of its rows may be the task."""
    with pytest.raises(ResponseError, match=r"the list of images\.multi_shot names no external ids"):
        await made(lists([odd]), ROW, "mine", since)
    with pytest.raises(ResponseError, match="names no external ids"):
        await made(lists(tasks(3, 0, named=False)), ROW, "mine", since)


async def test_a_list_without_external_ids_of_older_tasks_only_proves_that_there_is_none() -> None:
    """Nor does one without an id matter where others have theirs: whoever made it gave none."""
    assert await made(lists(tasks(3, 0, named=False)), ROW, "mine", BEGIN + 3001) is None
    assert await made(lists([task(9, None), task(8, "theirs")]), ROW, "mine", None) is None


async def test_the_task_in_a_list_that_cannot_be_read_is_not_absent() -> None:
    """It is there."""
    with pytest.raises(ResponseError, match="not a task"):
        await made(lists([{"task_info": {"external_task_id": "mine"}}]), ROW, "mine", None)


@pytest.mark.parametrize(("cap", "asked"), [(500, 4), (100, 20), (300, 7)])
async def test_somebody_who_wants_to_see_a_task_has_the_newest_two_thousand_searched(cap: int, asked: int) -> None:
    """And is told that there is none, although there may be."""
    vendor = lists(tasks(3, 2500), cap=cap)
    with pytest.raises(TaskNotFound):
        await find(vendor, ROW, None, "mine")

    assert asked == len(vendor.asked)
    assert {True} == vendor.retried
    assert "10003" == (await find(lists(tasks(3, 1999), cap=cap), ROW, None, "mine")).id


async def test_a_list_is_not_searched_for_a_task_of_ours_by_its_own_id() -> None:
    """Nor after any other refusal than that there is none."""
    vendor, other = lists(tasks(3, 3)), lists(tasks(3, 3))
    other.single = NotFound("no", code=1202, status=404)
    with pytest.raises(TaskNotFound):
        await find(vendor, ROW, "10003", None)
    with pytest.raises(NotFound):
        await find(other, ROW, None, "mine")

    assert [] == vendor.asked == other.asked


@pytest.mark.parametrize("row", [ROW, ASKED])
async def test_an_answer_about_another_task_is_no_answer(row: Any) -> None:
    """Both ids share one place in the path, and a task may bear another's as its name."""
    vendor = Lists([], single=task(1, "theirs"))
    with pytest.raises(ResponseError, match="asked about the external_task_id 'mine', the vendor told of 'theirs'"):
        await find(vendor, row, None, "mine")
    with pytest.raises(ResponseError, match="task '10001'"):
        await made(vendor, row, "mine", None)
    with pytest.raises(ResponseError, match="asked for task '7', the vendor told of '10001'"):
        await find(vendor, row, "7", None)
