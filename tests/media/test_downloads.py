"""Results on disk: whole, of the right kind, under our own names, and fetched without credentials."""

from __future__ import annotations

import asyncio
import contextlib
import os
import stat
import traceback
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from kling_async import (
    ClientClosed,
    DownloadError,
    Downloads,
    ExpiredResult,
    InvalidRequest,
    KlingClient,
    Task,
    TaskFailed,
    TaskRef,
    TaskStatus,
    UnsafeURL,
)
from kling_async.media.naming import own_name, slug
from kling_async.models import CutOut, Face, Faces, Image, ImageResult, Recognition, Video, VideoResult
from tests.support.vendor import API_KEY, Reply, Seen, Vendor, row, said

PNG = b"\x89PNG\r\n\x1a\n" + bytes(range(256)) * 20
JPEG = b"\xff\xd8\xff\xe0" + bytes(range(256)) * 20
WEBP = b"RIFF\x10\x20\x00\x00WEBPVP8 " + bytes(100)
MP4 = b"\x00\x00\x00\x20ftypisom" + bytes(range(256)) * 9000  # more than two batches


def host(seen: Seen) -> Reply:
    """A file host: the path says what it serves."""
    files = {"png": PNG, "jpeg": JPEG, "webp": WEBP, "mp4": MP4, "html": b"<html>no</html>", "empty": b""}
    name = seen.path.partition("?")[0].strip("/")
    if name.isdecimal():
        return Reply(b"no", int(name))
    if name == "short":
        return Reply(PNG[:500], length=len(PNG))
    if name == "cut":
        return Reply(cut=True)
    return Reply(files[name])


@pytest.fixture
async def vendor() -> AsyncIterator[Vendor]:
    """The file host."""
    async with Vendor(host) as vendor:
        yield vendor


@pytest.fixture
async def kling(vendor: Vendor) -> AsyncIterator[KlingClient]:
    """A client on whose very origin the files live, as with the emulator; it does not try twice."""
    async with KlingClient(api_key=API_KEY, base_url=vendor.url, downloads=Downloads(resumes=0)) as kling:
        yield kling


def a_task(name: str = "77", *files: Any) -> Task[Any]:
    """A finished task."""
    result = VideoResult(videos=files) if files and isinstance(files[0], Video) else ImageResult(images=files)
    return Task(id=name, status=TaskStatus.SUCCEED, result=result)


async def test_files_are_named_after_the_task_and_their_content(
    kling: KlingClient, vendor: Vendor, tmp_path: Path
) -> None:
    """`<task id>-<index>.<ext>`, the extension by the first bytes, in a directory made if need be."""
    images = [Image(url=f"{vendor.url}/{kind}", index=at) for at, kind in enumerate(("png", "jpeg", "webp"))]

    paths = await kling.download(a_task("77", *images), tmp_path / "new" / "dir")

    assert ["77-0.png", "77-1.jpg", "77-2.webp"] == [path.name for path in paths]
    assert [PNG, JPEG, WEBP] == [path.read_bytes() for path in paths]
    assert sorted(paths) == sorted((tmp_path / "new" / "dir").iterdir())


async def test_a_large_file_arrives_whole(kling: KlingClient, vendor: Vendor, tmp_path: Path) -> None:
    """Also when it takes several batches."""
    (path,) = await kling.download(Video(url=f"{vendor.url}/mp4"), tmp_path, name="clip")

    assert "clip-0.mp4" == path.name
    assert MP4 == path.read_bytes()


async def test_a_name_of_ones_own_gives_every_file_its_own(kling: KlingClient, vendor: Vendor, tmp_path: Path) -> None:
    """Of one task by place; of several by item first, and a file is an item by itself."""
    picture = Image(url=f"{vendor.url}/png")
    task = a_task("1", picture, picture)

    one = await kling.download(task, tmp_path, name="one")
    several = await kling.download([task, picture, task.result, a_task("2", picture)], tmp_path, name="shot")
    files = await kling.download(task.result.images, tmp_path, name="view")

    assert ["one-0.png", "one-1.png"] == [path.name for path in one]
    assert ["shot-0-0", "shot-0-1", "shot-1", "shot-2-0", "shot-2-1", "shot-3-0"] == [path.stem for path in several]
    assert ["view-0.png", "view-1.png"] == [path.name for path in files]


async def test_under_one_name_no_file_takes_the_place_of_another_tasks(tmp_path: Path) -> None:
    """A task that failed first and succeeds later has its own names: nothing moves up, nothing is overwritten."""
    status = "failed"

    def answer(seen: Seen) -> Reply:
        if seen.path.startswith(("/png", "/jpeg")):
            return Reply(PNG if seen.path.startswith("/png") else JPEG)
        task_id = seen.path.rpartition("/")[2]
        url = f"http://{seen.headers['Host']}/{'jpeg' if task_id == '1' else 'png'}"
        told = status if task_id == "1" else "succeed"
        return said(row(task_id, told, task_result={"images": [{"index": 0, "url": url}]}))

    async with Vendor(answer) as vendor, KlingClient(api_key=API_KEY, base_url=vendor.url) as kling:
        attach = kling.images.generate.attach
        with pytest.raises(DownloadError) as first:
            await kling.download([attach("1"), attach("2")], tmp_path, name="w")
        status = "succeed"
        second = await kling.download([attach("1"), attach("2")], tmp_path, name="w")

    assert ["w-1-0.png"] == [path.name for path in first.value.done]
    assert ["w-0-0.jpg", "w-1-0.png"] == [path.name for path in second]
    assert second == sorted(tmp_path.iterdir())


async def test_no_credentials_and_an_untouched_query_reach_the_file_host(
    kling: KlingClient, vendor: Vendor, tmp_path: Path
) -> None:
    """Signed links break if one character changes, and the host is not to see the token."""
    query = "Expires=1&Signature=a%2Fb~c%3D%3d+x&Key-Pair-Id=K"

    await kling.download(Image(url=f"{vendor.url}/png?{query}"), tmp_path)

    assert f"/png?{query}" == vendor.seen[0].path
    assert "Authorization" not in vendor.seen[0].headers
    assert "identity" == vendor.seen[0].headers["Accept-Encoding"]
    assert API_KEY not in str(vendor.seen[0])


@pytest.mark.parametrize(
    ("name", "kind", "words"),
    [
        ("html", "image", "is no image"),
        ("mp4", "image", "is no image"),
        ("png", "video", "is no video"),
        ("empty", "image", "is no image"),
        ("short", "image", "could not be fetched"),
        ("cut", "image", "could not be fetched"),
        ("500", "image", "HTTP 500"),
        ("302", "image", "HTTP 302"),
    ],
)
async def test_what_is_not_the_whole_right_file_never_gets_its_name(
    kling: KlingClient, vendor: Vendor, tmp_path: Path, name: str, kind: str, words: str
) -> None:
    """Nothing but a `.part` may be left of it."""
    file = Image(url=f"{vendor.url}/{name}?Signature=s3cret") if kind == "image" else Video(url=f"{vendor.url}/{name}")

    with pytest.raises(DownloadError, match=words) as caught:
        await kling.download(file, tmp_path)

    assert not {path.name for path in tmp_path.iterdir()} - {f"{own_name(file)}-0.part"}
    assert "s3cret" not in str(caught.value)


@pytest.mark.parametrize(
    ("headers", "words"),
    [
        ({"Content-Type": "text/html; charset=utf-8"}, "is no image: the host says text/html"),
        ({"Content-Type": "video/mp4"}, "is no image: the host says video/mp4"),
        ({"Content-Type": "IMAGE/JPEG;q=1"}, None),
        ({"Content-Type": "application/octet-stream"}, None),
        ({"Content-Type": "binary/octet-stream"}, None),
        ({"Content-Encoding": "gzip"}, "packed"),
        ({"Content-Encoding": "identity"}, None),
    ],
)
async def test_the_header_must_not_contradict_the_content(
    tmp_path: Path, headers: dict[str, str], words: str | None
) -> None:
    """Types that say nothing pass, and so does another type of the same kind: the bytes decide."""
    async with Vendor(Reply(PNG, headers=headers)) as vendor:
        async with KlingClient(api_key=API_KEY, base_url=vendor.url) as kling:
            with contextlib.ExitStack() as raised:
                if words:
                    raised.enter_context(pytest.raises(DownloadError, match=words))
                await kling.download(Image(url=f"{vendor.url}/a"), tmp_path, name="x")

    assert ([] if words else ["x-0.png"]) == [path.name for path in tmp_path.iterdir()]


async def test_a_file_of_unknown_length_is_not_taken_for_whole(tmp_path: Path) -> None:
    """Neither length nor chunks: where it ends could be where the line broke."""

    async def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nConnection: close\r\n\r\n" + PNG)
        writer.close()
        await writer.wait_closed()

    async with await asyncio.start_server(serve, "127.0.0.1", 0) as server:
        url = f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
        async with KlingClient(api_key=API_KEY, base_url=url) as kling:
            with pytest.raises(DownloadError, match="how long"):
                await kling.download(Image(url=f"{url}/a"), tmp_path)


@pytest.mark.parametrize("status", [403, 404, 410])
async def test_a_link_that_is_gone_is_told_apart(
    kling: KlingClient, vendor: Vendor, tmp_path: Path, status: int
) -> None:
    """Links end after 30 days."""
    with pytest.raises(ExpiredResult, match="30 days"):
        await kling.download(Image(url=f"{vendor.url}/{status}"), tmp_path)


@pytest.mark.parametrize(
    "url",
    [
        "http://example.com/a.png",
        "http://127.0.0.1:1/a.png",
        "file:///etc/passwd",
        "ftp://x/y",
        "",
        "a.png",
        "https://",
    ],
)
async def test_an_unsafe_address_is_not_fetched(kling: KlingClient, tmp_path: Path, url: str) -> None:
    """https only, and http from the emulator's own origin; not from another port of this machine."""
    with pytest.raises(UnsafeURL):
        await kling.download(Image(url=url), tmp_path)


async def test_a_file_above_its_cap_is_given_up(vendor: Vendor, tmp_path: Path) -> None:
    """Declared or not."""
    async with KlingClient(
        api_key=API_KEY, base_url=vendor.url, downloads=Downloads(max_bytes={"image": 1000})
    ) as kling:
        with pytest.raises(DownloadError, match=r"has 5,128 bytes, more than the 1,000"):
            await kling.download(Image(url=f"{vendor.url}/png"), tmp_path)


async def test_of_many_the_finished_stay_and_the_failed_are_named(
    kling: KlingClient, vendor: Vendor, tmp_path: Path
) -> None:
    """`DownloadError` holds what is done and what failed."""
    good, bad = Image(url=f"{vendor.url}/png"), Image(url=f"{vendor.url}/404")
    failed = Task(id="9", status=TaskStatus.FAILED, result=None, message="why")

    with pytest.raises(DownloadError) as caught:
        await kling.download([a_task("1", good, bad), a_task("2", good)], tmp_path)
    with pytest.raises(TaskFailed, match="why"):
        await kling.download(failed, tmp_path)

    assert ["1-0.png", "2-0.png"] == [path.name for path in caught.value.done]
    assert [ExpiredResult] == [type(error) for error in caught.value.failed]
    assert all(path.exists() for path in caught.value.done)


async def test_a_handle_is_awaited_first(tmp_path: Path) -> None:
    """And a failed task raises what awaiting it raises; among many it is one of the failed."""

    def answer(seen: Seen) -> Reply:
        if seen.path.startswith("/png"):
            return Reply(PNG)
        url = f"http://{seen.headers['Host']}/png"
        good = row("1", "succeed", task_result={"images": [{"index": 0, "url": url}]})
        return said(good if seen.path.endswith("/1") else row("2", "failed", task_status_msg="why"))

    async with Vendor(answer) as vendor, KlingClient(api_key=API_KEY, base_url=vendor.url) as kling:
        good, bad = kling.images.generate.attach("1"), kling.images.generate.attach("2")
        paths = await kling.download(good, tmp_path)
        with pytest.raises(TaskFailed):
            await kling.download(bad, tmp_path)
        with pytest.raises(DownloadError, match="why") as caught:
            await kling.download([good, bad], tmp_path)

    assert ["1-0.png"] == [path.name for path in paths]
    assert isinstance(caught.value.failed[0].__cause__, TaskFailed)


@pytest.mark.parametrize(
    "name", ["../up", "a/b", "a\\b", ".hidden", "", "con", "LPT1.x", "a" * 81, "nul", "a b", "é", 5]
)
async def test_a_name_that_is_no_plain_name_is_refused(kling: KlingClient, tmp_path: Path, name: Any) -> None:
    """On every system, also on those we are not on."""
    with pytest.raises(InvalidRequest, match="name"):
        await kling.download(Image(url="https://x.example/a"), tmp_path, name=name)


async def test_an_id_from_outside_cannot_choose_the_place(kling: KlingClient, vendor: Vendor, tmp_path: Path) -> None:
    """A task id is the server's word, and is not trusted as a path."""
    (path,) = await kling.download(a_task("../../etc/x", Image(url=f"{vendor.url}/png")), tmp_path / "out")

    assert tmp_path / "out" == path.parent


@given(st.text())
def test_a_slug_is_a_plain_name_whatever_it_is_made_of(text: str) -> None:
    """Letters, digits, hyphens and underscores, at most 85 of them, and no device."""
    name = slug(text)

    assert 0 < len(name) <= 85
    assert name.isascii()
    assert not set(name) & set("./\\: ")
    assert name.lower() not in {"con", "nul", "aux", "prn", "com1", "lpt1"}


async def test_a_symlink_in_the_place_of_the_part_is_not_followed(
    kling: KlingClient, vendor: Vendor, tmp_path: Path
) -> None:
    """Nobody can make us write elsewhere."""
    (tmp_path / "x-0.part").symlink_to(tmp_path / "elsewhere")

    with pytest.raises(DownloadError, match="cannot be written"):
        await kling.download(Image(url=f"{vendor.url}/png"), tmp_path, name="x")

    assert not (tmp_path / "elsewhere").exists()


async def test_a_directory_that_cannot_be_written_is_named_before_anything_is_fetched(
    kling: KlingClient, vendor: Vendor, tmp_path: Path
) -> None:
    """A file in its place is enough, and holds for the superuser too."""
    (tmp_path / "file").write_text("x")

    with pytest.raises(InvalidRequest, match="directory"):
        await kling.download(Image(url=f"{vendor.url}/png"), tmp_path / "file" / "out")

    assert [] == vendor.seen


async def test_the_file_is_as_private_as_the_umask_says(kling: KlingClient, vendor: Vendor, tmp_path: Path) -> None:
    """Not more, not less."""
    before = os.umask(0o027)
    try:
        (path,) = await kling.download(Image(url=f"{vendor.url}/png"), tmp_path)
    finally:
        os.umask(before)

    assert 0o640 == stat.S_IMODE(path.stat().st_mode)


async def test_downloading_after_close_is_refused(kling: KlingClient, tmp_path: Path) -> None:
    """As everything else is."""
    await kling.close()

    with pytest.raises(ClientClosed):
        await kling.download(Image(url="https://x.example/a"), tmp_path)


@pytest.mark.parametrize(
    "options",
    [
        {"concurrency": 0},
        {"concurrency": 1.5},
        {"concurrency": True},
        {"max_bytes": {"image": 0}},
        {"max_bytes": {"x": 1}},
        {"max_bytes": {"image": "5"}},
        {"max_bytes": {"image": None}},
        {"max_bytes": {"image": True}},
        {"max_bytes": {"image": 1.5}},
        {"max_bytes": {"image": float("nan")}},
        {"max_bytes": {"image": float("inf")}},
        {"max_bytes": {5: 5}},
        {"max_bytes": 5},
        {"max_bytes": ["image"]},
        {"max_bytes": ""},
        {"resumes": -1},
        {"resumes": 1.0},
        {"hosts": "klingai.com"},
        {"hosts": 5},
        {"hosts": None},
        {"hosts": ["com"]},
        {"hosts": ["https://klingai.com"]},
        {"hosts": ["klingai.com/x"]},
        {"hosts": ["127.0.0.1"]},
        {"hosts": ["a..com"]},
        {"hosts": [5]},
        {"hosts": [""]},
    ],
)
def test_download_options_that_make_no_sense_are_refused(options: dict[str, Any]) -> None:
    """The error names the option."""
    with pytest.raises(InvalidRequest, match=f"Downloads.{next(iter(options))}"):
        Downloads(**options)


def test_hosts_are_read_as_links_spell_them() -> None:
    """Small letters, without dots and stars around, names from other scripts as DNS has them."""
    given = Downloads(hosts=["KlingAI.com", ".a.example", "*.b.example", "B\xfccher.example", "c.example."])

    assert ("klingai.com", "a.example", "b.example", "xn--bcher-kva.example", "c.example") == given.hosts
    assert "any-public" == Downloads(hosts="any-public").hosts
    assert "klingai.com" in Downloads().hosts


async def test_two_downloads_of_one_name_do_not_mix(kling: KlingClient, vendor: Vendor, tmp_path: Path) -> None:
    """Whoever comes second waits, and the file is one of the two, whole."""
    picture, clip = Image(url=f"{vendor.url}/png"), Video(url=f"{vendor.url}/mp4")

    many = await asyncio.gather(*(kling.download(clip, tmp_path, name="x") for _ in range(5)))
    await asyncio.gather(kling.download(picture, tmp_path, name="y"), kling.download(clip, tmp_path, name="y"))

    assert [[tmp_path / "x-0.mp4"]] * 5 == many
    assert MP4 == (tmp_path / "x-0.mp4").read_bytes() == (tmp_path / "y-0.mp4").read_bytes()
    assert PNG == (tmp_path / "y-0.png").read_bytes()


async def test_files_without_their_task_do_not_overwrite_each_other(
    kling: KlingClient, vendor: Vendor, tmp_path: Path
) -> None:
    """Each has a name of its own, the same at every signature of its link."""
    first = await kling.download(Image(url=f"{vendor.url}/png?Signature=1"), tmp_path)
    again = await kling.download(Image(url=f"{vendor.url}/png?Signature=2"), tmp_path)
    other = await kling.download(Image(url=f"{vendor.url}/jpeg"), tmp_path)
    video = await kling.download(Video(url=f"{vendor.url}/mp4", id="v7"), tmp_path)

    assert first == again != other
    assert ["v7-0.mp4"] == [path.name for path in video]


@pytest.mark.parametrize(("name", "stored"), [(None, "1-0.png"), ("w", "w-1-0.png")])
async def test_a_file_is_fetched_as_soon_as_its_task_has_ended(tmp_path: Path, name: str | None, stored: str) -> None:
    """A task that still runs holds up nobody's file, under one name too."""

    def answer(seen: Seen) -> Reply:
        if seen.path.startswith("/png"):
            return Reply(PNG)
        url = f"http://{seen.headers['Host']}/png"
        good = row("1", "succeed", task_result={"images": [{"index": 0, "url": url}]})
        return said(good if seen.path.endswith("/1") else row("2", "processing"))

    async with Vendor(answer) as vendor, KlingClient(api_key=API_KEY, base_url=vendor.url) as kling:
        handles = [kling.images.generate.attach("2"), kling.images.generate.attach("1")]
        storing = asyncio.ensure_future(kling.download(handles, tmp_path, name=name))
        while not list(tmp_path.glob("*.png")):
            await asyncio.sleep(0)
        storing.cancel()
        await asyncio.wait([storing])

    assert [stored] == [path.name for path in tmp_path.glob("*.png")]


@pytest.mark.parametrize(
    "url", ["//x/y", "http://127.0.0.1:99999/a", "https://a..b/x", "https://x.example:99999/", "http://["]
)
async def test_an_odd_address_among_good_ones_costs_none_of_them(
    kling: KlingClient, vendor: Vendor, tmp_path: Path, url: str
) -> None:
    """It is one of the failed, and what was stored is named."""
    with pytest.raises(DownloadError) as caught:
        await kling.download([Image(url=f"{vendor.url}/png"), Image(url=url)], tmp_path)

    assert 1 == len(caught.value.done)
    assert [UnsafeURL] == [type(error) for error in caught.value.failed]


@pytest.mark.parametrize("name", ["500", "short", "html", "cut", "404"])
async def test_a_signed_link_is_in_no_error_and_no_local(
    kling: KlingClient, vendor: Vendor, tmp_path: Path, name: str
) -> None:
    """For thirty days it is as good as a key."""
    file = Image(url=f"{vendor.url}/{name}?Signature=s3cret", watermark_url="https://x/?Signature=s3cret")

    with pytest.raises(DownloadError) as caught:
        await kling.download(file, tmp_path)

    assert caught.value.__traceback__ is not None
    report = traceback.TracebackException(
        type(caught.value), caught.value, caught.value.__traceback__.tb_next, capture_locals=True
    )
    assert "s3cret" not in "".join(report.format())
    assert "s3cret" not in repr(file)


@pytest.mark.parametrize(
    "what", [None, "abc", b"abc", 5, [None], ["abc"], {"a": 1}, TaskRef(endpoint="x", task_id="1")]
)
async def test_what_is_no_file_is_refused_before_anything_is_fetched(
    kling: KlingClient, vendor: Vendor, tmp_path: Path, what: Any
) -> None:
    """The error says what can be downloaded."""
    with pytest.raises(InvalidRequest, match=r"results or files such as task\.result\.images\[0\]"):
        await kling.download(what, tmp_path)

    assert [] == vendor.seen


@pytest.mark.parametrize("several", [False, True])
async def test_an_address_is_no_file(kling: KlingClient, tmp_path: Path, *, several: bool) -> None:
    """It is told as a whole, not letter by letter, and without what opens it."""
    address = "https://x.klingai.com/a.png?Signature=s3cret"
    what: Any = [address] if several else address

    with pytest.raises(
        InvalidRequest, match=r"not the address of one; got 'https://x.klingai.com/a.png\?\*\*\*'"
    ) as caught:
        await kling.download(what, tmp_path)

    assert "s3cret" not in f"{caught.value} {vars(caught.value)}"


async def test_whatever_has_files_is_stored(kling: KlingClient, vendor: Vendor, tmp_path: Path) -> None:
    """Results, and answers of calls that make no task: by their session, else each file by its own name."""
    url = f"{vendor.url}/png"
    faces = Faces(session_id="s1", face_data=(Face(face_id="1", face_image=url), Face(face_id="2", face_image=url)))
    found = Recognition(images=(CutOut(type="face_seg", url=url), CutOut(type="head_seg")))
    result = VideoResult(videos=(Video(url=f"{vendor.url}/mp4", id="v7"),))

    paths = await kling.download([faces, found, result, ImageResult()], tmp_path)

    assert ["s1-0.png", "s1-1.png", f"{own_name(found.files[0])}-0.png", "v7-0.mp4"] == [path.name for path in paths]


def test_other_ids_give_other_names() -> None:
    """Also where letters had to be replaced."""
    assert 5 == len({slug(text) for text in ("a.b", "a-b", "a/b", "é", "ü")})
