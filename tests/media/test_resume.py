"""Downloads that break: taken up where they were, never mixed, and given up with a `.part` that is of use."""

from __future__ import annotations

import asyncio
import contextlib
import hashlib
import itertools
import json
import os
import random
import sys
import threading
from collections.abc import AsyncGenerator, AsyncIterator, Callable
from pathlib import Path
from typing import Any, TypeAlias

import aiohttp
import attrs
import pytest
from yarl import URL

from kling_async import ClientClosed, DownloadError, Downloads, KlingClient
from kling_async.emulator import Emulator
from kling_async.media.downloads import Downloader
from kling_async.media.pace import Pace
from kling_async.media.threads import landed
from kling_async.models import Image, Video
from tests.support.cutting import BadLine
from tests.support.hosting import FileHost, Fixed
from tests.support.vendor import Reply, Seen

MP4 = b"\x00\x00\x00\x20ftypisom" + random.Random(1).randbytes(2_500_000)
OTHER = b"\x00\x00\x00\x20ftypisom" + random.Random(2).randbytes(2_400_000)
DATE = "Wed, 21 Oct 2026 07:28:00 GMT"

Twist: TypeAlias = Callable[[Reply], Reply]


@attrs.define
class Shelf:
    """A file host that knows ranges, and breaks off where it is told."""

    body: bytes = MP4
    etag: str | None = '"one"'
    modified: str | None = None
    cuts: list[int | None] = attrs.field(factory=list[int | None])
    """Bytes after which each answer is cut; None for one that is not. Those after the last are whole."""
    twists: list[Twist | None] = attrs.field(factory=list[Twist | None])
    """What is done to each answer before it is sent."""

    def __call__(self, seen: Seen) -> Reply:
        """Answer."""
        headers = {"ETag": self.etag, "Last-Modified": self.modified}
        known = {name: value for name, value in headers.items() if value is not None}
        at = int(seen.headers.get("Range", "bytes=0-")[6:-1])
        if "Range" not in seen.headers or seen.headers["If-Range"] not in known.values():
            reply = Reply(self.body, headers=known)
        elif at >= len(self.body):
            reply = Reply(status=416, headers={**known, "Content-Range": f"bytes */{len(self.body)}"})
        else:
            span = f"bytes {at}-{len(self.body) - 1}/{len(self.body)}"
            reply = Reply(self.body[at:], 206, {**known, "Content-Range": span})
        if self.twists and (twist := self.twists.pop(0)):
            reply = twist(reply)
        cut = self.cuts.pop(0) if self.cuts else None
        return reply if cut is None else attrs.evolve(reply, body=reply.body[:cut], length=len(reply.body))


@contextlib.asynccontextmanager
async def storing(origin: str, **options: Any) -> AsyncGenerator[Downloader, None]:
    """A downloader that trusts one origin and does not pause."""
    downloader = Downloader(Downloads(**options), URL(origin), random=Fixed())
    try:
        yield downloader
    finally:
        await downloader.close()


@pytest.fixture
def shelf() -> Shelf:
    """The file and its host."""
    return Shelf()


@pytest.fixture
async def vendor(shelf: Shelf) -> AsyncIterator[FileHost]:
    """Where the host listens."""
    async with FileHost(shelf) as vendor:
        yield vendor


@pytest.fixture
async def store(vendor: FileHost) -> AsyncIterator[Downloader]:
    """Ours."""
    async with storing(vendor.url) as downloader:
        yield downloader


def clip(vendor: FileHost, path: str = "clip") -> Video:
    """The file as a result names it."""
    return Video(url=f"{vendor.url}/{path}?Signature=s3cret")


def asked(vendor: FileHost) -> list[tuple[str | None, str | None]]:
    """What was asked for, request by request."""
    return [(seen.headers.get("Range"), seen.headers.get("If-Range")) for seen in vendor.seen]


async def broken_off(vendor: FileHost, shelf: Shelf, directory: Path, at: int) -> None:
    """Leave a `.part` behind, as a process that gave up does."""
    shelf.cuts = [at]
    async with storing(vendor.url, resumes=0) as downloader:
        with pytest.raises(DownloadError, match="cut short"):
            await downloader.fetch(clip(vendor), directory, "x")
    vendor.seen.clear()


async def test_a_broken_download_goes_on_where_it_was(
    store: Downloader, vendor: FileHost, shelf: Shelf, tmp_path: Path
) -> None:
    """Provided the file is still the same, which the strong ETag tells; nothing but the file is left."""
    shelf.cuts = [900_000]

    path = await store.fetch(clip(vendor), tmp_path, "x")

    assert MP4 == path.read_bytes()
    assert [(None, None), ("bytes=900000-", '"one"')] == asked(vendor)
    assert [path] == list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("etag", "modified", "second"),
    [
        (None, DATE, ("bytes=500000-", DATE)),
        ('W/"one"', DATE, ("bytes=500000-", DATE)),
        ('W/"one"', None, (None, None)),
        (None, None, (None, None)),
        ("one", None, (None, None)),
    ],
)
async def test_a_file_is_taken_up_only_if_its_host_can_tell_that_it_is_the_same(
    store: Downloader,
    vendor: FileHost,
    shelf: Shelf,
    tmp_path: Path,
    etag: str | None,
    modified: str | None,
    second: tuple[str | None, str | None],
) -> None:
    """By the date where there is no strong ETag; else it is started over."""
    shelf.etag, shelf.modified, shelf.cuts = etag, modified, [500_000]

    path = await store.fetch(clip(vendor), tmp_path, "x")

    assert MP4 == path.read_bytes()
    assert [(None, None), second] == asked(vendor)


async def test_a_file_that_changed_meanwhile_is_started_over(
    store: Downloader, vendor: FileHost, shelf: Shelf, tmp_path: Path
) -> None:
    """Not one byte of the old one is in the new one."""

    def change(_: Reply) -> Reply:
        shelf.body, shelf.etag = OTHER, '"two"'
        return Reply(MP4, headers={"ETag": '"one"'})

    shelf.twists, shelf.cuts = [change], [1_200_000]

    path = await store.fetch(clip(vendor), tmp_path, "x")

    assert OTHER == path.read_bytes()
    assert 2 == len(vendor.seen)


def refused(**headers: str) -> Twist:
    """A 416."""

    def twist(_: Reply) -> Reply:
        return Reply(status=416, headers=headers)

    return twist


def ranged(text: str | None, body: bytes | None = None, etag: str | None = None, modified: str | None = None) -> Twist:
    """A 206 that says other bytes than it should."""

    def twist(reply: Reply) -> Reply:
        other = {"Content-Range": text or "", "ETag": etag, "Last-Modified": modified}  # an empty one is not sent
        headers = {**reply.headers, **{name: value for name, value in other.items() if value is not None}}
        return attrs.evolve(reply, headers=headers, body=reply.body if body is None else body)

    return twist


def in_chunks(text: str, body: bytes) -> Twist:
    """A 206 whose length is not said, and may be another than its range is."""

    def twist(reply: Reply) -> Reply:
        size = b"%x\r\n" % len(body)
        headers = {**reply.headers, "Content-Range": text, "Content-Length": "", "Transfer-Encoding": "chunked"}
        return Reply(size + body + b"\r\n0\r\n\r\n", 206, headers)

    return twist


END, SIZE = len(MP4) - 1, len(MP4)


@pytest.mark.parametrize(
    "twist",
    [
        ranged(f"bytes 499999-{END}/{SIZE}", MP4[499_999:]),
        ranged(f"bytes 500001-{END}/{SIZE}", MP4[500_001:]),
        ranged(f"bytes 0-{END}/{SIZE}", MP4),
        ranged(f"bytes 500000-{END}/{SIZE + 1}"),
        ranged(f"bytes 500000-{SIZE}/{SIZE}", MP4[500_000:] + b"x"),
        ranged("bytes 500000-499999/2500012", b""),
        ranged(f"bytes 500000-{END}/{SIZE}", MP4[500_000:] + b"more than it said"),
        ranged(f"bytes */{SIZE}"),
        ranged(f"items 500000-{END}/{SIZE}"),
        ranged("bytes"),
        ranged(None),
        ranged(f"bytes 500000-{END}/{SIZE}", OTHER[:2_000_012], etag='"two"'),
        ranged(f"bytes 500000-{END}/{SIZE}", MP4[500_000:600_000]),
        in_chunks(f"bytes 500000-599999/{SIZE}", MP4[500_000:700_000]),
        refused(**{"Content-Range": f"bytes */{SIZE}"}),
        refused(**{"Content-Range": "bytes */500000"}),
        refused(),
    ],
)
async def test_an_answer_that_does_not_go_with_our_bytes_is_not_added_to_them(
    store: Downloader, vendor: FileHost, shelf: Shelf, tmp_path: Path, twist: Twist
) -> None:
    """Wrong range, wrong length, wrong version, or none said: the whole is asked for."""
    shelf.cuts, shelf.twists = [500_000], [None, twist]

    path = await store.fetch(clip(vendor), tmp_path, "x")

    assert MP4 == path.read_bytes()
    assert [(None, None), ("bytes=500000-", '"one"'), (None, None)] == asked(vendor)


async def test_where_the_date_tells_another_date_is_another_file(
    store: Downloader, vendor: FileHost, shelf: Shelf, tmp_path: Path
) -> None:
    """Even if the host says that it goes on with ours."""
    shelf.etag, shelf.modified, shelf.cuts = None, DATE, [500_000]
    shelf.twists = [None, ranged(f"bytes 500000-{END}/{SIZE}", modified=DATE.replace("21", "22"))]

    path = await store.fetch(clip(vendor), tmp_path, "x")

    assert MP4 == path.read_bytes()
    assert [(None, None), ("bytes=500000-", DATE), (None, None)] == asked(vendor)


async def test_an_answer_of_some_of_the_missing_bytes_is_taken(
    store: Downloader, vendor: FileHost, shelf: Shelf, tmp_path: Path
) -> None:
    """The rest is asked for in its turn; an unknown total is the one already known."""
    shelf.cuts = [500_000]
    shelf.twists = [
        None,
        ranged(f"bytes 500000-599999/{SIZE}", MP4[500_000:600_000]),
        ranged(f"bytes 600000-{END}/*"),
    ]

    path = await store.fetch(clip(vendor), tmp_path, "x")

    assert MP4 == path.read_bytes()
    assert ["bytes=500000-", "bytes=600000-"] == [span for span, _ in asked(vendor)[1:]]


@pytest.mark.parametrize(
    "headers", [{"Transfer-Encoding": "chunked"}, {"Transfer-Encoding": "chunked", "ETag": '"one"'}]
)
async def test_a_file_whose_length_is_not_said_beforehand_is_whole_when_its_end_came(
    store: Downloader, vendor: FileHost, shelf: Shelf, tmp_path: Path, headers: dict[str, str]
) -> None:
    """In chunks, whose end is marked; without the mark it is started over."""

    def chunked(reply: Reply) -> Reply:
        size = b"%x\r\n" % len(reply.body)
        return Reply(size + reply.body + b"\r\n0\r\n\r\n", headers={**headers, "Content-Length": ""})

    def unended(reply: Reply) -> Reply:
        return attrs.evolve(chunked(reply), body=chunked(reply).body[:-5], length=0)

    shelf.etag, shelf.twists = None, [unended, chunked]

    path = await store.fetch(clip(vendor), tmp_path, "x")

    assert MP4 == path.read_bytes()


@pytest.mark.parametrize("cap", [1000, 1_000_000])
async def test_a_file_whose_length_is_not_said_beforehand_is_held_to_its_cap(tmp_path: Path, cap: int) -> None:
    """As soon as there are more bytes than allowed, also in the first ones."""
    body = b"%x\r\n" % len(MP4) + MP4 + b"\r\n0\r\n\r\n"
    reply = Reply(body, headers={"Transfer-Encoding": "chunked", "Content-Length": ""})

    async with FileHost(reply) as vendor, storing(vendor.url, max_bytes={"video": cap}) as downloader:
        with pytest.raises(DownloadError, match=f"more than the {cap:,} bytes"):
            await downloader.fetch(clip(vendor), tmp_path, "x")

    assert 1 == len(vendor.seen)


@pytest.mark.parametrize("harm", ["longer", "replaced"])
async def test_a_part_that_somebody_else_touched_does_not_become_the_file(
    vendor: FileHost, tmp_path: Path, harm: str
) -> None:
    """Written to or replaced behind our back."""
    part = tmp_path / "x.part"
    async with BadLine(vendor.url, iter([2_000_000]), stall=True) as line, storing(line.url) as downloader:
        job = asyncio.ensure_future(downloader.fetch(Video(url=f"{line.url}/clip"), tmp_path, "x"))
        while not line.cuts:
            await asyncio.sleep(0)
        if harm == "replaced":
            part.unlink()
        with part.open("ab") as other:
            other.seek(0, os.SEEK_END)
            other.write(bytes(3_000_000))
        line.release()
        with pytest.raises(DownloadError, match="somebody else writes"):
            await job

    assert not (tmp_path / "x.mp4").exists()


async def test_a_download_is_taken_up_by_another_process(vendor: FileHost, shelf: Shelf, tmp_path: Path) -> None:
    """A `.part` stays, with what tells what it is the beginning of; neither holds the signed link."""
    await broken_off(vendor, shelf, tmp_path, 700_000)
    left = {path.name: path.read_bytes() for path in tmp_path.iterdir()}

    async with storing(vendor.url) as downloader:
        path = await downloader.fetch(clip(vendor), tmp_path, "x")

    assert {"x.part", "x.part.json"} == set(left)
    assert MP4[:700_000] == left["x.part"]
    assert b"s3cret" not in left["x.part.json"]
    assert MP4 == path.read_bytes()
    assert [("bytes=700000-", '"one"')] == asked(vendor)
    assert [path] == list(tmp_path.iterdir())


async def test_what_is_whole_already_is_not_fetched_again(vendor: FileHost, shelf: Shelf, tmp_path: Path) -> None:
    """A 416 whose length is ours says so: the process ended between the last byte and the name."""
    await broken_off(vendor, shelf, tmp_path, 700_000)
    (tmp_path / "x.part").write_bytes(MP4)

    async with storing(vendor.url) as downloader:
        path = await downloader.fetch(clip(vendor), tmp_path, "x")

    assert MP4 == path.read_bytes()
    assert [(f"bytes={SIZE}-", '"one"')] == asked(vendor)


@pytest.mark.parametrize("address", ["clip?Signature=other", "other?Signature=s3cret"])
async def test_a_part_belongs_to_one_address_whatever_it_is_signed_with(
    vendor: FileHost, shelf: Shelf, tmp_path: Path, address: str
) -> None:
    """Another file of the same name is started over, even if its ETag is the same."""
    await broken_off(vendor, shelf, tmp_path, 700_000)
    same = address.startswith("clip")
    shelf.body = MP4 if same else OTHER

    async with storing(vendor.url) as downloader:
        path = await downloader.fetch(Video(url=f"{vendor.url}/{address}"), tmp_path, "x")

    assert shelf.body == path.read_bytes()
    assert [("bytes=700000-", '"one"') if same else (None, None)] == asked(vendor)


@pytest.mark.parametrize("size", [len(OTHER), 5000])
async def test_a_part_of_a_file_that_changed_since_is_started_over(
    vendor: FileHost, shelf: Shelf, tmp_path: Path, size: int
) -> None:
    """Its host answers with the whole, which may be shorter than what is here."""
    await broken_off(vendor, shelf, tmp_path, 700_000)
    shelf.body, shelf.etag = OTHER[:size], '"two"'

    async with storing(vendor.url) as downloader:
        path = await downloader.fetch(clip(vendor), tmp_path, "x")

    assert OTHER[:size] == path.read_bytes()
    assert 1 == len(vendor.seen)


@pytest.mark.parametrize(
    "notes",
    [
        None,
        b"",
        b"{",
        b"[]",
        b"\xff",
        b"[" * 5000,
        {"source": 5},
        {"etag": "one"},
        {"etag": 'W/"one"'},
        {"etag": '"a"\r\nX: y'},
        {"etag": None},
        {"total": "9"},
        {"total": 699_999},
        {"total": -1},
    ],
)
async def test_notes_that_make_no_sense_are_not_believed(
    vendor: FileHost, shelf: Shelf, tmp_path: Path, notes: bytes | dict[str, object] | None
) -> None:
    """The download starts over, and asks nothing odd."""
    await broken_off(vendor, shelf, tmp_path, 700_000)
    place = tmp_path / "x.part.json"
    if isinstance(notes, dict):
        place.write_text(json.dumps({**json.loads(place.read_text()), **notes}))
    elif notes is not None:
        place.write_bytes(notes)
    else:
        place.unlink()

    async with storing(vendor.url) as downloader:
        path = await downloader.fetch(clip(vendor), tmp_path, "x")

    assert MP4 == path.read_bytes()
    assert [(None, None)] == asked(vendor)


async def test_progress_forgives_all_earlier_breaks(vendor: FileHost, shelf: Shelf, tmp_path: Path) -> None:
    """Thirty breaks are no failure while bytes arrive, though one alone is allowed without."""
    shelf.cuts = [80_000] * 30

    async with storing(vendor.url, resumes=1) as downloader:
        path = await downloader.fetch(clip(vendor), tmp_path, "x")

    assert MP4 == path.read_bytes()
    assert 31 == len(vendor.seen)


@pytest.mark.parametrize("resumes", [0, 1, 5])
async def test_a_download_that_gets_nowhere_is_given_up(
    vendor: FileHost, shelf: Shelf, tmp_path: Path, resumes: int
) -> None:
    """After as many resumes as the options say; what came is kept."""
    shelf.cuts = [300_000, *[0] * 20]

    async with storing(vendor.url, resumes=resumes) as downloader:
        with pytest.raises(DownloadError, match="cut short"):
            await downloader.fetch(clip(vendor), tmp_path, "x")

    assert 1 + resumes == len(vendor.seen)
    assert MP4[:300_000] == (tmp_path / "x.part").read_bytes()


async def test_starting_over_again_and_again_is_no_progress(vendor: FileHost, shelf: Shelf, tmp_path: Path) -> None:
    """A host that cuts at one place and knows no ranges does not keep us for ever."""
    shelf.etag, shelf.cuts = None, [300_000] * 50

    async with storing(vendor.url, resumes=3) as downloader:
        with pytest.raises(DownloadError, match="cut short"):
            await downloader.fetch(clip(vendor), tmp_path, "x")

    assert 4 == len(vendor.seen)


@pytest.mark.parametrize(("status", "requests"), [(500, 3), (502, 3), (503, 3), (400, 1), (401, 1), (429, 1), (451, 1)])
async def test_a_failure_of_the_host_is_waited_out_and_a_refusal_is_not(
    tmp_path: Path, status: int, requests: int
) -> None:
    """5xx may pass."""
    async with FileHost(Reply(status=status)) as vendor, storing(vendor.url, resumes=2) as downloader:
        with pytest.raises(DownloadError, match=f"HTTP {status}"):
            await downloader.fetch(clip(vendor), tmp_path, "x")

    assert requests == len(vendor.seen)
    assert [] == list(tmp_path.iterdir())


async def test_pauses_grow_and_are_drawn_by_chance(tmp_path: Path) -> None:
    """From nothing to a bound that doubles, and never beyond twenty seconds."""
    chance = Fixed()
    async with FileHost(Reply(status=500)) as vendor:
        downloader = Downloader(Downloads(resumes=8), URL(vendor.url), random=chance)
        with pytest.raises(DownloadError):
            await downloader.fetch(clip(vendor), tmp_path, "x")
        await downloader.close()

    assert [1, 2, 4, 8, 16, 20, 20, 20] == chance.bounds[:8]


async def test_files_are_whole_whatever_the_line_does(
    kling_emulator: Emulator, kling: KlingClient, tmp_path: Path
) -> None:
    """Cut at 200 bytes chosen by chance, in headers and in bodies, every file is what it would have been."""
    task = await (await kling.images.generate(prompt="a line that breaks", n=2))
    whole = await kling.download(task, tmp_path / "whole")
    chance = random.Random(3)
    sizes = [path.stat().st_size for path in whole]
    plan = (chance.randrange(max(sizes) + 600) for _ in range(100_000))
    links = [file.url for file in task.result.files]
    digests = list[list[str]]()

    async with BadLine(kling_emulator.url, plan) as line, storing(line.url, resumes=50) as downloader:
        while line.cuts < 200:
            files = [Image(url=link.replace(kling_emulator.url, line.url)) for link in links]
            stored = [await downloader.fetch(file, tmp_path, f"x{at}") for at, file in enumerate(files)]
            digests.append([_digest(path) for path in stored])

    assert {tuple(_digest(path) for path in whole)} == {tuple(each) for each in digests}


@pytest.mark.looptime
async def test_a_line_that_falls_silent_is_given_up_and_taken_up_again(
    vendor: FileHost, shelf: Shelf, tmp_path: Path
) -> None:
    """After a minute without a byte; what came before is not asked for again."""
    async with BadLine(vendor.url, iter([700_000]), stall=True) as line, storing(line.url) as downloader:
        path = await downloader.fetch(Video(url=f"{line.url}/clip"), tmp_path, "x")

    assert MP4 == path.read_bytes()
    assert 2 == len(vendor.seen)
    assert asyncio.get_running_loop().time() >= 60


@pytest.mark.parametrize(("at", "least"), [(0, 0), (1, 0), (1_200_000, 1_000_000), (2_400_000, 1_000_000)])
async def test_a_download_that_is_cancelled_leaves_the_beginning_of_the_file(
    vendor: FileHost, tmp_path: Path, at: int, least: int
) -> None:
    """Whatever was in a thread is on the disk, nothing is written afterwards, and the next call goes on."""
    part = tmp_path / "x.part"
    async with BadLine(vendor.url, iter([at + 200]), stall=True) as line, storing(line.url) as downloader:
        file = Video(url=f"{line.url}/clip")
        job = asyncio.ensure_future(downloader.fetch(file, tmp_path, "x"))
        while not line.cuts or (least and not (part.exists() and part.stat().st_size >= least)):
            await asyncio.sleep(0)

        job.cancel()
        await asyncio.wait([job])
        left = part.read_bytes() if part.exists() else b""
        path = await downloader.fetch(file, tmp_path, "x")

    assert job.cancelled()
    assert MP4.startswith(left)
    assert MP4 == path.read_bytes()
    assert (f"bytes={len(left)}-" if left else None) == vendor.seen[1].headers.get("Range")


async def test_a_cancellation_waits_for_the_thread() -> None:
    """However often it comes: the thread writes into a file that must not be closed yet."""
    thread: asyncio.Future[int] = asyncio.get_running_loop().create_future()
    waiting = asyncio.ensure_future(landed(thread))
    for _ in range(3):
        await asyncio.sleep(0)
        waiting.cancel()
    await asyncio.sleep(0)
    early = waiting.done()

    thread.set_result(5)
    await asyncio.wait([waiting])

    assert not early
    assert waiting.cancelled()


@pytest.mark.skipif(not Path("/proc/self/fd").exists(), reason="no list of open files there")
async def test_closing_ends_downloads_and_waits_for_them(vendor: FileHost, shelf: Shelf, tmp_path: Path) -> None:
    """They raise `ClientClosed`; afterwards no thread of ours writes and no file is open."""
    downloader = Downloader(Downloads(resumes=5, concurrency=2), random=Fixed())
    before = set(threading.enumerate())
    async with BadLine(vendor.url, iter([1_500_000] * 9), stall=True) as line:
        downloader.trusted = URL(line.url)
        jobs = [
            asyncio.ensure_future(downloader.fetch(Video(url=f"{line.url}/clip{at}"), tmp_path, f"x{at}"))
            for at in range(3)
        ]
        while line.cuts < 2:
            await asyncio.sleep(0)
        await asyncio.gather(downloader.close(), downloader.close())
        ended = [job.done() for job in jobs]
        outcomes = await asyncio.gather(*jobs, return_exceptions=True)
        with pytest.raises(ClientClosed):
            await downloader.fetch(clip(vendor), tmp_path, "y")

    assert [True] * 3 == ended
    assert [ClientClosed] * 3 == [type(outcome) for outcome in outcomes]
    assert all(MP4.startswith(path.read_bytes()) for path in tmp_path.glob("*.part"))
    ours = [each for each in set(threading.enumerate()) - before if each.name.startswith("kling_async-files")]
    for thread in ours:
        thread.join(10)  # they were told to end, and are on their way
    assert not any(thread.is_alive() for thread in ours)
    assert [] == _open_files(tmp_path)


async def test_no_more_files_are_under_way_than_the_options_allow(vendor: FileHost, tmp_path: Path) -> None:
    """The others wait for one to end."""
    async with BadLine(vendor.url, itertools.repeat(400), stall=True) as line, storing(line.url, concurrency=2) as few:
        jobs = [
            asyncio.ensure_future(few.fetch(Video(url=f"{line.url}/clip{at}"), tmp_path, f"x{at}")) for at in range(6)
        ]
        while line.cuts < 2:
            await asyncio.sleep(0)
        for _ in range(500):
            await asyncio.sleep(0)
        together = len(vendor.seen)
        gone = jobs.pop(int(vendor.seen[0].path.removeprefix("/clip")))  # whichever came first
        gone.cancel()
        while line.cuts < 3:
            await asyncio.sleep(0)

    assert 2 == together
    assert 3 == len(vendor.seen)
    assert [ClientClosed] * 5 == [type(job.exception()) for job in jobs]


async def test_closing_ends_a_pause(tmp_path: Path) -> None:
    """Nobody waits for the end of twenty seconds."""
    async with FileHost(Reply(status=500)) as vendor:
        downloader = Downloader(Downloads(), URL(vendor.url), random=Fixed(1e6))
        job = asyncio.ensure_future(downloader.fetch(clip(vendor), tmp_path, "x"))
        while not vendor.seen:
            await asyncio.sleep(0)
        await downloader.close()

    with pytest.raises(ClientClosed):
        await job


@pytest.mark.parametrize("make", ["symlink_to", "hardlink_to", "mkdir", "fifo"])
async def test_what_stands_in_the_place_of_the_part_is_not_written_through(
    store: Downloader, vendor: FileHost, tmp_path: Path, make: str
) -> None:
    """A link of either sort, a directory, a pipe: refused, and untouched."""
    victim, part = tmp_path / "victim", tmp_path / "x.part"
    victim.write_bytes(b"precious")
    if make == "fifo":
        os.mkfifo(part)
    elif make == "mkdir":
        part.mkdir()
    else:
        getattr(part, make)(victim)

    with pytest.raises(DownloadError, match="cannot be written"):
        await store.fetch(clip(vendor), tmp_path, "x")

    assert b"precious" == victim.read_bytes()
    assert [] == vendor.seen


async def test_a_link_in_the_place_of_the_file_or_the_notes_is_not_followed(
    store: Downloader, vendor: FileHost, tmp_path: Path
) -> None:
    """It is replaced."""
    victim = tmp_path / "victim"
    victim.write_bytes(b"precious")
    for name in ("x.mp4", "x.part.json"):
        (tmp_path / name).symlink_to(victim)

    path = await store.fetch(clip(vendor), tmp_path, "x")

    assert not path.is_symlink()
    assert MP4 == path.read_bytes()
    assert b"precious" == victim.read_bytes()


@pytest.mark.skipif(sys.platform == "win32", reason="no locks there")
@pytest.mark.parametrize("at", [400, 1_500_000])
async def test_a_part_that_another_process_writes_is_left_alone(
    vendor: FileHost, shelf: Shelf, tmp_path: Path, at: int
) -> None:
    """Two clients on one directory do not mix their bytes, not even before there are any."""
    async with BadLine(vendor.url, iter([at]), stall=True) as line:
        async with storing(line.url) as one, storing(line.url) as other:
            file = Video(url=f"{line.url}/clip")
            first = asyncio.ensure_future(one.fetch(file, tmp_path, "x"))
            while not line.cuts:
                await asyncio.sleep(0)
            with pytest.raises(DownloadError, match="somebody else writes"):
                await other.fetch(file, tmp_path, "x")
            first.cancel()
            await asyncio.wait([first])
            path = await other.fetch(file, tmp_path, "x")

    assert MP4 == path.read_bytes()


async def test_a_directory_reached_by_two_ways_is_one(
    store: Downloader, vendor: FileHost, shelf: Shelf, tmp_path: Path
) -> None:
    """Two downloads of one name wait for each other, however the place is spelled."""
    (tmp_path / "real").mkdir()
    (tmp_path / "other").symlink_to(tmp_path / "real")

    paths = await asyncio.gather(*(store.fetch(clip(vendor), tmp_path / name, "x") for name in ("real", "other")))

    assert [tmp_path / "real" / "x.mp4", tmp_path / "other" / "x.mp4"] == paths
    assert MP4 == paths[0].read_bytes()


@pytest.mark.parametrize("name", ["../x", "a/b", "/etc/x", "a/../../x", "a\0"])
async def test_no_name_leads_out_of_the_directory(
    store: Downloader, vendor: FileHost, tmp_path: Path, name: str
) -> None:
    """Whoever asks for it made a mistake."""
    with pytest.raises(ValueError, match="no name of a file"):
        await store.fetch(clip(vendor), tmp_path / "in", name)

    assert [] == vendor.seen


@pytest.mark.skipif(sys.platform == "win32", reason="no limits there")
async def test_a_full_disk_is_told_and_leaves_the_beginning_of_the_file(
    vendor: FileHost, shelf: Shelf, tmp_path: Path
) -> None:
    """A limit on the size of files stands in for it: one write is short, and the next fails."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    async with storing(vendor.url, resumes=0) as downloader:
        resource.setrlimit(resource.RLIMIT_FSIZE, (2_400_001, before[1]))
        try:
            with pytest.raises(DownloadError, match=r"x\.part cannot be written: File too large"):
                await downloader.fetch(clip(vendor), tmp_path, "x")
        finally:
            resource.setrlimit(resource.RLIMIT_FSIZE, before)
        left = (tmp_path / "x.part").read_bytes()
        path = await downloader.fetch(clip(vendor), tmp_path, "x")

    assert MP4[:2_400_001] == left
    assert MP4 == path.read_bytes()


async def test_no_minute_passes_without_a_byte_by_default() -> None:
    """The whole may take as long as it takes."""
    timeout = Downloader(Downloads()).timeout

    assert aiohttp.ClientTimeout(total=None, sock_connect=10, sock_read=60) == timeout


def _digest(path: Path) -> str:
    return hashlib.sha256(path.read_bytes()).hexdigest()


def _open_files(directory: Path) -> list[Path]:
    links = [each.readlink() for each in Path("/proc/self/fd").iterdir() if each.is_symlink()]
    return [link for link in links if link.is_relative_to(directory)]


class Dripping:
    """A file host that gives a byte every half a second, for ever if need be, and goes on where it is asked to."""

    def __init__(self, quick: int = 0) -> None:
        self.spans = list[str]()
        self.quick = quick
        """Answers that come at once, after the first."""
        self._serving = set[asyncio.Task[None]]()

    @contextlib.asynccontextmanager
    async def serving(self) -> AsyncGenerator[str, None]:
        """Its address."""
        async with await asyncio.start_server(self._serve, "127.0.0.1", 0) as server:
            yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        await asyncio.gather(*self._serving)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._serving.add(task)
        with contextlib.suppress(ConnectionError):
            head = (await reader.readuntil(b"\r\n\r\n")).decode()
            span = next((line[13:-1] for line in head.splitlines() if line.startswith("Range: ")), "0")
            self.spans.append(span)
            at, status = int(span), "206 Partial" if "Range: " in head else "200 OK"
            writer.write(
                f'HTTP/1.1 {status}\r\nETag: "one"\r\nContent-Length: {SIZE - at}\r\n'
                f"Content-Range: bytes {at}-{END}/{SIZE}\r\n\r\n".encode()
            )
            if 1 < len(self.spans) <= 1 + self.quick:
                writer.write(MP4[at:])
                await writer.drain()
            for byte in MP4[at : at + 1000]:
                if writer.transport.is_closing():
                    break
                writer.write(bytes([byte]))
                await asyncio.sleep(0.5)
        writer.close()


@pytest.mark.looptime
async def test_a_host_that_hardly_sends_is_left_in_the_end(tmp_path: Path) -> None:
    """A byte now and then is no progress: after the resumes it is over, and not after ten days."""
    host = Dripping()
    async with host.serving() as url, storing(url, resumes=2) as downloader:
        with pytest.raises(DownloadError, match="less than 1,024 bytes a second for 60 s"):
            await downloader.fetch(Video(url=f"{url}/clip"), tmp_path, "x")

    assert 3 == len(host.spans)
    assert 180 <= asyncio.get_running_loop().time() < 200
    assert MP4.startswith((tmp_path / "x.part").read_bytes())


@pytest.mark.looptime
async def test_a_host_that_hardly_sends_is_asked_once_more(tmp_path: Path) -> None:
    """As after any other break, for what is missing."""
    host = Dripping(quick=1)
    async with host.serving() as url, storing(url) as downloader:
        path = await downloader.fetch(Video(url=f"{url}/clip"), tmp_path, "x")

    assert MP4 == path.read_bytes()
    assert 2 == len(host.spans)
    assert 100 <= int(host.spans[1]) <= 130


def test_a_wait_of_our_own_making_does_not_count_against_the_host() -> None:
    """Only what a host sends while it is listened to is measured, a minute at a time."""
    now = 0.0
    pace = Pace(lambda: now)

    told = list[bool]()
    for seconds, came, rested in ((59.9, 1, False), (0.1, 61_440, False), (60.0, 61_439, False), (600.0, 1, True)):
        now += seconds
        if rested:
            pace.restart()
        told.append(pace.lags(came))

    assert [False, False, True, False] == told
