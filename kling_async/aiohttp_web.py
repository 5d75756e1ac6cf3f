"""Kling in an application of aiohttp's, which needs no extra."""

from __future__ import annotations

from .integrations.aiohttp_web import callback_app

__all__ = ["callback_app"]
