"""`kling completion`: a script for the shell that knows every command, option and choice."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal

from cyclopts import App, Parameter

from .common import Attempt, Connection
from .shell import Shell


def completion(app: App) -> Callable[..., int]:
    """The command that prints the script for *app*."""

    def completion(shell: Annotated[Literal["bash", "fish", "zsh"], Parameter(help="The shell it is for.")]) -> int:
        """
        Print a script that completes commands, options and choices.

        For instance: kling completion bash > ~/.local/share/bash-completion/completions/kling
        """
        with Attempt(Shell(), Connection()) as attempt:
            attempt.shell.script(app.generate_completion(shell=shell))
        return attempt.exit

    return completion
