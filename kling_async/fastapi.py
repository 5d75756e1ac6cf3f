"""Kling in a FastAPI application: `pip install "kling-async[fastapi]"`."""

from __future__ import annotations

from .integrations.fastapi import Kling, callback_router, install_errors, kling_client, kling_lifespan, updates_response

__all__ = ["Kling", "callback_router", "install_errors", "kling_client", "kling_lifespan", "updates_response"]
