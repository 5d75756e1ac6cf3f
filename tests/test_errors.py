"""One tree, each code in exactly one class, and every error survives a journey."""

from __future__ import annotations

import copy
import inspect
import pickle
import re
from pathlib import Path

import pytest

import kling_async
from kling_async import ApiError, InvalidRequest, KlingClient, KlingError, Task, TaskRef, TaskStatus, errors
from kling_async.api import ImageToVideo
from kling_async.errors import CODES
from kling_async.wording import shown

PNG = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR\0\0\x02\0\0\0\x02\0"
VENDORS_CODES = {
    *(1000, 1001, 1002, 1003, 1004),
    *(1100, 1101, 1102, 1103),
    *(1200, 1201, 1202, 1203),
    *(1300, 1301, 1302, 1303, 1304),
    *(5000, 5001, 5002),
}

ALL = [kind for _, kind in inspect.getmembers(errors, inspect.isclass) if issubclass(kind, KlingError)]


def drawn() -> dict[str, tuple[str, list[int]]]:
    """The tree at the top of errors.py: name -> (parent, codes)."""
    tree, parents = dict[str, tuple[str, list[int]]](), ["KlingError"]
    assert errors.__doc__ is not None
    for line in errors.__doc__.splitlines():
        if match := re.match(r"^([│ ]*)[├└]── (.*)$", line):
            depth = len(match[1]) // 4 + 1
            text = re.split(r"   +|\(", match[2])[0]
            names = re.findall(r"[A-Z]\w+", text)
            codes = [int(code) for code in re.findall(r"\b\d{4}\b", match[2])]
            parents[depth:] = [names[-1]]
            tree |= dict.fromkeys(names, (parents[depth - 1], codes))
    return tree


def test_the_tree_at_the_top_of_the_module_is_the_tree() -> None:
    """Every class is drawn, below the parent it has."""
    tree = drawn()

    assert {kind.__name__ for kind in ALL} == {"KlingError", *tree}
    for name, (parent, _) in tree.items():
        assert parent in {base.__name__ for base in getattr(errors, name).__bases__}, name


def test_every_code_of_the_vendors_table_stands_in_exactly_one_class() -> None:
    """The picture, the table and the vendor's page agree."""
    tree = drawn()

    assert set(CODES) == VENDORS_CODES
    for code, meaning in CODES.items():
        holders = {name for name, (_, codes) in tree.items() if code in codes} - {"TaskNotFound", "DuplicateTask"}
        assert {meaning.error.__name__} == holders, code


@pytest.mark.parametrize("code", CODES)
def test_every_code_comes_with_advice(code: int) -> None:
    """One sentence on what to do, without a full stop of its own."""
    advice = CODES[code].advice

    assert 10 < len(advice) < 120
    assert not advice.endswith(".")


@pytest.mark.parametrize("kind", ALL, ids=lambda kind: kind.__name__)
def test_every_error_is_public_and_documented(kind: type[KlingError]) -> None:
    """Importable from the top, in `__all__` of both modules, with a docstring of its own."""
    assert kind is getattr(kling_async, kind.__name__)
    assert kind.__name__ in errors.__all__
    assert kind.__doc__ != (kind.__base__.__doc__ if kind.__base__ else None)


def examples() -> list[KlingError]:
    """One error of every way to make one."""
    handle = KlingClient(api_key="not-used-0123456789").images.generate.attach("1")
    task = Task(id="1", status=TaskStatus.FAILED, result=None, message="why")
    return [
        errors.InvalidRequest("n", "must be between 1 and 9", 10),
        errors.BadRequest("no", code=1201, status=400, request_id="r", advice="a", retry_after=3.0),
        errors.DuplicateTask("no", code=1201, status=400),
        errors.SlotsExceeded("full", code=1303, status=429),
        errors.ConnectionFailed("cut", may_have_been_created=True),
        errors.RequestTimeout("slow"),
        errors.ResponseError("odd", status=200, request_id="r", excerpt="<"),
        errors.SubmitUnknown("open", external_task_id="k1"),
        errors.TaskFailed(task),
        errors.TaskTimeout(handle, 5.0),
        errors.TaskLost(TaskRef(endpoint="images.generate", task_id="1"), seconds=60.0),
        errors.DownloadError("half", done=[], failed=[errors.UnsafeURL("odd")]),
        errors.MissingCredentials("none"),
        errors.SlotsUnavailable("none"),
    ]


@pytest.mark.parametrize("error", examples(), ids=lambda error: type(error).__name__)
def test_an_error_survives_pickle_and_copy(error: KlingError) -> None:
    """Process pools and waiters get the whole of it."""
    for twin in (pickle.loads(pickle.dumps(error)), copy.copy(error)):  # noqa: S301 - our own bytes
        assert type(error) is type(twin)
        assert str(error) == str(twin)
        for name in set(vars(error)) - {"handle", "failed"}:
            assert vars(error)[name] == vars(twin)[name], name


def test_the_vendors_refusal_and_ours_are_caught_alike() -> None:
    """`except InvalidRequest` and `except ValueError` catch both."""
    assert issubclass(errors.BadRequest, InvalidRequest)
    assert issubclass(InvalidRequest, ValueError)
    assert not issubclass(InvalidRequest, ApiError)


def test_a_message_says_what_happened_where_and_what_to_do() -> None:
    """Read aloud, it makes sense."""
    error = errors.SlotsExceeded(
        "parallel task over resource pack limit", code=1303, status=429, request_id="r-1", advice=CODES[1303].advice
    )

    assert (
        "parallel task over resource pack limit (code 1303, HTTP 429, request r-1). "
        "Wait for one of the account's running tasks to end, or buy more concurrency"
    ) == str(error)
    assert "n: must be between 1 and 9; got 10" == str(errors.InvalidRequest("n", "must be between 1 and 9", 10))


def test_a_failed_task_tells_the_reason_in_one_line() -> None:
    """The words are the vendor's, or of whoever wrote the prompt: they forge no line of a log and open no link."""
    message = (
        "no\r\n2026-01-01 root: \x1b[31mall\u202e well\x00, see\thttps://me:SECRET@h.example/a?Signature=SECRET now"
    )
    task = Task(id="1\n2", status=TaskStatus.FAILED, result=None, message=message)

    error = errors.TaskFailed(task)

    expected = "no 2026-01-01 root: [31mall well, see https://***@h.example/a?*** now"
    assert f"task 1 2 failed: {expected}" == str(error)
    assert message == error.task.message


@pytest.mark.parametrize("message", ["", " \n", "\x00"])
def test_a_failed_task_without_a_readable_reason_says_so(message: str) -> None:
    """So that the line does not end in the air."""
    task = Task(id="1", status=TaskStatus.FAILED, result=None, message=message)

    assert "task 1 failed: the vendor gave no reason" == str(errors.TaskFailed(task))


def test_what_waits_for_a_task_tells_its_id_in_one_line() -> None:
    """The id is the vendor's word too."""
    handle = KlingClient(api_key="not-used-0123456789").images.generate.attach("1\n2")
    ref = TaskRef(endpoint="images.generate", task_id="1\n2")

    assert "task 1 2 is" in str(errors.TaskTimeout(handle, 5.0))
    assert "no task 1 2 for" in str(errors.TaskLost(ref, seconds=60.0))


@pytest.mark.parametrize(
    "value",
    [
        "x" * 10_000_000,
        b"x" * 10_000_000,
        bytearray(10_000_000),
        [b"x" * 10_000_000],
        {"a": ("x" * 10_000_000,)},
        ImageToVideo(image=PNG + b"x" * 5_000_000),
    ],
    ids=["text", "bytes", "bytearray", "list", "mapping", "request"],
)
def test_an_error_does_not_carry_a_picture(value: object) -> None:
    """Of a large value an error keeps what its message shows of it, so that its pickle is small."""
    error = InvalidRequest("image", "must be smaller", value)

    assert shown(value) == error.value
    assert 1000 > len(pickle.dumps(error))


@pytest.mark.parametrize("value", [None, 10, "a fox", b"fox", [1, {"a": (2,)}], Path("fox.png"), 10**400])
def test_an_error_carries_a_small_value_as_it_is(value: object) -> None:
    """What was given can be looked at."""
    assert value is InvalidRequest("image", "must be other", value).value


def test_an_endless_value_is_not_carried() -> None:
    """What holds itself is told, not followed."""
    endless: list[object] = []
    endless.append(endless)

    assert "a value of type list that cannot be written" == InvalidRequest("image", "must be other", endless).value
