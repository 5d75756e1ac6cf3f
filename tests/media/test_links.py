"""Links that have ended, lead elsewhere, or lead where nobody may look; and what listeners are told of downloads."""

from __future__ import annotations

import asyncio
import logging
import socket
from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import attrs
import pytest
from aiohttp.abc import AbstractResolver, ResolveResult
from yarl import URL

from kling_async import (
    DownloadError,
    Downloads,
    ExpiredResult,
    InvalidRequest,
    KlingClient,
    ServiceUnavailable,
    Task,
    TaskStatus,
    UnsafeURL,
)
from kling_async.emulator import Emulator
from kling_async.events import (
    DownloadEvent,
    DownloadFailed,
    DownloadFinished,
    DownloadProgress,
    DownloadResumed,
    DownloadStarted,
    Event,
    Teller,
)
from kling_async.media.downloads import Downloader
from kling_async.models import Image, ImageResult, Video
from tests.support.hosting import FileHost, Fixed
from tests.support.vendor import API_KEY, Reply, Seen, Vendor, refused, row, said

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20
MP4 = b"\x00\x00\x00\x20ftypisom" + bytes(range(256)) * 12_000  # about three batches
NOW = datetime(2026, 11, 20, tzinfo=UTC)
DAY = timedelta(days=1)
ENDED = 1774700000000  # 2026-03-28, in milliseconds


def client(url: str, **options: Any) -> KlingClient:
    """A client that does not try twice."""
    return KlingClient(api_key=API_KEY, base_url=url, downloads=Downloads(resumes=0), **options)


class Account:
    """A vendor whose links are good for what they are signed with; a query signs them with the next word."""

    def __init__(self, good: str, *words: str, files: int = 2, answer: Reply | None = None) -> None:
        self.good = good
        self.words = list(words)
        self.files = files
        self.answer = answer
        self.url = ""

    def __call__(self, seen: Seen) -> Reply:
        """Serve a file, or answer a query."""
        if seen.path.startswith("/v1/"):
            return self.answer or said(row("7", "succeed", task_result={"images": self.images(self.words.pop(0))}))
        return Reply(PNG + seen.path[1:2].encode()) if seen.path.endswith(f"={self.good}") else Reply(b"no", 403)

    def images(self, word: str) -> list[dict[str, object]]:
        """The result, with links signed with a word."""
        return [{"index": at, "url": f"{self.url}/{at}.png?s={word}"} for at in range(self.files)]

    def task(self, word: str, **more: Any) -> Task[ImageResult]:
        """What a query gave some time ago."""
        images = tuple(Image(url=f"{self.url}/{at}.png?s={word}", index=at) for at in range(2))
        task = Task(id="7", status=TaskStatus.SUCCEED, result=ImageResult(images=images), endpoint="images.generate")
        return attrs.evolve(task, **more)


def queries(vendor: Vendor) -> list[str]:
    """The queries of tasks that the vendor saw."""
    return [seen.path for seen in vendor.seen if seen.path.startswith("/v1/")]


async def test_links_that_have_ended_are_asked_for_anew_once(tmp_path: Path) -> None:
    """One query serves all files of a task, each of which is found by its place in the result."""
    account = Account("new", "new")
    async with Vendor(account) as vendor, client(vendor.url) as kling:
        account.url = vendor.url

        paths = await kling.download(account.task("old"), tmp_path)

        assert ["/v1/images/generations/7"] == queries(vendor)
        assert [PNG + b"0", PNG + b"1"] == [path.read_bytes() for path in paths]


async def test_a_file_that_a_fresh_answer_lacks_is_not_replaced_by_its_neighbour(tmp_path: Path) -> None:
    """Where a row was odd, places shift: a file is known again by where its link leads."""
    account = Account("new", "new")
    async with Vendor(account) as vendor, client(vendor.url) as kling:
        account.url = vendor.url
        account.answer = said(row("7", "succeed", task_result={"images": account.images("new")[1:]}))

        with pytest.raises(DownloadError) as caught:
            await kling.download(account.task("old"), tmp_path)

        assert [PNG + b"1"] == [path.read_bytes() for path in caught.value.done]
        assert ["7-1.png"] == [path.name for path in caught.value.done]


async def test_a_handles_links_are_asked_for_anew_too(tmp_path: Path) -> None:
    """The handle knows its endpoint."""
    account = Account("new", "old", "new")
    async with Vendor(account) as vendor, client(vendor.url) as kling:
        account.url = vendor.url

        paths = await kling.download(kling.images.generate.attach("7"), tmp_path)

        assert 2 == len(queries(vendor))
        assert 2 == len(paths)


@pytest.mark.parametrize(
    ("more", "error", "words"),
    [
        ({}, ExpiredResult, "HTTP 403.*30 days"),
        ({"updated_ms": ENDED}, ExpiredResult, r"ended on 2026-04-27 12:13 UTC; results are kept for 30 days"),
        ({"updated_ms": 4e12}, DownloadError, r"HTTP 403, though it should be there until 2096-"),
        ({"endpoint": ""}, ExpiredResult, "HTTP 403"),
    ],
)
async def test_a_link_that_cannot_be_had_anew_says_why(
    tmp_path: Path, more: dict[str, Any], error: type[DownloadError], words: str
) -> None:
    """With the date where one is known; a link that should be good is no expiry."""
    account = Account("new", "old", files=1)
    async with Vendor(account) as vendor, client(vendor.url) as kling:
        account.url = vendor.url
        task = account.task("old", **more)
        task = attrs.evolve(task, result=ImageResult(images=task.result.images[:1]))

        with pytest.raises(DownloadError, match=words) as caught:
            await kling.download(task, tmp_path)

        assert error is type(caught.value)
        assert (0 if "endpoint" in more else 1) == len(queries(vendor))


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (refused(1201, 400, "Task not found"), "asking for a new link failed: Task not found"),
        (said(row("7", "failed", task_status_msg="why")), "HTTP 403"),
        (said(row("7", "succeed", task_result={"images": []})), "HTTP 403"),
    ],
)
async def test_a_task_that_has_no_such_file_any_more_leaves_the_link_as_it_was(
    tmp_path: Path, answer: Reply, words: str
) -> None:
    """A failure of the query is in the words and behind the error."""
    account = Account("new", answer=answer)
    async with Vendor(account) as vendor, client(vendor.url) as kling:
        account.url = vendor.url

        with pytest.raises(DownloadError) as caught:
            await kling.download(account.task("old"), tmp_path)

        assert 2 == len(caught.value.failed)
        assert all(words in str(each) for each in caught.value.failed)
        assert 1 == len(queries(vendor))


@attrs.frozen(kw_only=True)
class Dated(Image):
    """A picture whose link says when it ends."""

    ends: datetime | None = None

    @property
    def expires_at(self) -> datetime | None:
        """As given."""
        return self.ends


@pytest.mark.parametrize(
    ("ends", "until", "asked"),
    [(NOW - DAY, None, [0]), (None, NOW - DAY, [0]), (NOW + DAY, NOW + DAY, []), (None, None, [])],
)
async def test_a_file_that_ended_by_the_clock_is_asked_for_before_it_is_fetched(
    tmp_path: Path, ends: datetime | None, until: datetime | None, asked: list[int]
) -> None:
    """The link or the task may tell; a link that still works is used all the same if there is no other."""
    asking = list[int]()

    async def renew() -> Image | None:
        asking.append(len(vendor.seen))
        return None

    async with Vendor(Reply(PNG)) as vendor:
        downloader = Downloader(Downloads(), URL(vendor.url), now=lambda: NOW)
        file = Dated(url=f"{vendor.url}/a", ends=ends)
        path = await downloader.fetch(file, tmp_path, "x", renew=renew, until=until)
        await downloader.close()

    assert PNG == path.read_bytes()
    assert asked == asking


async def test_a_link_that_ended_is_told_without_what_opens_it(tmp_path: Path) -> None:
    """Also before the guard has seen it, which refuses users and passwords."""

    async def renew() -> Image:
        raise ServiceUnavailable("down", code=5001, status=503)

    downloader = Downloader(Downloads(), now=lambda: NOW)
    file = Dated(url="https://a:s3cret@klingai.com/png?Signature=s3cret#s3cret", ends=NOW - DAY)
    with pytest.raises(ExpiredResult, match="asking for a new link failed") as caught:
        await downloader.fetch(file, tmp_path, "x", renew=renew)
    await downloader.close()

    assert "s3cret" not in str(caught.value)


async def test_a_link_is_asked_for_anew_once_only(tmp_path: Path) -> None:
    """A vendor whose every link has ended does not keep us for ever."""
    asked = list[Image]()

    async def renew() -> Image:
        asked.append(Image(url=f"{vendor.url}/a?s={len(asked)}"))
        return asked[-1]

    async with Vendor(Reply(status=403)) as vendor:
        downloader = Downloader(Downloads(), URL(vendor.url))
        with pytest.raises(ExpiredResult):
            await downloader.fetch(Image(url=f"{vendor.url}/a"), tmp_path, "x", renew=renew)
        await downloader.close()

    assert 1 == len(asked)
    assert ["/a", "/a?s=0"] == [seen.path for seen in vendor.seen]


async def test_a_file_of_another_kind_is_not_the_same_file(tmp_path: Path) -> None:
    """Whatever stands in its place now."""

    async def renew() -> Video:
        return Video(url=f"{vendor.url}/b")

    async with Vendor(Reply(status=403)) as vendor:
        downloader = Downloader(Downloads(), URL(vendor.url))
        with pytest.raises(ExpiredResult):
            await downloader.fetch(Image(url=f"{vendor.url}/a"), tmp_path, "x", renew=renew)
        await downloader.close()

    assert ["/a"] == [seen.path for seen in vendor.seen]


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_a_file_whose_end_is_known_says_when_it_was(tmp_path: Path, status: int) -> None:
    """The link's own word, in universal time."""
    async with Vendor(Reply(status=status)) as vendor:
        downloader = Downloader(Downloads(), URL(vendor.url), now=lambda: NOW)
        with pytest.raises(ExpiredResult, match=f"HTTP {status}.*2026-11-19 00:00 UTC"):
            await downloader.fetch(Dated(url=f"{vendor.url}/a", ends=NOW - DAY), tmp_path, "x")
        await downloader.close()


async def test_a_new_link_to_the_same_file_goes_on_with_what_is_here(tmp_path: Path) -> None:
    """Signed anew in the middle, and another address starts over."""
    spans = list[str | None]()

    def answer(seen: Seen) -> Reply:
        spans.append(seen.headers.get("Range"))
        if "s=old" in seen.path:
            headers = {"ETag": '"v"'}
            return Reply(status=403) if len(spans) > 1 else Reply(MP4[:500_000], headers=headers, length=len(MP4))
        if "Range" in seen.headers:
            return Reply(MP4[500_000:], 206, {"Content-Range": f"bytes 500000-{len(MP4) - 1}/{len(MP4)}"})
        return Reply(MP4)

    for fresh, span in (("a?s=new", "bytes=500000-"), ("b?s=new", None)):
        spans.clear()
        async with FileHost(answer) as vendor:
            downloader = Downloader(Downloads(), URL(vendor.url), random=Fixed())
            link = Video(url=f"{vendor.url}/{fresh}")

            async def renew(link: Video = link) -> Video:
                await asyncio.sleep(0)
                return link

            path = await downloader.fetch(Video(url=f"{vendor.url}/a?s=old"), tmp_path, "x", renew=renew)
            await downloader.close()

        assert MP4 == path.read_bytes()
        assert [None, "bytes=500000-", span] == spans


def redirecting(*targets: str) -> Callable[[Seen], Reply]:
    """A host whose `/0` leads to the first target, `/1` to the second, and so on; `/png` is a file."""

    def answer(seen: Seen) -> Reply:
        name = seen.path.partition("?")[0].strip("/")
        return Reply(status=302, headers={"Location": targets[int(name)]}) if name.isdecimal() else Reply(PNG)

    return answer


@pytest.mark.parametrize("targets", [["/png"], ["png?x=%2F"], ["/1", "/2", "/png"]])
async def test_up_to_three_redirects_are_followed(tmp_path: Path, targets: list[str]) -> None:
    """Relative ones too; nobody on the way is shown a token."""
    async with Vendor(redirecting(*targets)) as vendor, client(vendor.url) as kling:
        (path,) = await kling.download(Image(url=f"{vendor.url}/0"), tmp_path)

    assert PNG == path.read_bytes()
    assert len(targets) + 1 == len(vendor.seen)
    assert not [seen for seen in vendor.seen if "Authorization" in seen.headers]


@pytest.mark.parametrize(
    ("targets", "error", "words"),
    [
        (["/1", "/2", "/3", "/png"], DownloadError, "more than 3 redirects"),
        (["/0"], DownloadError, "more than 3 redirects"),
        (["http://127.0.0.1:9/png?Signature=s3cret"], UnsafeURL, "not https"),
        (["http://169.254.169.254/latest"], UnsafeURL, "not https"),
        (["https://169.254.169.254/latest"], UnsafeURL, "public Internet"),
        (["https://[::ffff:127.0.0.1]/png"], UnsafeURL, "public Internet"),
        (["https://2130706433/png"], UnsafeURL, "hides which address"),
        (["https://evil.example/png?Signature=s3cret"], UnsafeURL, "any-public"),
        (["//evil.example/png"], UnsafeURL, "not https"),
        (["file:///etc/passwd"], UnsafeURL, "not https"),
        (["https://a:s3cret@klingai.com/png"], UnsafeURL, "user or password"),
        (["https://klingai.com:99999/"], UnsafeURL, "no address"),
    ],
)
async def test_a_redirect_leads_nowhere_that_a_link_may_not(
    tmp_path: Path, targets: list[str], error: type[DownloadError], words: str
) -> None:
    """Every hop is checked like the first."""
    async with Vendor(redirecting(*targets)) as vendor, client(vendor.url) as kling:
        with pytest.raises(DownloadError, match=words) as caught:
            await kling.download(Image(url=f"{vendor.url}/0?Signature=s3cret"), tmp_path)

    assert error is type(caught.value)
    assert "s3cret" not in str(caught.value)
    assert [] == list(tmp_path.iterdir())


class Here(AbstractResolver):
    """Every name is this machine."""

    async def resolve(
        self, host: str, port: int = 0, family: socket.AddressFamily = socket.AF_INET
    ) -> list[ResolveResult]:
        """This machine."""
        return [ResolveResult(hostname=host, host="127.0.0.1", port=port, family=family, proto=0, flags=0)]

    async def close(self) -> None:
        """Nothing to close."""


@pytest.mark.parametrize("hosts", ["any-public", ("klingai.com",)])
async def test_a_good_name_that_leads_to_this_machine_is_not_followed(tmp_path: Path, hosts: Any) -> None:
    """Found when the name has become an address, and not tried again."""
    async with Vendor(Reply(PNG)) as vendor:
        downloader = Downloader(Downloads(hosts=hosts), resolver=Here())
        url = f"https://p1.klingai.com:{URL(vendor.url).port}/a?Signature=s3cret"
        with pytest.raises(UnsafeURL, match=r"p1\.klingai\.com leads to 127\.0\.0\.1") as caught:
            await downloader.fetch(Image(url=url), tmp_path, "x")
        await downloader.close()

    assert [] == vendor.seen
    assert "s3cret" not in str(caught.value)


async def test_an_emulator_may_be_called_by_the_name_of_this_machine(tmp_path: Path) -> None:
    """Its name leads to this machine, which is allowed for its very port."""
    async with Vendor(Reply(PNG)) as vendor, client(vendor.url.replace("127.0.0.1", "localhost")) as kling:
        kling.inside.core.downloader.resolver = Here()
        (path,) = await kling.download(Image(url=vendor.url.replace("127.0.0.1", "localhost")), tmp_path)

    assert PNG == path.read_bytes()


async def test_progress_is_told_as_it_happens(tmp_path: Path) -> None:
    """Begin, about one event per MiB, break, resume, end; with the host, and never what opens the link."""
    events = list[Event]()

    def answer(seen: Seen) -> Reply:
        if "Range" not in seen.headers:
            return Reply(MP4[:500_000], headers={"ETag": '"v"'}, length=len(MP4))
        return Reply(MP4[500_000:], 206, {"Content-Range": f"bytes 500000-{len(MP4) - 1}/{len(MP4)}"})

    async with FileHost(answer) as vendor:
        downloader = Downloader(Downloads(), URL(vendor.url), Teller(events.append), Fixed())
        path = await downloader.fetch(Video(url=f"{vendor.url}/a?Signature=s3cret"), tmp_path, "x")
        await downloader.close()

    assert DownloadStarted(name="x", host="127.0.0.1", received=0, expected=len(MP4)) == events[0]
    assert DownloadResumed(name="x", host="127.0.0.1", received=500_000, pause=0.0, reason="was cut short") == events[1]
    progress = [event for event in events if isinstance(event, DownloadProgress)]
    assert events[2:-1] == progress
    assert 1 <= len(progress) <= len(MP4) / 2**20
    assert sorted({event.received for event in progress}) == [event.received for event in progress]
    assert DownloadFinished(name="x", host="127.0.0.1", path=path, received=len(MP4)) == events[-1]
    assert "s3cret" not in repr(events)


async def test_what_an_earlier_download_left_is_told_as_received(tmp_path: Path) -> None:
    """A bar starts where the last one stopped."""
    events = list[Event]()

    def answer(seen: Seen) -> Reply:
        if "Range" not in seen.headers:
            return Reply(MP4[:500_000], headers={"ETag": '"v"'}, length=len(MP4))
        return Reply(MP4[500_000:], 206, {"Content-Range": f"bytes 500000-{len(MP4) - 1}/{len(MP4)}"})

    async with FileHost(answer) as vendor, client(vendor.url, on_event=events.append) as kling:
        with pytest.raises(DownloadError) as caught:
            await kling.download(Video(url=f"{vendor.url}/a"), tmp_path, name="x")
        await kling.download(Video(url=f"{vendor.url}/a"), tmp_path, name="x")

    assert [DownloadFailed(name="x-0", host="127.0.0.1", error=caught.value)] == events[1:2]
    assert DownloadStarted(name="x-0", host="127.0.0.1", received=500_000, expected=len(MP4)) == events[2]


async def test_every_download_ends_in_one_event(kling_emulator: Emulator, tmp_path: Path) -> None:
    """Finished or failed, whatever went before; a listener among many passes over what it does not know."""
    events = list[Event]()
    async with kling_emulator.client(on_event=events.append) as kling:
        task = await (await kling.images.generate(prompt="two of them", n=2))
        bad = Image(url="https://evil.example/a?Signature=s3cret")

        with pytest.raises(DownloadError):
            await kling.download([task, bad], tmp_path)

    ends = [event for event in events if isinstance(event, DownloadFinished | DownloadFailed)]
    assert 3 == len({event.name for event in events if isinstance(event, DownloadEvent)})
    assert sorted(["DownloadFailed", "DownloadFinished", "DownloadFinished"]) == sorted(type(e).__name__ for e in ends)
    assert "s3cret" not in repr(events)


async def test_a_listener_that_fails_is_logged_once_and_breaks_nothing(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    """The file comes all the same."""

    def listen(event: Event) -> None:
        raise ValueError("mine")

    async with Vendor(Reply(PNG)) as vendor, client(vendor.url, on_event=listen) as kling:
        (path,) = await kling.download(Image(url=f"{vendor.url}/a?Signature=s3cret"), tmp_path)

    assert PNG == path.read_bytes()
    assert [("kling_async.events", logging.ERROR)] == [(each.name, each.levelno) for each in caplog.records]
    assert "s3cret" not in caplog.text


async def coroutine(event: Event) -> None:
    """Nobody would await it."""


@pytest.mark.parametrize("listener", [5, "print", coroutine])
def test_a_listener_that_cannot_be_called_is_refused(listener: Any) -> None:
    """When the client is made."""
    with pytest.raises(InvalidRequest, match="on_event"):
        KlingClient(api_key=API_KEY, on_event=listener)
