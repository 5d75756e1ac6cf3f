"""What calls answer at once, as people and programs read it: any frozen model, by its fields. No class is named here.

A model says by its `repr` what is fit to be read: a link shows where it leads and not what opens it, so that links
stand below, whole and in lines of their own, and a mask is not shown at all.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, TypeAlias, TypeGuard, cast

import attrs
from rich.table import Table
from rich.text import Text

from ..handle import TaskRef
from ..models import Task
from ..models.files import moment
from .failures import plain
from .options import fields
from .present import STATES, as_json, show_task, when
from .shell import Shell, pairs

Cells: TypeAlias = Mapping[str, str]

_ERA: Final = 10**11  # of two numbers called a time, the larger is a moment in Unix milliseconds, the other an offset


def show_answer(shell: Shell, endpoint: str, answer: object, stored: Sequence[Path]) -> None:
    """An answer in full, then its files: the paths where they were stored, else the addresses."""
    if is_task(answer):
        _show_task(shell, endpoint, answer, stored)
    elif shell.json:
        shell.object({"endpoint": endpoint, "answer": _data(answer), "files": list(map(str, stored))})
    elif isinstance(answer, tuple):
        _show_items(shell, cast("tuple[object, ...]", answer))
        _show_lines(shell, map(str, stored))
    elif answer is None:
        shell.note("done", style="green")
    else:
        _show_object(shell, answer)
        _show_lines(shell, map(str, stored) if stored else (file.url for file in getattr(answer, "files", ())))


def is_task(answer: object) -> TypeGuard[Task[Any]]:
    """Whether an answer is a finished task."""
    return isinstance(answer, Task)


def facts(result: object) -> Iterator[str]:
    """A line for each thing a task made about which there is more to say than its link: ids, lengths, names."""
    for name, items in _lists(result):
        for item in items:
            told = {key: text for key, text in cells(item).items() if key != "index"}
            if told:
                yield f"{name}: {', '.join(f'{key} {text}' for key, text in told.items())}"


def ids(result: object) -> str:
    """By what later calls know the things a task made."""
    named = (own_id(item) for _, items in _lists(result) for item in items)
    return ", ".join(filter(None, named))


def own_id(item: object) -> str | None:
    """By what the vendor knows a thing, if it says so."""
    names = (field.name for field in fields(type(item)) if field.name == "id" or field.name.endswith("_id"))
    known = (getattr(item, name) for name in names)
    return next((str(each) for each in known if each), None)


def cells(item: object) -> dict[str, str]:
    """The fields of a model that have something to say, in words."""
    shown = (field for field in fields(type(item)) if field.repr is True)
    told = {field.name.replace("_", " "): _words(field.name, getattr(item, field.name)) for field in shown}
    return {name: text for name, text in told.items() if text}


def _show_task(shell: Shell, endpoint: str, task: Task[Any], stored: Sequence[Path]) -> None:
    ref = TaskRef(endpoint=endpoint, task_id=task.id)
    if not shell.json:
        show_task(shell, ref, task, facts(task.result), stored)
        return
    about = as_json(ref, task, stored)
    del about["ref"]  # there is nothing to attach to
    shell.object(about)


def _show_object(shell: Shell, item: object) -> None:
    lists = dict(_lists(item))
    alone = {name: text for name, text in cells(item).items() if name not in lists}
    if alone:
        shell.show(_grid(alone))
    for name, items in lists.items():
        shell.note(f"\n{name}" if alone else name)
        _show_items(shell, items)


def _show_items(shell: Shell, items: Sequence[object]) -> None:
    """One line for each; where they do not fit side by side, one below the other."""
    rows = [cells(item) for item in items]
    if not rows:
        shell.note("there are none")
        return
    columns = (field.name.replace("_", " ") for field in fields(type(items[0])))
    names = [name for name in columns if any(name in row for row in rows)]
    table = Table(*names, box=None, pad_edge=False)
    for row in rows:
        table.add_row(*(_text(row.get(name, "")) for name in names))
    if shell.out.measure(table).maximum < shell.out.width:
        shell.show(table)
        return
    for at, row in enumerate(rows):
        if at:
            shell.line("")
        shell.show(_grid(row))


def _grid(row: Cells) -> Table:
    table = pairs()
    for name, text in row.items():
        table.add_row(Text(name, style="dim"), _text(text))
    return table


def _show_lines(shell: Shell, lines: Iterator[str]) -> None:
    for line in lines:
        shell.line(line)


def _text(text: str) -> Text:
    return Text(plain(text), style=STATES.get(text, ""))


def _lists(item: object) -> Iterator[tuple[str, Sequence[object]]]:
    """The lists of models in a model."""
    for field in fields(type(item)) if attrs.has(type(item)) else ():
        value = getattr(item, field.name)
        if isinstance(value, tuple) and all(map(_is_model, cast("tuple[object, ...]", value))):
            yield field.name.replace("_", " "), cast("tuple[object, ...]", value)


def _words(name: str, value: object) -> str:
    match value:
        case None:
            return ""
        case bool():
            return "yes" if value else "no"
        case Decimal():
            return f"{value:f}"
        case int() if name.endswith("_time") and value >= _ERA:
            return when(moment(value)) or str(value)
        case tuple():
            return ", ".join(filter(None, (_words(name, each) for each in cast("tuple[object, ...]", value))))
        case _ if _is_model(value):
            return ", ".join(cells(value).values())
        case _:
            return str(value)


def _is_model(value: object) -> bool:
    return attrs.has(type(value))


def _data(value: object) -> object:
    if isinstance(value, tuple):
        return [_data(each) for each in cast("tuple[object, ...]", value)]
    return attrs.asdict(cast("attrs.AttrsInstance", value)) if _is_model(value) else value
