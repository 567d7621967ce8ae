"""What estimators take: units, labels, near ties, late questions, intervals, several columns."""

from __future__ import annotations

import importlib
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

import session_lab as sl
from session_lab.analysis import lifetimes
from session_lab.analysis.survival.turnbull import turnbull

if TYPE_CHECKING:
    from collections.abc import Callable

RNG = np.random.default_rng(8)
N = 60
FRAME = pd.DataFrame(
    {
        "session_id": [f"s{i}" for i in range(N)],
        "lifetime": (RNG.exponential(3_600_000, N).astype(np.int64) + 1).astype("m8[ms]"),
        "end_cause": pd.Categorical(RNG.choice(["closed", "expired", "open"], N)),
        "type": RNG.choice(["chat", "mail"], N),
        "paid": RNG.random(N) < 0.5,
        "tags": pd.array(
            [["vip", "eu"][: i % 3] for i in range(N)], pd.ArrowDtype(pa.list_(pa.string()))
        ),
    }
)


@pytest.mark.parametrize("unit", ["h", "m", "s", "D", "W"])
def test_coarse_units_are_reckoned_in_milliseconds(unit: str):
    durations = np.array([1, 2, 4], f"m8[{unit}]")
    one = np.timedelta64(1, unit).astype("m8[ms]")
    curve = lifetimes.kaplan_meier(durations, [1, 1, 1])
    assert curve.restricted_mean().value == pd.Timedelta(7 * one / 3).round("ms")
    halfway = pd.Timedelta(1.5 * one)
    assert curve.at([halfway])["time"].tolist() == [halfway]
    assert curve.at([halfway])["survival"].tolist() == pytest.approx([2 / 3])
    assert curve.quantile(0.5).value == pd.Timedelta(2 * one)


@pytest.mark.parametrize("unit", ["M", "Y"])
def test_units_of_no_fixed_length_are_refused(unit: str):
    with pytest.raises(sl.DataError, match="of no fixed length"):
        lifetimes.kaplan_meier(np.array([1, 2], f"m8[{unit}]"), [1, 1])


def test_floats_that_differ_by_rounding_are_one_time():
    curve = lifetimes.kaplan_meier([0.3, 0.1 + 0.2, 0.7], [1, 1, 0])
    assert curve.time.tolist() == [0, 0.3, 0.7]
    assert curve.events.tolist() == [0, 2, 0]
    apart = lifetimes.kaplan_meier([0.3, 0.3 + 1e-6, 0.7], [1, 1, 0])
    assert apart.events.tolist() == [0, 1, 1, 0]


@given(st.lists(st.integers(1, 40), min_size=2, max_size=30), st.sampled_from([0.1, 1 / 3, 1e-3]))
def test_multiples_reckoned_in_two_ways_tie(counts: list[int], step: float):
    durations = [sum([step] * n) if i % 2 else n * step for i, n in enumerate(counts)]
    curve = lifetimes.nelson_aalen([*durations, 100.0], [1] * len(counts) + [0])
    assert len(curve.time) == len(set(counts)) + 2


@pytest.mark.parametrize(
    "ask",
    [
        lifetimes.kaplan_meier,
        lifetimes.nelson_aalen,
        lifetimes.aalen_johansen,
        lambda a, b: lifetimes.logrank(a, b, pd.Series(list("aabb"), a.index)),
        lambda a, b: lifetimes.logrank(a.to_numpy(), pd.Series([1] * 4, a.index), b),
        lambda a, b: lifetimes.kaplan_meier(a, [1] * 4, entry=b * 0),
        lambda a, b: lifetimes.kaplan_meier(a, [1] * 4, weights=b),
    ],
)
def test_columns_with_other_labels_are_not_paired_by_position(ask: Any):
    durations = pd.Series([1, 2, 3, 4])
    with pytest.raises(sl.DataError, match="labelled otherwise"):
        ask(durations, pd.Series([1, 0, 1, 1], index=[3, 2, 1, 0]))


@pytest.mark.parametrize(
    "durations",
    [
        pd.to_datetime(["2026-01-01", "2026-01-02"]),
        pd.Series(pd.to_datetime(["2026-01-01", "2026-01-02"])),
        pd.Series(pd.to_datetime(["2026-01-01T00:00Z", "2026-01-02T00:00Z"])),
        np.array(["2026-01-01", "2026-01-02"], "M8[D]"),
        ["1", "2"],
        np.array([1 + 1j, 2]),
        pd.Series(["1 day", "2 days"]),
        pd.Series(pd.period_range("2026-01", periods=2, freq="M")),
    ],
)
def test_what_is_not_a_duration_is_refused(durations: Any):
    with pytest.raises(sl.DataError, match="where numbers or durations are expected"):
        lifetimes.kaplan_meier(durations, [1, 1])


@pytest.mark.parametrize(
    "durations",
    [
        [pd.Timedelta("1h"), pd.Timedelta("2h")],
        pd.Series([1, 2], dtype="Int64"),
        pd.Series([1.0, 2.0], dtype="Float32"),
        pd.Series(pa.array([1, 2], pa.duration("s")), dtype=pd.ArrowDtype(pa.duration("s"))),
    ],
)
def test_whatever_is_a_duration_is_taken(durations: Any):
    assert lifetimes.kaplan_meier(durations, [1, 0]).survival.tolist() == [1, 0.5, 0.5]


@pytest.mark.parametrize("missing", [np.nan, None, pd.NA])
def test_a_missing_group_is_not_a_group_of_that_name(missing: Any):
    with pytest.raises(sl.DataError, match="row 3, group: is missing"):
        lifetimes.logrank([1, 2, 3, 4], [1, 1, 1, 1], ["a", "b", "a", missing])
    assert lifetimes.logrank([1, 2, 3], [1, 1, 1], ["nan", "b", "b"]).groups == ("b", "nan")


def test_beyond_the_last_time_nothing_is_said():
    read = lifetimes.kaplan_meier([1, 2, 3], [1, 1, 0]).at([3, 3.5])
    assert read["survival"].isna().tolist() == [False, True]
    assert read["upper"].isna().tolist() == [False, True]
    assert lifetimes.kaplan_meier([1, 2, 3], [1, 1, 1]).at([9])["survival"].tolist() == [0]
    ends = lifetimes.aalen_johansen([1, 2, 3], [1, 2, 0])
    assert ends.at([3, 4], 1)["incidence"].isna().tolist() == [False, True]
    assert lifetimes.aalen_johansen([1, 2], [1, 2]).at([4], 2)["incidence"].tolist() == [0.5]


@pytest.mark.parametrize(
    ("weights", "reason"),
    [
        ([1, -1], "row 1, weights"),
        ([np.inf, 1], "row 0, weights"),
        ([0, 0], "all are 0"),
        ([1], "1 values of weights"),
    ],
)
def test_weights_are_zero_or_more(weights: Any, reason: str):
    with pytest.raises(sl.DataError, match=reason):
        lifetimes.kaplan_meier([1, 2], [1, 1], weights=weights)


@pytest.mark.parametrize("interval", ["loglog", "", None])
def test_an_unknown_interval_is_refused(interval: Any):
    with pytest.raises(sl.DataError, match="is not one of 'log-log', 'log', 'plain'"):
        lifetimes.kaplan_meier([1, 2], [1, 1], interval=interval)


def test_a_quantile_is_of_one_share():
    curve = lifetimes.kaplan_meier([1, 2], [1, 1])
    for p in ([0.5], np.array([0.2, 0.5]), "0.5", None):
        with pytest.raises(sl.DataError, match="is not a share between 0 and 1"):
            curve.quantile(p)  # type: ignore[arg-type]


def test_a_list_of_one_column_is_that_column():
    for estimate in (lifetimes.survival, lifetimes.incidence):
        one, listed = (estimate(FRAME, by=by) for by in ("type", ["type"]))
        pd.testing.assert_frame_equal(one.to_frame(), listed.to_frame())
        assert repr(one) == repr(listed)
    one, listed = (lifetimes.compare(FRAME, by) for by in ("type", ("type",)))
    assert repr(one) == repr(listed)


@pytest.mark.filterwarnings("ignore::session_lab.StatisticalWarning")
@pytest.mark.filterwarnings("ignore:rows without a value in tags")
def test_several_columns_group_together():
    found = lifetimes.survival(FRAME, by=["type", "paid"])
    for kind in ("chat", "mail"):
        for paid in (True, False):
            alone = lifetimes.survival(FRAME[(FRAME["type"] == kind) & (FRAME["paid"] == paid)])
            pd.testing.assert_frame_equal(found[kind, paid].to_frame(), alone.to_frame())
    table = found.to_frame()
    assert list(table.columns[:3]) == ["type", "paid", "time"]
    assert list(found.summary().columns[:2]) == ["type", "paid"]
    assert "mail" in repr(found)
    assert "mail, True" in found.plot().get_label()
    tagged = lifetimes.incidence(FRAME, by=["tags", "type"])
    assert ("vip", "chat") in list(tagged)


@pytest.mark.parametrize("by", [FRAME["type"], [], ["type", "type"], 3, {"type": 1}])
def test_groups_are_named(by: Any):
    with pytest.raises(sl.DataError, match="give the name of a column of the frame") as caught:
        lifetimes.survival(FRAME, by=by)
    assert str(caught.value)


@pytest.mark.filterwarnings("ignore::session_lab.StatisticalWarning")
@pytest.mark.filterwarnings("ignore:rows without a value in tags")
@pytest.mark.parametrize("engine", ["polars", "lazy", "arrow", "duckdb"])
def test_lifetimes_take_every_engine(engine: str):
    table = pa.Table.from_pandas(FRAME, preserve_index=False)
    frame: Any = table
    if engine in ("polars", "lazy"):
        frame = importlib.import_module("polars").from_arrow(table)
        frame = frame.lazy() if engine == "lazy" else frame
    elif engine == "duckdb":
        frame = importlib.import_module("duckdb").from_arrow(table)
    for ask in (
        lifetimes.survival,
        lambda df: lifetimes.survival(df, by="tags"),
        lambda df: lifetimes.incidence(df, by="type"),
        lambda df: lifetimes.compare(df, "type", strata="paid"),
        lambda df: lifetimes.cox(df, ["type", "paid"]),
    ):
        found, expected = ask(frame).to_frame(), ask(FRAME).to_frame()
        if "time" in found:
            found["time"] = found["time"].astype(expected["time"].dtype)
        pd.testing.assert_frame_equal(found, expected)


@st.composite
def looks(draw: st.DrawFn) -> tuple[list[int], list[float]]:
    rows = draw(
        st.lists(
            st.tuples(st.integers(0, 9), st.none() | st.integers(0, 6)), min_size=1, max_size=25
        )
    )
    return [at for at, _ in rows], [np.inf if gap is None else at + gap for at, gap in rows]


@pytest.mark.filterwarnings("ignore::session_lab.StatisticalWarning")
@given(looks())
def test_no_other_masses_are_likelier(rows: tuple[list[int], list[float]]):
    """The directional derivative towards every point mass is at most 0 at the maximum."""
    after, by = np.array(rows[0], float), np.array(rows[1])
    curve = turnbull(after, by)
    assert curve.mass.sum() <= 1 + 1e-9

    def share(lower: float, upper: float) -> float:
        exact = lower == upper
        inside = (curve.left >= lower) & (curve.right <= upper)
        points = curve.left == curve.right
        held = curve.mass[
            inside & (points | ~exact) & ~(points & (curve.left == lower) & (not exact))
        ]
        beyond = max(0.0, 1 - curve.mass.sum()) if np.isinf(upper) else 0.0
        return float(held.sum() + beyond)

    shares = np.array([share(a, b) for a, b in zip(after, by, strict=True)])
    assert (shares > 0).all()
    for point in np.unique(np.concatenate([after, after + 0.5, by[np.isfinite(by)]])):
        inside = np.where(after == by, point == after, (after < point) & (point <= by))
        assert (inside / shares).mean() <= 1 + 1e-5


def test_exact_ends_give_the_curve_of_kaplan_and_meier():
    durations, observed = RNG.integers(1, 20, 80), RNG.random(80) < 0.7
    curve = turnbull(durations, np.where(observed, durations, np.inf))
    expected = lifetimes.kaplan_meier(durations, observed)
    moves = expected.events > 0
    assert curve.right.tolist() == expected.time[moves].tolist()
    assert curve.survival == pytest.approx(expected.survival[moves], abs=1e-5)


def test_looks_in_durations_and_their_errors():
    after = np.array([0, 60, 60], "m8[s]")
    by = np.array([60, 120, "NaT"], "m8[s]")
    curve = lifetimes.turnbull(after, by)
    assert curve.right.tolist() == [pd.Timedelta("1m"), pd.Timedelta("2m")]
    at = curve.at(["30s", "1m"])
    assert at["least"].tolist() == pytest.approx([2 / 3, 2 / 3], abs=1e-6)
    assert at["most"].tolist() == pytest.approx([1, 2 / 3], abs=1e-6)
    assert curve.summary()["n"].tolist() == [3]
    assert curve.plot().get_title(loc="left") == curve.title
    with pytest.raises(sl.DataError, match=r"row 1, by: 1\.0 lies before 2"):
        lifetimes.turnbull([0, 2], [1.0, 1.0])
    with pytest.raises(sl.DataError, match="one unit"):
        lifetimes.turnbull(after, [1.0, 2.0, 3.0])
    with pytest.warns(sl.StatisticalWarning, match="no end was seen"):
        lifetimes.turnbull([1, 2], [np.inf, np.nan])


@pytest.mark.parametrize(
    ("covariates", "change", "reason"),
    [
        ("type", {}, "is not a list of columns"),
        ([], {}, "is not a list of columns"),
        (["nothing"], {}, "the column is missing"),
        (["type"], {"type": "chat"}, "has one value only"),
        (["tags"], {}, "covariates are numbers, flags, text or categories"),
        (["paid", "other"], {"other": FRAME["paid"] * 2.0}, "can be told from the others"),
        (["type"], {"type": [None, *FRAME["type"][1:]]}, "row 0, type: is missing"),
        (["type"], {"end_cause": "open"}, "no event was seen"),
    ],
)
def test_covariates_that_explain_nothing_are_refused(covariates: Any, change: Any, reason: str):
    with pytest.raises(sl.DataError, match=reason):
        lifetimes.cox(FRAME.assign(**change), covariates)


def test_times_of_a_curve_are_taken_back():
    spans = np.array([1, 2, 5], "m8[ns]")
    curve = lifetimes.kaplan_meier(spans, [1, 1, 0])
    assert curve.at(curve.time)["survival"].round(4).tolist() == [1, 0.6667, 0.3333, 0.3333]
    assert curve.restricted_mean(spans[1]).value == pd.Timedelta(2, "ns")
    hours = lifetimes.kaplan_meier(np.array([1, 2, 3], "m8[h]"), [1, 1, 1])
    assert hours.at([np.timedelta64(90, "m")])["events"].tolist() == [1]
    # The finer unit of the two decides.
    assert hours.restricted_mean_difference(curve).value == pd.Timedelta(-2, "ns")
    assert curve.restricted_mean_difference(hours).value == pd.Timedelta(2, "ns")


def test_durations_at_the_end_of_their_range():
    last = np.iinfo(np.int64).max
    longest = pd.Timedelta(np.timedelta64(last, "ms"))
    curve = lifetimes.kaplan_meier(np.array([last, last - 1, 5], "m8[ms]"), [1, 1, 1])
    assert curve.quantile(0.9).value == longest
    assert curve.restricted_mean().value < longest
    with pytest.raises(sl.DataError, match="18446744073709551615 is not a duration"):
        lifetimes.kaplan_meier(np.array([1, 2**64 - 1], np.uint64), [1, 1])


@pytest.mark.parametrize(
    ("ask", "reason"),
    [
        (lambda k: k([1, 2], [1, 1], weights=np.array([1, 2], "m8[h]")), "weights: holds"),
        (lambda k: k([1, 2], np.array([0, 1], "m8[h]")), "observed: holds"),
        (lambda k: k([1, 2], [1, 1], level="0.95"), "level: '0.95'"),
        (lambda k: k([1, 2], [1, 1]).at(1), "times: 1 is not a list"),
        (lambda k: k([1, 2], [1, 1]).at("1h"), "times: '1h' is not a list"),
        (lambda k: k([1, 2], [1, 1]).at([None]), "times: None is not a time"),
        (lambda k: k([1, 2], [1, 1]).restricted_mean_difference(5), "other: int is not"),
        (lambda _: lifetimes.logrank([1, 2], [1, 1], np.eye(2)), "group: has 2 dimensions"),
        (lambda _: lifetimes.logrank([1, 2], [1, 1], [{1}, {2}]), "group: holds values that name"),
    ],
)  # fmt: skip
def test_other_kinds_are_refused_by_name(ask: Callable[[Any], Any], reason: str):
    with pytest.raises(sl.DataError, match=reason):
        ask(lifetimes.kaplan_meier)


def test_groups_may_be_tuples_and_lists_of_python():
    groups = lifetimes.logrank([1, 2, 3, 4], [1] * 4, [(1, 2), (1, 3)] * 2)
    assert groups.groups == ((1, 2), (1, 3))
    plain = FRAME.assign(tags=FRAME["tags"].map(list, na_action="ignore").astype(object))
    with pytest.warns(sl.DataWarning, match="rows without a value in tags"):
        found, expected = (
            list(sl.lifetimes.survival(frame, by="tags")) for frame in (plain, FRAME)
        )
    assert found == expected == ["eu", "vip"]
    for part in ({"a": 1}, [["a"]]):
        frame = FRAME.assign(parts=[part] * len(FRAME))
        with pytest.raises(sl.DataError, match="parts: holds values that name no group"):
            sl.lifetimes.survival(frame, by="parts")


@pytest.mark.parametrize(
    "by",
    [
        [1, None],
        [1, float("nan")],
        pd.array([1, None], "Int64"),
        [pd.Timedelta("1h"), None],
        np.array([1, "NaT"], "m8[h]"),
    ],
    ids=range(5),
)
def test_an_end_that_was_not_seen_is_missing_in_any_way(by: Any):
    after = np.array([0, 1], "m8[h]") if "Timedelta" in str(by) or "NaT" in str(by) else [0, 1]
    assert lifetimes.turnbull(after, by).mass.tolist() == [0.5]


def test_weights_of_any_unit_give_the_same_curve():
    one = lifetimes.kaplan_meier([1, 2, 3, 4], [1, 1, 0, 1], weights=[0.5, 1.5, 1, 2])
    for unit in (1e-200, 1234.5):
        other = lifetimes.kaplan_meier(
            [1, 2, 3, 4], [1, 1, 0, 1], weights=unit * np.array([0.5, 1.5, 1, 2])
        )
        np.testing.assert_allclose(one.lower, other.lower)
    assert "robust" in str(one.assumptions)
