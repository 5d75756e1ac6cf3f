"""Whatever is given as a manifest is taken as a whole or refused as a whole, and what is sent is what was given."""

from __future__ import annotations

import asyncio
import base64
import json
import unicodedata
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kling_async import InvalidRequest
from kling_async.api import ROWS
from kling_async.batch.names import custom_id, name_of
from kling_async.media.naming import stem
from tests.batch.manifests import inputs, line, picture, rows_of, sent

LINES = [
    line("a").encode(),
    line("b", n=2).encode(),
    b'{"custom_id": "c", "endpoint": "videos.text_to_video", "body": {"prompt": "x", "camera_control": null}}',
]
JSON: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(max_size=9),
    lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=9), inner, max_size=4),
    max_leaves=12,
)
NAMES = st.sampled_from(["custom_id", "url", "endpoint", "method", "priority", "body", "prompt", "n", "image", "extra"])
WORDS = st.sampled_from(["images.generate", "/v1/images/generations", "POST", "fox", "A.png", "\ud800", "", "a\0b"])
VALUES: st.SearchStrategy[Any] = (
    WORDS | JSON | st.dictionaries(NAMES, WORDS | JSON, max_size=4) | st.binary(max_size=9) | st.just(object())
)


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One for all examples."""
    return tmp_path_factory.mktemp("properties")


def taken(source: Any, folder: Path, **options: Any) -> int | None:
    """How many rows were taken; None for a manifest that was refused. Anything else is an error of ours."""
    try:
        return len(asyncio.run(rows_of(source, folder, **options)))
    except InvalidRequest:
        return None


@st.composite
def damaged(draw: st.DrawFn) -> bytes:
    """Lines of a manifest with something cut out, put in, or turned over."""
    content = b"\n".join(draw(st.lists(st.sampled_from(LINES), min_size=1, max_size=3, unique=True)))
    for _ in range(draw(st.integers(0, 3))):
        start = draw(st.integers(0, len(content)))
        end = draw(st.integers(start, min(len(content), start + 9)))
        content = content[:start] + draw(st.binary(max_size=5) | st.just(content[start:end][::-1])) + content[end:]
    return content


@settings(max_examples=200, deadline=None)
@given(content=st.binary(max_size=200) | damaged(), ending=st.sampled_from(["jsonl", "csv", "parquet", "jsonl.gz"]))
def test_any_bytes_are_a_manifest_or_none(content: bytes, ending: str, folder: Path) -> None:
    """No content of a file leads to another error, and a file of three lines is never taken for two."""
    path = folder / f"any.{ending}"
    path.write_bytes(content)

    rows = taken(path, folder)

    filled = [each for each in content.split(b"\n") if each.strip()]
    assert rows is None or (rows > 0 and (ending != "jsonl" or rows == len(filled)))


@settings(max_examples=200, deadline=None)
@given(rows=st.lists(JSON | st.dictionaries(NAMES, VALUES, max_size=6), max_size=3), default=st.booleans())
def test_any_values_are_rows_or_none(rows: list[Any], default: bool, folder: Path) -> None:  # noqa: FBT001 - hypothesis
    """No value in a row leads to another error, and all of them are taken or none."""
    found = taken(rows, folder, endpoint="images.generate" if default else None)

    blank = sum(isinstance(row, str) and not row.strip() for row in rows)
    assert found is None or found == len(rows) - blank


@given(first=st.text(max_size=70), second=st.text(max_size=70))
def test_names_of_files_are_plain_and_apart(first: str, second: str) -> None:
    """Every id has a name that all systems take; two that are one to some file system are two forms of one text."""
    ids = list[str]()
    for text in (first, second):
        try:
            ids.append(custom_id(text))
        except InvalidRequest:
            return

    one, other = map(name_of, ids)

    assert (one, other) == (stem(one), stem(other))
    if one.lower() == other.lower():
        forms = {unicodedata.normalize("NFC", each) for each in ids}
        assert 1 == len(forms) or 1 == len({each.lower() for each in forms})


@pytest.mark.parametrize(
    ("given_id", "name"),
    [
        ("fox", "fox"),
        ("SKU-12.b_3", "SKU-12.b_3"),
        ("Caf\u00e9 au lait", "cafe-au-lait-db3d6eeee08229a2"),
        ("../etc/passwd", "etc-passwd-e207acd745b2032e"),
        ("con", "con-011ffb60bc103694"),
        ("\u72d0\u72f8", "fe4983e75a2ebd9d"),
        (".hidden", "hidden-57a141d272545a88"),
    ],
)
def test_names_of_files_stay_for_ever(given_id: str, name: str) -> None:
    """A journal of today finds its files with a version of tomorrow."""
    assert name == name_of(given_id)


def forms(content: bytes, folder: Path) -> list[Any]:
    """The ways in which a picture can be given."""
    path = folder / f"{content[33:37].hex()}-{len(content)}.png"
    path.write_bytes(content)
    text = base64.b64encode(content).decode()
    return [path, str(path), content, text, f"data:image/png;base64,{text}"]


SEEDS = st.builds(picture, st.integers(0, 3), size=st.sampled_from([200, 5000]))
PROMPTS = st.text(st.characters(exclude_categories=["Cs"]), min_size=1, max_size=20)
PLAIN: st.SearchStrategy[Any] = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False, allow_infinity=False) | PROMPTS | SEEDS,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(PROMPTS | st.just("$file"), inner, max_size=3),
    max_leaves=6,
)
IMAGE: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {"prompt": PROMPTS},
    optional={
        "n": st.integers(1, 9) | st.sampled_from(["2", "3"]),
        "image": SEEDS,
        "image_fidelity": st.floats(0, 1) | st.sampled_from([0, 1]),
        "negative_prompt": PROMPTS | st.none() | st.just(""),
        "watermark_info": st.fixed_dictionaries({"enabled": st.booleans()}),
        "extra": st.dictionaries(PROMPTS.map(lambda name: f"${name}") | PROMPTS, PLAIN, max_size=2),
    },
)
OMNI: st.SearchStrategy[Any] = st.fixed_dictionaries(
    {"prompt": PROMPTS.map(lambda text: text.replace("<<<", ""))},
    optional={
        "image_list": st.lists(st.fixed_dictionaries({"image": SEEDS | st.just("https://e.com/a.png")}), max_size=3),
        "element_list": st.lists(st.fixed_dictionaries({"element_id": st.integers(1, 2**63 - 1)}), max_size=2),
    },
)
BODIES: st.SearchStrategy[tuple[str, Any]] = st.tuples(st.just("images.generate"), IMAGE) | st.tuples(
    st.just("images.omni"), OMNI
)


def shaped(value: Any, draw: Any, folder: Path) -> Any:
    """A body with each picture in it given in one way or another."""
    match value:
        case {**parts}:
            return {name: each if name == "extra" else shaped(each, draw, folder) for name, each in parts.items()}
        case [*items]:
            return [shaped(each, draw, folder) for each in items]
        case _:
            pass
    return draw(st.sampled_from(forms(value, folder))) if isinstance(value, bytes) else value


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(data=st.data(), bodies=st.lists(BODIES, min_size=2, max_size=2))
def test_what_is_sent_is_what_was_given(data: st.DataObject, bodies: list[tuple[str, Any]], folder: Path) -> None:
    """Stored and restored, a request has the same bytes; two have one hash exactly if they have the same bytes."""
    rows = [
        {"custom_id": str(number), "endpoint": endpoint, "body": shaped(body, data.draw, folder)}
        for number, (endpoint, body) in enumerate(bodies)
    ]
    direct = list[list[Any]]()
    for endpoint, body in bodies:
        try:
            direct.append([endpoint, sent(ROWS[endpoint].request(**body))])
        except InvalidRequest:
            assert taken(rows, folder) is None
            return

    planned = asyncio.run(rows_of(rows, folder))

    found = [[each.endpoint, sent(inputs(folder).request_of(each))] for each in planned]
    one, other = (json.dumps(each, sort_keys=True) for each in direct)
    assert [one, other] == [json.dumps(each, sort_keys=True) for each in found]
    assert (one == other) == (planned[0].body_sha256 == planned[1].body_sha256)
