"""Formats of recorded traffic, one file each."""

__all__: list[str] = []
