"""A row: the calls it describes, and every way the documents let a task be written."""

from __future__ import annotations

import copy
import inspect
import pickle
import pydoc
from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_async import InvalidRequest, ResponseError, Task, TaskStatus
from kling_async.api import ROWS, GenerateImage, Images, TextToVideo, Videos
from kling_async.models import BalanceDeduction, Image, MultiShotImage, Video, VideoResult
from kling_async.protocol.endpoint import TaskMethod, TaskSpec

IMAGE: Any = Images.generate
SHOTS: Any = Images.multi_shot
VIDEO: Any = Videos.text_to_video
EMPTY: list[Any] = [None, {}, [], ""]
every_row = pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
CREATED = {
    "task_id": "800000000000000001",
    "task_status": "submitted",
    "task_info": {"external_task_id": "order-17"},
    "created_at": 1774700000000,
    "updated_at": 1774700012000,
}
LINK = "https://cdn.example/kling/0.png?Expires=1&Signature=x"


def new_id() -> str:
    """What the client would draw."""
    return "drawn"


def test_task_is_read_as_documented() -> None:
    """A finished task carries ids, times, units, and its result as values."""
    row = {
        **CREATED,
        "task_status": "succeed",
        "task_status_msg": "",
        "final_unit_deduction": "2.4",
        "final_balance_deduction": {"quota": "0.336", "list_price": "0.4"},
        "watermark_info": {"enabled": True},
        "task_result": {"videos": [{"id": "77", "url": LINK, "watermark_url": f"{LINK}w", "duration": "5.041"}]},
    }

    task = VIDEO.read(row)

    assert ("800000000000000001", "order-17", TaskStatus.SUCCEED) == (task.id, task.external_task_id, task.status)
    assert task.result
    assert (Video(url=LINK, id="77", duration=5.041, watermark_url=f"{LINK}w"),) == task.result.videos
    assert (Decimal("2.4"), "") == (task.units, task.message)
    assert BalanceDeduction(quota=Decimal("0.336"), list_price=Decimal("0.4")) == task.balance
    assert datetime(2026, 3, 28, 12, 13, 20, tzinfo=UTC) == task.created_at
    assert row == task.raw


@every_row
@pytest.mark.parametrize(
    ("info", "expected"),
    [
        ({"task_info": {"external_task_id": "mine"}}, "mine"),
        ({"task_info": {"external_task_id": None}}, None),
        ({"task_info": {"external_task_id": ""}}, None),
        ({"task_info": {"external_task_id": 5}}, None),
        ({"task_info": {"parent_video": {"id": "1"}}}, None),
        ({"task_info": {}}, None),
        ({"task_info": None}, None),
        ({"task_info": []}, None),
        ({}, None),
    ],
)
def test_task_info_may_take_any_form(row: Any, info: dict[str, Any], expected: str | None) -> None:
    """`task_info` may be full, empty, null or missing, and null inside."""
    task = row.read({"task_id": "1", "task_status": "submitted", **info})

    assert expected == task.external_task_id


@every_row
@pytest.mark.parametrize(
    "result",
    [
        {},
        *[{"task_result": empty} for empty in EMPTY],
        *[{"task_result": {"images": empty, "videos": empty}} for empty in EMPTY],
    ],
)
def test_success_without_result_lists_is_a_success(row: Any, result: dict[str, Any]) -> None:
    """A success whose lists are missing, null or empty is a success without files."""
    task = row.read({"task_id": "1", "task_status": "succeed", **result})

    assert TaskStatus.SUCCEED is task.status
    assert () == task.result.files


@every_row
@pytest.mark.parametrize("status", ["submitted", "processing", "failed", "paused"])
def test_result_belongs_to_success_only(row: Any, status: str) -> None:
    """Before the end, and after a failure, there is no result, whatever the vendor writes there."""
    task = row.read({"task_id": "1", "task_status": status, "task_result": {"images": 5, "videos": "odd"}})

    assert None is task.result


@pytest.mark.parametrize(
    ("word", "status", "final"),
    [
        ("submitted", TaskStatus.SUBMITTED, False),
        ("processing", TaskStatus.PROCESSING, False),
        ("succeed", TaskStatus.SUCCEED, True),
        ("succeeded", TaskStatus.SUCCEED, True),
        ("failed", TaskStatus.FAILED, True),
        ("queueing", TaskStatus.UNKNOWN, False),
        ("", TaskStatus.UNKNOWN, False),
    ],
)
def test_status_words(word: str, status: TaskStatus, final: bool) -> None:  # noqa: FBT001
    """Both spellings of success are one; a word not seen before is not final, and stays readable."""
    task = IMAGE.read({"task_id": "1", "task_status": word})

    assert (status, final) == (task.status, task.status.final)
    assert word == task.raw["task_status"]


@pytest.mark.parametrize(
    ("units", "expected"),
    [
        ({}, None),
        ({"final_unit_deduction": None}, None),
        ({"final_unit_deduction": ""}, None),
        ({"final_unit_deduction": "0"}, Decimal(0)),
        ({"final_unit_deduction": "2.4"}, Decimal("2.4")),
        ({"final_unit_deduction": 8}, Decimal(8)),
    ],
)
def test_units_may_be_missing_empty_or_text(units: dict[str, Any], expected: Decimal | None) -> None:
    """Units are exact, or None until the vendor says."""
    assert expected == IMAGE.read({"task_id": "1", "task_status": "failed", **units}).units


@pytest.mark.parametrize(
    ("balance", "expected"),
    [
        ({"quota": "1.5", "list_price": "2"}, BalanceDeduction(quota=Decimal("1.5"), list_price=Decimal(2))),
        ({"quota": "", "new": 1}, BalanceDeduction()),
        ({}, BalanceDeduction()),
        (None, None),
        ("", None),
    ],
)
def test_balance_may_be_missing(balance: object, expected: BalanceDeduction | None) -> None:
    """The cash side is there since mid-2026, and not always."""
    task = IMAGE.read({"task_id": "1", "task_status": "succeed", "final_balance_deduction": balance})

    assert expected == task.balance


@pytest.mark.parametrize("mark", [{}, {"watermark_url": None}, {"watermark_url": ""}])
def test_watermark_may_be_missing_null_or_empty(mark: dict[str, Any]) -> None:
    """Without a watermarked file there is none."""
    task = IMAGE.read(
        {"task_id": "1", "task_status": "succeed", "task_result": {"images": [{"url": LINK, "index": 0, **mark}]}}
    )

    assert task.result
    assert (Image(url=LINK),) == task.result.images


def test_multi_shot_gives_views() -> None:
    """Sets of three views are read, and the single `url` of one copy of the documents too; empty ones fall away."""
    sets = [
        {"index": 0, "url_1": "https://a/1", "url_2": "https://a/2", "url_3": "https://a/3"},
        {"index": "1", "url": "https://a/4"},
        {"index": 2, "url_1": "https://a/5", "url_2": "", "url_3": None},
        {},
    ]

    task = SHOTS.read({"task_id": "1", "task_status": "succeed", "task_result": {"images": sets}})

    assert task.result
    assert MultiShotImage(index=1, url="https://a/4") == task.result.images[1]
    assert [(f"https://a/{at}", index) for at, index in [(1, 0), (2, 0), (3, 0), (4, 1), (5, 2)]] == [
        (view.url, view.index) for view in task.result.files
    ]


@every_row
def test_data_may_be_an_array_of_one(row: Any) -> None:
    """A query may answer with a list of one task."""
    assert row.read(CREATED) == row.read([CREATED])


@every_row
def test_ids_may_be_numbers(row: Any) -> None:
    """A task id that comes as a number keeps every digit."""
    assert "123456789012345678" == row.read({**CREATED, "task_id": 123456789012345678}).id


@every_row
def test_raw_keeps_everything(row: Any) -> None:
    """Fields that are newer than this package stay readable."""
    told = {**CREATED, "eta": 5, "new": {"deep": [1, None, "ä\ud83e", 2**70]}}

    assert told == row.read(told).raw


@every_row
@pytest.mark.parametrize(
    "data",
    [
        None,
        [],
        "text",
        5,
        {},
        [CREATED, CREATED],
        [[CREATED]],
        {"task_status": "succeed"},
        {"task_id": "1"},
        {"task_id": None, "task_status": "succeed"},
        {"task_id": "", "task_status": "succeed"},
        {"task_id": True, "task_status": "succeed"},
        {"task_id": ["1"], "task_status": "succeed"},
        {"task_id": "1", "task_status": 5},
        {"task_id": "1", "task_status": None},
    ],
)
def test_what_is_no_task_is_refused(row: Any, data: object) -> None:
    """Anything without an id and a status is an answer that makes no sense."""
    with pytest.raises(ResponseError, match="not a task"):
        row.read(data)


@every_row
@pytest.mark.parametrize("result", ["odd", 5, True, [1, 2], ["x"]])
def test_result_without_shape_is_an_empty_one(row: Any, result: object, caplog: pytest.LogCaptureFixture) -> None:
    """A success whose result cannot be read at all is a success without files, its raw in full, and one warning."""
    data = {"task_id": "T8", "task_status": "succeed", "task_result": result, "final_unit_deduction": "8"}

    task = row.read(data)

    assert () == task.result.files
    assert (Decimal(8), data) == (task.units, task.raw)
    assert (1, True) == (len(caplog.messages), "task T8 cannot be read" in caplog.text)


@every_row
@pytest.mark.parametrize("odd", ["odd", 5, [0], [None, "x"], [[]], {"odd": [1]}, [{"url": {}, "element_id": "x"}]])
def test_odd_lists_of_a_result_are_empty(row: Any, odd: object, caplog: pytest.LogCaptureFixture) -> None:
    """Whatever stands where a list of things is due, the task is a success, and one warning names the place."""
    lists = dict.fromkeys(("images", "series_images", "videos", "audios", "voices", "elements"), odd)

    task = row.read({"task_id": "T8", "task_status": "succeed", "task_result": lists})

    (said,) = caplog.messages or ["T8"]
    assert () == task.result.files
    assert "T8" in said


@every_row
def test_page_is_a_tuple_of_tasks(row: Any) -> None:
    """A page may be full, empty, null, or its only task without the array."""
    assert (row.read(CREATED),) * 2 == row.read_page([CREATED, CREATED])
    assert () == row.read_page([]) == row.read_page(None)
    assert (row.read(CREATED),) == row.read_page(CREATED)


@pytest.mark.parametrize("data", [{}, "text", 5, [None], ["x", []]])
def test_page_that_is_none_is_refused(data: Any) -> None:
    """A page is a list of tasks, or nothing."""
    with pytest.raises(ResponseError):
        IMAGE.read_page(data)


@every_row
@pytest.mark.parametrize("odd", [None, {}, "x", [], {"task_id": "1"}, {"task_status": "succeed"}])
def test_row_that_is_no_task_costs_itself_alone(row: Any, odd: object, caplog: pytest.LogCaptureFixture) -> None:
    """A page without its odd row is what is read, and one warning tells that there was one."""
    tasks = row.read_page([CREATED, odd, CREATED])

    assert (row.read(CREATED),) * 2 == tasks
    assert [f"1 of 3 rows of a page of {row.name} cannot be read, and were left out"] == caplog.messages


def test_wanted_row_that_is_no_task_is_no_missing_task() -> None:
    """A search that meets the task it is looking for, and cannot read it, does not say that there is none."""
    call = IMAGE.pick(1, 30, "order-17")

    with pytest.raises(ResponseError, match="not a task"):
        call.read([{"task_info": {"external_task_id": "order-17"}}])


@every_row
def test_method_shows_what_it_takes(row: Any) -> None:
    """`help(kling.videos.omni)` tells of the method, then of its request: what it is for, and its fields."""
    nobody: Any = None
    own = inspect.getdoc(TaskMethod)
    told: str = getattr(row.request, "described", lambda: inspect.getdoc(row.request) or "")()

    shown = pydoc.plain(pydoc.render_doc(TaskMethod(row, nobody)))

    assert own
    assert own.startswith("An endpoint with a backend behind it")
    assert f"{own}\n\n{told}" == TaskMethod(row, nobody).__doc__
    assert all(line.strip() in shown for line in told.splitlines())


def test_fields_are_told_by_the_request_itself() -> None:
    """A request class that can describe its fields does so in `help()`; one without any words has none."""
    nobody: Any = None
    plain: TaskSpec[..., Any, Any] = TaskSpec(Wordless, VideoResult, "/v1/x", pool="video")
    telling: TaskSpec[..., Any, Any] = TaskSpec(Telling, VideoResult, "/v1/x", pool="video")

    wordless, described = TaskMethod(plain, nobody).__doc__, TaskMethod(telling, nobody).__doc__

    assert inspect.getdoc(TaskMethod) == wordless
    assert f"{wordless}\n\nTelling of prompt" == described


class Wordless:
    """A request whose docstring was stripped, as `python -OO` does."""

    __doc__ = None


class Telling:
    """A request."""

    @classmethod
    def described(cls) -> str:
        """What `help()` shows."""
        return f"{cls.__name__} of prompt"


def test_task_is_a_value() -> None:
    """Tasks compare, hash, copy and go through pickle."""
    task = VIDEO.read({**CREATED, "task_status": "succeed", "task_result": {"videos": [{"url": LINK}]}})

    assert {task} == {copy.deepcopy(task), pickle.loads(pickle.dumps(task))}  # noqa: S301 - our own bytes


@every_row
def test_calls_are_values(row: Any) -> None:
    """Queries and pages are free and repeatable, and name what they ask for."""
    one, page = row.query("8"), row.page(2, 500)

    assert ("GET", f"{row.path}/8", None, True) == (one.method, one.path, one.body, one.repeatable)
    assert ("GET", row.path, {"pageNum": "2", "pageSize": "500"}, True) == (
        page.method,
        page.path,
        page.query,
        page.repeatable,
    )
    assert row.query("8") == one


@pytest.mark.parametrize(
    ("given_id", "segment"),
    [
        ("a/b", "a%2Fb"),
        ("a b", "a%20b"),
        ("?x#y%", "%3Fx%23y%25"),
        ("ä🦊", "%C3%A4%F0%9F%A6%8A"),
        (".", "%2E"),
        ("..", "%2E%2E"),
        ("...", "..."),
    ],
)
def test_ids_stay_one_segment(given_id: str, segment: str) -> None:
    """An id of any characters is one segment of the path, never a step in it."""
    assert f"/v1/images/generations/{segment}" == IMAGE.query(given_id).path


@pytest.mark.parametrize(
    ("number", "size"), [(0, 30), (1001, 30), (1, 0), (1, 501), (True, 30), ("1", 30), (1.0, 30), (1, None)]
)
def test_page_limits(number: Any, size: Any) -> None:
    """Pages beyond the vendor's limits are refused here."""
    with pytest.raises(InvalidRequest, match="must be a whole number between 1 and"):
        IMAGE.page(number, size)


def test_create_carries_an_external_id() -> None:
    """The request's own id is sent, else a new one; a create is not repeatable."""
    own, call = IMAGE.create(GenerateImage(prompt="a fox", external_task_id="mine"), new_id)
    drawn, other = IMAGE.create(GenerateImage(prompt="a fox"), new_id)

    assert ("mine", {"prompt": "a fox", "external_task_id": "mine"}) == (own, call.body)
    assert ("drawn", {"prompt": "a fox", "external_task_id": "drawn"}) == (drawn, other.body)
    assert ("POST", IMAGE.path, False) == (call.method, call.path, call.repeatable)


@pytest.mark.parametrize("nothing", ["", None])
def test_empty_external_id_in_extra_is_none(nothing: object) -> None:
    """An id that `extra` empties is replaced: every create can be found again."""
    request = GenerateImage(prompt="a fox", external_task_id="mine", extra={"external_task_id": nothing})

    assert "drawn" == IMAGE.create(request, new_id)[0]


def test_create_takes_its_own_requests_only() -> None:
    """A request of another endpoint is refused before anything is sent."""
    wrong: Any = TextToVideo(prompt="a fox")

    with pytest.raises(InvalidRequest, match="takes a GenerateImage"):
        IMAGE.create(wrong, new_id)


def test_call_does_not_show_the_prompt() -> None:
    """The repr of a call, which logs may hold, keeps the body to itself."""
    _, call = IMAGE.create(GenerateImage(prompt="a private fox"), new_id)

    assert "fox" not in repr(call)


def test_image_task_weighs_its_number_of_pictures() -> None:
    """An image task holds as many slots as it makes pictures, any other task one."""
    assert (3, 1) == (IMAGE.weight(GenerateImage(prompt="a fox", n=3)), IMAGE.weight(GenerateImage(prompt="a fox")))
    assert 1 == VIDEO.weight(TextToVideo(prompt="a fox"))


@every_row
def test_row_knows_its_name(row: Any) -> None:
    """A row is found under its own name, which its repr shows."""
    assert ROWS[row.name] is row
    assert row.name in repr(row)


LEAF = (
    st.none()
    | st.booleans()
    | st.integers(-(10**30), 10**30)
    | st.floats()
    | st.text(st.characters(exclude_categories=()), max_size=12)
)
KEYS = (
    *("task_id", "task_status", "task_info", "external_task_id", "task_result", "images", "videos", "url", "url_1"),
    *("index", "duration", "created_at", "final_unit_deduction", "final_balance_deduction", "quota"),
    *("task_status_msg", "x"),
)
WORDS = st.sampled_from(["succeed", "succeeded", "failed", "submitted", "1", LINK])
ANY_JSON: Any = st.recursive(
    LEAF | WORDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from(KEYS), inner, max_size=6),
    max_leaves=12,
)
RESULT: Any = (
    st.dictionaries(st.sampled_from(["images", "videos"]), st.lists(ANY_JSON, max_size=3) | ANY_JSON) | ANY_JSON
)
OTHERS: tuple[str, ...] = (
    "task_info",
    "created_at",
    "updated_at",
    "final_unit_deduction",
    "final_balance_deduction",
    "new",
)
OPTIONAL: dict[str, Any] = {"task_result": RESULT, **dict.fromkeys(OTHERS, ANY_JSON)}
TASK_LIKE: Any = st.fixed_dictionaries(
    {"task_id": WORDS, "task_status": st.sampled_from(["succeed", "failed"])},
    optional=OPTIONAL,
)


@every_row
@settings(max_examples=80, deadline=None)
@given(data=ANY_JSON | TASK_LIKE)
def test_any_json_is_a_task_or_a_response_error(row: Any, data: Any) -> None:
    """Whatever stands in `data`, reading it gives a task, or raises ResponseError where id or status is missing."""
    try:
        task = row.read(data)
    except ResponseError as error:
        assert 500 > len(str(error))  # noqa: PT017 - either outcome is right
        assert "not a task" in str(error)  # noqa: PT017
        return

    assert Task is type(task)
    assert dict is type(task.raw)
    assert (task.result is not None) is (task.status is TaskStatus.SUCCEED)


@pytest.mark.parametrize("depth", [200, 300, 990, 5000, 50_000])
def test_endless_nesting_is_no_accident(depth: int) -> None:
    """However deep an unknown field goes, the task is read or refused as an answer that makes no sense."""
    deep: Any = []
    for _ in range(depth):
        deep = [deep]

    for data in ({**CREATED, "new": deep}, deep):
        try:
            IMAGE.read(data)
        except ResponseError as error:
            assert "nested" in str(error) or "not a task" in str(error)  # noqa: PT017 - either outcome is right
