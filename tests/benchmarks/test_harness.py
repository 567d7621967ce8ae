"""The harness measures in turns, compares pairs, and refuses sides that do different jobs."""

from __future__ import annotations

import gc
import json
from contextlib import contextmanager, nullcontext
from functools import partial
from itertools import accumulate
from typing import TYPE_CHECKING, Any, Literal

import pytest

from tests.benchmarks import calls, mocks, replays
from tests.benchmarks.__main__ import BENCHMARKS, main
from tests.benchmarks.harness import (
    Benchmark,
    DifferentOutcomesError,
    MissingProgramError,
    Side,
    measure,
    table,
)

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TINY = {
    "replay": partial(replays.whole_replay, replays.DEFAULT, 10),
    "replay under deploys": partial(replays.whole_replay, replays.DEPLOYS, 10),
    "engine": partial(replays.engine, replays.DEFAULT, 10),
    "engine under deploys": partial(replays.engine, replays.DEPLOYS, 10),
    "mocks": partial(mocks.engine, 10),
}


@pytest.fixture(autouse=True)
def collections(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """Note the garbage collections that are asked for, and spare them their time."""
    noted: list[str] = []
    monkeypatch.setattr(gc, "collect", lambda: noted.append("gc"))
    return noted


def adding(label: str, *numbers: int) -> Side:
    return Side(label, lambda: sum(numbers), lambda total: {"total": total})


def benchmark(
    name: str = "sums",
    ratio: Literal["B/A", "A/B"] = "B/A",
    limit: float | None = 0.0,
    clock: Literal["wall", "processor"] = "wall",
) -> Benchmark:
    sides = adding("two", 1, 2), adding("one", 3)
    return Benchmark(name, lambda: nullcontext(sides), ratio, limit, clock)


def clock_of(*seconds: float) -> Callable[[], float]:
    """Make a clock by which one turn after the other takes so many seconds."""
    readings = accumulate(step for second in seconds for step in (1.0, second))
    return lambda: next(readings)


def test_the_sides_take_turns_after_a_warm_up_and_are_put_away_at_the_end(collections: list[str]):
    said = collections

    def side(label: str) -> Side:
        return Side(label, lambda: said.append(label), lambda _: {})

    @contextmanager
    def sides() -> Iterator[tuple[Side, Side]]:
        yield side("A"), side("B")
        said.append("away")

    measure(Benchmark("turns", sides, "B/A", 0), rounds=2)
    assert said == ["A", "B", *["gc", "A", "gc", "B"] * 2, "away"]


def test_the_ratio_is_the_median_of_the_ratios_of_pairs():
    result = measure(benchmark(), 3, clock=clock_of(1, 2, 2, 20, 4, 12))
    assert result.to_dict() == {
        "benchmark": "sums",
        "a": "two",
        "b": "one",
        "median_a": 2,
        "median_b": 12,
        "ratio": 3,
        "ratio_min": 2,
        "ratio_max": 10,
        "required": "B/A >= 0",
        "met": True,
        "seconds_a": [1, 2, 4],
        "seconds_b": [2, 20, 12],
    }


@pytest.mark.parametrize(
    ("ratio", "limit", "met"),
    [("B/A", 4, True), ("B/A", 4.1, False), ("A/B", 0.25, True), ("A/B", 0.2, False)],
)
def test_a_speed_up_must_reach_its_limit_and_a_share_must_not_exceed_it(
    ratio: Literal["B/A", "A/B"], limit: float, *, met: bool
):
    assert measure(benchmark("x", ratio, limit), 1, clock=clock_of(1, 4)).met is met


def test_processor_time_is_judged_where_it_is_required_and_told_beside_the_wall_time():
    wall, processor = clock_of(1, 4, 1, 5), clock_of(3, 1, 4, 1)
    one = benchmark("x", "A/B", 2, "processor")
    result = measure(one, 2, clock=wall, processor=processor)
    assert not result.met
    assert (result.row()[3], result.row()[7], result.row()[-1]) == ("0.23", "3.50", "NO")
    told = result.to_dict()
    assert (told["seconds_a"], told["seconds_b"]) == ([1, 1], [4, 5])
    assert (told["processor"]["seconds_a"], told["processor"]["ratio"]) == ([3, 4], 3.5)
    assert told["required"] == "A/B <= 2 (processor)"


def test_a_ratio_without_a_limit_is_told_and_never_missed():
    result = measure(benchmark(limit=None), 1, clock=clock_of(4, 1))
    assert result.met
    assert result.row()[3:5] == ("0.25", "0.25-0.25")
    assert result.row()[-2:] == ("B/A, any", "-")


def test_a_side_can_say_itself_how_long_a_piece_of_its_job_took():
    rate = Side("a rate", lambda: 50, lambda _: {}, lambda per_second: 1 / per_second)
    timed = Side("timed", lambda: None, lambda _: {})
    sides = nullcontext((rate, timed))
    result = measure(Benchmark("mixed", lambda: sides, "B/A", 0), 1, clock=clock_of(9, 3))
    assert result.seconds("wall") == ([0.02], [3])


def test_sides_that_made_different_things_are_not_compared():
    sides = adding("right", 1, 2), adding("wrong", 4)
    with pytest.raises(
        DifferentOutcomesError, match=r"sums: .* differ in total, .*; A made 3, B made 4"
    ):
        measure(Benchmark("sums", lambda: nullcontext(sides), "B/A", 0), 1)


def test_the_table_has_a_row_for_each_benchmark_and_says_what_a_and_b_are():
    result = measure(benchmark(limit=3), 3, clock=clock_of(0.001, 0.002, 2, 4, 3, 6))
    head, rule, row, _, legend = table([result]).splitlines()
    assert head.split("  ")[0] == "benchmark"
    assert rule == "-" * len(head)
    assert " ".join(row.split()) == "sums 2 s 4 s 2.00 2.00-2.00 - - - - B/A >= 3 NO"
    assert legend == "sums: A = two; B = one"


def test_the_command_runs_the_chosen_benchmarks_and_writes_every_time(tmp_path: Path):
    several = [benchmark("first"), benchmark("second"), benchmark("other")]
    file = tmp_path / "times.json"
    status = main(["--rounds", "2", "--only", "*[dt]", "--json", str(file)], several)
    written = json.loads(file.read_text())
    assert status == 0
    assert [result["benchmark"] for result in written["results"]] == ["first", "second"]
    assert all(len(result["seconds_a"]) == 2 for result in written["results"])
    assert {"machine", "python", "packages"} < written.keys()


def test_a_benchmark_without_its_program_is_skipped_and_says_why(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
):
    @contextmanager
    def sides() -> Iterator[tuple[Side, Side]]:
        raise MissingProgramError("drill is not on PATH")
        yield

    file = tmp_path / "times.json"
    several = [Benchmark("absent", sides, "B/A", 1), benchmark("present")]
    assert main(["--rounds", "1", "--json", str(file)], several) == 0
    assert "absent: skipped: drill is not on PATH" in capsys.readouterr().err
    written = json.loads(file.read_text())
    assert written["skipped"] == {"absent": "drill is not on PATH"}
    assert [result["benchmark"] for result in written["results"]] == ["present"]


def test_a_missed_ratio_is_the_exit_status():
    assert main(["--rounds", "1"], [benchmark(), benchmark(limit=float("inf"))]) == 1


@pytest.mark.parametrize(
    ("arguments", "complaint"),
    [
        (["--only", "nothing"], "no benchmark is called 'nothing'"),
        (["--rounds", "0"], "at least one round"),
        (["--rounds", "many"], "--rounds"),
    ],
)
def test_what_cannot_be_run_is_refused(
    arguments: list[str], complaint: str, capsys: pytest.CaptureFixture[str]
):
    with pytest.raises(SystemExit) as ended:
        main(arguments, [benchmark()])
    assert ended.value.code == 2
    assert complaint in capsys.readouterr().err


def test_names_are_unique():
    names = [one.name for one in BENCHMARKS]
    assert len(set(names)) == len(names)


@pytest.mark.parametrize("sides", TINY.values(), ids=TINY)
def test_both_sides_of_a_small_benchmark_make_the_same(sides: partial[Any]):
    with sides() as (a, b):
        outcome = a.outcome(a.run())
        assert outcome == b.outcome(b.run())
        assert len(outcome["status_code"]) > 10


def test_calls_are_answered_alike_by_simulator_and_mock():
    with calls.against_respx(3) as (a, b):
        outcome = a.outcome(a.run())
        assert outcome == b.outcome(b.run()) == {"is_cached": [False] * 3}
