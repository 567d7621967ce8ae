"""From the API's answers, rows, other frames and worlds to columns."""

__all__: list[str] = []
