from __future__ import annotations

from datetime import UTC, datetime, timedelta, timezone

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError

from session_lab.errors import DataWarning
from session_lab.wire.base import FIRST_MOMENT, LAST_MOMENT, Moment, OmittingModel, WireModel


class Event(WireModel):
    happened_at: Moment


class Options(OmittingModel):
    first_choice: str | None = None
    details: dict[str, str | None] | None = None


def read(value: object) -> datetime:
    return Event.model_validate({"happenedAt": value}).happened_at


@pytest.mark.parametrize(
    "value",
    [
        "2026-04-24T09:00:00.000Z",
        "2026-04-24T11:00:00+02:00",
        "2026-04-24T09:00:00",
        1_777_021_200_000,
        datetime(2026, 4, 24, 10, tzinfo=timezone(timedelta(hours=1))),
    ],
    ids=["UTC", "offset", "no zone is UTC", "epoch milliseconds", "datetime"],
)
def test_a_time_becomes_an_aware_datetime_in_utc(value: object):
    moment = read(value)

    assert moment == datetime(2026, 4, 24, 9, tzinfo=UTC)
    assert moment.tzinfo is UTC


@pytest.mark.parametrize(
    ("value", "nearest"),
    [
        ("+010000-01-01T00:00:00.000Z", LAST_MOMENT),
        ("+275760-09-13T00:00:00.000Z", LAST_MOMENT),
        (8.64e15, LAST_MOMENT),
        ("-000001-06-01T00:00:00.000Z", FIRST_MOMENT),
        ("0000-01-01T00:00:00.000Z", FIRST_MOMENT),
        (-8.64e15, FIRST_MOMENT),
    ],
)
def test_a_time_outside_the_years_of_python_becomes_the_nearest_one_with_a_warning(
    value: object, nearest: datetime
):
    with pytest.warns(DataWarning, match="outside the years 1 to 9999"):
        assert read(value) == nearest


@pytest.mark.parametrize("value", ["soon", "", None, True, [], {}])
def test_what_is_no_time_is_refused(value: object):
    with pytest.raises(ValidationError):
        read(value)


@given(st.datetimes(timezones=st.just(UTC)))
def test_a_time_is_written_as_the_api_writes_it_and_reads_back(moment: datetime):
    whole = moment.replace(microsecond=moment.microsecond // 1000 * 1000)

    text = Event(happened_at=whole).model_dump(mode="json", by_alias=True)["happenedAt"]

    assert len(text) == len("2026-04-24T09:00:00.000Z")
    assert text.endswith("Z")
    if whole.year >= 1:
        assert read(text) == whole


def test_unknown_fields_are_kept_under_their_own_names():
    event = Event.model_validate({"happenedAt": 0, "newField": {"a": 1}})

    assert event.model_dump(mode="json", by_alias=True) == {
        "happenedAt": "1970-01-01T00:00:00.000Z",
        "newField": {"a": 1},
    }


def test_models_do_not_change():
    with pytest.raises(ValidationError, match="frozen"):
        Event(happened_at=0).happened_at = 1  # type: ignore[misc, assignment]


def test_none_is_left_out_of_a_model_but_not_out_of_its_data():
    options = Options(first_choice=None, details={"kept": None})

    assert options.model_dump(by_alias=True) == {"details": {"kept": None}}
