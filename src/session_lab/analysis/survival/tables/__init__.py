"""Who is at risk and what happens when: samples, event tables, step functions."""

__all__: list[str] = []
