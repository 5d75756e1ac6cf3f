"""
The API over HTTP: which call it is, and the order in which it may be refused.

Token, then route and method, then the body, then content policy, then external id, units and slots. Faults come in at
three points: before a call is carried out and after it (``_told``), and when its answer is written (``wire.send``).
"""

from __future__ import annotations

import asyncio
import contextlib
from collections.abc import Callable, Mapping, Sequence
from decimal import Decimal
from email.utils import formatdate
from random import Random
from typing import Any, Final
from urllib.parse import unquote

import attrs
from aiohttp import web

from .accounts import Account, Charge
from .answers import Answers
from .callbacks import Caller
from .calls import NO_DATA, Call, Direct
from .checks import Accepted, check, read_json
from .clock import LoopClock, milliseconds
from .direct import BY_PATH, DIRECT_PATHS
from .documents import served_document
from .endpoint import Endpoint, Form
from .endpoints import ENDPOINTS, TASK_PATHS
from .files import FileShelf, refuse_token, serve
from .inputs import PictureStore
from .ledger import Ledger
from .library import Library
from .lifecycle import RISK, plan
from .media import Studio, Work
from .paging import MOST_PER_PAGE, MOST_VOICES_PER_PAGE, asked_page
from .prompts import prompts_of, words_in
from .refusals import Refusal
from .script import Kind, Script, Struck
from .sessions import Sessions
from .settings import Settings
from .strangers import Strangers
from .tasks import EmulatedTask, TaskShelf
from .tokens import Gate
from .wire import GONE, Told, enveloped, instead, send, spoiled
from .world import Product, Products, World

LARGEST_BODY: Final = 160_000_000
CALLS_POOL: Final = "video"
"""What synchronous calls are paid from."""
LONG_PAGES: Final = {"/v1/general/custom-voices": MOST_VOICES_PER_PAGE}


@attrs.frozen
class SeenRequest:
    """One API call the emulator answered. Headers are not kept: they carry tokens."""

    method: str
    path: str
    query: str
    status: int
    """0 where the caller was told nothing."""
    code: int
    """0 also where the answer had none, as that of a gateway."""
    fault: str = ""
    """What stood in the place of the answer, such as ``lose cut``; empty where it is the API's own."""


@attrs.frozen(eq=False)
class Target:
    """What a path leads to; with neither rows nor an endpoint, to nothing."""

    path: str
    rows: Mapping[str, Direct] | None = None
    endpoint: Endpoint | None = None
    some_id: str | None = None

    def struck(self, method: str) -> Struck:
        """What faults look at when it is called."""
        kind: Kind = "others"
        if self.endpoint is not None and method == "GET":
            kind = "lists" if self.some_id is None else "queries"
        elif self.endpoint is not None and method == "POST" and self.some_id is None:
            kind = "creates"
        return Struck(kind, self.path, self.path if self.endpoint is None else self.endpoint.path)


class Server:
    """Everything one run of the emulator knows, and the handlers that change it."""

    def __init__(self, settings: Settings, *, clock: LoopClock, origin: Callable[[], str]) -> None:
        self._settings = settings
        self._clock = clock
        self._origin = origin
        self.requests: list[SeenRequest] = []
        self.script: Script = Script(settings.faults, seed=settings.seed, now=clock.now)
        self.closing: asyncio.Event = asyncio.Event()
        self.tasks: TaskShelf = TaskShelf(Random(f"ids {settings.seed}"))
        self._account = Account(units=settings.units)
        self._ledger = Ledger(self._account, slots=settings.slots, units=settings.units, seed=settings.seed)
        self._store = PictureStore()
        self.studio: Studio = Studio(form=settings.pictures, source=self._store.content)
        self._files = FileShelf(str(settings.seed))
        self._gate = Gate(
            access_key=settings.access_key,
            secret_key=settings.secret_key,
            api_key=settings.api_key,
            clocks=(self._wall, lambda: max(self._wall(), self._date())),
            expired=self.script.expired,
        )
        self._world = World(
            tasks=self.tasks,
            products=Products(),
            sessions=Sessions(),
            library=Library(seed=settings.seed),
            now=clock.now,
            stamp=lambda moment: milliseconds(moment + self.script.ahead(moment)),
            link=self._link,
            seed=settings.seed,
        )
        self._answers = Answers(random=Random(f"answers {settings.seed}"), quirks=settings.quirks, world=self._world)
        self._random = Random(f"calls {settings.seed}")
        chance = Random(f"callbacks {settings.seed}")
        self.caller: Caller = Caller(
            answers=Answers(random=chance, quirks=settings.quirks, world=self._world),
            script=self.script,
            now=clock.now,
            date=self._date,
            secrets=settings.webhook_secrets,
            newer=chance if settings.quirks else None,
        )
        self._strangers = Strangers(self._world, now=clock.now)

    def spent(self) -> Mapping[str, Decimal]:
        """Units charged up to now, by pool."""
        return self._account.spent(self._clock.now())

    def clear_faults(self) -> None:
        """End all faults, and what neighbours have under way."""
        self.script.clear()
        self.tasks.end_strangers(self._clock.now())

    def application(self) -> web.Application:
        """The handlers as an aiohttp application."""
        application = web.Application(client_max_size=LARGEST_BODY)
        application.router.add_get("/openapi.json", self._document)
        application.router.add_get("/files/{name}", self._file)
        application.router.add_route("*", "/{path:(?s:.*)}", self._call)
        application.on_response_prepare.append(self._stamp)
        return application

    def _wall(self) -> float:
        """What the wall's clock says, faults included."""
        return self._settings.clock() + self.script.ahead(self._clock.now())

    def _date(self) -> float:
        """What the vendor's clock says, faults included."""
        return self._clock.date() + self.script.ahead(self._clock.now())

    async def _stamp(self, _: web.Request, response: web.StreamResponse) -> None:
        response.headers["Date"] = formatdate(self._date(), usegmt=True)

    async def _document(self, _: web.Request) -> web.Response:
        return web.json_response(served_document((*TASK_PATHS, *DIRECT_PATHS), self._origin()))

    async def _file(self, request: web.Request) -> web.Response:
        refused = refuse_token(request)
        if refused is not None:
            return refused
        file = self._files.find(request.match_info["name"], request.query, self._clock.now())
        if file is None:
            return web.Response(status=403, text="The link is expired, or its signature is wrong.\n")
        return serve(request, file, await self.studio.rendering(file.name, file.work))

    def _link(self, work: Work, made: float) -> str:
        return self._origin() + self._files.link(work, made)

    async def _call(self, request: web.Request) -> web.StreamResponse:
        path, query = _target(request)
        target = _route(path.rstrip("/"))
        try:
            told = await self._told(request, target, target.struck(request.method))
        except ConnectionError:  # the client broke off before all of its request was here, which is its right
            return web.Response(status=GONE)
        self.requests.append(SeenRequest(request.method, path, query, told.status, told.code, told.fault))
        return await send(request, told, self.closing)

    async def _told(self, request: web.Request, target: Target, struck: Struck) -> Told:
        """The answer, with the faults that strike this call before it is carried out and after it."""
        verdict = self.script.verdict(struck)
        if verdict.disturbs:
            with contextlib.suppress(Refusal):  # an answer that comes before all was read would itself be cut
                await _read(request)
            await self._pause(verdict.late)
        if verdict.refusal is not None:
            told = instead(verdict.refusal, self._answers)
        else:
            told = await self._carried_out(request, target, struck)
        await self._pause(verdict.pause)
        return told

    async def _carried_out(self, request: web.Request, target: Target, struck: Struck) -> Told:
        try:
            data = await self._answer(request, target, struck)
        except Refusal as refusal:
            return enveloped(refusal.status, self._answers.failure(refusal))
        answer = self._answers.success(data)
        if data is NO_DATA:
            del answer["data"]
        fault = self.script.spoiling(struck)
        return enveloped(200, answer) if fault is None else spoiled(fault, answer, self._answers)

    async def _pause(self, seconds: float) -> None:
        if seconds:
            with contextlib.suppress(TimeoutError):
                await asyncio.wait_for(self.closing.wait(), seconds)
                raise ConnectionAbortedError  # the emulator stops, and nothing more happens

    async def _answer(self, request: web.Request, target: Target, struck: Struck) -> Any:
        """The data of the answer."""
        self._gate.check(request.headers.get("Authorization"))
        self._ledger.open(self._clock.now())
        if target.rows is not None:
            return await self._answer_at_once(target.rows, request)
        endpoint, some_id = target.endpoint, target.some_id
        if endpoint is None:
            raise Refusal(1203, "The requested resource does not exist")
        if request.method == "POST" and some_id is None:
            body = read_json(await _read(request), request.content_type)
            return self._create(endpoint, body)
        if request.method != "GET":
            raise _wrong_method(request)
        for neighbour, begins, ends in self.script.newcomers():
            self._strangers.move_in(neighbour, begins, ends)
        if some_id is None:
            return self._list(endpoint, request.query, struck)
        return self._one(endpoint, some_id)

    def _one(self, endpoint: Endpoint, some_id: str) -> Any:
        now = self._clock.now()
        task = self.tasks.find(endpoint.path, some_id, by_external_id=endpoint.by_external_id)
        if task is None or task.course.created > now - self.script.hidden(endpoint.path):
            raise Refusal(1201, f"Task not found by id/external id: {some_id}")
        return self._answers.one(endpoint, task, now)

    def _list(self, endpoint: Endpoint, query: Mapping[str, str], struck: Struck) -> Any:
        number, size = asked_page(query, most=LONG_PAGES.get(endpoint.path, MOST_PER_PAGE))
        listing = self.script.listing(struck)
        now = self._clock.now()
        tasks = self.tasks.page(
            endpoint.path,
            number,
            size,
            newest_first=self._settings.newest_first,
            until=now - max(listing.stale, self.script.hidden(endpoint.path)),
            mix=listing.mix,
        )[: listing.most]
        if listing.shuffle is not None:
            listing.shuffle.shuffle(tasks)
        return self._answers.page(endpoint, tasks, now - listing.stale)

    async def _answer_at_once(self, rows: Mapping[str, Direct], request: web.Request) -> Any:
        """The data of the answer to a synchronous call."""
        row = rows.get(request.method)
        if row is None:
            raise _wrong_method(request)
        accepted = Accepted({}, {})
        if row.form is not None:
            raw = read_json(await _read(request), request.content_type)
            accepted = self._check(row.form, raw)
            if accepted.late_failure is not None:
                raise Refusal(1201, accepted.late_failure)
        now = self._clock.now()
        self._account.admit(CALLS_POOL, 0, row.units, None, now=now, slots=self._slots(CALLS_POOL))
        call = Call(
            body=accepted.body,
            pictures=accepted.pictures,
            query=request.query,
            world=self._world,
            ledger=self._ledger,
            now=now,
            call_id=self.tasks.next_id(),
            units=row.units,
            newest_first=self._settings.newest_first,
            vary=self._vary,
        )
        data = row.answer(call)
        self._account.charge(
            Charge(
                task_id=call.call_id,
                pool=CALLS_POOL,
                units=row.units or Decimal(0),
                created=now,
                charged=now,
                path=row.path,
                body=accepted.body,
            )
        )
        return data

    def _vary(self, variations: Sequence[Any]) -> Any:
        """One of the variations; always the first without quirks."""
        return self._random.choice(variations) if self._settings.quirks else variations[0]

    def _check(self, form: Form, raw: Mapping[str, Any]) -> Accepted:
        """The accepted body; refused for its fields first, then for its words."""
        accepted = check(form, raw, unknown_model=self._settings.unknown_model, store=self._store, world=self._world)
        if words_in(prompts_of(accepted.body), self._settings.refused_words):
            raise Refusal(1301, "The content does not comply with the content safety policy")
        return accepted

    def _create(self, endpoint: Endpoint, raw: Mapping[str, Any]) -> Any:
        task = self._new_task(endpoint, self._check(endpoint, raw), self._clock.now())
        return self._answers.created(endpoint, task)

    def _new_task(self, endpoint: Endpoint, accepted: Accepted, now: float) -> EmulatedTask:
        body = accepted.body
        external_id = body.get("external_task_id")
        weight, price = endpoint.weight(body), endpoint.price(body, self._world)
        unique_id = external_id if self.script.ids_are_unique() else None
        self._account.admit(endpoint.pool, weight, price, unique_id, now=now, slots=self._slots(endpoint.pool))
        risky = words_in(prompts_of(body), self._settings.risky_words)
        task_id = self.tasks.next_id()
        # Drawn from the id, so that the fate of one task does not depend on how many came before it.
        fate = Random(f"{self._settings.seed} {task_id}")
        failure = RISK if risky else accepted.late_failure
        task = EmulatedTask(
            task_id=task_id,
            external_task_id=external_id,
            path=endpoint.path,
            pool=endpoint.pool,
            weight=weight,
            body=body,
            pictures=accepted.pictures,
            price=price,
            course=plan(endpoint.durations, fate, now=now, speed=self._settings.speed, failure=failure),
            now=self._clock.now,
        )
        self.tasks.put(task)
        self._account.enter(task)
        self.caller.expect(endpoint, task)
        if failure is None:
            self._expect(endpoint, task)
        return task

    def _slots(self, pool: str) -> int | None:
        return self.script.slots(pool, self._settings.slots.get(pool))

    def _expect(self, endpoint: Endpoint, task: EmulatedTask) -> None:
        """Remember what a task that will succeed leaves behind; it can be found once the task has ended."""
        endpoint.keep(task, self._world)
        for listed, entries in endpoint.make(task, self._world).lists.items():
            for entry in entries:
                if "id" in entry:
                    self._world.products.put(Product(listed, entry, task.course.ended, endpoint.path, task))


def _wrong_method(request: web.Request) -> Refusal:
    return Refusal(1202, f"Request method '{request.method}' is not supported")


def _target(request: web.Request) -> tuple[str, str]:
    """Path and query as they were written. A request that goes by a proxy names the host before them."""
    path, _, query = request.raw_path.partition("?")
    if not path.startswith("/"):
        path = "/" + path.partition("://")[2].partition("/")[2]
    return path, query


def _route(path: str) -> Target:
    """What a path leads to: synchronous calls, or a task endpoint with the id behind it."""
    if path in BY_PATH:
        return Target(path, rows=BY_PATH[path])
    head, _, tail = path.rpartition("/")
    for endpoint in ENDPOINTS:
        if path == endpoint.path:
            return Target(path, endpoint=endpoint)
        if head == endpoint.path:
            return Target(path, endpoint=endpoint, some_id=unquote(tail, errors="surrogateescape"))
    return Target(path)


async def _read(request: web.Request) -> bytes:
    try:
        return await request.read()
    except web.HTTPRequestEntityTooLarge as error:
        raise Refusal(1200, "Request body is too large") from error
    except web.RequestPayloadError as error:  # for instance, it is not compressed as it says
        raise Refusal(1200, "Request body can not be read") from error
