"""The rows against the vendor's documents: the same calls, fields, limits and words; every official sample passes."""

from __future__ import annotations

import struct
from collections.abc import Iterator, Mapping
from copy import deepcopy
from typing import Any, Final

import attrs
import pytest

from kling_async import InvalidRequest
from kling_async.api import (
    CALLS,
    ROWS,
    AdvancedLipSync,
    GenerateImage,
    GenerateMultiShot,
    OmniVideo,
    Request,
    info,
)
from kling_async.api.fields import frozen
from kling_async.api.kinds import identifier, number
from kling_async.emulator.documents import Name
from kling_async.models import VideoResult
from kling_async.protocol.codec import dump
from kling_async.protocol.direct import DirectEndpoint, nothing
from kling_async.protocol.endpoint import TaskEndpoint
from tests.api.operations import (
    DOCUMENTS,
    Deviation,
    Part,
    Row,
    body_of,
    described,
    differences,
    operations,
    resolved,
    stated_fields,
    told_fields,
)

EVERY: Final[dict[str, Row]] = {**ROWS, **CALLS}

# Where a row says more than a schema, because the documents say it in words.
DEVIATIONS: Final = (
    Deviation("watermark_info.enabled", "required", theirs=False, ours=True, why="without it the object says nothing"),
    Deviation("element_list[].element_id", "minimum", None, 1, "one of the two documents has it"),
    Deviation("element_list[].element_id", "maximum", None, 2**63 - 1, "a long"),
    Deviation(
        "multi_prompt[].duration",
        "words",
        (),
        tuple(map(str, range(1, 16))),
        'at least "1", and all of them add up to the duration of the video',
    ),
    Deviation("/v1/images/generations: element_list", "items", (0, None), (0, 10), "rule gen-7"),
    Deviation("/v1/images/omni-image: element_list", "items", (0, None), (0, 10), "rule omni-2"),
    Deviation("/v1/images/omni-image: image_list", "items", (0, None), (0, 10), "rule omni-2"),
    Deviation(
        "/v1/general/custom-elements: tag_list[].tag_id",
        "words",
        (),
        tuple(f"o_10{each}" for each in range(1, 9)),
        "o_101 to o_108, says the schema",
    ),
)


def test_rows_and_documents_are_the_same() -> None:
    """Every call, field and query of either document is in the rows, and the reverse: types, limits, words, needs."""
    assert [] == differences(DOCUMENTS.values(), EVERY.values(), DEVIATIONS)


@pytest.mark.parametrize("without", range(len(DEVIATIONS)))
def test_every_deviation_is_one(without: int) -> None:
    """What is listed as a deviation would be found without being listed."""
    kept = [each for at, each in enumerate(DEVIATIONS) if at != without]

    assert differences(DOCUMENTS.values(), EVERY.values(), kept)


def tables(part: Part, whole: Part) -> Iterator[dict[str, Any]]:
    """The `properties` of a body and of every object in it, as they stand in the document."""
    if "properties" in part:
        yield part["properties"]
    for _, _, each in stated_fields(part, whole):
        inner = resolved(each["items"], whole) if each.get("type") == "array" else each
        if "properties" in inner:
            yield inner["properties"]


def beside(title: Name) -> list[Part]:
    """The other document."""
    return [each for name, each in DOCUMENTS.items() if name != title]


NEW: Final[Part] = {"type": "string"}


@pytest.mark.parametrize("title", DOCUMENTS)
def test_any_change_of_a_document_is_noticed(title: Name) -> None:
    """A property added to any object of any body, taken away, or limited anew, fails the comparison above."""
    twin: Any = deepcopy(DOCUMENTS[title])
    found = {id(each): each for _, _, part in operations(twin) for each in tables(body_of(part, twin), twin)}

    def noticed() -> bool:
        return bool(differences([twin, *beside(title)], EVERY.values(), DEVIATIONS))

    unnoticed = list[str]()
    for table in found.values():
        before = dict(table)
        name = next(iter(table))
        for changed in (
            {**before, "new_field": NEW},
            {each: part for each, part in before.items() if each != name},
            {**before, name: {**before[name], "maxLength": 7, "maximum": 7, "maxItems": 7}},
            {**before, name: {**resolved(before[name], twin), "enum": ["x"]}},
            {**before, name: {"type": "array", "items": {"type": "boolean"}}},
        ):
            table.clear()
            table.update(changed)
            unnoticed += [] if noticed() else [f"{list(before)} -> {list(changed)}"]
        table.clear()
        table.update(before)

    assert [] == unnoticed
    assert len(found) > 10
    assert not noticed()


@pytest.mark.parametrize("title", DOCUMENTS)
def test_any_new_call_of_a_document_is_noticed(title: Name) -> None:
    """A path, a method or a parameter more, or one less, fails the comparison above."""
    whole: Any = DOCUMENTS[title]
    path, item = next(each for each in whole["paths"].items() if {"get", "post"} <= each[1].keys())
    more = {"name": "newField", "in": "query", "required": False, "schema": NEW}
    changed: dict[str, Any] = {
        "a path": {"/v2/new": {"get": item["get"]}},
        "a method": {path: {**item, "delete": {}}},
        "a parameter": {path: {**item, "get": {"parameters": [*item["get"]["parameters"], more]}}},
        "no parameters": {path: {**item, "get": {}}},
        "no page": {path: {"post": item["post"]}},
    }

    for what, paths in changed.items():
        twin = {**whole, "paths": {**whole["paths"], **paths}}
        assert differences([twin, *beside(title)], EVERY.values(), DEVIATIONS), what


@frozen
class More(OmniVideo):
    """One field more than the documents have."""

    seed: float | None = number("What chance begins with.", default=None)


@frozen
class Less(Request):
    """Fewer fields than the documents have."""

    session_id: str = identifier("The session.")


@pytest.mark.parametrize("request_class", [More, Less])
def test_any_change_of_a_row_is_noticed(request_class: type) -> None:
    """A field more or less in a request class fails the comparison above."""
    row = TaskEndpoint(request_class, VideoResult, "/v1/videos/omni-video", pool="video")

    assert differences(DOCUMENTS.values(), {**EVERY, "videos.omni": row}.values(), DEVIATIONS)


@pytest.mark.parametrize("name", EVERY)
def test_any_row_that_is_missing_is_noticed(name: str) -> None:
    """A row less fails the comparison above."""
    assert differences(DOCUMENTS.values(), [row for each, row in EVERY.items() if each != name], DEVIATIONS), (
        f"{name} is not needed"
    )


def test_row_beyond_the_documents_is_noticed() -> None:
    """A row more fails the comparison above."""
    row = DirectEndpoint(Less, nothing, "/v1/videos/cancel")

    assert ["no document has POST /v1/videos/cancel"] == differences(
        DOCUMENTS.values(), [*EVERY.values(), row], DEVIATIONS
    )


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_query_by_external_id_is_as_documented(row: Any) -> None:
    """Where the documents do not promise that one task is found by its external id, the row knows it."""
    queries = (
        (name, whole["paths"][f"{row.path}/{{id}}"]["get"].get("x-query-by-external-task-id", True))
        for name, whole, _ in described(row)
    )

    stated = {promised for name, promised in queries if (row.path, name) not in SAID_OTHERWISE}

    assert {True if row.query_by_external_id else "unverified"} == stated


SAID_OTHERWISE: Final = {("/v1/general/ai-multi-shot", "image-account")}
"""One page lists only `task_id` there; the sibling document does not repeat it."""

POOLS: Final = {"image": "image", "image (unverified)": "image", "virtual try-on": "try_on"}


@pytest.mark.parametrize("row", ROWS.values(), ids=ROWS)
def test_pool_is_as_documented(row: Any) -> None:
    """Image tasks draw on image packs, try-on on its own; all else on video packs, says the text."""
    stated = {POOLS[each["x-pack-family"]] for _, _, each in described(row) if "x-pack-family" in each}

    assert (stated or {"video"}) == {row.pool}


def png(width: int, height: int, size: int = 64) -> bytes:
    """As much of a PNG as is looked at."""
    head = b"\x89PNG\r\n\x1a\n\0\0\0\rIHDR" + struct.pack(">II", width, height)
    return head + bytes(size - len(head))


def pictures() -> Iterator[Any]:
    """Every field that takes a picture, with the limits its schema states."""
    for row in EVERY.values():
        for _, whole, operation in described(row):
            for place, _, part in stated_fields(body_of(operation, whole), whole):
                if part.get("x-input") == "image":
                    yield pytest.param(row, place, part, id=f"{row.name} {place}")


@pytest.mark.parametrize(("row", "place", "part"), list(pictures()))
def test_limits_of_pictures_are_those_of_the_schema(row: Row, place: str, part: Part) -> None:
    """Bytes, sides and ratio: what is at a limit passes, one step further the field is refused."""
    name, _, inner = place.partition("[].")
    kind: Any = row.request
    read = attrs.fields_dict(kind)[name].metadata["kling"].read
    side, most = part["x-min-side-px"], part.get("x-max-ratio")

    def taken(*sizes: int) -> bool:
        picture = png(*sizes)
        try:
            read(name, [{inner: picture}] if inner else picture)
        except InvalidRequest:
            return False
        return True

    assert [True, False, False] == [taken(side, side), taken(side - 1, side), taken(side, side - 1)]
    assert [True, False] == [taken(side, side, part["x-max-bytes"]), taken(side, side, part["x-max-bytes"] + 1)]
    assert [most is None] * 2 == [taken(side, side * 3), taken(side * 3, side)]
    if most is not None:
        wide = int(side * most)
        assert [True, True, False, False] == [
            *(taken(side, wide), taken(wide, side), taken(side, wide + 1), taken(wide + 1, side)),
        ]
        assert part["x-min-ratio"] == pytest.approx(1 / most)


ANY_RATIO: Final = {
    "images.try_on human_image": "this page states no ratio",
    "images.try_on cloth_image": "as above",
    "videos.image_to_video image_tail": "no ratio stated",
    "videos.image_to_video static_mask": "that of the image",
    "videos.image_to_video dynamic_masks[].mask": "as above",
}
LARGEST: Final = {"videos.motion_control image_url": 65536}


def test_limits_of_pictures_are_those_of_the_text() -> None:
    """Sides of 300 and ratios of 2.5 are asked of every picture, whichever document has it, but for those listed."""
    fields = {
        f"{name} {place}": about
        for name, row in EVERY.items()
        for place, _, about in told_fields(row.request)
        if about.kind in ("picture", "pictures")
    }

    def taking(*sizes: int) -> set[str]:
        found = set[str]()
        for name, about in fields.items():
            given = png(*sizes)
            try:
                about.read(name, given if about.kind == "picture" else [given] * int(about.minimum or 1))
            except InvalidRequest:
                continue
            found.add(name)
        return found

    assert len(fields) > 15
    assert set(fields) == taking(300, 300) == taking(300, 750)
    assert set() == taking(299, 300)
    assert set(ANY_RATIO) == taking(300, 751) == taking(751, 300)
    assert set(fields) == taking(65536, 65536)
    assert set(fields) - set(LARGEST) == taking(65537, 65537)


def samples() -> Iterator[Any]:
    """The bodies that the documents show, with the class that must take them."""
    image = {
        "model_name": "kling-v2-1",
        "prompt": "Generate a Pixar-style puppy",
        "negative_prompt": "",
        "image": "https://p1-kling.klingai.com/kcdn/cdn-kcdn112452/kling-qa-test/dog.png",
        "n": 2,
        "external_task_id": "",
        "callback_url": "",
    }
    front = {
        "element_frontal_image": "https://v1-kling.klingai.com/kcdn/cdn-kcdn112452/kling-qa-test/multi-1.png",
        "external_task_id": "",
        "callback_url": "",
    }
    yield pytest.param(GenerateImage, image, id="page Image Generation")
    yield pytest.param(GenerateMultiShot, front, id="page AI Multi-Shot")
    for row in EVERY.values():
        for name, whole, operation in described(row):
            content = operation.get("requestBody", {}).get("content", {}).get("application/json", {})
            shown = {key: each["value"] for key, each in content.get("examples", {}).items()}
            shown |= {f"sample {at}": body for at, body in enumerate(body_of(operation, whole).get("examples", ()))}
            for key, body in shown.items():
                yield pytest.param(row.request, body, id=f"{row.name} {name} {key}")


@pytest.mark.parametrize(("kind", "body"), list(samples()))
def test_official_sample_passes_unchanged(kind: Any, body: Mapping[str, Any]) -> None:
    """A body from the vendor's own pages is a valid request, and is sent as it stands, less its empty values."""
    made = kind(**body)

    assert {name: value for name, value in body.items() if value != ""} == dump(made)
    assert () == made.unsupported()


def test_every_sample_is_found() -> None:
    """No sample of a request is shown anywhere that the test above does not look at."""
    tested = [each.values[1] for each in samples()]
    shown = [
        body
        for whole in DOCUMENTS.values()
        for name, schema in whole["components"]["schemas"].items()
        if name.endswith(("Create", "Request"))
        for body in schema.get("examples", ())
    ]

    assert [] == [body for body in shown if body not in tested]
    assert len(shown) > 20


def fillers(kind: Any) -> Iterator[tuple[str, Any]]:
    """Every optional field with each way of saying nothing: the empty text, and the empty list or object."""
    for field in attrs.fields(kind):
        about = info(field)
        if about is not None and field.default is None:
            yield field.name, ""
            if about.kind in ("objects", "pictures"):
                yield field.name, []
            if about.kind == "object":
                yield field.name, {}


@pytest.mark.parametrize(("kind", "body"), list(samples()))
def test_empty_values_beside_a_sample_are_left_out(kind: Any, body: Mapping[str, Any]) -> None:
    """Official samples send empty texts and lists for what they do not use: they count as not given, one and all."""
    unused = [(name, empty) for name, empty in fillers(kind) if not body.get(name)]

    for name, empty in unused:
        assert dump(kind(**body)) == dump(kind(**{**body, name: empty})), name


def test_empty_values_inside_of_a_sample_are_left_out() -> None:
    """So they do in nested objects."""
    face = {"face_id": "0", "sound_start_time": 0, "sound_end_time": 4200, "sound_insert_time": 500}

    made = AdvancedLipSync(session_id="s", face_choose=[{**face, "audio_id": "9", "sound_file": ""}])

    assert {"session_id": "s", "face_choose": [{**face, "audio_id": "9"}]} == dump(made)
