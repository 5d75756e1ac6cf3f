"""The commands, put together, and the one place where a run begins and ends."""

from __future__ import annotations

import logging
from collections.abc import Sequence
from typing import Final

from cyclopts import App, CycloptsError, UnknownOptionError

from .. import __version__
from ..errors import KlingError
from . import batch, tasks
from .commands import groups
from .completion import completion
from .demo import demo
from .failures import Exit, Failure, explain
from .gallery import gallery
from .serve import emulator
from .shell import Shell

HELP: Final = (
    "Pictures and videos from words, with the Kling AI API.\n\n"
    "Keys come from KLING_ACCESS_KEY and KLING_SECRET_KEY, or from KLING_API_KEY. "
    "Without a key, try kling demo, or add --emulator."
)
_HYPHEN: Final = ". What begins with a hyphen and is none has to stand behind --"
EXIT_CODES: Final = """Exit codes:
  0    all went well
  1    the vendor, the network or the disk failed, or a batch stopped early
  2    bad input or usage; nothing was sent
  3    the time was up; a task that was made goes on
  4    the task, or one of a batch, failed or was refused
  5    the task, or one of a batch, was sent, and what became of it is not
       known; it may be billed
  130  interrupted"""


def application() -> App:
    """The parser with every command."""
    app = App(
        name="kling",
        help=HELP,
        help_epilogue=EXIT_CODES,
        help_format="plaintext",
        version=f"kling_async {__version__}",
        result_action="return_value",
        exit_on_error=False,
        print_error=False,
        suppress_keyboard_interrupt=False,
    )
    for group in (*groups(EXIT_CODES), batch.group(EXIT_CODES), tasks.group(EXIT_CODES)):
        app.command(group)
    app.command(emulator)
    app.command(demo)
    app.command(gallery)
    app.command(completion(app), name="completion")
    return app


def run(arguments: Sequence[str]) -> int:
    """Run one command and return its exit code. A mistake of ours keeps its traceback; everything else has a panel."""
    # What the package logs is told here in other words; without a handler Python would print it to stderr.
    logging.getLogger("kling_async").addHandler(logging.NullHandler())
    try:
        code = application()(list(arguments))
    except CycloptsError as error:
        return Shell(json="--json" in arguments).fail(_usage(error))
    except KlingError as error:
        return Shell(json="--json" in arguments).fail(explain(error))
    except KeyboardInterrupt:
        return Exit.INTERRUPTED
    except BrokenPipeError as error:
        return Shell().unwritten(error)
    return code if isinstance(code, int) else Exit.OK


def _usage(error: CycloptsError) -> Failure:
    return Failure(
        type="Usage",
        title="Not sent: usage",
        message=str(error),
        advice=f"Add --help to see the options{_HYPHEN if isinstance(error, UnknownOptionError) else ''}",
        exit=Exit.USAGE,
    )
