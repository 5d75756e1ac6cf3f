"""What a page of the list tells without being read, and what a duration depends on."""

from __future__ import annotations

import pytest

from kling_async.api import GenerateImage, Images, TextToVideo, Videos
from kling_async.models import TaskStatus
from kling_async.protocol.call import Json
from kling_async.protocol.endpoint import Overview, Wanted


def row(name: str, status: str, created: int | None, updated: int | None = None) -> Json:
    """A row of the list."""
    return {"task_id": name, "task_status": status, "created_at": created, "updated_at": updated or created}


def over(*rows: Json, wanted: tuple[str, ...] = (), external: tuple[str, ...] = ()) -> Overview:
    """The overview of a page."""
    return Images.generate.overview(1, 30, Wanted(wanted, external)).read(list(rows))


def test_only_what_is_wanted_is_shown_and_it_can_be_read() -> None:
    """With its place on the page, by either id; an id is never taken for an external one."""
    external: Json = {"task_id": "9", "task_status": "submitted", "task_info": {"external_task_id": "mine"}}
    other: Json = {"task_id": "8", "task_status": "submitted", "task_info": {"external_task_id": "3"}}
    seen = over(row("1", "processing", 50), external, row("3", "succeed", 40), other, wanted=("3",), external=("mine",))

    assert 4 == seen.rows
    assert [(1, "9", "mine"), (2, "3", None)] == [each[:3] for each in seen.wanted]
    assert "9" == Images.generate.read(seen.wanted[0].data).id


@pytest.mark.parametrize(
    ("created", "ordered"),
    [((9, 5, 5, 1), True), ((), True), ((1, 9), False), ((9, 1, 5), False), ((9, 5, 6), True)],
)
def test_the_newest_first_is_the_order(created: tuple[int, ...], ordered: bool) -> None:  # noqa: FBT001
    """In seconds; two servers of the vendor's may differ by a moment."""
    assert ordered == over(*(row(str(at), "processing", each * 1000) for at, each in enumerate(created))).ordered


def test_what_ended_teaches_only_below_everything_that_pends() -> None:
    """Among the newest the short ones are over first."""
    seen = over(
        row("1", "succeed", 9_000, 10_000),
        row("2", "processing", 8_000),
        row("3", "succeed", 1_000, 6_000),
        row("4", "failed", 500, 2_500),
        row("5", "succeed", 400, 401),
        wanted=("5",),
    )

    assert ((6_000, 5.0), (2_500, 2.0)) == seen.ended
    assert 10_000 == seen.latest_ms


def test_rows_that_make_no_sense_are_passed_over() -> None:
    """No page is lost for one of them."""
    seen = over(5, None, {}, {"task_id": "1"}, row("2", "succeed", None), wanted=("1", "2"))

    assert [("1", TaskStatus.UNKNOWN), ("2", TaskStatus.SUCCEED)] == [
        (each.task_id, each.status) for each in seen.wanted
    ]
    assert seen.latest_ms is None


def test_a_kind_goes_from_coarse_to_fine_and_is_one_object() -> None:
    """Model, mode, then seconds or pictures; what is not said at the end is left out."""
    video = TextToVideo(prompt="x", model_name="kling-v3", mode="pro", duration=5)
    kinds = [
        Videos.text_to_video.kind(video),
        Images.generate.kind(GenerateImage(prompt="x", n=3)),
        Images.generate.kind(GenerateImage(prompt="x", model_name="kling-v3")),
        Images.generate.kind(GenerateImage(prompt="x")),
    ]

    assert [("kling-v3", "pro", "5"), ("", "", "3"), ("kling-v3",), ()] == kinds
    assert kinds[0] is Videos.text_to_video.kind(video)
