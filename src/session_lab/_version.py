"""The version, apart from all else, so that the lowest room can say it."""

__all__ = ["__version__"]

__version__ = "0.1.0"
