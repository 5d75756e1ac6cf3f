"""An asyncio-native client for the Kling AI open platform.

Request classes live in `kling_async.api`, results in `kling_async.models`, what can be watched in `kling_async.events`,
a Kling to test against in `kling_async.emulator`. Names are loaded when they are first used: tools that only look at
the package, such as pytest loading its plugins, do not pay for an HTTP client.
"""

from __future__ import annotations

from importlib import import_module
from typing import TYPE_CHECKING, Final

if TYPE_CHECKING:
    from ._version import __version__
    from .batch.batch import Batch
    from .client import KlingClient
    from .errors import (
        AccountError,
        ApiError,
        AuthenticationError,
        BadRequest,
        BalanceError,
        ClientClosed,
        ConnectionFailed,
        ContentRefused,
        DownloadError,
        DuplicateTask,
        ExpiredResult,
        InvalidRequest,
        IPNotAllowed,
        JournalError,
        KlingError,
        ManifestError,
        MissingCredentials,
        NotFound,
        PermissionDenied,
        PolicyError,
        RateLimited,
        RequestTimeout,
        ResponseError,
        RowError,
        ServerError,
        ServiceTimeout,
        ServiceUnavailable,
        SlotsExceeded,
        SlotsUnavailable,
        SubmitUnknown,
        TaskFailed,
        TaskLost,
        TaskNotFound,
        TaskTimeout,
        UnsafeURL,
        UnsupportedWarning,
        Unwritable,
        WebhookError,
    )
    from .handle import TaskHandle, TaskRef
    from .models import ImageResult, MultiShotResult, Task, TaskStatus, VideoResult
    from .options import Downloads, Limits, Polling, Retry
    from .transport.auth import AccessKey, ApiKey, Credentials
    from .webhooks.callbacks import Callbacks
    from .webhooks.hub import WakeHub

__all__ = [
    "AccessKey",
    "AccountError",
    "ApiError",
    "ApiKey",
    "AuthenticationError",
    "BadRequest",
    "BalanceError",
    "Batch",
    "Callbacks",
    "ClientClosed",
    "ConnectionFailed",
    "ContentRefused",
    "Credentials",
    "DownloadError",
    "Downloads",
    "DuplicateTask",
    "ExpiredResult",
    "IPNotAllowed",
    "ImageResult",
    "InvalidRequest",
    "JournalError",
    "KlingClient",
    "KlingError",
    "Limits",
    "ManifestError",
    "MissingCredentials",
    "MultiShotResult",
    "NotFound",
    "PermissionDenied",
    "PolicyError",
    "Polling",
    "RateLimited",
    "RequestTimeout",
    "ResponseError",
    "Retry",
    "RowError",
    "ServerError",
    "ServiceTimeout",
    "ServiceUnavailable",
    "SlotsExceeded",
    "SlotsUnavailable",
    "SubmitUnknown",
    "Task",
    "TaskFailed",
    "TaskHandle",
    "TaskLost",
    "TaskNotFound",
    "TaskRef",
    "TaskStatus",
    "TaskTimeout",
    "UnsafeURL",
    "UnsupportedWarning",
    "Unwritable",
    "VideoResult",
    "WakeHub",
    "WebhookError",
    "__version__",
]

_ROOMS: Final = (
    "_version",
    "errors",
    "models",
    "options",
    "handle",
    "transport.auth",
    "webhooks.hub",
    "webhooks.callbacks",
    "client",
    "batch.batch",
)
"""Where the names live, light rooms first."""
_PUBLIC: Final = frozenset({"api", "emulator", "errors", "events", "models"})
"""Modules that may be reached as attributes."""


if not TYPE_CHECKING:  # or type checkers would believe in every name

    def __getattr__(name: str) -> object:
        if name in _PUBLIC:
            return import_module(f".{name}", __name__)
        for room in _ROOMS if name in __all__ else ():
            module = import_module(f".{room}", __name__)
            if hasattr(module, name):
                value = globals()[name] = getattr(module, name)
                return value
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")

    def __dir__() -> list[str]:
        return sorted([*__all__, *_PUBLIC])
