from __future__ import annotations

import pytest

from session_lab.wire.limits import MAX_RECORD_BYTES, record_bytes


def test_the_longest_plain_record_with_a_short_part_id_is_known():
    assert record_bytes("a" * 1_048_542, "1234567") == MAX_RECORD_BYTES


@pytest.mark.parametrize(
    ("text", "extra"), [("a", 1), ("é", 2), ("👋", 4), ('"', 2), ("\n", 2), ("\x01", 6)]
)
def test_a_record_is_measured_as_json_in_utf8(text: str, extra: int):
    assert record_bytes(text, "p") == record_bytes("", "p") + extra
