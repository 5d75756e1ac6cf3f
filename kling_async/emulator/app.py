"""
The emulator: a Kling on a local port, in this process and on this event loop.

Written from the vendor's documents, which it carries, and not from the client, whose mistakes it shall find. It calls
a ``callback_url`` on this machine and opens no other address, so pictures, sounds and videos given as links are taken
on faith; a linked video or sound counts as five seconds long.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
from decimal import Decimal
from types import TracebackType
from typing import TYPE_CHECKING, Any, Final, Literal, Self

from aiohttp import web

from .callbacks import SentCallback
from .clock import LoopClock
from .doorway import Doorway
from .faults import Fault
from .media import PictureForm
from .server import SeenRequest, Server
from .settings import Settings, only_faults, pools, webhook_secrets
from .tasks import EmulatedTask

if TYPE_CHECKING:
    from kling_async import KlingClient

ACCESS_KEY: Final = "emulator-access-key"
SECRET_KEY: Final = "emulator-secret-key-not-a-secret-at-all"
API_KEY: Final = "emulator-api-key"

# Clients under a jumping clock sleep for hours between two calls; the vendor's real limit is not known.
KEEP_ALIVE: Final = 7 * 24 * 3600.0
# A client cannot call "every address", and plain http is for loopback only.
_SOMEWHERE: Final = {"0.0.0.0": "127.0.0.1", "": "127.0.0.1", "::": "::1"}
# Seconds between two looks of a client at a task in real time; its emulator's speed compresses them too.
LOOK: Final = 5.0
SOONEST: Final = 0.02
# How long a stop waits for answers under way.
PATIENCE: Final = 2.0


class Emulator:
    """
    A Kling on a local port.

    ``slots`` and ``units`` limit the pools they name (``video``, ``image``, ``try_on``); other pools are endless.
    ``speed`` compresses the time tasks take: 60 makes a minute a second. ``seed`` decides ids, durations and pictures.
    A prompt with one of ``refused_words`` is refused with 1301; with one of ``risky_words`` the task is accepted and
    fails. ``quirks`` rotates answers through the field variations the documents list. ``clock`` judges tokens; tasks
    live by the event loop's time. An emulator that is started again has forgotten everything.
    ``faults`` are what goes wrong, and when; see ``kling_async.emulator.faults``. ``webhook_secret``, as the vendor's
    console shows one (``whsec_...``), has callbacks signed; several as while one is being replaced.

    Files are drawn in threads. Where the loop's clock jumps (looptime), a time-out of a download may pass meanwhile.
    """

    def __init__(
        self,
        *,
        host: str = "127.0.0.1",
        port: int = 0,
        access_key: str = ACCESS_KEY,
        secret_key: str = SECRET_KEY,
        api_key: str = API_KEY,
        slots: Mapping[str, int] | None = None,
        units: Mapping[str, Decimal | int | str] | None = None,
        speed: float = 1.0,
        seed: int = 0,
        refused_words: Collection[str] = ("forbidden",),
        risky_words: Collection[str] = ("risky",),
        quirks: bool = False,
        unknown_model: Literal[1201, 1203] = 1203,
        newest_first: bool = True,
        pictures: PictureForm = "png",
        faults: Iterable[Fault] = (),
        clock: Callable[[], float] = time.time,
        webhook_secret: str | Sequence[str] | None = None,
    ) -> None:
        self._host = host
        self._port = port
        self._settings = Settings(
            access_key=access_key,
            secret_key=secret_key,
            api_key=api_key,
            slots={pool: int(amount) for pool, amount in pools(slots, "slots").items()},
            units=pools(units, "units"),
            speed=speed,
            seed=seed,
            refused_words=refused_words,
            risky_words=risky_words,
            quirks=quirks,
            unknown_model=unknown_model,
            newest_first=newest_first,
            pictures=pictures,
            faults=only_faults(faults),
            clock=clock,
            webhook_secrets=webhook_secrets(webhook_secret),
        )
        self._server: Server | None = None
        self._runner: web.AppRunner | None = None
        self._doorway: Doorway | None = None
        self._url = ""

    def __repr__(self) -> str:
        return f"<Emulator {self._url or 'not started'}>"

    @property
    def url(self) -> str:
        """Where it listens, for example ``http://127.0.0.1:8123``."""
        self._running()
        return self._url

    @property
    def requests(self) -> list[SeenRequest]:
        """The API calls answered so far, in order; files and the OpenAPI document are not among them."""
        return self._running().requests

    @property
    def tasks(self) -> Mapping[str, EmulatedTask]:
        """Every task by its id, in the order of creation, read-only."""
        return self._running().tasks.view

    @property
    def tasks_by_external_id(self) -> Mapping[str, Sequence[EmulatedTask]]:
        """
        The tasks that carry an external id, by it: more than one only where a fault lets ids be used again.

        Counted anew at every look.
        """
        found: dict[str, list[EmulatedTask]] = {}
        for task in self.tasks.values():
            if task.external_task_id is not None:
                found.setdefault(task.external_task_id, []).append(task)
        return found

    @property
    def callbacks(self) -> list[SentCallback]:
        """The callbacks sent so far, in order; those that a fault lost are among them."""
        return self._running().caller.sent

    @property
    def faults(self) -> tuple[Fault, ...]:
        """The faults that are in force or still to come."""
        return self._running().script.faults

    def add(self, *faults: Fault) -> None:
        """Let more go wrong from now on, which is when the times of these faults begin."""
        self._running().script.add(only_faults(faults))
        self._look()

    def clear_faults(self) -> None:
        """End all faults at once, those given at the start as well. Tasks stay as they are, those paid twice too."""
        self._running().clear_faults()
        self._look()

    @property
    def spent(self) -> Mapping[str, Decimal]:
        """Units charged so far, for every pool."""
        return self._running().spent()

    async def start(self) -> None:
        """Listen. A port that is taken raises the ``OSError`` of the operating system and leaves nothing open."""
        if self._runner is not None:
            raise RuntimeError("the emulator is running already")
        clock = LoopClock(self._settings.clock)
        server = Server(self._settings, clock=clock, origin=lambda: self._url)
        runner = web.AppRunner(
            server.application(), access_log=None, keepalive_timeout=KEEP_ALIVE, shutdown_timeout=PATIENCE
        )
        await runner.setup()
        doorway = Doorway(_listening(runner), server.script, clock)
        try:
            port = await doorway.open(self._host, self._port)
        except (OSError, OverflowError):
            await runner.cleanup()
            raise
        host = _SOMEWHERE.get(self._host, self._host)
        host = f"[{host}]" if ":" in host else host
        self._url = f"http://{host}:{port}"
        self._server, self._runner, self._doorway = server, runner, doorway

    async def stop(self) -> None:
        """Stop listening; waits for files that are being drawn. What happened stays readable. Safe to call twice."""
        runner, self._runner = self._runner, None
        doorway, self._doorway = self._doorway, None
        if runner is None or doorway is None or self._server is None:
            return
        self._server.closing.set()
        await self._server.caller.close()
        await doorway.close()
        await runner.cleanup()
        await self._server.studio.close()

    async def __aenter__(self) -> Self:
        await self.start()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.stop()

    def client(self, **options: Any) -> KlingClient:
        """A client with this emulator's address and keys that polls at its pace; the options win."""
        from kling_async import KlingClient, Polling  # noqa: PLC0415 - the other side of the wire, wanted here only

        defaults: dict[str, Any] = {"base_url": self.url}
        if self._settings.speed > 1:
            defaults["polling"] = Polling(max_lag=max(SOONEST, LOOK / self._settings.speed))
        if not options.keys() & {"api_key", "credentials"}:
            defaults |= {"access_key": self._settings.access_key, "secret_key": self._settings.secret_key}
        return KlingClient(**{**defaults, **options})

    def _look(self) -> None:
        if self._doorway is not None:
            self._doorway.look()

    def _running(self) -> Server:
        if self._server is None:
            raise RuntimeError("the emulator was not started")
        return self._server


def _listening(runner: web.AppRunner) -> web.Server:
    if runner.server is None:
        raise RuntimeError("the runner was not set up")
    return runner.server
