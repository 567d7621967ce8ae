"""Flags, files and output that several commands share."""

__all__: list[str] = []
