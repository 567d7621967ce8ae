"""What tags say, against counting by hand and against scipy."""

from __future__ import annotations

import math
import warnings
from collections import Counter
from itertools import combinations
from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.spatial.distance import jensenshannon
from scipy.stats import entropy

from session_lab.analysis import tags
from session_lab.errors import DataError, DataWarning, StatisticalWarning
from tests.engine_frames import ENGINES

if TYPE_CHECKING:
    from collections.abc import Callable

names = st.sampled_from(["vip", "env:prod", "env:dev", "plan:free", ":x", "x:", "ü", "<b>"])
rows = st.lists(st.none() | st.lists(names, max_size=4), max_size=12)
counts = st.lists(st.integers(0, 1_000), min_size=1, max_size=12).filter(any)
frames = settings(max_examples=settings().max_examples // 5)
"""For properties of whole frames, which take longer: fewer examples."""
pytestmark = pytest.mark.filterwarnings("ignore::session_lab.errors.StatisticalWarning")


@pytest.fixture(params=ENGINES.values(), ids=ENGINES)
def engine(request: pytest.FixtureRequest) -> Callable[[pa.Table], Any]:
    return request.param


def frame(rows: list[list[str] | None]) -> pd.DataFrame:
    return ENGINES["pandas"](pa.table({"tags": pa.array(rows, pa.list_(pa.string()))}))


def uses(rows: list[list[str] | None]) -> Counter[str]:
    return Counter(tag for row in rows for tag in set(row or ()))


@frames
@given(rows)
def test_a_session_counts_once_for_each_of_its_tags(rows: list[list[str] | None]):
    found = tags.distribution(frame(rows))
    expected = uses(rows)
    assert dict(zip(found.names, found.counts.tolist(), strict=True)) == expected
    assert list(found.names) == sorted(expected, key=lambda tag: (-expected[tag], tag))
    assert (found.sessions, found.tagged) == (len(rows), sum(bool(row) for row in rows))
    table = found.to_frame()
    assert table["share_of_sessions"].tolist() == [n / len(rows) for n in found.counts]
    assert table["share_of_tagged"].tolist() == [n / found.tagged for n in found.counts]
    assert math.isclose(table["share_of_uses"].sum(), 1.0) or not expected


@frames
@given(rows)
def test_prepared_codes_give_the_same_distribution(rows: list[list[str] | None]):
    one, other = tags.distribution(frame(rows)), tags.distribution(tags.prepare(frame(rows)))
    pd.testing.assert_frame_equal(one.to_frame(), other.to_frame())
    assert (one.sessions, one.tagged) == (other.sessions, other.tagged)


@frames
@given(st.data(), rows)
def test_recounting_some_rows_is_counting_a_frame_of_them(
    data: st.DataObject, rows: list[list[str] | None]
):
    chosen = np.array(
        data.draw(st.lists(st.booleans(), min_size=len(rows), max_size=len(rows))), bool
    )
    part = [row for row, is_in in zip(rows, chosen, strict=True) if is_in]
    codes = tags.prepare(frame(rows))
    again = dict(zip(codes.names, codes.counts(chosen).tolist(), strict=True))
    assert {tag: n for tag, n in again.items() if n} == uses(part)
    found, expected = tags.distribution(codes.where(chosen)), tags.distribution(frame(part))
    pd.testing.assert_frame_equal(found.to_frame(), expected.to_frame())
    assert codes.n_sessions(chosen) == len(part)
    assert codes.n_tagged(chosen) == sum(bool(row) for row in part)
    places = np.arange(len(codes.names))
    pairs = codes.pairs(places, chosen)
    for i, j in combinations(places, 2):
        both = {codes.names[i], codes.names[j]}
        assert pairs[i, j] == pairs[j, i] == sum(both <= set(row or ()) for row in part)


@frames
@given(rows)
def test_pairs_are_those_of_counting_every_pair(rows: list[list[str] | None]):
    found = tags.cooccurrence(frame(rows))
    sets = [set(row or ()) for row in rows]
    n = uses(rows)
    expected = {}
    for pair in combinations(sorted(n), 2):
        both = sum(set(pair) <= tags_of for tags_of in sets)
        if both:
            one, other = (n[tag] for tag in pair)
            expected[frozenset(pair)] = (
                both,
                both / (one + other - both),
                both * len(rows) / (one * other),
            )
    table = found.to_frame()
    assert {
        frozenset((row.one, row.other)): (row.sessions, row.jaccard, pytest.approx(row.lift))
        for row in table.itertuples()
    } == expected
    assert table["sessions"].is_monotonic_decreasing


def test_only_the_most_frequent_tags_are_paired():
    given = frame([["a", "b", "c"], ["a", "b"], ["a"]])
    found = tags.cooccurrence(given, top=2)
    assert (found.names, found.left_out) == (("a", "b"), 1)
    assert found.both.tolist() == [[3, 2], [2, 2]]
    assert "1 less frequent tags were left out" in repr(found)


@given(counts)
def test_concentration_agrees_with_scipy_and_with_its_definitions(counts: list[int]):
    found = tags.concentration(counts)
    positive = [n for n in counts if n]
    shares = np.array(positive) / sum(positive)
    assert found is not None
    assert found.entropy == pytest.approx(entropy(positive), abs=1e-12)
    assert found.effective == pytest.approx(math.exp(entropy(positive)), rel=1e-12)
    assert found.inverse_simpson == pytest.approx(1 / (shares**2).sum(), rel=1e-12)
    differences = np.abs(np.subtract.outer(shares, shares)).sum()
    assert found.gini == pytest.approx(differences / (2 * len(shares)), abs=1e-12)


@given(st.lists(st.tuples(st.integers(0, 1_000), st.integers(0, 1_000)), min_size=1, max_size=12))
def test_the_distance_agrees_with_scipy(pairs: list[tuple[int, int]]):
    one, other = map(list, zip(*pairs, strict=True))
    found = tags.jensen_shannon(one, other)
    if not (any(one) and any(other)):
        assert found is None
        return
    assert found is not None
    assert 0 <= found <= 1 + 1e-12
    assert found == tags.jensen_shannon(other, one)
    # Compared before the root, which would blow up the last digit of a distance near 0.
    assert found**2 == pytest.approx(jensenshannon(one, other, base=2) ** 2, abs=1e-12)


def test_equal_counts_are_spread_evenly_and_one_tag_is_concentrated():
    assert tags.concentration([7, 7]) == pytest.approx((math.log(2), 2, 2, 0))
    assert tags.concentration([9]) == pytest.approx((0, 1, 1, 0))
    assert tags.concentration([0, 0]) is None


def test_the_tail_is_what_the_top_leaves():
    found = tags.distribution(frame([["a", "b"], ["a", "c"], ["a"], []]))
    assert found.top(1)["tag"].tolist() == ["a"]
    assert found.tail(1) == (2, 2, 0.4)
    assert found.tail(3) == (0, 0, 0.0)


@frames
@given(rows)
def test_namespaces_count_a_session_once(rows: list[list[str] | None]):
    found = tags.namespaces(frame(rows))
    n = uses(rows)
    space_of = {"env:prod": "env", "env:dev": "env", "plan:free": "plan"}
    for space, different, sessions, used in zip(
        found.names, found.tags, found.counts, found.uses, strict=True
    ):
        mine = {tag for tag in n if space_of.get(tag, "") == space}
        assert different == len(mine)
        assert sessions == sum(bool(mine & set(row or ())) for row in rows)
        assert used == sum(n[tag] for tag in mine)
    assert set(found.names) == {space_of.get(tag, "") for tag in n}


def test_another_separator_can_be_chosen():
    found = tags.namespaces(frame([["user_1"], ["user_2"], ["a:b"]]), separator="_")
    assert found.names == ("user", "")
    assert tags.split("a_b:c", "_") == ("a", "b:c")


def test_ids_in_disguise_are_told():
    given = frame([[f"user:{n}", "vip"] for n in range(30)])
    for count in (tags.distribution, tags.namespaces):
        with pytest.warns(StatisticalWarning, match="tags user:… look like ids: 30 uses have 30"):
            count(given)
    with pytest.warns(StatisticalWarning, match="tags without a namespace look like ids"):
        tags.distribution(frame([[str(n)] for n in range(30)]))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        told = tags.namespaces(given).to_frame().set_index("namespace")["looks_like_ids"]
    assert told.to_dict() == {"user": True, "": False}


@pytest.mark.parametrize("n", [19, 200])
def test_few_tags_or_shared_ones_are_no_ids(n: int):
    shared = [[f"user:{number // 2 if n > 20 else number}"] for number in range(n)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        tags.distribution(frame(shared))


@frames
@given(rows, st.randoms(use_true_random=False))
def test_tags_by_status_add_up(rows: list[list[str] | None], random: Any):
    status = [random.choice(["ACTIVE", "CLOSED", None]) for _ in rows]
    given = frame(rows).assign(status=pd.array(status, dtype="string[pyarrow]"))
    found = tags.by_status(given)
    shown = [name or "missing" for name in status]
    expected = Counter(
        (tag, name) for row, name in zip(rows, shown, strict=True) for tag in set(row or ())
    )
    table = found.to_frame()
    for row in table.itertuples():
        assert row.sessions == expected[row.tag, row.status]
        assert row.share_of_tag == row.sessions / uses(rows)[row.tag]
        assert row.share_of_status == row.sessions / shown.count(row.status)
    assert found.summary().to_dict() == Counter(shown)


MONDAY = pd.Timestamp("2026-01-05", tz="UTC")


@frames
@given(rows, st.randoms(use_true_random=False))
def test_drift_is_the_distributions_of_its_periods(rows: list[list[str] | None], random: Any):
    days = [random.randrange(4) for _ in rows]
    at = pd.Series([MONDAY + pd.Timedelta(days=day) for day in days], dtype="datetime64[ms, UTC]")
    found = tags.drift(frame(rows).assign(created_at=at), "1d")
    present = sorted(set(days))
    parts = [[row for row, on in zip(rows, days, strict=True) if on == day] for day in present]
    assert found.sessions.tolist() == [len(part) for part in parts]
    assert found.uses.tolist() == [uses(part).total() for part in parts]
    table = found.to_frame()
    assert table["share"].tolist() == [
        uses(part)[name] / len(part) for part in parts for name in found.names
    ]
    everything = sorted(uses(rows))
    assert found.distances[:1] == (None,) * min(1, len(parts))
    for before, after, distance in zip(parts, parts[1:], found.distances[1:], strict=False):
        pair = [[uses(part)[tag] for tag in everything] for part in (before, after)]
        assert distance == tags.jensen_shannon(*pair)


def test_every_engine_counts_the_same(engine: Callable[[pa.Table], Any]):
    table = pa.table(
        {
            "tags": [["a", "b"], ["a"], None, [], ["b", "b"]],
            "status": ["ACTIVE", "CLOSED", "CLOSED", None, "ACTIVE"],
            "created_at": pa.array([0, 1, 86_400_000, 86_400_001, 5], pa.timestamp("ms", "UTC")),
        }
    )
    for count in (
        tags.distribution,
        tags.namespaces,
        tags.cooccurrence,
        tags.by_status,
        tags.drift,
    ):
        expected = count(ENGINES["pandas"](table)).to_frame()
        pd.testing.assert_frame_equal(count(engine(table)).to_frame(), expected)


def test_sessions_without_a_time_are_left_out_with_a_warning():
    at = pd.Series([MONDAY, None], dtype="datetime64[ms, UTC]")
    with pytest.warns(DataWarning, match="1 sessions without created_at"):
        found = tags.drift(frame([["a"], ["b"]]).assign(created_at=at))
    assert found.names == ("a",)


def test_periods_with_few_tags_are_told():
    at = pd.Series([MONDAY], dtype="datetime64[ms, UTC]")
    with pytest.warns(StatisticalWarning, match="1 of 1 periods have fewer than 20 uses"):
        tags.drift(frame([["a"]]).assign(created_at=at))


@pytest.mark.parametrize("rows", [[], [None, []]], ids=["no sessions", "no tags"])
@pytest.mark.parametrize(
    "count", [tags.distribution, tags.namespaces, tags.cooccurrence, tags.by_status, tags.drift]
)
def test_without_tags_there_are_empty_tables(count: Callable[..., Any], rows: list[Any]):
    at = pd.Series([MONDAY] * len(rows), dtype="datetime64[ms, UTC]")
    status = pd.Series(["ACTIVE"] * len(rows), dtype="string[pyarrow]")
    found = count(frame(rows).assign(status=status, created_at=at))
    assert len(found.to_frame()) == 0
    assert found.formula in repr(found)
    assert found.summary() is not None
    if count is tags.distribution:
        assert found.concentration is None


def test_bad_input_is_refused():
    with pytest.raises(DataError, match="tags: the column is missing; the frame has plan"):
        tags.distribution(pd.DataFrame({"plan": ["a"]}))
    with pytest.raises(DataError, match=r"tags: .*lists of text are expected"):
        tags.prepare(pd.DataFrame({"tags": ["a,b"]}))
    with pytest.raises(DataError, match=r"tags: .*lists of text are expected"):
        tags.distribution(pd.DataFrame({"tags": [[1], [2]]}))
    with pytest.raises(DataError, match="give a separator"):
        tags.namespaces(frame([["a"]]), separator="")
    with pytest.raises(DataError, match="give a number from 1"):
        tags.cooccurrence(frame([["a"]]), top=0)
    with pytest.raises(DataError, match="give a number from 1"):
        tags.drift(frame([["a"]]), top=0)
    with pytest.raises(DataError, match="created_at: the column is missing"):
        tags.drift(frame([["a"]]))
    with pytest.raises(DataError, match="one True or False for each of the 1 sessions"):
        tags.prepare(frame([["a"]])).counts(np.array([True, False]))


def test_tags_are_safe_to_show_as_html():
    shown = tags.distribution(frame([["<script>alert(1)</script>"]])).to_html()
    assert "<script>" not in shown
    assert "&lt;script&gt;" in shown


@pytest.mark.parametrize(
    "ask",
    [
        tags.distribution,
        tags.by_status,
        tags.drift,
        tags.cooccurrence,
        tags.namespaces,
        tags.prepare,
    ],
    ids=lambda ask: ask.__name__,
)
def test_sessions_that_a_join_doubled_are_said(
    ask: Callable[[Any], Any], engine: Callable[[pa.Table], Any]
):
    once = pa.table(
        {
            "session_id": pa.array(["a", "b", None, None]),
            "tags": pa.array([["vip"], ["eu"], [], None], pa.list_(pa.string())),
            "status": pa.array(["ACTIVE"] * 4),
            "created_at": pa.array([0, 1, 2, 3], pa.timestamp("ms", "UTC")),
        }
    )
    ask(engine(once))
    problem = "sessions: 2 rows stand for a session that another row stands for"
    with pytest.warns(DataWarning, match=problem) as said:
        ask(engine(pa.concat_tables([once, once])))
    assert [warning.filename for warning in said if warning.category is DataWarning] == [__file__]
