"""Values as the API's JavaScript reads, coerces and writes them.

Text, which clients measure and trim too, is in :mod:`session_lab.wire.text`, and instants as
``Date.prototype.toISOString`` writes them are in :mod:`session_lab.simulator.model.calendar`.
"""

__all__: list[str] = []
