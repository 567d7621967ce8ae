"""Values of programs and frames in the bodies of requests."""

from __future__ import annotations

import dataclasses
import enum
import json
import math
from datetime import UTC, date, datetime, timedelta
from decimal import Decimal
from typing import TYPE_CHECKING, Any
from uuid import UUID

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_lab.client import Client
from session_lab.client.operations.json_values import json_text, plain
from session_lab.errors import DataError
from session_lab.wire import TriggerConfig

if TYPE_CHECKING:
    from collections.abc import Callable

DRY = Client("tr_dev_0123456789").dry_run


class Plan(enum.Enum):
    TEAM = "team"


class Level(enum.IntEnum):
    HIGH = 3


class Shown(str):
    __slots__ = ()

    def __str__(self) -> str:
        return "***"


@dataclasses.dataclass
class Point:
    x: int
    at: datetime


NOON = datetime(2026, 1, 1, 12, tzinfo=UTC)
TAKEN: list[tuple[object, object]] = [
    (np.int64(3), 3),
    (np.uint8(3), 3),
    (np.float32(0.5), 0.5),
    (np.float64(0.5), 0.5),
    (np.bool_(1), True),
    (np.str_("a"), "a"),
    (np.array([[1, 2], [3, 4]]), [[1, 2], [3, 4]]),
    (np.array(["2026-01-01T12:00"], dtype="M8[ns]"), ["2026-01-01T12:00:00"]),
    (np.datetime64("2026-01-01T12:00:00.123456789"), "2026-01-01T12:00:00.123456"),
    (np.timedelta64(90, "s"), "PT1M30S"),
    (pd.Timestamp(NOON), "2026-01-01T12:00:00Z"),
    (pd.Timedelta("1h"), "PT1H"),
    (pd.Series(["a", "b"], dtype="category"), ["a", "b"]),
    (pd.Index([1, 2]), [1, 2]),
    (pd.array([1, 2], dtype="Int64"), [1, 2]),
    (pa.scalar(3), 3),
    (pa.array(["a"]), ["a"]),
    (NOON, "2026-01-01T12:00:00Z"),
    (date(2026, 1, 1), "2026-01-01"),
    (timedelta(seconds=1), "PT1S"),
    (Decimal("1.10"), "1.10"),
    (UUID(int=1), "00000000-0000-0000-0000-000000000001"),
    (Plan.TEAM, "team"),
    (Level.HIGH, 3),
    (Point(1, NOON), {"x": 1, "at": "2026-01-01T12:00:00Z"}),
    (TriggerConfig(base_payload={"a": 1}), {"basePayload": {"a": 1}}),
    (Shown("a"), "a"),
    ({np.int64(1): (1, 2)}, {"1": [1, 2]}),
    ({Plan.TEAM: 1, Level.HIGH: 2, Shown("a"): 3}, {"team": 1, "3": 2, "a": 3}),
]


@pytest.mark.parametrize(("value", "written"), TAKEN, ids=lambda one: type(one).__name__)
def test_scalars_and_arrays_are_written_as_what_they_hold(value: Any, written: Any):
    assert plain({"a": [value]}, "metadata") == {"a": [written]}
    body = DRY.sessions.update("a", metadata={"v": value}).content
    assert json.loads(body or b"") == {"metadata": {"v": written}}
    assert json.loads(DRY.sessions.append("a", {"v": value}).content or b"") == {"v": written}
    assert json.loads(DRY.request("POST", "/a", json=[value]).content or b"") == [written]


REFUSED: list[tuple[object, str]] = [
    (float("nan"), "nan has no form in JSON"),
    (float("-inf"), "-inf has no form in JSON"),
    (np.float64("nan"), "nan has no form"),
    (np.float32("inf"), "inf has no form"),
    (pd.NaT, "NaT has no form"),
    (pd.NA, "NA has no form"),
    (np.datetime64("NaT"), "NaT has no form"),
    (np.timedelta64("NaT", "ns"), "NaT has no form"),
    (Decimal("NaN"), "NaN has no form"),
    ({1, 2}, "a set has no order"),
    (frozenset("ab"), "a set has no order"),
    ("\ud800", "half a surrogate pair"),
    ({"\ud800": 1}, "half a surrogate pair"),
    (10**5_000, "an integer of 16,610 bits"),
    (b"bytes", "bytes has no form"),
    (object(), "object has no form"),
    (1j, "complex has no form"),
    (pd.DataFrame(), "DataFrame has no form"),
    (iter([]), "has no form"),
    ({None: 1}, "keys of JSON objects are text"),
    ({True: 1}, "keys of JSON objects are text"),
    ({1: 1, "1": 2}, "two keys are written as '1'"),
]
PLACES: list[tuple[Callable[[object], object], str]] = [
    (lambda v: DRY.sessions.update("a", metadata={"deep": [0, {"v": v}]}), "metadata.deep[1].v"),
    (lambda v: DRY.sessions.append("a", {"deep": [0, {"v": v}]}), "value.deep[1].v"),
    (lambda v: DRY.request("POST", "/a", json={"deep": [0, {"v": v}]}), "json.deep[1].v"),
    (
        lambda v: DRY.sessions.start(
            type="a", task_identifier="b", trigger_config={"base_payload": {"v": v}}
        ),
        "trigger_config.base_payload.v",
    ),
]


@pytest.mark.parametrize(("value", "reason"), REFUSED, ids=lambda one: type(one).__name__)
@pytest.mark.parametrize(("use", "place"), PLACES, ids=[place for _, place in PLACES])
def test_what_json_has_no_form_for_is_refused_with_its_place(
    value: object, reason: str, use: Callable[[object], object], place: str
):
    with pytest.raises(DataError, match=reason) as caught:
        use(value)

    assert caught.value.column == place


def test_what_holds_itself_is_refused():
    ring: list[object] = []
    ring.append(ring)

    with pytest.raises(DataError, match="holds itself"):
        plain(ring, "metadata")


def test_tags_may_come_from_an_array():
    body = DRY.sessions.update("a", tags=np.array(["vip", "eu"])).content

    assert json.loads(body or b"") == {"tags": ["vip", "eu"]}


@given(
    value=st.recursive(
        st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
        lambda inner: st.lists(inner) | st.dictionaries(st.text(), inner),
    ).filter(lambda value: not isinstance(value, float) or math.isfinite(value))
)
def test_json_comes_back_as_it_was(value: Any):
    try:
        written = json_text(value, name="value")
    except DataError as error:
        assert "inf" in str(error)  # noqa: PT017  infinities deep inside
        return

    assert json.loads(written) == value
