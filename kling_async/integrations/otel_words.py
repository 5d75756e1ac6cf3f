"""What spans and metrics call things: names of attributes, and what an endpoint is in their words. Knows no SDK."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, TypeAlias

from opentelemetry.util.types import AttributeValue

Known: TypeAlias = dict[str, AttributeValue]

OPERATION: Final = "gen_ai.operation.name"
PROVIDER: Final = "gen_ai.provider.name"
MODEL: Final = "gen_ai.request.model"
OUTPUT: Final = "gen_ai.output.type"
# The conventions for generative AI have moved, and those of the Python package are marked as such: own constants.
METHOD: Final = "http.request.method"
STATUS: Final = "http.response.status_code"
RESENT: Final = "http.request.resend_count"
HOST: Final = "server.address"
PORT: Final = "server.port"
TEMPLATE: Final = "url.template"
ERROR: Final = "error.type"
ENDPOINT: Final = "kling.endpoint"
POOL: Final = "kling.pool"
TASK_ID: Final = "kling.task_id"
EXTERNAL_ID: Final = "kling.external_task_id"
REQUEST_ID: Final = "kling.request_id"
CODE: Final = "kling.code"
OUTCOME: Final = "kling.outcome"
STATE: Final = "kling.state"

_OUTPUTS: Final[Mapping[str, str]] = {"images": "image", "videos": "video", "audio": "speech"}
"""By resource. The conventions have no word for videos yet."""


def generation(endpoint: str, model: str | None) -> Known:
    """What the conventions for generative AI ask for, and the endpoint."""
    return known(
        {
            OPERATION: "generate_content",
            PROVIDER: "kling",
            MODEL: model,
            OUTPUT: _OUTPUTS.get(endpoint.partition(".")[0]),
            ENDPOINT: endpoint,
        }
    )


def known(given: Mapping[str, AttributeValue | None]) -> Known:
    """Without what is not known."""
    return {name: value for name, value in given.items() if value is not None}


def kind(error: BaseException | None) -> str:
    """An error as `error.type` names it: the vendor's code where there is one, else the class."""
    code = getattr(error, "code", None)
    return str(code) if code is not None else type(error).__name__
