"""Files that a batch keeps account of: hashed while they are written, on the disk for good, seen at every step."""

from __future__ import annotations

import errno
import hashlib
import os
import random
import sys
from collections.abc import AsyncIterator
from pathlib import Path

import pytest
from yarl import URL

from kling_async import DownloadError, Downloads, KlingClient
from kling_async.media.downloads import Downloader
from kling_async.media.durable import Stored, sync
from kling_async.models import Image, Video
from tests.support.cutting import BadLine
from tests.support.hosting import FileHost, Fixed
from tests.support.vendor import Reply, Seen

MP4 = b"\x00\x00\x00\x20ftypisom" + random.Random(1).randbytes(2_500_000)
OTHER = b"\x00\x00\x00\x20ftypisom" + random.Random(2).randbytes(2_400_000)
PNG = b"\x89PNG\r\n\x1a\n" + random.Random(3).randbytes(20_000)


class Host(FileHost):
    """Serves one version of one file, knows ranges, and cuts its answers where it is told."""

    def __init__(self, *cuts: int) -> None:
        super().__init__(self._answer)
        self.body, self.etag, self.cuts = MP4, '"one"', list(cuts)

    def _answer(self, seen: Seen) -> Reply:
        headers = {"ETag": self.etag}
        at = int(seen.headers["Range"][6:-1]) if seen.headers.get("If-Range") == self.etag else 0
        if at >= len(self.body):
            return Reply(status=416, headers={**headers, "Content-Range": f"bytes */{len(self.body)}"})
        rest = self.body[at:]
        if at:
            headers["Content-Range"] = f"bytes {at}-{len(self.body) - 1}/{len(self.body)}"
        cut = self.cuts.pop(0) if self.cuts else len(rest)
        length = None if cut >= len(rest) else len(rest)
        return Reply(rest[:cut], 206 if at else 200, headers, length=length)


@pytest.fixture
async def host() -> AsyncIterator[Host]:
    """The file's host."""
    async with Host() as host:
        yield host


@pytest.fixture
async def store(host: Host) -> AsyncIterator[Downloader]:
    """Ours, without pauses."""
    downloader = Downloader(Downloads(resumes=5), URL(host.url), random=Fixed())
    yield downloader
    await downloader.close()


def clip(host: FileHost) -> Video:
    """The file as a result names it."""
    return Video(url=f"{host.url}/clip?Signature=s3cret")


def as_told(path: Path, body: bytes) -> Stored:
    """What is to be told of a file that holds all of a body."""
    assert body == path.read_bytes()
    return Stored(path=path, bytes=len(body), sha256=hashlib.sha256(body).hexdigest())


async def left_behind(host: Host, directory: Path, at: int) -> int:
    """Give up when so many bytes were sent, as a process that ends does; how many are in the `.part`."""
    host.cuts = [at]
    downloader = Downloader(Downloads(resumes=0), URL(host.url))
    with pytest.raises(DownloadError, match="cut short"):
        await downloader.store(clip(host), directory, "x")
    await downloader.close()
    return (directory / "x.part").stat().st_size


async def test_what_is_stored_is_told_with_its_size_and_its_hash(store: Downloader, host: Host, tmp_path: Path) -> None:
    """SHA-256 in hex, under the name that the content asks for."""
    stored = await store.store(clip(host), tmp_path, "x")

    assert as_told(tmp_path / "x.mp4", MP4) == stored


@pytest.mark.parametrize("cuts", [(1,), (900_000,), (300_000, 700_000, 0, 1, 1_200_000), (len(MP4) - 1,)])
async def test_a_file_that_broke_on_its_way_has_the_hash_of_the_whole(
    store: Downloader, host: Host, tmp_path: Path, cuts: tuple[int, ...]
) -> None:
    """Wherever and however often it was cut."""
    host.cuts = list(cuts)

    stored = await store.store(clip(host), tmp_path, "x")

    assert as_told(tmp_path / "x.mp4", MP4) == stored
    assert len(cuts) < len(host.seen)


@pytest.mark.parametrize("at", [20, 1_048_576, 1_500_000, len(MP4) - 1])
async def test_what_an_earlier_process_left_is_in_the_hash(
    store: Downloader, host: Host, tmp_path: Path, at: int
) -> None:
    """Those bytes are read from the disk, and not asked for again."""
    had = await left_behind(host, tmp_path, at)

    stored = await store.store(clip(host), tmp_path, "x")

    assert as_told(tmp_path / "x.mp4", MP4) == stored
    assert f"bytes={had}-" == host.seen[-1].headers["Range"]


async def test_a_file_that_was_whole_before_it_had_its_name_is_hashed_without_a_byte_more(
    store: Downloader, host: Host, tmp_path: Path
) -> None:
    """The process ended between the last byte and the name."""
    had = await left_behind(host, tmp_path, 1_200_000)
    with (tmp_path / "x.part").open("ab") as part:
        part.write(MP4[had:])

    stored = await store.store(clip(host), tmp_path, "x")

    assert as_told(tmp_path / "x.mp4", MP4) == stored
    assert f"bytes={len(MP4)}-" == host.seen[-1].headers["Range"]


@pytest.mark.parametrize("earlier", [False, True])
async def test_another_version_is_hashed_from_its_own_first_byte(
    store: Downloader, host: Host, tmp_path: Path, *, earlier: bool
) -> None:
    """Nothing of the version that came before is in the hash, whichever process it came to."""
    if earlier:
        await left_behind(host, tmp_path, 700_000)
    else:
        host.cuts = [700_000]

    def point(name: str) -> None:
        if name == "download.started" and not earlier:
            host.body, host.etag = OTHER, '"two"'

    if earlier:
        host.body, host.etag = OTHER, '"two"'
    stored = await store.store(clip(host), tmp_path, "x", point=point)

    assert as_told(tmp_path / "x.mp4", OTHER) == stored


@pytest.mark.skipif(sys.platform == "win32", reason="no limits there")
async def test_a_disk_that_was_full_leaves_the_hash_right(store: Downloader, host: Host, tmp_path: Path) -> None:
    """A write that was cut short put bytes into the file that had not been hashed."""
    import resource

    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (2_400_001, before[1]))
    try:
        with pytest.raises(DownloadError, match="File too large"):
            await store.store(clip(host), tmp_path, "x")
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    stored = await store.store(clip(host), tmp_path, "x")

    assert as_told(tmp_path / "x.mp4", MP4) == stored


async def test_hashes_hold_whatever_the_line_does(tmp_path: Path) -> None:
    """Cut at a hundred bytes chosen by chance, in headers and in bodies."""
    chance = random.Random(5)
    plan = (chance.randrange(len(PNG) + 400) for _ in range(100_000))
    wanted = hashlib.sha256(PNG).hexdigest()
    told = list[Stored]()
    async with Host() as host, BadLine(host.url, plan) as line:
        host.body = PNG
        downloader = Downloader(Downloads(resumes=50), URL(line.url), random=Fixed())
        while line.cuts < 100:
            told.append(await downloader.store(Image(url=f"{line.url}/x"), tmp_path, "x"))
        await downloader.close()

    assert {Stored(path=tmp_path / "x.png", bytes=len(PNG), sha256=wanted)} == set(told)


async def test_every_step_is_told_when_it_is_due(store: Downloader, host: Host, tmp_path: Path) -> None:
    """Before the last two of them the file has all its bytes, and only at the last one its name."""
    seen = list[tuple[str, dict[str, int]]]()

    def point(name: str) -> None:
        seen.append((name, {each.name: each.stat().st_size for each in tmp_path.glob("x.*[4t]")}))

    host.cuts = [900_000]
    await store.store(clip(host), tmp_path, "x", point=point)

    assert ["download.started", "download.before_fsync", "download.before_rename", "download.after_rename"] == [
        name for name, _ in seen
    ]
    assert [{"x.part": len(MP4)}, {"x.part": len(MP4)}, {"x.mp4": len(MP4)}] == [there for _, there in seen[1:]]


@pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be synced there")
async def test_the_file_is_synced_then_named_then_its_folder_is_synced(
    store: Downloader, host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So a name that was told outlasts a power cut. Seen at the system call, for which there is no other window."""
    flush, steps = os.fsync, list[object]()

    def seen(fd: int) -> None:
        steps.append(tmp_path if os.path.samestat(os.fstat(fd), tmp_path.stat()) else "file")
        flush(fd)

    monkeypatch.setattr(os, "fsync", seen)

    await store.store(clip(host), tmp_path, "x", point=steps.append)

    wanted = ["download.started", "download.before_fsync", "file", "download.before_rename", "download.after_rename"]
    assert [*wanted, tmp_path] == steps


@pytest.mark.skipif(sys.platform == "win32", reason="folders cannot be synced there")
async def test_a_new_folder_lasts_as_well(host: Host, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Each that was made is synced into the one above it, before the first file comes."""
    flush, synced = os.fsync, list[int]()

    def seen(fd: int) -> None:
        synced.append(os.fstat(fd).st_ino)
        flush(fd)

    monkeypatch.setattr(os, "fsync", seen)

    async with KlingClient(api_key="key-0123456789", base_url=host.url) as kling:
        await kling.download(clip(host), tmp_path / "new" / "er")

    assert {tmp_path.stat().st_ino, (tmp_path / "new").stat().st_ino} == set(synced[:2])
    assert (tmp_path / "new" / "er").stat().st_ino == synced[-1]


@pytest.mark.skipif(not Path("/proc/self").exists(), reason="no file system there that syncs no folders")
def test_a_file_system_that_syncs_no_folders_is_left_at_that() -> None:
    """There is nothing that could be done about it."""
    fd = os.open("/proc/self", os.O_RDONLY)
    with pytest.raises(OSError, match=r".") as refused:
        os.fsync(fd)
    os.close(fd)

    sync(Path("/proc/self"))

    assert errno.EINVAL == refused.value.errno


def test_a_folder_that_is_gone_is_no_folder_that_cannot_be_synced(tmp_path: Path) -> None:
    """What went wrong is told."""
    if sys.platform == "win32":
        pytest.skip("folders cannot be synced there")

    with pytest.raises(FileNotFoundError):
        sync(tmp_path / "gone")
