"""What a journal is given and what it tells, as values, and the questions to it: SQL as functions of a connection."""

from __future__ import annotations

import base64
import hashlib
import json
import sqlite3
from collections import defaultdict
from collections.abc import Collection, Iterable, Mapping
from decimal import Decimal
from pathlib import Path
from typing import Any, Final, Literal, TypeAlias

import attrs

from ..protocol.endpoint import Pool
from .items import Artifact, ItemError
from .states import FINAL, State

BatchState: TypeAlias = Literal["empty", "open", "ended"]


@attrs.frozen(kw_only=True)
class BatchRow:
    """One batch of a journal."""

    id: int
    name: str
    account: str
    """The label of the account that its tasks are made in."""
    created_ms: int
    options: Mapping[str, Any]
    """As last given."""
    state: BatchState
    """When it was read. `"open"`: something is left to do, if only for a person (held)."""


@attrs.frozen(kw_only=True)
class Planned:
    """One row of a manifest, checked."""

    custom_id: str
    endpoint: str
    pool: Pool
    kind: tuple[str, ...]
    body_json: str
    """Canonical, with local files by path and hash."""
    body_sha256: str
    """In hex; of what is sent, so of what is in local files."""
    weight: int
    """Slots that it holds."""
    estimate: Decimal | None
    """Units expected."""
    priority: int
    """The higher, the earlier."""
    name: str
    """The stem of its files."""
    where: str
    """Its place in the manifest, such as `"line 17"`."""


@attrs.frozen(kw_only=True)
class TaskRow:
    """One task, as the journal knows it."""

    seq: int
    batch_id: int
    custom_id: str
    generation: int
    external_id: str
    endpoint: str
    pool: Pool
    kind: tuple[str, ...]
    body_json: str = attrs.field(repr=False)
    body_sha256: str
    weight: int
    estimate: Decimal | None
    priority: int
    name: str
    state: State
    attempts: int
    first_sent_ms: int | None
    task_id: str | None
    misses: int
    """How often the vendor did not know of it, although it has a task id."""
    next_check_ms: int | None
    units: Decimal | None
    error: ItemError | None
    answer_json: str | None = attrs.field(repr=False)
    updated_ms: int
    artifacts: tuple[Artifact, ...] = ()


@attrs.frozen(kw_only=True)
class Count:
    """Tasks of one pool that are in one state."""

    pool: Pool
    state: State
    tasks: int
    """Only the newest generation of each."""
    weight: int
    """Of those tasks."""
    units: Decimal
    """Charged, as estimated where the vendor does not say; in all generations, since what was tried before is paid."""
    estimate: Decimal
    """Of those tasks, as far as there are prices."""
    priceless: int
    """How many of those tasks have none."""


@attrs.frozen(kw_only=True)
class KindCount:
    """Planned tasks that are alike in everything that makes a difference to time and money."""

    endpoint: str
    kind: tuple[str, ...]
    pool: Pool
    weight: int
    """Slots that one holds."""
    estimate: Decimal | None
    """Units that one costs."""
    tasks: int


_MARK: Final = "k1"


def external_id(*, account: str, batch: str, custom_id: str, generation: int, endpoint: str, body_sha256: str) -> str:
    """
    The id by which the vendor is asked whether a task exists: 34 letters and digits.

    The same for the same request, in whatever journal: what the vendor says is in use already was made for this row.
    """
    # JSON keeps the parts apart, so that no two rows have one text.
    text = json.dumps([account, batch, custom_id, generation, endpoint, body_sha256])
    digest = hashlib.blake2b(text.encode(), digest_size=20).digest()
    return _MARK + base64.b32encode(digest).decode().lower()


_TASK: Final = """
    SELECT seq, batch_id, custom_id, generation, external_id, endpoint, pool, kind_json, body.json, body_sha256, weight,
        estimate, priority, name, state, attempts, first_sent_ms, task_id, misses, next_check_ms, units, error_type,
        error_message, error_code, error_request_id, answer.json, updated_ms
    FROM task JOIN body ON body.task_seq = seq LEFT JOIN answer ON answer.task_seq = seq
"""
_NEXT: Final = f"""{_TASK}
    WHERE batch_id = ? AND pool = ? AND state = 'planned' ORDER BY priority DESC, seq LIMIT ?
"""
_IN: Final = f"""{_TASK}
    WHERE batch_id = ? AND seq > ? AND newest AND state IN (SELECT value FROM json_each(?)) ORDER BY seq LIMIT ?
"""  # noqa: S608 - our own words, here and below
_NEWEST: Final = f"{_TASK} WHERE batch_id = ? AND custom_id = ? AND newest"
_ARTIFACTS: Final = """
    SELECT task_seq, idx, kind, url, state, path, bytes, sha256, expires_ms FROM artifact
    WHERE task_seq IN (SELECT value FROM json_each(?)) ORDER BY task_seq, idx
"""
_OVER: Final = ", ".join(f"'{state}'" for state in sorted(FINAL))
_BATCHES: Final = f"""
    SELECT id, name, account, options_json, created_ms, CASE
        WHEN EXISTS (SELECT 1 FROM task WHERE batch_id = id AND newest AND state NOT IN ({_OVER})) THEN 'open'
        WHEN EXISTS (SELECT 1 FROM task WHERE batch_id = id) THEN 'ended' ELSE 'empty' END
    FROM batch
"""  # noqa: S608
# Few different prices, so that exact sums cost little: SQLite itself would add them as floating point numbers.
_COUNTS: Final = """
    SELECT pool, state, newest, coalesce(units, estimate), estimate, count(*), sum(weight) FROM task
    WHERE batch_id = ? GROUP BY 1, 2, 3, 4, 5
"""
_KINDS: Final = """
    SELECT endpoint, kind_json, pool, weight, estimate, count(*) FROM task
    WHERE batch_id = ? AND state = 'planned' GROUP BY 1, 2, 3, 4, 5
"""


def batches(connection: sqlite3.Connection) -> list[BatchRow]:
    """All of a journal, the oldest first."""
    return [_batch(row) for row in connection.execute(f"{_BATCHES} ORDER BY id")]


def planned(
    connection: sqlite3.Connection, batch_id: int, pool: Pool, limit: int, without: Collection[int]
) -> list[TaskRow]:
    """The next to be sent, by priority and then in the order of the manifest."""
    rows = connection.execute(_NEXT, (batch_id, pool, limit + len(without)))
    return [_task(row) for row in rows if row[0] not in without][:limit]


def tasks(
    connection: sqlite3.Connection, batch_id: int, states: Iterable[State], after: int, limit: int
) -> list[TaskRow]:
    """Those in some states, only the newest generation of each, in the order of their numbers; with their files."""
    rows = connection.execute(_IN, (batch_id, after, json.dumps([*states]), limit)).fetchall()
    files = _artifacts(connection, [row[0] for row in rows])
    return [_task(row, files.get(row[0], ())) for row in rows]


def newest(connection: sqlite3.Connection, batch_id: int, custom_id: str) -> TaskRow | None:
    """The newest generation of one task, with its files."""
    row = connection.execute(_NEWEST, (batch_id, custom_id)).fetchone()
    return None if row is None else _task(row, _artifacts(connection, [row[0]]).get(row[0], ()))


def counts(connection: sqlite3.Connection, batch_id: int) -> list[Count]:
    """How many tasks of each pool are in which state, and what they cost."""
    found: dict[tuple[Pool, State], list[Any]] = defaultdict(lambda: [0, 0, Decimal(0), Decimal(0), 0])
    for pool, state, is_newest, cost, estimate, number, weight in connection.execute(_COUNTS, (batch_id,)):
        sums = found[pool, State(state)]
        sums[2] += number * Decimal(cost or 0)
        if is_newest:
            sums[0] += number
            sums[1] += weight
            sums[3] += number * Decimal(estimate or 0)
            sums[4] += number * (estimate is None)
    return [
        Count(pool=pool, state=state, tasks=number, weight=weight, units=units, estimate=estimate, priceless=priceless)
        for (pool, state), (number, weight, units, estimate, priceless) in found.items()
    ]


def kinds(connection: sqlite3.Connection, batch_id: int) -> list[KindCount]:
    """What is planned, alike tasks together."""
    return [
        KindCount(
            endpoint=endpoint,
            kind=tuple(json.loads(kind)),
            pool=pool,
            weight=weight,
            estimate=_decimal(estimate),
            tasks=number,
        )
        for endpoint, kind, pool, weight, estimate, number in connection.execute(_KINDS, (batch_id,))
    ]


def _batch(row: tuple[Any, ...]) -> BatchRow:
    number, name, account, options, created_ms, state = row
    return BatchRow(
        id=number, name=name, account=account, options=json.loads(options), created_ms=created_ms, state=state
    )


def _decimal(text: str | None) -> Decimal | None:
    return None if text is None else Decimal(text)


def _task(row: tuple[Any, ...], artifacts: tuple[Artifact, ...] = ()) -> TaskRow:
    kind, message, code, request_id = row[21:25]
    return TaskRow(
        seq=row[0],
        batch_id=row[1],
        custom_id=row[2],
        generation=row[3],
        external_id=row[4],
        endpoint=row[5],
        pool=row[6],
        kind=tuple(json.loads(row[7])),
        body_json=row[8],
        body_sha256=row[9],
        weight=row[10],
        estimate=_decimal(row[11]),
        priority=row[12],
        name=row[13],
        state=State(row[14]),
        attempts=row[15],
        first_sent_ms=row[16],
        task_id=row[17],
        misses=row[18],
        next_check_ms=row[19],
        units=_decimal(row[20]),
        error=None if kind is None else ItemError(type=kind, message=message, code=code, request_id=request_id),
        answer_json=row[25],
        updated_ms=row[26],
        artifacts=artifacts,
    )


def _artifacts(connection: sqlite3.Connection, seqs: Collection[int]) -> dict[int, tuple[Artifact, ...]]:
    found: dict[int, list[Artifact]] = defaultdict(list)
    for seq, idx, kind, url, state, path, size, sha256, expires_ms in connection.execute(
        _ARTIFACTS, (json.dumps([*seqs]),)
    ):
        found[seq].append(
            Artifact(
                idx=idx,
                kind=kind,
                url=url,
                state=state,
                path=None if path is None else Path(path),
                bytes=size,
                sha256=sha256,
                expires_ms=expires_ms,
            )
        )
    return {seq: tuple(artifacts) for seq, artifacts in found.items()}
