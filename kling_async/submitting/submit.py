"""One create, sent once: accepted, refused, or unknown. Never repeated here, because a repeat may be paid for twice.

Every create carries an external id, so that a lost answer is a question and not a loss.
"""

from __future__ import annotations

import asyncio
import logging
import secrets
from typing import TYPE_CHECKING, Final, TypeVar

from ..errors import ApiError, ClientClosed, ConnectionFailed, KlingError, ResponseError, SubmitUnknown

if TYPE_CHECKING:
    from ..protocol.call import Call, Sender

T = TypeVar("T")

log: Final = logging.getLogger("kling_async.submitting")

_LEFT: Final = "a create of %s %s before its answer came; if the task exists, attach(external_task_id=%r) finds it"


def new_id() -> str:
    """An external id that nobody else has: 96 random bits in letters and digits, since the vendor names no alphabet."""
    return f"k{secrets.token_hex(12)}"


async def submit(sender: Sender, name: str, external_id: str, call: Call[T]) -> T:
    """
    Make a task of the endpoint *name* by a call that carries *external_id*; returns its first snapshot.

    Raises the `ApiError` of a refusal, `ConnectionFailed` where nothing was sent, and `SubmitUnknown` where the task
    may exist. A cancelled create whose body may have left cannot be taken back: the log names the id under which to
    look for it.
    """
    named = {"kling.external_task_id": external_id}
    try:
        created = await sender.send(call)
    except asyncio.CancelledError as error:
        if getattr(error, "may_have_been_created", False):
            log.warning(_LEFT, name, "was cancelled", external_id, extra=named)
        raise
    except (ApiError, ClientClosed, ConnectionFailed, ResponseError) as error:
        if not error.may_have_been_created:
            raise
        raise SubmitUnknown(f"{name}: {error}", external_task_id=external_id) from error
    except KlingError:
        raise  # found before anything was sent
    except Exception as error:
        # Of somebody else's making, a provider of keys or a hook of a borrowed session; perhaps after the POST.
        log.warning(_LEFT, name, f"ended in {type(error).__name__}", external_id, extra=named)
        error.add_note(f"external_task_id={external_id!r}: if the task exists, attach finds it by this")
        raise
    log.info("a task of %s was created, external_task_id %r", name, external_id, extra=named)
    return created
