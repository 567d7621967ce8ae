"""From facts about sessions, runs, traces and messages to the frames of a recording."""

__all__: list[str] = []
