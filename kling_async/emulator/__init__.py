"""
A faithful Kling on a local port, for tests and for trying things out without a key.

    async with Emulator(slots={"video": 5}, speed=60) as emulator:
        async with emulator.client() as kling:
            ...

What shall go wrong on it is said by the values in ``kling_async.emulator.faults``.
"""

from __future__ import annotations

from . import faults
from .app import ACCESS_KEY, API_KEY, SECRET_KEY, Emulator
from .fault_files import FaultFileError, parse_faults, read_faults
from .inputs import Picture
from .server import SeenRequest
from .tasks import EmulatedTask

__all__ = [
    "ACCESS_KEY",
    "API_KEY",
    "SECRET_KEY",
    "EmulatedTask",
    "Emulator",
    "FaultFileError",
    "Picture",
    "SeenRequest",
    "faults",
    "parse_faults",
    "read_faults",
]
