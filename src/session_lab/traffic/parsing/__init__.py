"""Reading what trace formats have in common: rows, tables, units, recorded calls."""

__all__: list[str] = []
