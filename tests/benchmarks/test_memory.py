"""The kernel's peak memory stays within its bounds."""

from __future__ import annotations

import sys

import pytest

from tests.benchmarks.memory import bound, measured


@pytest.mark.skipif(sys.platform != "linux", reason="the peak of a process is read from /proc")
def test_playing_a_log_once_takes_at_most_24_bytes_an_event_and_64_a_session_and_a_run():
    found = measured("log", 2_000_000, 200_000, "plain")
    assert (found["events"], found["sessions"]) == (2_000_000, 200_000)
    # What comes back takes 21 bytes an event; a peak below that was not measured.
    assert 21 * found["events"] < found["peak"] <= bound(found)
