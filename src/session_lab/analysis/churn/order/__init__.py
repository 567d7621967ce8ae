"""The order of a session's runs."""

__all__: list[str] = []
