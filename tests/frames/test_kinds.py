"""Frames are told apart by their columns."""

from __future__ import annotations

import pandas as pd
import pytest

import session_lab as sl
from session_lab.frames import EVENTS, OPERATIONS, RUNS, SESSIONS, check_kind, empty, kind_of

KINDS = {"sessions": SESSIONS, "runs": RUNS, "operations": OPERATIONS, "events": EVENTS}


@pytest.mark.parametrize("kind", KINDS)
def test_every_frame_of_ours_is_known_by_its_columns(kind: str):
    frame = empty(KINDS[kind])
    assert kind_of(frame) == kind
    check_kind(frame, kind)
    for other in KINDS.keys() - {kind}:
        with pytest.raises(sl.DataError, match=f"{other}: this is a frame of {kind} .* give it as"):
            check_kind(frame, other)


def test_a_frame_with_few_columns_is_given_the_benefit_of_the_doubt():
    assert kind_of(pd.DataFrame({"tags": [["vip"]]})) is None
    check_kind(pd.DataFrame({"session_id": ["a"]}), "runs")
