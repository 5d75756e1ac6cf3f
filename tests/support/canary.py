"""What the suite shows of the secrets that it uses: printed, logged, warned, raised, pickled and stored.

A pytest plugin. It looks over the shoulder of every test and remembers what it saw of a secret, be it as it is, in
Base64, quoted as in a URL, or as a part of a signed token; `tests/test_canary.py` fails in the end if there was
anything. A test that shows keys on purpose is marked `shows_keys` with a reason. Where `kling_async` logs, it logs
everything here, DEBUG included, while `caplog` sees what it always saw.
"""

from __future__ import annotations

import base64
import functools
import logging
import pickle
import re
import subprocess
import traceback
import warnings
from collections.abc import Callable, Generator, Iterable, Mapping
from pathlib import Path
from types import FrameType, TracebackType
from typing import Any, Final, cast
from urllib.parse import quote

import attrs
import pytest

from kling_async.emulator import ACCESS_KEY, API_KEY, SECRET_KEY
from kling_async.transport.auth import Secret
from kling_async.webhooks.callbacks import Callbacks
from tests.support import vendor

MARK: Final = "shows_keys"
STANDING: Final = {
    "the emulator's access key": ACCESS_KEY,
    "the emulator's secret key": SECRET_KEY,
    "the emulator's API key": API_KEY,
    "the vendor's API key": vendor.API_KEY,
    "the webhook secret": "whsec_dGVzdHNlY3JldHRlc3RzZWNyZXR0ZXN0c2VjcmV0MTI=",
}
"""Looked for in all tests; whatever a test makes a `Secret` or a `Callbacks` of is looked for in that test."""
PATTERNS: Final = {
    "a signed token": re.compile(r"eyJ[\w-]{8,}\.eyJ[\w-]{8,}\.[\w-]{20,}"),
    "the address of a callback": re.compile(r"/v1/[\w%.~-]+/[\w-]+\.[\w-]{43}(?![\w-])"),
}
_LEAST: Final = 16
"""Characters of a secret that is looked for; what is shorter stands in many texts by chance."""
_BUFFER: Final = 2_000_000
"""Characters that are kept at most before they are looked through."""
_FILE: Final = 4_000_000
"""Bytes of a file that are looked at."""
_TESTS: Final = str(Path(__file__).parent.parent)
_EMULATOR: Final = str(Path(_TESTS).parent / "kling_async" / "emulator")
"""Whose frames may hold keys."""
_PLAIN: Final = frozenset(vars(logging.makeLogRecord({})))
"""What every log record has."""


def variants(secret: str) -> tuple[str, ...]:
    """A secret, and what it looks like where it is quoted or encoded, alone or as a part of something."""
    raw, found = secret.encode(), {secret, quote(secret, safe="")}
    for shift in range(3):
        encode = base64.b64encode(b"\0" * shift + raw).decode()
        inner = encode[(shift * 8 + 5) // 6 : (shift + len(raw)) * 8 // 6]
        found |= {inner, inner.replace("+", "-").replace("/", "_")}
    return tuple(found)


@attrs.frozen
class Finding:
    """A secret that was seen."""

    test: str
    channel: str
    secret: str


@attrs.define
class Canary:
    """Collects what one test after the other shows, and what was found in it."""

    standing: Mapping[str, tuple[str, ...]] = attrs.field(
        factory=lambda: {name: variants(secret) for name, secret in STANDING.items()}
    )
    found: list[Finding] = attrs.field(factory=list[Finding])
    _seen: dict[str, list[str]] = attrs.field(factory=dict[str, list[str]], init=False)
    _size: int = attrs.field(default=0, init=False)
    """Characters in it."""
    _hits: set[tuple[str, str]] = attrs.field(factory=set[tuple[str, str]], init=False)
    _learned: set[str] = attrs.field(factory=set[str], init=False)

    def learn(self, secret: object) -> None:
        """Look for a secret too, until this test is over."""
        if isinstance(secret, bytes | bytearray):
            secret = bytes(secret).decode("latin-1")
        if isinstance(secret, str) and len(secret) >= _LEAST:
            self._learned.add(secret)
        elif isinstance(secret, Mapping):
            self.learn(tuple(cast("Mapping[str, object]", secret).values()))
        elif isinstance(secret, list | tuple):
            for each in cast("Iterable[object]", secret):
                self.learn(each)

    def see(self, channel: str, *texts: str | bytes) -> None:
        """Take in what a test shows."""
        plain = [text.decode("latin-1") if isinstance(text, bytes) else text for text in texts]
        self._seen.setdefault(channel, []).extend(plain)
        self._size += sum(map(len, plain))
        if self._size > _BUFFER:
            self._look()

    def over(self, test: str, *, shows_keys: bool = False) -> None:
        """A test is over: look through all that it showed."""
        self._look()
        if not shows_keys:
            self.found += [Finding(test, channel, secret) for channel, secret in sorted(self._hits)]
        self._hits.clear()
        self._learned.clear()

    def _look(self) -> None:
        """Look through what was taken in."""
        secrets = {**self.standing, "a secret of this test": self._variants()} if self._seen else {}
        for channel, texts in self._seen.items():
            text = "\n".join(texts)
            self._hits |= {(channel, name) for name, forms in secrets.items() if any(form in text for form in forms)}
            self._hits |= {(channel, name) for name, pattern in PATTERNS.items() if pattern.search(text)}
        self._seen.clear()
        self._size = 0

    def _variants(self) -> tuple[str, ...]:
        return tuple(form for secret in self._learned for form in variants(secret))

    def raised(self, error: BaseException) -> None:
        """Take in an error as whoever logs or prints it would show it, with the locals of all frames that are ours."""
        texts, left = list[str](), [error]
        known = set[int]()
        while left:
            each = left.pop()
            if id(each) in known:
                continue
            known.add(id(each))
            texts += [str(each), repr(each), *getattr(each, "__notes__", ()), *_locals(each.__traceback__)]
            if isinstance(each, BaseExceptionGroup):
                left += cast("BaseExceptionGroup[BaseException]", each).exceptions
            left += [other for other in (each.__cause__, each.__context__) if other is not None]
        self.see("raised", *texts)


def _locals(trace: TracebackType | None) -> Generator[str, None, None]:
    for frame, _ in traceback.walk_tb(trace):
        if frame.f_code.co_filename.startswith(_EMULATOR):
            return  # and whatever it called: the vendor's side knows the keys
        if not frame.f_code.co_filename.startswith(_TESTS):
            yield from _shown(frame)


def _shown(frame: FrameType) -> Generator[str, None, None]:
    for name, value in tuple(frame.f_locals.items()):
        try:
            yield f"{name}={value!r}"
        except Exception as error:  # noqa: BLE001 - a repr may fail while its object is being made
            yield f"{name}: {type(error).__name__}"


class _Log(logging.Handler):
    """Takes in records with all that they carry."""

    def __init__(self, canary: Canary) -> None:
        super().__init__(0)
        self._canary = canary

    def emit(self, record: logging.LogRecord) -> None:
        """Take in one."""
        extra = [f"{name}={value!r}" for name, value in vars(record).items() if name not in _PLAIN]
        self._canary.see("logged", record.getMessage(), *extra)
        if record.exc_info and record.exc_info[1]:
            self._canary.raised(record.exc_info[1])


class CanaryPlugin:
    """The hooks."""

    def __init__(self) -> None:
        self.canary = Canary()
        self._undo = list[Callable[[], None]]()

    def pytest_configure(self, config: pytest.Config) -> None:
        """Begin to look."""
        config.addinivalue_line("markers", f"{MARK}(reason): shows keys on purpose, where the canary would see them")
        if config.option.log_level is None:
            config.option.log_level = "WARNING"  # of caplog, which is not to see more than without this
        handler, ours = _Log(self.canary), logging.getLogger("kling_async")
        logging.getLogger().addHandler(handler)
        ours.setLevel(logging.DEBUG)
        self._undo.append(lambda: logging.getLogger().removeHandler(handler))
        see, learn = self.canary.see, self.canary.learn
        self._hear(type(pytest.raises(ValueError)), "__exit__", before=lambda args, _: self._raised(args[2]))
        self._hear(Secret, "__init__", before=lambda args, more: learn([*args[1:], *more.values()]))
        self._hear(Callbacks, "__init__", before=lambda _, more: learn([more.get("keys"), more.get("secret")]))
        self._hear(warnings.WarningMessage, "__init__", before=lambda args, _: see("warned", str(args[1])))
        self._hear(pickle, "dumps", after=lambda data: see("pickled", data))
        self._hear(subprocess.Popen, "communicate", after=self._said)
        self._hear(pytest.CaptureFixture, "readouterr", after=lambda said: see("printed", *said))

    def _hear(
        self,
        owner: Any,
        name: str,
        *,
        before: Callable[[tuple[Any, ...], Mapping[str, Any]], object] | None = None,
        after: Callable[[Any], object] | None = None,
    ) -> None:
        """Hear what a function is called with, or what it returns."""
        plain = getattr(owner, name)

        @functools.wraps(plain)
        def heard(*args: Any, **kwargs: Any) -> Any:
            if before is not None:
                before(args, kwargs)
            returned = plain(*args, **kwargs)
            if after is not None:
                after(returned)
            return returned

        setattr(owner, name, heard)
        self._undo.append(lambda: setattr(owner, name, plain))

    def _raised(self, error: BaseException | None) -> None:
        if isinstance(error, Exception):
            self.canary.raised(error)

    def _said(self, said: tuple[str | bytes | None, str | bytes | None]) -> None:
        self.canary.see("printed", *(each for each in said if each is not None))

    def pytest_unconfigure(self) -> None:
        """Leave everything as it was."""
        for undo in reversed(self._undo):
            undo()
        self._undo.clear()

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> Generator[None, None, None]:
        """Ask last whether anything was seen, however tests are shuffled."""
        yield
        items.sort(key=lambda item: item.get_closest_marker("last") is not None)

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(self) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """Take in what was printed."""
        report = yield
        self.canary.see("printed", *(text for name, text in report.sections if "log" not in name))
        return report

    @pytest.hookimpl(wrapper=True, tryfirst=True)
    def pytest_runtest_teardown(self, item: pytest.Item) -> Generator[None, None, None]:
        """Take in what was stored."""
        folder = getattr(item, "funcargs", {}).get("tmp_path")
        if isinstance(folder, Path):
            for path in folder.rglob("*"):
                self._stored(path)
        yield

    def _stored(self, path: Path) -> None:
        self.canary.see("stored", path.name)
        try:
            if path.is_file():
                with path.open("rb") as file:
                    self.canary.see("stored", file.read(_FILE))
        except OSError:  # of a test about what cannot be read
            return

    def pytest_runtest_logfinish(self, nodeid: str) -> None:
        """Look through it."""
        self.canary.over(nodeid, shows_keys=self._marked)

    _marked = False

    def pytest_runtest_setup(self, item: pytest.Item) -> None:
        """Know whether keys are shown on purpose."""
        self._marked = item.get_closest_marker(MARK) is not None

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """Say what was seen, whether anybody asks or not."""
        for found in self.canary.found:
            terminalreporter.write_line(f"CANARY {found.test}: {found.channel}: {found.secret}", red=True)
