"""What reading a list page costs when only some of its tasks are ours: CPU per page, JSON and all.

A page of 500 finished tasks, 100 of them ours, as a watcher gets it: bytes in, typed tasks out. Beside it cattrs, which
builds typed tasks of every row of the same page in the same way, and our own reading of every row. All three run in
turns; only their ratios mean anything. Target: at least 2.5 times less than cattrs on every row.
"""

from __future__ import annotations

import json
import statistics
import time
from collections.abc import Callable, Mapping
from typing import Any

import attrs
from cattrs import Converter
from cattrs.gen import make_dict_structure_fn

from kling_async.api import Images
from kling_async.models import ImageResult
from kling_async.protocol.call import Answer
from kling_async.protocol.codec import loads
from kling_async.protocol.endpoint import Wanted
from kling_async.protocol.envelope import unwrap

ROUNDS, ROWS, OURS = 40, 500, 100
LINK = "https://cdn.example/kling/{}.png?Expires=1777292012&Signature=" + "x" * 120 + "&Key-Pair-Id=K"


def row(number: int) -> dict[str, object]:
    """A finished task as the vendor lists it."""
    return {
        "task_id": str(800000000000000000 + number),
        "task_status": "succeed",
        "task_status_msg": "",
        "final_unit_deduction": "16",
        "watermark_info": {"enabled": False},
        "task_info": {"external_task_id": f"k{number:024x}"},
        "created_at": 1774700000000,
        "updated_at": 1774700012000,
        "task_result": {"images": [{"index": at, "url": LINK.format(at), "watermark_url": ""} for at in range(2)]},
    }


PAGE = [row(number) for number in range(ROWS)]
BODY = json.dumps({"code": 0, "message": "SUCCEED", "request_id": "0f8c-1", "data": PAGE}).encode()
WANTED = {str(task["task_id"]) for task in PAGE[::5]}


@attrs.frozen
class Info:
    """As documented."""

    external_task_id: str | None = None


@attrs.frozen
class Row:
    """A task as one would declare it for cattrs."""

    task_id: str
    task_status: str
    task_status_msg: str = ""
    final_unit_deduction: str | None = None
    task_info: Info | None = None
    created_at: int | None = None
    updated_at: int | None = None
    task_result: ImageResult | None = None


converter = Converter(detailed_validation=False)


@converter.register_structure_hook_factory(attrs.has)
def structure_attrs(kind: type[Any]) -> Callable[[Mapping[str, Any], Any], Any]:
    """The quick way, as our own."""
    return make_dict_structure_fn(kind, converter, _cattrs_detailed_validation=False)


def every_row_by_cattrs() -> int:
    """Typed tasks of the whole page."""
    envelope = loads(BODY)
    assert isinstance(envelope, dict)
    return len(converter.structure(envelope["data"], list[Row]))


def every_row() -> int:
    """Our tasks of the whole page."""
    return len(Images.generate.read_page(unwrap(Answer(status=200, body=BODY), str)))


def ours_only() -> int:
    """Our tasks of those rows that somebody waits for."""
    call = Images.generate.overview(1, ROWS, Wanted(WANTED))
    seen = call.read(unwrap(Answer(status=200, body=BODY), str))
    return len([Images.generate.read(glimpse.data) for glimpse in seen.wanted])


def cpu(read: Callable[[], int], expected: int) -> float:
    """CPU milliseconds of one page."""
    start = time.process_time()
    assert read() == expected
    return (time.process_time() - start) * 1e3


def main() -> None:
    """Run all in turns and print the table."""
    sides: tuple[tuple[str, Callable[[], int], int], ...] = (
        ("cattrs, every row", every_row_by_cattrs, ROWS),
        ("kling_async, every row", every_row, ROWS),
        (f"kling_async, the {OURS} that are ours", ours_only, OURS),
    )
    rounds = [[cpu(read, expected) for _, read, expected in sides] for _ in range(ROUNDS)]
    print(f"{f'CPU of a list page of {ROWS} rows':44} {'ms':>8} {'less by':>8}")
    for at, (name, _, _) in enumerate(sides):
        ratio = statistics.median(each[0] / each[at] for each in rounds)
        target = "   target 2.5" if at == len(sides) - 1 else ""
        print(f"{name:44} {statistics.median(each[at] for each in rounds):8.2f} {ratio:8.2f}{target}")


if __name__ == "__main__":
    main()
