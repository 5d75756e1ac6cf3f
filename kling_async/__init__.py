"""An asyncio-native client for the Kling AI open platform.

Request classes live in `kling_async.api`, results in `kling_async.models`, a Kling to test against in
`kling_async.emulator`.
"""

from __future__ import annotations

from ._version import __version__
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
    KlingError,
    MissingCredentials,
    NotFound,
    PermissionDenied,
    PolicyError,
    RateLimited,
    RequestTimeout,
    ResponseError,
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
    WebhookError,
)
from .handle import TaskHandle, TaskRef
from .media.downloads import Downloads
from .models import ImageResult, MultiShotResult, Task, TaskStatus, VideoResult
from .polling.schedule import Polling
from .transport.auth import AccessKey, ApiKey, Credentials
from .transport.engine import Retry

__all__ = [
    "AccessKey",
    "AccountError",
    "ApiError",
    "ApiKey",
    "AuthenticationError",
    "BadRequest",
    "BalanceError",
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
    "KlingClient",
    "KlingError",
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
    "VideoResult",
    "WebhookError",
    "__version__",
]
