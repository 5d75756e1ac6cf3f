"""Kling in a FastAPI application: `pip install "kling-async[fastapi]"`."""

from __future__ import annotations

from .integrations.fastapi import Kling, install_errors, kling_client, kling_lifespan, updates_response

__all__ = ["Kling", "install_errors", "kling_client", "kling_lifespan", "updates_response"]
