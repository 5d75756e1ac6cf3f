"""Fixtures for tests that want a Kling without a key."""
