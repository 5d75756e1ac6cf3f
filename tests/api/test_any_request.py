"""Whatever is thrown at a request class: it is refused by name, or its body fits the vendor's schema."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any, TypeAlias

import attrs
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from kling_async import InvalidRequest
from kling_async.api import ROWS, FieldInfo, info
from kling_async.emulator.documents import BodySchema
from kling_async.protocol.codec import dump, dumps
from kling_async.protocol.endpoint import TaskEndpoint

Row: TypeAlias = TaskEndpoint[..., Any, Any]
SchemaOf: TypeAlias = Callable[[Row], BodySchema]
Strategy: TypeAlias = st.SearchStrategy[Any]
Nested: TypeAlias = "dict[str, Nested] | list[Nested] | str | float | bool | None"

every_row = pytest.mark.parametrize("row", ROWS.values(), ids=ROWS.keys())
few = settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow, HealthCheck.data_too_large])

TEXT = st.text(st.characters(exclude_categories=()), max_size=20)
ADDRESS = st.sampled_from(["https://files.example/a.png", "http://files.example/b.jpg?x=1"])
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
        "integer": lambda: st.integers(least, most),
        "seconds": lambda: st.integers(least, most) | st.sampled_from(["5", "10"]),
        "switch": st.booleans,
        "choice": lambda: st.sampled_from(about.choices),
        "picture": lambda: ADDRESS,
        "url": lambda: ADDRESS,
        "object": lambda: requests(about.item),
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


def check(row: Row, arguments: dict[str, Any], schema: BodySchema) -> bool:
    """Make a request and look at its body; false where it was refused."""
    extra, refusal, body = arguments.get("extra"), None, dict[str, Any]()
    try:
        body = json.loads(dumps(dump(row.request(**arguments))))
    except InvalidRequest as error:
        refusal = error
    if refusal is not None:
        assert refusal.field
        assert refusal.rule
        assert 900 > len(str(refusal))
        return False
    if extra:
        return True
    if body.get("model_name") not in schema.properties.get("model_name", {}).get("enum", []):
        body.pop("model_name", None)
    assert [] == [error.message for error in schema.errors(body)]
    assert set(body) <= set(schema.properties)
    assert not holds_nothing(body)
    assert row.request(**arguments) == row.request(**arguments)
    assert 2500 > len(repr(row.request(**arguments)))
    return True


@every_row
@few
@given(data=st.data())
def test_any_arguments_are_refused_or_fit_the_schema(row: Row, schema_of: SchemaOf, data: st.DataObject) -> None:
    """Junk in any field raises InvalidRequest and nothing else; what passes is a body the documents allow."""
    arguments = data.draw(requests(row.request, spoilt=True))

    check(row, arguments, schema_of(row))


@every_row
@few
@given(data=st.data())
def test_sound_arguments_are_refused_or_fit_the_schema(row: Row, schema_of: SchemaOf, data: st.DataObject) -> None:
    """Sound fields in any combination break a rule by name, or make a body the documents allow."""
    arguments = data.draw(requests(row.request))

    check(row, arguments, schema_of(row))


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
