"""Events made of other events: samples, other speeds, shorter gaps, no names."""

from __future__ import annotations

import hmac

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st

import session_lab as sl
from session_lab.frames import EVENTS, NAT, build, milliseconds
from session_lab.traffic import anonymise, cap_gaps, sample, scale

START = 1_767_225_600_000
LOG = build(
    EVENTS,
    {
        "at": [START, START + 1_000, START + 61_000, START + 62_000],
        "op": ["start", "message", "start", "close"],
        "external_id": ["ann", "ann", "bob", "ann"],
        "turn_duration": [500, 333, 100, NAT],
        "expires_at": [START + 90_000, NAT, START + 70_000, NAT],
        "tags": [["plan:pro", "mail:ann@example.com"], None, [], None],
        "type": ["chat", None, "chat", None],
    },
    n=4,
)
MANY = sl.traffic.generate(sl.ChatWorkload(chats_per_hour=2_000, turns_per_chat=2), 1)


def since(events: pd.DataFrame, column: str = "at") -> list[int | None]:
    return [None if at == NAT else at - START for at in milliseconds(events[column]).tolist()]


def test_a_sample_keeps_sessions_whole():
    kept = sample(MANY, 0.3, seed=4)
    ids = kept["external_id"].unique()
    whole = MANY[MANY["external_id"].isin(ids)].reset_index(drop=True)
    pd.testing.assert_frame_equal(kept, whole)
    n = MANY["external_id"].nunique()
    assert abs(len(ids) - 0.3 * n) < 5 * (n * 0.3 * 0.7) ** 0.5


def test_a_sample_is_part_of_every_larger_one_and_does_not_depend_on_the_rest_of_the_log():
    small, large = (set(sample(MANY, share, seed=4)["external_id"]) for share in (0.2, 0.5))
    assert small < large
    part = MANY[MANY["external_id"] < "chat-000500"]
    assert set(sample(part, 0.2, seed=4)["external_id"]) == small & set(part["external_id"])
    assert set(sample(MANY, 0.2, seed=5)["external_id"]) != small


def test_a_sample_never_changes():
    assert sample(MANY, 0.004, seed=1)["external_id"].unique().tolist() == [
        "chat-000473",
        "chat-000650",
        "chat-001710",
    ]


@pytest.mark.parametrize(("share", "n"), [(0, 0), (1, len(MANY))])
def test_nothing_and_everything_are_samples(share: float, n: int):
    assert len(sample(MANY, share, seed=0)) == n


@pytest.mark.parametrize("share", [-0.1, 1.1, True, float("nan")])
def test_a_share_lies_between_nothing_and_everything(share: float):
    with pytest.raises(sl.DataError, match="from 0 to 1"):
        sample(LOG, share, seed=0)


def test_twice_as_fast_halves_every_time_since_the_first():
    fast = scale(LOG, 2)
    assert since(fast) == [0, 500, 30_500, 31_000]
    assert since(fast, "expires_at") == [45_000, None, 35_000, None]
    assert [None if t == NAT else t for t in milliseconds(fast["turn_duration"]).tolist()] == [
        250,
        166,
        50,
        None,
    ]


@given(st.floats(0.01, 100))
def test_any_speed_keeps_order_columns_and_the_first_instant(speed: float):
    scaled = scale(LOG, speed)
    at = milliseconds(scaled["at"])
    assert (at[1:] >= at[:-1]).all()
    assert at[0] == START
    assert scaled.dtypes.equals(LOG.dtypes)


@pytest.mark.parametrize("speed", [0, -1, float("inf"), float("nan"), True])
def test_a_speed_is_above_zero(speed: float):
    with pytest.raises(sl.DataError, match="above zero"):
        scale(LOG, speed)


def test_a_speed_that_leads_beyond_the_calendar_is_refused():
    with pytest.raises(sl.DataError, match="beyond what can be told"):
        scale(LOG, 1e-12)


def test_gaps_are_cut_to_the_cap_and_that_is_said():
    with pytest.warns(sl.DataWarning, match="shortened 1 gaps to 10 s; the log is 50 s shorter"):
        capped = cap_gaps(LOG, "10s")
    assert since(capped) == [0, 1_000, 11_000, 12_000]
    assert since(capped, "expires_at") == [90_000, None, 20_000, None]
    assert "longest gap was 1 min" in capped.attrs["capped_gaps"]


def test_gaps_up_to_the_cap_stay():
    pd.testing.assert_frame_equal(cap_gaps(LOG, "1m"), LOG)
    assert len(cap_gaps(LOG.iloc[:0], "1m")) == 0


def test_gaps_of_a_log_out_of_order_are_refused():
    with pytest.raises(sl.DataError, match="not in order of time"):
        cap_gaps(LOG.iloc[::-1], "1m")


def test_nobody_is_named_and_sessions_stay_apart():
    told = anonymise(LOG, "a long secret", tags={"plan:pro": "paying"})
    text = told.to_csv()
    assert not any(name in text for name in ("ann", "bob", "mail", "secret", "pro"))
    first, second, third, fourth = told["external_id"]
    assert first == second == fourth != third
    assert first == anonymise(LOG.iloc[3:], "a long secret")["external_id"].iloc[0]
    assert first != anonymise(LOG, "another secret")["external_id"].iloc[0]
    assert list(told["tags"].iloc[0]) == ["paying"]
    assert told["at"].equals(LOG["at"])


def test_a_pseudonym_is_the_keyed_hash_of_the_id():
    told = anonymise(LOG, b"a long secret")
    expected = hmac.new(b"a long secret", b"ann", "sha256").hexdigest()[:24]
    assert told["external_id"].iloc[0] == f"chat-{expected}"
    assert list(told["tags"].iloc[0]) == []


def test_a_salt_is_not_short_and_is_not_shown():
    with pytest.raises(sl.DataError, match="shorter than 8 bytes") as caught:
        anonymise(LOG, "pepper")
    assert "pepper" not in str(caught.value)
