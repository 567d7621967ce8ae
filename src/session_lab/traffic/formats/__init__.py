"""Formats of recorded traffic, one file each."""
