"""`kling gallery` makes a page from a journal or a directory, and says what is wrong with anything else."""

from __future__ import annotations

import os
import webbrowser
from pathlib import Path

import pytest

from tests.cli.running import Run
from tests.support.specimens import Specimen, journal_of


async def test_a_journal_becomes_a_page_beside_it(run: Run, tmp_path: Path) -> None:
    """Which shows its tasks by relative addresses; what it comes to is told, the page's name is the result."""
    fox = Specimen(custom_id="fox", body={"prompt": "A red fox at dawn"})
    await journal_of(tmp_path / "jobs.db", tmp_path / "out", [fox, Specimen(custom_id="owl", state="failed")])

    ran = await run("gallery", tmp_path / "jobs.db")

    html = (tmp_path / "jobs-gallery.html").read_text(encoding="utf-8")
    assert (0, f"{tmp_path / 'jobs-gallery.html'}\n") == (ran.code, ran.out)
    assert "2 tasks, 1 picture, 1 not made" in ran.words
    assert "A red fox at dawn" in html
    assert 'src="out/fox-0.jpg"' in html
    assert "<h1>launch-teasers</h1>" in html


async def test_a_directory_becomes_a_page_beside_it(run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Also where it is the one that we are in."""
    (tmp_path / "out.v2").mkdir()
    (tmp_path / "out.v2" / "fox-0.png").touch()
    monkeypatch.chdir(tmp_path / "out.v2")

    ran = await run("gallery", ".", "--json")

    assert [{"page": str(tmp_path / "out.v2-gallery.html"), "tasks": 1, "states": {"done": 1}}] == ran.objects
    assert 'src="out.v2/fox-0.png"' in (tmp_path / "out.v2-gallery.html").read_text(encoding="utf-8")


async def test_the_page_goes_where_it_is_told(run: Run, tmp_path: Path) -> None:
    """And its addresses lead from there to the files."""
    (tmp_path / "out").mkdir()
    (tmp_path / "pages").mkdir()
    (tmp_path / "out" / "fox-0.png").touch()

    ran = await run("gallery", tmp_path / "out", "-o", tmp_path / "pages" / "all.html")

    assert 0 == ran.code
    assert 'src="../out/fox-0.png"' in (tmp_path / "pages" / "all.html").read_text(encoding="utf-8")


async def test_the_page_opens_in_the_browser_if_asked(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With --open, and not otherwise."""
    opened = list[str]()
    monkeypatch.setattr(webbrowser, "open", opened.append)
    (tmp_path / "fox-0.png").touch()

    for options in ((), ("--open",)):
        await run("gallery", tmp_path, "-o", tmp_path / "a page.html", *options)

    assert [(tmp_path / "a page.html").as_uri()] == opened


@pytest.mark.parametrize(
    ("source", "told"),
    [
        ("none.db", "must be the journal of a batch, or a directory of result files"),
        ("notes.txt", "not a journal"),
        ("empty", "there is none in it"),
    ],
)
async def test_anything_else_is_refused(run: Run, tmp_path: Path, source: str, told: str) -> None:
    """With what is wrong with it; nothing is written."""
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("nothing of the kind\n" * 100)
    before = sorted(tmp_path.iterdir())

    ran = await run("gallery", tmp_path / source)

    assert ran.code
    assert told in ran.words
    assert before == sorted(tmp_path.iterdir())


async def test_a_page_that_cannot_be_written_is_refused(run: Run, tmp_path: Path) -> None:
    """The place is named."""
    (tmp_path / "fox-0.png").touch()

    ran = await run("gallery", tmp_path, "-o", tmp_path / "none" / "page.html")

    assert 2 == ran.code
    assert "must be a file that can be written (No such file or directory)" in ran.words


@pytest.mark.skipif(os.name == "nt" or os.geteuid() == 0, reason="nothing is forbidden to root")
async def test_a_directory_that_cannot_be_read_is_refused(run: Run, tmp_path: Path) -> None:
    """The reason is named."""
    (tmp_path / "out").mkdir(0o300)

    ran = await run("gallery", tmp_path / "out")

    assert 2 == ran.code
    assert "must be readable (Permission denied)" in ran.words
