"""
A faithful Kling on a local port, for tests and for trying things out without a key.

    async with Emulator(slots={"video": 5}, speed=60) as emulator:
        async with emulator.client() as kling:
            ...
"""

from __future__ import annotations

from .app import ACCESS_KEY, API_KEY, SECRET_KEY, Emulator
from .inputs import Picture
from .server import SeenRequest
from .tasks import EmulatedTask

__all__ = ["ACCESS_KEY", "API_KEY", "SECRET_KEY", "EmulatedTask", "Emulator", "Picture", "SeenRequest"]
