"""Fixtures for tests of applications that talk to the Sessions API."""

__all__: list[str] = []
