"""Values as the API's JavaScript coerces, measures and writes them."""

from __future__ import annotations

from session_lab.wire.coercion.dates import LAST_DATE, date_text, to_date
from session_lab.wire.coercion.numbers import number_text, to_number
from session_lab.wire.coercion.periods import period_milliseconds
from session_lab.wire.coercion.text import trim, utf16_length

__all__ = [
    "LAST_DATE",
    "date_text",
    "number_text",
    "period_milliseconds",
    "to_date",
    "to_number",
    "trim",
    "utf16_length",
]
