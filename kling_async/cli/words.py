"""The words under a row in its source, which say what a call does. Python drops them; help texts want them."""

from __future__ import annotations

import ast
import inspect
from collections.abc import Iterator, Mapping
from functools import cache
from itertools import pairwise
from types import ModuleType

from ..protocol.direct import DirectEndpoint
from ..protocol.endpoint import Resource


def described(resource: type[Resource]) -> Mapping[str, str]:
    """The words on the calls of a resource class that make no task, by name; none where the source is not at hand."""
    words: dict[str, str] = {}
    for part in resource.__mro__:
        if any(isinstance(each, DirectEndpoint) for each in vars(part).values()):
            words |= _classes(inspect.getmodule(part)).get(part.__name__, {})
    return words


@cache
def _classes(module: ModuleType | None) -> Mapping[str, Mapping[str, str]]:
    try:
        source = inspect.getsource(module) if module else ""
    except OSError:
        return {}
    return {each.name: dict(_pairs(each.body)) for each in ast.parse(source).body if isinstance(each, ast.ClassDef)}


def _pairs(body: list[ast.stmt]) -> Iterator[tuple[str, str]]:
    for statement, after in pairwise(body):
        match statement, after:
            case ast.AnnAssign(target=ast.Name(id=name)), ast.Expr(value=ast.Constant(value=str(text))):
                yield name, inspect.cleandoc(text)
            case _:
                continue
