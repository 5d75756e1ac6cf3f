"""JSON in and out: tolerant of what comes, exact in what is sent, the same with and without orjson."""

from __future__ import annotations

import importlib.util
import json
import sys
from datetime import UTC, datetime
from decimal import Decimal
from types import ModuleType
from typing import Any

import attrs
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from kling_async import ResponseError
from kling_async.api import GenerateImage
from kling_async.models import ImageResult, MultiShotResult, Task, TaskStatus, VideoResult
from kling_async.protocol import codec
from kling_async.protocol.codec import decimal, load, milliseconds


def without_orjson() -> ModuleType:
    """The codec as it is where the extra `speed` is not installed."""
    spec = importlib.util.spec_from_file_location("kling_async.protocol.plain_codec", codec.__file__)
    assert spec
    assert spec.loader
    module = importlib.util.module_from_spec(spec)
    real = sys.modules.get("orjson")
    modules: dict[str, Any] = sys.modules
    modules["orjson"] = None  # which is how Python is told that there is none
    try:
        spec.loader.exec_module(module)
    finally:
        del sys.modules["orjson"]
        if real is not None:
            sys.modules["orjson"] = real
    return module


PLAIN: Any = without_orjson()
FAST: Any = codec
UNREADABLE: list[Any] = [None, "", "soon", "NaN", "Infinity", True, {}, [], float("nan"), float("inf")]
both = pytest.mark.parametrize("codec", [FAST, PLAIN], ids=["orjson", "json"])


@attrs.frozen(kw_only=True)
class Part:
    """Something in a list, and nothing without its name."""

    name: str
    size: tuple[int, ...] = ()


@attrs.frozen(kw_only=True)
class Sizes:
    """A result with every kind of value."""

    name: str
    count: int = 0
    there: bool = False
    note: str | None = None
    part: Part | None = None
    parts: tuple[Part, ...] = ()
    seconds: float | None = None
    price: Decimal | None = None


@both
@pytest.mark.parametrize(
    "value",
    [None, True, 0, -1, 2**63, 2**80, 0.1, "", "äöü🦊", '"\\/', [], {}, {"a": [1, {"b": None}]}, {"": "\u2028"}],
)
def test_what_is_written_is_read_back(codec: Any, value: object) -> None:
    """JSON survives a round trip, and is UTF-8 without spaces."""
    text = codec.dumps(value)

    assert value == json.loads(text)
    assert json.dumps(value, separators=(",", ":"), ensure_ascii=False).encode() == text


@both
@pytest.mark.parametrize("text", [b"", b"{", b"[1,]", b"nul", b"NaN", b"[Infinity]", b"\xff", b"{'a': 1}", b"1 2"])
def test_what_is_no_json_is_a_value_error(codec: Any, text: bytes) -> None:
    """Both readers refuse the same, Python's own idea of numbers included."""
    with pytest.raises(ValueError):
        codec.loads(text)


@both
@pytest.mark.parametrize(
    ("text", "value"),
    [
        (b"\xef\xbb\xbf{}", {}),
        (b' {"a": 1}\n', {"a": 1}),
        (b'"\\ud83e"', "\ud83e"),
        (b'{"a": 1, "a": 2}', {"a": 2}),
        (b"9007199254740993", 9007199254740993),
        (b"1e2", 100.0),
    ],
)
def test_odd_json_is_read_alike(codec: Any, text: bytes, value: object) -> None:
    """A byte order mark, half a character, a doubled key: both readers agree."""
    assert value == codec.loads(text)


@both
def test_depth_is_no_accident(codec: Any) -> None:
    """What is nested deeper than orjson writes is written all the same."""
    deep: list[Any] = []
    for _ in range(300):
        deep = [deep]

    assert b"[" * 301 + b"]" * 301 == codec.dumps(deep)


@settings(max_examples=100, deadline=None)
@given(
    value=st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(2**63), 2**64 - 1)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=8,
    )
)
def test_both_write_what_both_read(value: object) -> None:
    """With and without orjson the same is read from either's text."""
    fast, plain = FAST.dumps(value), PLAIN.dumps(value)

    assert value == FAST.loads(plain) == PLAIN.loads(fast) == FAST.loads(fast) == PLAIN.loads(plain)


@both
def test_both_dump_requests_alike(codec: Any) -> None:
    """A request's body does not depend on what is installed."""
    request = GenerateImage(prompt="a fox", n=2, element_list=[{"element_id": 5}], extra={"x": [1, "y"]})

    assert {"prompt": "a fox", "n": 2, "element_list": [{"element_id": 5}], "x": [1, "y"]} == json.loads(
        codec.dumps(codec.dump(request))
    )


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"name": "a"}, Sizes(name="a")),
        (
            {"name": "a", "count": "3", "seconds": "5.041", "price": "2.40"},
            Sizes(name="a", count=3, seconds=5.041, price=Decimal("2.40")),
        ),
        ({"name": 7, "count": None, "seconds": None, "price": None}, Sizes(name="7")),
        ({"name": "a", "count": "", "seconds": "", "price": ""}, Sizes(name="a")),
        ({"name": "a", "seconds": "soon"}, Sizes(name="a")),
        ({"name": "a", "seconds": "NaN"}, Sizes(name="a")),
        ({"name": "a", "seconds": 5}, Sizes(name="a", seconds=5.0)),
        ({"name": "a", "price": 0.05}, Sizes(name="a", price=Decimal("0.05"))),
        ({"name": "a", "new": {"deep": [1]}}, Sizes(name="a")),
    ],
)
def test_results_are_read_with_tolerance(given: object, expected: Sizes) -> None:
    """Numbers may be text; null, the empty text and a missing key are the same; unknown keys are left alone."""
    assert expected == load(Sizes, given)


@pytest.mark.parametrize(
    "given",
    [
        None,
        [],
        "x",
        5,
        {},
        {"name": None},
        {"name": ""},
        {"name": {}},
        {"name": ["a"]},
        {"name": True},
    ],
)
def test_result_that_does_not_fit_is_named(given: object) -> None:
    """What lacks a required field, or is something else altogether, is a ResponseError that says what."""
    with pytest.raises(ResponseError, match=r"documented shape \(Sizes: "):
        load(Sizes, given)


@pytest.mark.parametrize(
    ("odd", "expected", "named"),
    [
        ({"count": "x"}, Sizes(name="a"), "count"),
        ({"count": True}, Sizes(name="a"), "count"),
        ({"count": 4.5}, Sizes(name="a", count=4), "count"),
        ({"there": "perhaps"}, Sizes(name="a"), "there"),
        ({"note": False}, Sizes(name="a"), "note"),
        ({"note": 0.5}, Sizes(name="a"), "note"),
        ({"part": "x"}, Sizes(name="a"), "part"),
        ({"part": [{"name": "b"}, {"name": "c"}]}, Sizes(name="a"), "part"),
        ({"part": {"size": [1]}}, Sizes(name="a"), "part"),
        ({"part": {"name": "b", "size": [1, "x"]}}, Sizes(name="a", part=Part(name="b")), "part.size"),
        ({"parts": "x"}, Sizes(name="a"), "parts"),
        ({"parts": [None, {"name": "b"}, {}, "x"]}, Sizes(name="a", parts=(Part(name="b"),)), "parts[0], parts[2]"),
        ({"parts": [{"name": "b", "size": 5}]}, Sizes(name="a", parts=(Part(name="b"),)), "parts[0].size"),
        ({"parts": [0] * 9}, Sizes(name="a"), "parts[4] and 4 more"),
    ],
)
def test_odd_value_costs_itself_alone(
    odd: dict[str, Any], expected: Sizes, named: str, caplog: pytest.LogCaptureFixture
) -> None:
    """What may be missing may be odd, and so may items of lists: the rest is read, and one warning says what is not."""
    read = load(Sizes, {"name": "a", **odd}, "this answer")

    (said,) = caplog.messages
    assert expected == read
    assert said.startswith("this answer is not as documented, and was read without ")
    assert named in said


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ({"name": "a", "parts": {"name": "b"}}, Sizes(name="a", parts=(Part(name="b"),))),
        ({"name": "a", "part": [{"name": "b"}]}, Sizes(name="a", part=Part(name="b"))),
        ([{"name": "a", "parts": [[{"name": "b"}]]}], Sizes(name="a", parts=(Part(name="b"),))),
        ({"name": "a", "there": "yes"}, Sizes(name="a", there=True)),
        ({"name": "a", "there": "off"}, Sizes(name="a")),
    ],
)
def test_one_is_a_list_of_one(given: object, expected: Sizes, caplog: pytest.LogCaptureFixture) -> None:
    """An object where a list is due, or the other way round, costs nothing and is no reason for a warning."""
    read = load(Sizes, given)

    assert (expected, []) == (read, caplog.messages)


@pytest.mark.parametrize("kind", [ImageResult, VideoResult, MultiShotResult])
@pytest.mark.parametrize(
    "given", [{}, {"images": None, "videos": None}, {"images": [], "videos": []}, {"images": "", "videos": ""}]
)
def test_lists_may_be_missing_null_or_empty(kind: Any, given: object) -> None:
    """A result without its list has no files."""
    assert () == load(kind, given).files


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (1722769557708, datetime(2024, 8, 4, 11, 5, 57, 708000, tzinfo=UTC)),
        ("1722769557708", datetime(2024, 8, 4, 11, 5, 57, 708000, tzinfo=UTC)),
        (1722769557708.0, datetime(2024, 8, 4, 11, 5, 57, 708000, tzinfo=UTC)),
        (253_402_300_799_999, datetime(9999, 12, 31, 23, 59, 59, 999000, tzinfo=UTC)),
        (253_402_300_800_000, None),
        (-1, None),
        (0, datetime(1970, 1, 1, tzinfo=UTC)),
        *[(odd, None) for odd in UNREADABLE],
    ],
)
def test_moments_are_aware_or_none(given: object, expected: datetime | None) -> None:
    """Unix milliseconds, as number or text, are an aware datetime; a date that cannot be read costs no task."""
    task = Task(id="1", status=TaskStatus.SUBMITTED, result=None, created_ms=milliseconds(given))

    assert expected == task.created_at


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        ("0", Decimal(0)),
        ("2.4", Decimal("2.4")),
        (8, Decimal(8)),
        (0.05, Decimal("0.05")),
        (2**80, Decimal(2**80)),
        ("1e30", Decimal("1e30")),
        *[(far, None) for far in ("1e31", "1e300000", "-1e10000000", "1e-300000", "0e300000", "0" * 101, 10**40)],
        *[(odd, None) for odd in UNREADABLE],
    ],
)
def test_decimals_are_exact_or_none(given: object, expected: Decimal | None) -> None:
    """Units are exact decimals; missing, empty and unreadable are None."""
    assert expected == decimal(given)


def test_few_digits_that_mean_many_are_no_number() -> None:
    """A text of nine bytes that names a number of 300,000 digits is odd, and does not keep the loop for seconds."""
    assert Sizes(name="a") == load(Sizes, {"name": "a", "count": "1e300000", "price": "1e300000"})


@pytest.mark.parametrize("status", [TaskStatus.SUCCEED, TaskStatus.FAILED])
@pytest.mark.parametrize("days", [0, 29])
def test_task_that_ends_with_the_calendar_has_no_expiry(status: TaskStatus, days: int) -> None:
    """30 days after the last of December 9999 there is no date: None, and no accident."""
    last = 253_402_300_799_999 - days * 86_400_000

    task = Task(id="1", status=status, result=None, updated_ms=last)

    assert None is task.expires_at


def test_task_expires_after_30_days() -> None:
    """An ended task's files are kept for 30 days."""
    task = Task(id="1", status=TaskStatus.SUCCEED, result=None, updated_ms=1722769557708)

    assert datetime(2024, 9, 3, 11, 5, 57, 708000, tzinfo=UTC) == task.expires_at


def test_numbers_too_long_for_python_are_none() -> None:
    """Digits beyond any limit are one more thing that cannot be read."""
    endless = "9" * 5000

    read = [milliseconds(endless), milliseconds(10**400), decimal(10**5000), milliseconds(f"-{endless}")]

    assert [None] * 4 == read
