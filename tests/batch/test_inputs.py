"""Local files of a batch are sent as they were when it was planned, or not at all; what has no file is kept once."""

from __future__ import annotations

import base64
import json
import os
import stat
from pathlib import Path
from typing import Any

import attrs
import pytest

from kling_async import InvalidRequest, JournalError
from kling_async.batch.inputs import Inputs
from kling_async.batch.queries import Planned
from tests.batch.manifests import inputs, line, picture, refused, rows_of, sent, written

LARGE = 5000
"""Bytes that do not stand in the journal itself."""


def row(**body: object) -> dict[str, Any]:
    """A row for one picture."""
    return {"custom_id": "fox", "endpoint": "images.generate", "body": {"prompt": "A fox", **body}}


async def planned(tmp_path: Path, **body: object) -> Planned:
    """One row, planned."""
    (made,) = await rows_of([row(**body)], tmp_path)
    return made


def kept(tmp_path: Path) -> list[Path]:
    """What lies beside the journal."""
    folder = inputs(tmp_path).folder
    return sorted(folder.iterdir()) if folder.exists() else []


@pytest.mark.parametrize("size", [200, LARGE])
async def test_one_content_has_one_hash(size: int, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A path, its name, bytes, Base64 text or a data URI of one picture are one: what is sent is the same."""
    monkeypatch.chdir(tmp_path)
    content = picture(size=size)
    (tmp_path / "cat.png").write_bytes(content)
    text = base64.b64encode(content).decode()
    forms = [tmp_path / "cat.png", Path("cat.png"), "cat.png", content, text, f"data:image/png;base64,{text}"]

    rows = [await planned(tmp_path, image=form) for form in forms]

    assert 1 == len({each.body_sha256 for each in rows})
    assert [{"prompt": "A fox", "image": text}] * len(forms) == [
        sent(inputs(tmp_path).request_of(each)) for each in rows
    ]


async def test_other_content_has_another_hash(tmp_path: Path) -> None:
    """One byte makes another task; where a file lies does not."""
    (tmp_path / "folder").mkdir()
    for name, seed in (("a.png", 1), ("b.png", 2), ("folder/a.png", 1)):
        (tmp_path / name).write_bytes(picture(seed))

    a, b, same = [await planned(tmp_path, image=tmp_path / name) for name in ("a.png", "b.png", "folder/a.png")]

    assert a.body_sha256 != b.body_sha256
    assert a.body_sha256 == same.body_sha256
    assert a.body_json != same.body_json


async def test_another_endpoint_has_another_hash(tmp_path: Path) -> None:
    """The same fields sent elsewhere are another task."""
    image = await rows_of([{"custom_id": "a", "prompt": "x"}], tmp_path, endpoint="images.generate")
    video = await rows_of([{"custom_id": "a", "prompt": "x"}], tmp_path, endpoint="videos.text_to_video")

    assert image[0].body_json == video[0].body_json
    assert image[0].body_sha256 != video[0].body_sha256


async def test_files_begin_in_the_folder_of_the_manifest(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A manifest and its pictures can be moved together, and run from anywhere; the journal knows the whole path."""
    (tmp_path / "work").mkdir()
    (tmp_path / "elsewhere").mkdir()
    (tmp_path / "work" / "cat.png").write_bytes(picture())
    manifest = written(tmp_path / "work", line("fox", image="cat.png"))
    monkeypatch.chdir(tmp_path / "elsewhere")

    (made,) = await rows_of(os.path.relpath(manifest), tmp_path)

    path = json.loads(made.body_json)["image"]["$file"]["path"]
    assert str(tmp_path / "work" / "cat.png") == path


async def test_files_may_begin_elsewhere(tmp_path: Path) -> None:
    """Whoever makes rows may say where the names in them begin."""
    (tmp_path / "cat.png").write_bytes(picture())

    (made,) = await rows_of([row(image="cat.png")], tmp_path, home=tmp_path)

    assert str(tmp_path / "cat.png") in made.body_json


async def test_files_are_found_inside_of_objects(tmp_path: Path) -> None:
    """A name may stand wherever a picture may, and comes back from there."""
    for name in ("a.png", "b.png"):
        (tmp_path / name).write_bytes(picture(ord(name[0])))
    body = {"image_list": [{"image": "a.png"}, {"image": "https://example.com/x.png"}, {"image": "b.png"}]}
    manifest = written(
        tmp_path, json.dumps({"custom_id": "a", "endpoint": "images.omni", "body": {"prompt": "x", **body}})
    )

    (made,) = await rows_of(manifest, tmp_path)
    request = inputs(tmp_path).request_of(made)

    images = [each["image"] for each in sent(request)["image_list"]]
    encoded = [base64.b64encode(picture(ord(name))).decode() for name in "ab"]
    assert [encoded[0], "https://example.com/x.png", encoded[1]] == images


async def test_what_has_no_file_is_kept_once(tmp_path: Path) -> None:
    """Bytes lie beside the journal under their hash, for their owner only; short ones in the journal itself."""
    rows = [{**row(image=picture(size=LARGE)), "custom_id": str(number)} for number in range(3)]

    first, *_ = await rows_of([*rows, {**row(image=picture(7)), "custom_id": "short"}], tmp_path)

    (path,) = kept(tmp_path)
    assert picture(size=LARGE) == path.read_bytes()
    assert {"bytes": LARGE, "sha256": path.name} == json.loads(first.body_json)["image"]["$file"]
    assert "jobs.db.inputs" == path.parent.name
    if os.name == "posix":
        assert (0o600, 0o700) == (stat.S_IMODE(path.stat().st_mode), stat.S_IMODE(path.parent.stat().st_mode))


async def test_of_a_refused_manifest_nothing_is_kept(tmp_path: Path) -> None:
    """Neither the good rows' pictures nor those of an earlier process that was killed stay."""
    await rows_of([row(image=picture(1, size=LARGE))], tmp_path)
    before = kept(tmp_path)
    left = inputs(tmp_path).folder / ".new-left"
    left.mkdir()
    (left / "part").write_bytes(b"x")

    with pytest.raises(InvalidRequest):
        await rows_of([row(image=picture(2, size=LARGE)), {"custom_id": "b"}], tmp_path)

    assert before == kept(tmp_path)


async def test_a_file_that_is_no_picture_is_refused_with_its_line(tmp_path: Path) -> None:
    """What the vendor would refuse of a local file is found while the manifest is checked."""
    (tmp_path / "cat.png").write_text("no picture")

    (error,) = await refused(written(tmp_path, line("fox", image="cat.png")), tmp_path)

    assert ("line 1", "fox", "image", tmp_path / "cat.png") == (*error[:3], error.value)
    assert "must be a PNG or JPEG" in error.rule


@pytest.mark.parametrize(
    ("then", "told"),
    [
        (picture(2), "its content is another now: 200 bytes, then 200"),
        (picture(1, size=300), "its content is another now: 300 bytes, then 200"),
        (None, "No such file or directory"),
    ],
    ids=["other", "longer", "gone"],
)
async def test_a_file_that_changed_is_not_sent(then: bytes | None, told: str, tmp_path: Path) -> None:
    """The field, the path and what to do are named; nobody pays for a picture that was not meant."""
    path = tmp_path / "cat.png"
    path.write_bytes(picture(1))
    made = await planned(tmp_path, image=path)
    path.unlink()
    if then is not None:
        path.write_bytes(then)

    with pytest.raises(InvalidRequest) as caught:
        inputs(tmp_path).request_of(made)

    assert ("image", path) == (caught.value.field, caught.value.value)
    assert told in str(caught.value)
    assert "put it back, or give its row another custom_id" in str(caught.value)


async def test_a_file_that_changes_meanwhile_is_not_sent(tmp_path: Path) -> None:
    """Neither while its row is checked nor while its request is made can another picture get in."""
    path = tmp_path / "cat.png"
    path.write_bytes(picture(1))
    made = await planned(tmp_path, image=path)

    def vet(_row: object, _request: object) -> None:
        path.write_bytes(picture(2, size=300))

    def now() -> float:  # asked for when the content has been read
        path.write_bytes(picture(3, size=400))
        return path.stat().st_mtime

    (error,) = await refused([row(image=path)], tmp_path, vet=vet)
    path.write_bytes(picture(1))
    with pytest.raises(InvalidRequest) as caught:
        Inputs(inputs(tmp_path).folder, now=now).request_of(made)

    assert "must be left as it is while it is read (it had 200 bytes and has 300)" == error.rule
    assert "must be left as it is while it is read (it had 200 bytes and has 400)" == caught.value.rule


async def test_the_folder_stays_where_the_journal_is(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A process may go elsewhere after it has named its journal."""
    monkeypatch.chdir(tmp_path)
    ours = Inputs.of(Path("jobs.db"))
    monkeypatch.chdir("/")

    assert tmp_path / "jobs.db.inputs" == ours.folder


async def test_what_is_kept_is_not_sent_if_it_changed(tmp_path: Path) -> None:
    """What lies beside the journal is looked at as any other file is."""
    made = await planned(tmp_path, image=picture(size=LARGE))
    (path,) = kept(tmp_path)
    path.unlink()

    with pytest.raises(InvalidRequest, match="No such file") as caught:
        inputs(tmp_path).request_of(made)

    assert ("image", path) == (caught.value.field, caught.value.value)


async def test_a_file_is_hashed_once_as_long_as_it_stays(tmp_path: Path) -> None:
    """Thousands of rows with one picture read it once, but for one that was written a moment ago."""
    path = tmp_path / "cat.png"
    path.write_bytes(picture(1))
    ours = Inputs.of(tmp_path / "jobs.db")
    soon = path.stat().st_mtime + 1
    fresh = Inputs(ours.folder, now=lambda: soon)
    later = Inputs(ours.folder, now=lambda: soon + 2)

    hashes = list[bool]()
    for each in (fresh, later):
        path.write_bytes(picture(1))
        os.utime(path, ns=(0, int((soon - 1) * 1e9)))
        first = each.hashed("image", path)
        path.write_bytes(picture(2))
        os.utime(path, ns=(0, int((soon - 1) * 1e9)))  # as a coarse clock would have it
        hashes.append(first == each.hashed("image", path))

    assert [False, True] == hashes


async def test_a_journal_of_another_version_is_told(tmp_path: Path) -> None:
    """An endpoint that this version does not know is named, not stumbled over."""
    made = attrs.evolve(await planned(tmp_path), endpoint="images.dream")

    with pytest.raises(InvalidRequest, match=r"must be an endpoint that this version knows.*images\.dream"):
        inputs(tmp_path).request_of(made)


async def test_extra_keeps_files_and_odd_names(tmp_path: Path) -> None:
    """What is not known of a field is kept as it was given, also where it looks like our own."""
    (tmp_path / "new.bin").write_bytes(b"new")
    extra = {
        "$file": {"sha256": "no"},
        "deep": {"$file": 1, "$$": [None, {"file": tmp_path / "new.bin"}]},
        "bytes": b"old",
        "text": "new.bin",
    }

    made = await planned(tmp_path, extra=extra)
    request = inputs(tmp_path).request_of(made)

    expected = {
        "$file": {"sha256": "no"},
        "deep": {"$file": 1, "$$": [None, {"file": base64.b64encode(b"new").decode()}]},
        "bytes": base64.b64encode(b"old").decode(),
        "text": "new.bin",
    }
    assert {"prompt": "A fox", **expected} == sent(request)


async def test_a_disk_that_takes_no_files_is_told(tmp_path: Path) -> None:
    """Where pictures cannot be kept nothing is planned, and the folder is named."""
    inputs(tmp_path).folder.write_text("in the way")

    with pytest.raises(JournalError, match=r"jobs\.db\.inputs takes no pictures and sounds.*nothing was planned"):
        await planned(tmp_path, image=picture(size=LARGE))


async def test_names_of_files_need_not_be_text(tmp_path: Path) -> None:
    """A file whose name is in no encoding is a file all the same."""
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.png"))
    try:
        path.write_bytes(picture())
    except OSError:
        pytest.skip("this file system has no such names")

    made = await planned(tmp_path, image=path)

    assert base64.b64encode(picture()).decode() == sent(inputs(tmp_path).request_of(made))["image"]
