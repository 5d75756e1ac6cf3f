"""The `kling` command. Importing this costs nothing: the parser, the terminal and the client come in when it runs."""

from __future__ import annotations

import sys
from collections.abc import Sequence

__all__ = ["main"]

_EXTRA = frozenset({"cyclopts", "jinja2", "rich"})


def main(arguments: Sequence[str] | None = None) -> int:
    """
    Run the command line and return its exit code; arguments default to those of the process.

    0 all went well; 1 the vendor or the network failed; 2 bad input or usage, nothing was sent; 3 the time was up, a
    task that was made goes on; 4 the task failed, or its content was refused; 5 it was sent, and what became of it is
    not known; 130 interrupted.
    """
    try:
        from .app import run  # noqa: PLC0415 - importing this package must cost nothing
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in _EXTRA:
            raise
        print(f"the kling command needs {missing}: install kling-async[cli]", file=sys.stderr)
        return 2
    except KeyboardInterrupt:
        return 130
    return run(sys.argv[1:] if arguments is None else arguments)
