"""Whatever is thrown at a request class: it is refused by name, or its body fits the vendor's schema."""

from __future__ import annotations

import json
import re
from base64 import b64encode
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from typing import Any, TypeAlias, cast

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kling_async import InvalidRequest
from kling_async.api import CALLS, ROWS, FieldInfo, info
from kling_async.media.inputs import Embedded
from kling_async.protocol.codec import dump, dumps
from tests.api.operations import Row, schemas, told_fields

Strategy: TypeAlias = st.SearchStrategy[Any]
Nested: TypeAlias = "dict[str, Nested] | list[Nested] | str | float | bool | None"

EVERY: dict[str, Row] = {**ROWS, **CALLS}
every_row = pytest.mark.parametrize("row", EVERY.values(), ids=EVERY.keys())
few = settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
ADDRESS = st.sampled_from(["https://files.example/a.png", "http://files.example/b.jpg?x=1"])
YEAR_1971 = datetime(1971, 1, 1)  # noqa: DTZ001 - the strategy adds the zone
JUNK: Strategy = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | TEXT | st.binary(max_size=8) | st.builds(object),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(TEXT | st.integers(), inner, max_size=3),
    max_leaves=4,
)


def plausible(about: FieldInfo) -> Strategy:
    """Values that a field by itself takes, with its limits among them."""
    low, high = about.minimum, about.maximum
    least, most = None if low is None else int(low), None if high is None else int(high)
    kinds: dict[str, Callable[[], Strategy]] = {
        "number": lambda: st.floats(low, high),
        "integer": lambda: st.integers(least, most) | st.sampled_from([*about.choices, least]),
        "seconds": lambda: st.integers(least, most) | st.sampled_from(["5", "10"]),
        "switch": st.booleans,
        "choice": lambda: st.sampled_from(about.choices),
        "picture": lambda: ADDRESS,
        "url": lambda: ADDRESS,
        "sound": lambda: ADDRESS,
        "video": lambda: ADDRESS,
        "moment": lambda: st.integers(0, 2**60) | st.datetimes(timezones=st.just(UTC), min_value=YEAR_1971),
        "texts": lambda: st.lists(TEXT, max_size=3),
        "object": lambda: requests(about.item),
        "pictures": lambda: st.lists(ADDRESS, min_size=least or 0, max_size=about.max_length),
        "objects": lambda: st.lists(requests(about.item), min_size=least or 0, max_size=min(about.max_length or 4, 4)),
        "text": lambda: st.sampled_from(["a fox", "<<<voice_1>>> sings", "x" * (about.max_length or 9)]) | TEXT,
    }
    return kinds[about.kind]()


def requests(kind: Any, *, spoilt: bool = False) -> Strategy:
    """Keyword arguments of a request class: all required ones and some others; spoilt ones hold junk."""
    required, optional = dict[str, Strategy](), dict[str, Strategy]()
    for field in attrs.fields(kind):
        about = info(field)
        values = st.dictionaries(st.sampled_from(["x", "y"]), st.integers()) if about is None else plausible(about)
        values = values | JUNK if spoilt else values
        (required if field.default is attrs.NOTHING else optional)[field.name] = values
    if not optional:
        return st.fixed_dictionaries(required)
    subject = st.sampled_from([["prompt", "image"], ["prompt"], []])
    names = st.tuples(st.lists(st.sampled_from(list(optional)), max_size=4), subject)
    chosen = names.map(lambda each: {*each[0], *each[1]} & optional.keys())
    return chosen.flatmap(lambda each: st.fixed_dictionaries(required | {name: optional[name] for name in each}))


def holds_nothing(value: Nested) -> bool:
    """Whether null or an empty text stands anywhere."""
    if isinstance(value, dict):
        return any(map(holds_nothing, value.values()))
    return any(map(holds_nothing, value)) if isinstance(value, list) else value is None or value == ""


def complaints(row: Row, body: dict[str, Any]) -> Iterator[str]:
    """What the schemas find wrong, beyond words that a field takes because the vendor adds some without notice."""
    taken = {place for place, _, about in told_fields(row.request) if about.open}
    for schema in schemas(row):
        for error in schema.errors(body):
            place = re.sub(r"\.\d+", "[]", ".".join(map(str, error.absolute_path)))
            # What a schema asks for "then" is about a model, of which those who wrote it cannot know all.
            if not (error.validator == "enum" and place in taken) and "then" not in error.schema_path:
                yield error.message
        yield from (f"{name} is not in the schema" for name in set(body) - set(schema.properties))


def plain(value: Any) -> Any:
    """A body with Base64 text where local bytes wait to be sent."""
    if isinstance(value, Embedded):
        assert isinstance(value.source, bytes)
        return b64encode(value.source).decode()
    inner: Any = value
    if isinstance(value, dict):
        return {name: plain(each) for name, each in inner.items()}
    return [plain(each) for each in inner] if isinstance(value, list) else inner


def check(row: Row, arguments: dict[str, Any]) -> bool:
    """Make a request and look at its body; false where it was refused."""
    extra, refusal, made, body = arguments.get("extra"), None, cast("Any", None), dict[str, Any]()
    try:
        made = row.request(**arguments)
        body = json.loads(dumps(plain(dump(made))))
    except InvalidRequest as error:
        refusal = error
    if refusal is not None:
        assert refusal.field
        assert refusal.rule
        assert 900 > len(str(refusal))
        return False
    assert all(error.field and error.rule for error in made.unsupported())
    assert made.estimate() is None or made.estimate() >= 0
    if extra:
        return True
    assert [] == list(complaints(row, body))
    assert not holds_nothing(body)
    assert row.request(**arguments) == made
    assert 2500 > len(repr(made))
    return True


@every_row
@few
@given(data=st.data())
def test_any_arguments_are_refused_or_fit_the_schema(row: Row, data: st.DataObject) -> None:
    """Junk in any field raises InvalidRequest and nothing else; what passes is a body the documents allow."""
    arguments = data.draw(requests(row.request, spoilt=True))

    check(row, arguments)


@every_row
@few
@given(data=st.data())
def test_sound_arguments_are_refused_or_fit_the_schema(row: Row, data: st.DataObject) -> None:
    """Sound fields in any combination break a rule by name, or make a body the documents allow."""
    arguments = data.draw(requests(row.request))

    check(row, arguments)


@every_row
@few
@given(data=st.data())
def test_unknown_names_never_pass(row: Row, data: st.DataObject) -> None:
    """No name but those of the fields is taken."""
    kind: Any = row.request
    known = attrs.fields_dict(kind)
    name = data.draw(TEXT.filter(lambda text: text not in known))

    with pytest.raises(InvalidRequest) as caught:
        row.request(**{name: data.draw(JUNK)})

    assert name == caught.value.field
