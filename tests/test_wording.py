"""What messages and reprs show of foreign values."""

from __future__ import annotations

from pathlib import Path

import pytest

from kling_async.wording import link, one_line, shown, unlinked


def test_a_value_is_shown_short_whatever_it_is() -> None:
    """Also where Python itself refuses to write it."""
    texts = [shown(value) for value in (10**5000, b"x" * 9999, "x" * 9999, [1] * 9999)]

    assert ["a value of type int that cannot be written", "9999 bytes"] == texts[:2]
    assert max(map(len, texts)) <= 100


@pytest.mark.parametrize(
    ("value", "text"),
    [
        ("https://h.example/fox.png", "'https://h.example/fox.png'"),
        ("https://h.example:8443/a?Signature=SECRET", "'https://h.example:8443/a?***'"),
        ("https://h.example?SECRET", "'https://h.example?***'"),
        ("https://h.example/a#SECRET", "'https://h.example/a#***'"),
        ("HTTP://me:SECRET@h.example/a", "'HTTP://***@h.example/a'"),
        ("https://SECRET@h.example", "'https://***@h.example'"),
        ("https://me:SECRET#1@h.example/a", "'https://***'"),
        ("https://me:SECRET/1@h.example/a", "'https://***'"),
        ("https://me:SEC RET@h.example/a", "'https://***@h.example/a'"),
        ("https://h.example/a?Signature=SEC RET", "'https://h.example/a?***'"),
        ("http://[::1]:80/a?SECRET", "'http://[::1]:80/a?***'"),
        ("http://:80/", "'http://:80/'"),
        ("https://[::1/fox.png", "'https://[::1/fox.png'"),
        ("a fox as in https://h.example/a?SECRET runs", "'a fox as in https://h.example/a?*** runs'"),
        (["https://h.example/a?SECRET"], "['https://h.example/a?***']"),
        (({"url": "https://h.example/a?SECRET"},), "({'url': 'https://h.example/a?***'},)"),
        ({"https://h.example/a?SECRET": 1}, "{'https://h.example/a?***': 1}"),
        (ValueError("https://h.example/a?SECRET"), "ValueError('https://h.example/a?***"),
        ("https://h.example/" + "x" * 90 + "?SECRET", f"'https://h.example/{'x' * 38}'... (115 characters)"),
        ([b"SECRET"], "[6 bytes]"),
    ],
)
def test_a_link_is_shown_without_what_opens_it(value: object, text: str) -> None:
    """User, password, query and fragment of a link are secrets, wherever it stands and however it is broken."""
    assert text == shown(value)


@pytest.mark.parametrize(
    "text",
    [
        "line\x0bline",
        "line\x1cline",
        "line\x85line",
        "line\u2028line",
        "li\u200bne line",
        " line \ufeff line\ud800 ",
        "line\n",
    ],
)
def test_a_line_is_one_line_of_what_can_be_read(text: str) -> None:
    """Whatever Unicode holds for ending one, turning it round or hiding in it."""
    told = one_line(text)

    assert told.isprintable()
    assert {"line"} == set(told.split(" "))


def test_a_line_has_an_end() -> None:
    """However long the text, and no link is cut open by it."""
    assert 510 > len(one_line("x" * 10_000_000))
    assert "SECRET" not in one_line("x" * 470 + " https://me:SECRET@h.example/a?SECRET")


def test_an_odd_character_does_not_open_a_link() -> None:
    """What a reader sees as a link is masked as one."""
    text = "ht\u200btps://h.example/a?SECRET"

    assert "SECRET" in unlinked(text)
    assert "https://h.example/a?***" == one_line(text)


@pytest.mark.parametrize(
    ("url", "text"),
    [
        (None, "None"),
        ("", "''"),
        ("https://h.example/fox.png", "'https://h.example/fox.png'"),
        ("https://h.example/" + "x" * 200 + "?SECRET", f"'https://h.example/{'x' * 200}?***'"),
        ("https://me:SECRET@h.example/a?SECRET", "'https://***@h.example/a?***'"),
        ("https://h.example/a#SECRET", "'https://h.example/a#***'"),
        ("https://h.example/a?SECRET&next=https://h.example/b?SECRET", "'https://h.example/a?***'"),
        ("oss://me:SECRET@h.example/a?SECRET", "'oss://***@h.example/a?***'"),
        ("//h.example/a?SECRET", "'//h.example/a?***'"),
        ("h.example/a?SECRET", "'h.example/a?***'"),
        ("/a?SECRET\nSECRET", "'/a?***'"),
    ],
)
def test_what_is_known_to_be_a_link_is_masked_whatever_it_begins_with(url: str | None, text: str) -> None:
    """And shown as far as it leads: a file is told from others by the end of its path."""
    assert text == link(url)


def test_a_path_is_shown_to_its_end() -> None:
    """It is the end that tells which file is meant."""
    short, long = Path("/data") / ("x" * 90) / "fox.png", Path("/data") / ("x" * 400) / "fox.png"

    assert repr(str(short)) == shown(short)
    assert shown(long).endswith("/fox.png'")
    assert len(shown(long)) < 220
