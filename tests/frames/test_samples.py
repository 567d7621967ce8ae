"""The data sets that come with the package."""

from __future__ import annotations

import pytest

import session_lab as sl
from session_lab.frames import sample_path


def test_a_sample_is_found_by_its_name():
    path = sample_path("chats.ndjson")
    assert path.name == "chats.ndjson"
    assert path.is_file()


@pytest.mark.parametrize("name", ["cats.ndjson", "README.md", "../pyproject.toml", ""])
def test_an_unknown_sample_is_refused_with_the_known_ones(name: str):
    with pytest.raises(sl.DataError, match=r"there are chats\.ndjson") as caught:
        sample_path(name)
    assert repr(name) in str(caught.value)


def test_the_sample_chats_show_every_answer_that_traffic_can_get():
    replay = sl.replay(sl.traffic.read(sample_path("chats.ndjson")))
    operations = replay.operations
    outcomes = set(zip(operations["op"], operations["status_code"], strict=True))
    assert outcomes == {
        ("start", 201),
        ("start", 200),
        ("start", 409),
        ("message", 200),
        ("message", 400),
        ("message", 409),
        ("close", 200),
    }
    assert set(replay.sessions["end_cause"]) == {"closed", "expired"}
    assert {"initial", "continuation", "warm", "resumed"} <= set(operations["start_kind"].dropna())
