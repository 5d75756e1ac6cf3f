"""What to ask next. Pure: tables, tasks and the time now in, questions out; no clock, no loop, no network.

Each second in which a task may have ended without our knowing is a debt: the lag to be expected. A request has a price
in seconds of lag, and is sent when the debts that it settles pay for it. One list page settles those of all tasks on
it; a task that owes the price of a request alone gets a question of its own. So requests fall where ends are likely,
and nothing is sent while nothing can have ended. No task goes unseen for longer than the gap rule allows.

Tasks of one kind made at nearly the same time and seen together are kept as one block, which makes the arithmetic
independent of how many there are.
"""

from __future__ import annotations

import math
from array import array
from bisect import bisect_left
from collections.abc import Collection, Iterable, Iterator, Mapping
from itertools import groupby
from operator import attrgetter, itemgetter
from typing import Any, Final, Generic, NamedTuple, Protocol, TypeVar, cast

import attrs

from .durations import Durations, Kind, Table

_PRICE: Final = 0.0155
"""What a request costs: seconds of lag, as a part of the median duration."""
_CHEAPEST: Final = 0.02
_ROW: Final = 0.003
"""What a row of a page costs, as a part of a request."""
_PAGE: Final = 500

_GAP: Final = 0.2
"""Part of its age for which a task may go unseen once it was looked at."""
_LONGEST_GAP: Final = 60.0
_FIRST_LOOK: Final = 1.0
"""Seconds of the first gap, where nothing is known; they double until something is."""

_WINDOW: Final = 1.8
"""Seconds between two requests that callbacks cause, so that those that come together cost one."""
_BETWEEN: Final = 2.0
"""Seconds between two looks at one task that callbacks cause."""
_UNHURRIED, _LONGEST_UNHURRIED, _PART = 3.0, 10.0, 0.1
"""Seconds that the news may wait of a task that has not ended; in between that part of the median duration."""
_STRETCH, _LONGEST_STRETCH = 6.0, 300.0
"""How much longer a task may go unseen that is to report its end, and how long at most."""

_BLOCK, _SPAN = 256, 0.01
"""Tasks in a block, and the time within which they were made, as a part of the median."""
_STEP: Final = 1 / 4
"""Shortest pause between two plans, in prices."""
_GUESS: Final = 100
"""Where in the list a task is looked for of which nothing is known."""
_REACH: Final = 500_000
"""Rows that the list goes back."""
_SEARCHES: Final = 12
"""The same for tasks of which nothing is known, which are looked for on one page after the other."""
_MISSES: Final = 3
"""Pages without a task that should be on them after which it is asked for alone."""


class Item(Protocol):
    """Whatever is watched; here it only carries its block."""

    place: Any


T = TypeVar("T", bound=Item)


@attrs.define(eq=False)
class Block(Generic[T]):
    """Tasks with one history."""

    kind: Kind
    table: Table
    born: float
    """When the oldest was made, on the loop's clock."""
    index: int
    """How many rows stood above the oldest in the list, when it was last known."""
    made: int
    """How many tasks had been made then."""
    items: list[T]
    seen: float | None = 0.0
    """Their age when they were last looked at; None if never, and not known from a create either."""
    sure: float = 0.0
    """Their age when they were pending beyond doubt: a list may tell how things stood some time ago."""
    misses: int = 0
    asked: bool = False
    listed: bool = False
    """Whether they were last seen in a list."""
    rest: float = 0.0
    """Nothing is owed before this time."""
    due: bool = False
    """Whether it is to be asked for alone once it has rested, whatever it owes then."""
    hinted: float = -math.inf
    """When somebody said that there is news; what was asked before knows nothing of it."""
    told: bool = False
    """Whether a callback said so; a page will do."""
    over: bool = False
    """Whether it said that the task has ended, which an old page does not refute."""
    answered: float = -math.inf
    """When it was last looked at because of a callback."""
    called: bool = True
    """Whether the vendor is to call back about its tasks."""


@attrs.frozen(eq=False)
class Page(Generic[T]):
    """A question for one page of the list."""

    number: int
    size: int
    blocks: dict[Block[T], None]
    made: int
    """How many tasks had been made when it was asked."""


@attrs.frozen(eq=False)
class Single(Generic[T]):
    """A question for one task."""

    item: T


@attrs.frozen
class Plan(Generic[T]):
    """What to ask now, the most urgent first, and when to think again."""

    pages: tuple[Page[T], ...]
    singles: tuple[Single[T], ...]
    again: float | None
    """On the loop's clock; None if nothing is being watched that is not asked for already."""


class Debts(Generic[T]):
    """What the watched tasks of one endpoint owe, and what was asked for already."""

    def __init__(
        self, durations: Durations, *, max_lag: float | None = None, requests_per_task: float | None = None
    ) -> None:
        self.durations = durations
        self.lists = True
        """Whether pages may be asked for."""
        self.hurry = False
        """Whether somebody waits for a slot, so that each second of lag costs more than a second."""
        self.called_back: bool = False
        """Whether callbacks can be relied on, so that asking is a safety net."""
        self.curious = False
        """Whether what is believed about durations before any was seen may be far from the truth."""
        self._max_lag = max_lag
        self._target = requests_per_task
        self._dear = 1.0
        self._told_again = self._unhurried = -math.inf
        """Before the one time callbacks cause no request; at the other is looked for what can wait a little."""
        self._blocks: dict[Block[T], None] = {}
        self._open: dict[Kind, Block[T]] = {}
        self._births = array("d")
        self._outran = 0
        """Births that are too long ago for any page to reach."""
        self._stretch = 1.0
        """Rows that the list grows by with each task made here; more than one where others make tasks too."""

    def __len__(self) -> int:
        return sum(len(block.items) for block in self._blocks)

    def __bool__(self) -> bool:
        return bool(self._blocks)

    def __iter__(self) -> Iterator[T]:
        return (item for block in tuple(self._blocks) for item in tuple(block.items))

    def has(self, item: T) -> bool:
        """Whether a task is watched."""
        return isinstance(item.place, Block)

    def made(self, at: float) -> float:
        """
        Tell of a task that was made, which moves all others down the list by one.

        Returns its birth: a little later than *at* where others were made then, so that each has a place of its own.
        """
        born = max(at, math.nextafter(self._births[-1], math.inf)) if self._births else at
        self._births.append(born)
        if len(self._births) > 2 * _REACH:
            del self._births[:_REACH]
            self._outran += _REACH
        return born

    def add(
        self,
        item: T,
        kind: Kind,
        born: float,
        seen: float | None = 0.0,
        *,
        like: Block[T] | None = None,
        asked: bool = False,
        called: bool = True,
    ) -> None:
        """
        Watch a task, last looked at when it was *seen* seconds old; None if it never was.

        It stands in the list where a block *like* it stood, else where its birth puts it among those made here.
        *asked*: a question for it is under way already. *called*: the vendor is to call back about it.
        """
        made = self._outran + bisect_left(self._births, born) + 1
        index = 0
        if like is not None:
            index, made = like.index, like.made
        elif seen is None:
            index, made = _GUESS, self._made
        block = self._open.get(kind)
        if asked or block is None or block.called is not called or not self._joins(block, born, seen):
            table, sure = self.durations.table(kind), seen or 0.0
            block = self._open[kind] = Block(kind, table, born, index, made, [], seen, sure, asked=asked, called=called)
            self._blocks[block] = None
        block.items.append(item)
        item.place = block

    def remove(self, item: T) -> Block[T]:
        """Watch a task no longer; returns the block it was in."""
        block: Block[T] = item.place
        item.place = None
        block.items.remove(item)
        if not block.items:
            self._drop(block)
        return block

    def ended(self, item: T, duration: float | None) -> Block[T]:
        """Watch a task no longer, and learn how long it took."""
        block = self.remove(item)
        if duration is not None:
            self.durations.ended(block.kind, block.seen or 0.0, duration)
        self._paid(-(self._target or 0.0))
        return block

    def plan(self, now: float, *, room: int, pages: int) -> Plan[T]:
        """
        What to ask now and when to think again: *room* requests at most, no more than *pages* of them for pages.

        What is named counts as asked until one of `looked`, `read`, `failed` or `ended` tells what became of it.
        """
        owed, firm = self._ledger(now)
        asks, guess = list[Page[T]](), _NEVER
        if self.lists and pages > 0:
            guess = self._pages(owed, now, asks, min(pages, room))
        alone = list[Single[T]]()
        for each in sorted((each for each in owed if not each.block.asked), key=attrgetter("share"), reverse=True):
            if each.share < 1.0:
                guess = min(guess, now + _time(1.0 - each.share, each.growth, each.rise))
                continue
            for item in tuple(each.block.items)[: room - len(asks) - len(alone)]:
                block = self._split(each.block, (item,))
                block.asked = True
                alone.append(Single(item))
        if any(block.told for page in asks for block in page.blocks) or any(each.item.place.told for each in alone):
            self._told_again = now + _WINDOW
        self._paid(len(asks) + len(alone))
        least = min((each.price for each in owed), default=1.0) * _STEP
        again = min(firm, max(now + least, guess))  # what a gap or a rest forces waits for no pause
        return Plan(tuple(asks), tuple(alone), None if again == _NEVER else max(now + _INSTANT, again))

    def _ledger(self, now: float) -> tuple[list[_Owed[T]], float]:
        """What is owed now, and when to look again whatever becomes of that."""
        if self.durations.refresh():
            for block in self._blocks:
                block.rest = block.rest if block.due or block.told else 0.0
        owed, again = list[_Owed[T]](), _NEVER
        for block in self._blocks:
            if block.asked:
                continue
            if (rest := self._rest(block)) > now + _INSTANT:
                again = min(again, rest)
                continue
            block.rest = min(block.rest, rest)
            each = self._owed(block, now)
            if each.deadline > now:
                again = min(again, each.deadline)
            if block.rest <= now + _INSTANT:
                again = min(again, now + _FORESIGHT * each.price)
                owed.append(each)
        return owed, again

    def looked(self, item: T, at: float) -> None:
        """A task that was asked for is still pending, as of *at*."""
        block = self._split(item.place, (item,))
        block.asked = block.listed = False
        self._seen(block, at, at)

    def failed(self, ask: Page[T] | Single[T]) -> None:
        """No answer came: what was asked for owes what it owed."""
        if isinstance(ask, Page):
            for block in ask.blocks:
                block.asked = False
        elif self.has(ask.item):
            self._split(ask.item.place, (ask.item,)).asked = False

    def unasked(self, ask: Page[T] | Single[T]) -> None:
        """A question was not asked after all."""
        self._paid(-1)
        self.failed(ask)

    def rest(self, item: T, until: float) -> None:
        """Ask for a task alone, at that time and not before."""
        block = self._split(item.place, (item,))
        block.rest, block.due = until, True

    def nothing_before(self, item: T) -> float:
        """The time before which a task need not be thought of."""
        block: Block[T] = item.place
        if block.asked:
            return _NEVER
        if block.seen is None or block.due or block.told:
            return self._rest(block)
        if self._is_stretched(block):
            return self._backstop(block, block.seen)
        deadline = block.born + min(
            block.seen + self._gap(block.table, block.seen), block.sure + self._proof(block.table)
        )
        return min(deadline, block.born + max(block.seen + self._price(block.table), block.table.first))

    def hasten(self, item: T, now: float) -> None:
        """Ask for a task as soon as may be: somebody knows that there is news."""
        self.rest(item, 0.0)
        item.place.hinted = now

    def told(self, item: T, now: float, *, over: bool) -> None:
        """
        A callback says that a task has changed, or is *over*: look soon, together with others that are told of.

        However often it is said, no task is looked at twice within two seconds for it.
        """
        block: Block[T] = item.place
        block = block if block.told else self._split(block, (item,))
        block.hinted = now
        if block.due:  # it will be asked for alone, when that makes sense
            return
        if not over and self._unhurried <= now:
            self._unhurried = now + min(_LONGEST_UNHURRIED, max(_UNHURRIED, _PART * block.table.median))
        at = max(now if over else self._unhurried, self._told_again, block.answered + _BETWEEN)
        block.rest = min(block.rest, at) if block.told and not block.asked else at
        block.told, block.over = True, block.over or over

    def rely(self, on: bool) -> None:  # noqa: FBT001 - the only thing there is to say
        """Rely on callbacks from now on, or ask as if there were none."""
        if self.called_back is not on:
            self.called_back = on
            for block in self._blocks:
                block.rest = block.rest if block.due or block.told else 0.0

    def distrust(self, lag: float) -> None:
        """Lists were found to tell how things stood so many seconds ago: what was seen in one was seen before that."""
        for block in self._blocks:
            if block.listed and block.seen:
                block.seen, block.rest, block.listed = max(0.0, block.seen - lag), 0.0, False

    def read(self, ask: Page[T], found: Mapping[T, int], at: float, known: float) -> None:
        """
        Tell which tasks stood in which places of the list and were pending there, by a page asked for *at* that time.

        The page is *known* to be as new as that. What was not found stays as unchecked as it was.
        """
        rows = made = 0
        missing = list[Block[T]]()
        for place in {**ask.blocks, **dict.fromkeys([item.place for item in found])}:
            if not isinstance(place, Block):
                continue  # left, or ended, since the page was read
            block = cast("Block[T]", place)
            asked = block in ask.blocks
            if asked:
                block.asked = False
            here = [item for item in block.items if item in found]
            seen = self._split(block, here) if here else None
            if seen is not None:
                # A row may have stopped in time where the others go on: of a task that should have ended long ago, no
                # page proves anything, so that it is asked for alone before long.
                late = at - block.born > block.table.late
                doubtful = seen.over and known < seen.hinted
                self._seen(seen, at, _BEFORE if late else min(at, known))
                if doubtful:  # told that it has ended, and an old copy of the list is no answer to that
                    seen.rest, seen.due = at + min(_BETWEEN, self._max_lag or _BETWEEN), True
                seen.listed, seen.misses = True, 0
                index = max(found[item] for item in here)
                rows += len(here) * (index - seen.index)
                made += len(here) * (ask.made - seen.made)
                seen.index, seen.made = index, ask.made
            if asked and block is not seen:
                missing.append(block)
        if made > 0:
            self._stretch = min(_CROWD, max(1.0, (self._stretch + rows / made) / 2))
        for block in missing:
            block.misses += 1
            block.due = block.seen is not None and at - block.born < _YOUNG  # the list may not have it yet
            below = ask.number * ask.size + ask.size // 4
            block.index, block.made = max(self._position(block, ask.made), below), ask.made

    def eta(self, item: T, now: float) -> float | None:
        """Seconds that a watched task goes on for, in one half of all cases."""
        block: Block[T] = item.place
        return block.table.left(max(0.0, now - block.born))

    @property
    def _made(self) -> int:
        """How many tasks were made."""
        return self._outran + len(self._births)

    def _position(self, block: Block[T], made: int) -> int:
        """How many rows should stand above the oldest of a block."""
        return max(0, block.index + int((made - block.made) * self._stretch))

    def _joins(self, block: Block[T], born: float, seen: float | None) -> bool:
        span = _SPAN * block.table.median
        return (
            block.seen == seen
            and not block.asked
            and not block.told
            and block in self._blocks
            and len(block.items) < _BLOCK
            and (seen is None or 0.0 <= born - block.born <= span)
        )

    def _drop(self, block: Block[T]) -> None:
        self._blocks.pop(block, None)

    def _split(self, block: Block[T], items: Collection[T]) -> Block[T]:
        """Give some of a block's tasks a block of their own."""
        if len(items) == len(block.items):
            return block
        part = attrs.evolve(block, items=list(items), asked=False)  # no question knows of it
        apart = set(items)
        block.items[:] = [item for item in block.items if item not in apart]
        for item in items:
            item.place = part
        self._blocks[part] = None
        return part

    def _seen(self, block: Block[T], at: float, known: float) -> None:
        block.sure = max(block.sure, known - block.born)
        age = max(0.0, at - block.born)
        before = block.seen or 0.0
        if age > before:
            self.durations.watched(block.kind, before, age, len(block.items))
            block.seen = age
        elif block.seen is None:
            block.seen = age
        if block.told:
            block.answered = at
        if at >= block.hinted:
            block.rest, block.due, block.told, block.over = 0.0, False, False, False
        elif block.told:
            block.rest = max(block.rest, at + _BETWEEN)

    def _price(self, table: Table) -> float:
        return max(_CHEAPEST, _PRICE * table.median) * self._dear * (0.25 if self.hurry else 1.0)

    def _paid(self, requests: float) -> None:
        if self._target is not None:
            self._dear = min(_DEAREST, max(1 / _DEAREST, self._dear * (1 + _STEER * requests)))

    def _gap(self, table: Table, seen: float) -> float:
        gap = min(self._max_lag or _LONGEST_GAP, _LONGEST_GAP)
        if self.curious and not self.called_back and not self.durations.known:
            gap = min(gap, max(_FIRST_LOOK, seen))
        return min(gap, _GAP * max(1.0, self._dear) * max(seen, table.early)) if seen > 0.0 else gap

    def _proof(self, table: Table) -> float:
        """Seconds after which it is not enough that a list, which may be an old copy, tells of a task as pending."""
        return max(_LONGEST_GAP, table.median) if self._max_lag is None else 2 * self._max_lag

    def _is_stretched(self, block: Block[T]) -> bool:
        return self.called_back and block.called

    def _backstop(self, block: Block[T], seen: float) -> float:
        """When to ask for a task that is to report its end and did not."""
        table = block.table
        at = min(table.late + _GRACE, seen + _LONGEST_STRETCH)
        if seen > 0.0:
            at = max(at, seen + min(_STRETCH * self._gap(table, seen), _LONGEST_STRETCH))
        if self._max_lag is not None:
            at = min(at, seen + self._max_lag)
        return block.born + min(at, block.sure + _STRETCH * self._proof(table))

    def _rest(self, block: Block[T]) -> float:
        """Until when a block is left alone. What callbacks say puts off nothing that was promised."""
        if not block.told or block.due:
            return block.rest
        rest = max(block.rest, self._told_again)
        if self._max_lag is None or block.seen is None:
            return rest
        return min(rest, block.born + block.seen + self._max_lag)

    def _owed(self, block: Block[T], now: float) -> _Owed[T]:
        table, seen = block.table, block.seen
        price = self._price(table)
        if seen is None or block.due or block.told:
            misses = _MISSES if seen is not None else _SEARCHES
            return _Owed(block, 1.0, 0.0, 0.0, price, 1.0, now, alone=block.due or block.misses >= misses)
        gap, proof, alone = self._gap(table, seen), self._proof(table), block.misses >= _MISSES
        deadline = block.born + min(seen + gap, block.sure + proof)
        if self._is_stretched(block):
            deadline = self._backstop(block, seen)
            if now < deadline - _INSTANT:
                block.rest = deadline
                return _Owed(block, 0.0, 0.0, 0.0, price, 0.0, deadline, alone)
        if now >= deadline - _INSTANT:
            alone = alone or seen - block.sure > proof / 2  # the last page could not prove enough
            return _Owed(block, 1.0 + max(0.0, now - deadline) / gap, 0.0, 0.0, price, 1.0, now, alone)
        age = now - block.born
        debt, growth, rise = table.debt(seen, max(seen, age))
        if growth < _NOTHING:
            begins = block.born + table.quantile(1.0 - (1.0 - table.chance(seen)) * (1.0 - _NOTHING))
            if begins > now + price:
                block.rest = min(deadline, begins)
                return _Owed(block, 0.0, 0.0, 0.0, price, 0.0, block.rest, alone)
        return _Owed(block, debt / price, growth / price, rise / price, price, (age - seen) / gap, deadline, alone)

    def _pages(self, owed: list[_Owed[T]], now: float, asks: list[Page[T]], most: int) -> float:
        """Add the pages that pay for themselves; returns when, at the present growth, the first one will."""
        made = self._made
        # Where a gap forces a request, a page is worth more: it also keeps the gaps of all others from running out.
        forced = any(each.deadline <= now and not each.alone for each in owed)
        on_list = [
            _Listed(self._position(each.block, made), each.worth(forced=forced), each)
            for each in owed
            if not each.alone
        ]
        on_list.sort(key=itemgetter(0))
        value = growth = rise = best = 0.0
        chosen, nearest = 0, _NEVER
        for at, (position, worth, each) in enumerate(on_list):
            if position >= _PAGE:
                break
            value += worth
            growth += len(each.block.items) * each.growth
            rise += len(each.block.items) * each.rise
            price = 1.0 + _ROW * (position + 1)
            if value - price >= best:
                best, chosen = value - price, at + 1
            elif not chosen:
                nearest = min(nearest, now + _time(price - value, growth, rise))
        if chosen:
            last = on_list[chosen - 1].position
            size = min(_PAGE, max(last + 1 + _MARGIN + last // 50, 0 if self.durations.known else _HISTORY))
            if any(each.owed.block.seen is None for each in on_list[:chosen]):
                size = _PAGE  # where they stand is a guess
            asks.append(self._page(1, size, on_list[:chosen], made))
        for number, behind in groupby(on_list, key=lambda listed: listed.position // _PAGE + 1):
            there = list(behind)
            pays = sum(listed.worth for listed in there) >= 1.0 + _ROW * _PAGE
            if 1 < number <= _NUMBERS and pays and len(asks) < most:
                asks.append(self._page(number, _PAGE, there, made))
        return nearest

    def _page(self, number: int, size: int, there: Iterable[_Listed[T]], made: int) -> Page[T]:
        page = Page(number, size, {listed.owed.block: None for listed in there}, made)
        for block in page.blocks:
            block.asked = True
        return page


_FORESIGHT: Final = 6.0
_NEVER: Final = float("inf")
_BEFORE: Final = float("-inf")
_INSTANT: Final = 1e-3
"""Seconds by which a timer may be early: what is due so soon is due now, or it would be thought of again at once."""
_NOTHING: Final = 1e-3
_YOUNG: Final = 3.0
"""Seconds after which a task should stand in the list."""
_GRACE: Final = 20.0
"""Seconds for which a callback may be late."""
_MARGIN: Final = 2
_NUMBERS: Final = 1000
_DEAREST: Final = 32.0
_STEER: Final = 0.02
_CROWD: Final = 50.0
_HISTORY: Final = 50
"""Rows of a page as long as nothing is known: what has ended already teaches for a fraction of a request."""


class _Owed(NamedTuple, Generic[T]):
    block: Block[T]
    share: float
    """Part of a request's price that each task of the block owes; not capped."""
    growth: float
    """Of the share, per second."""
    rise: float
    """Of the growth, per second."""
    price: float
    elapsed: float
    """Part of the gap that has passed."""
    deadline: float
    alone: bool = False
    """Whether no page will do."""

    def worth(self, *, forced: bool) -> float:
        """What a page with the block on it is worth, in requests."""
        share = max(self.share, self.elapsed) if forced else self.share
        return len(self.block.items) * min(1.0, share)


class _Listed(NamedTuple, Generic[T]):
    position: int
    worth: float
    owed: _Owed[T]


def _time(owed: float, growth: float, rise: float) -> float:
    """Seconds until so much more is owed."""
    speed = growth + math.sqrt(growth * growth + 2.0 * rise * owed)
    return 2.0 * owed / speed if speed > 0.0 else _NEVER
