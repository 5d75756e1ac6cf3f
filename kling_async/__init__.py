"""An asyncio-native client for the Kling AI open platform."""

__version__ = "0.1.0"
