"""The facts about an environment that are kept: rows, turns and waits of traces, arrivals."""

__all__: list[str] = []
