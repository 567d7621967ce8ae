"""``session-lab fit`` and ``session-lab calibrate``: what they print, write and refuse."""

from __future__ import annotations

import json
import sys
from typing import TYPE_CHECKING

import pytest
from typer.testing import CliRunner

import session_lab as sl
from session_lab.cli.app import app, main

if TYPE_CHECKING:
    from pathlib import Path

POLICY = sl.RunPolicy(idle_timeout="45s", turn_timeout="20m")
PLATFORM = sl.Platform(boot_time="2s", resume_time="800ms")


@pytest.fixture(name="week", scope="module")
def week_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    workload = sl.ChatWorkload(duration="2d", chats_per_hour=20)
    events = sl.traffic.generate(workload, seed=1)
    replay = sl.replay(events, POLICY, PLATFORM, until="2026-01-03T00:00:00Z")
    return sl.Recording.of_replay(replay, events).save(tmp_path_factory.mktemp("week"))


def run(*arguments: object, code: int | None = 0) -> str:
    result = CliRunner().invoke(app, [str(one) for one in arguments], catch_exceptions=False)
    assert code in (None, result.exit_code), result.output
    return result.stdout


def test_what_was_fitted_is_printed_with_where_it_is_from(week: Path):
    told = run("fit", week)
    assert "45 s" in told
    assert "waits.suspended_at - waits.started_at" in told
    assert "max_turns is not identified" in told


def test_a_fit_is_what_policy_takes_elsewhere(week: Path, tmp_path: Path):
    model = tmp_path / "model.json"
    run("fit", week, "--out", model, "--plot", tmp_path / "fit.png")
    assert (tmp_path / "fit.png").stat().st_size
    told = json.loads(run("replay", week / "events.parquet", "--policy", model, "--json"))
    assert told["policy"]["idle_timeout"] == "45 s"
    assert told["platform"]["boot_time"] == "2 s"
    assert json.loads(model.read_text())["policy"]["turn_timeout"] == "20 min"


def test_a_fit_as_json_has_every_parameter(week: Path):
    told = json.loads(run("fit", week, "--json"))
    rows = {row["parameter"]: row for row in told["parameters"]}
    assert rows["idle_timeout"]["value"] == 45_000
    assert rows["idle_timeout"]["unit"] == "ms"
    assert rows["max_turns"]["value"] is None


def test_a_calibration_says_whether_the_model_is_fit(week: Path, tmp_path: Path):
    told = run("calibrate", week, "--held-out", "1d", "--plot", tmp_path / "calibration.svg")
    assert "- fit for decisions" in told
    assert (tmp_path / "calibration.svg").stat().st_size
    summary = json.loads(run("calibrate", week, "--json"))
    assert summary["fit"] is True
    assert {row["measure"] for row in summary["days"]} >= {"runs_per_session", "wait_mean"}


def test_a_model_that_is_off_ends_with_3(week: Path, tmp_path: Path):
    model = tmp_path / "model.json"
    model.write_text('{"idle_timeout": "5m"}')
    assert "- not fit for decisions: " in run("calibrate", week, "--policy", model, code=3)


def test_a_calibration_takes_limits(week: Path):
    told = run("calibrate", week, "--plan", "hobby", code=None)
    assert "wait once more" in told


def test_what_a_decision_promised_is_held_against_what_happened(week: Path, tmp_path: Path):
    decision = tmp_path / "decision.json"
    document = {
        "policy": POLICY.to_dict(),
        "platform": PLATFORM.to_dict(),
        "promised": {"wait_p95": {"value": 2.0, "lower": 1.9, "upper": 2.1}},
        "more": "is left alone",
    }
    decision.write_text(json.dumps(document))
    assert "what was promised happened" in run("calibrate", week, "--decision", decision)
    document["promised"]["wait_p95"] = {"value": 1.0, "lower": 0.9, "upper": 1.1}
    decision.write_text(json.dumps(document))
    told = run("calibrate", week, "--decision", decision, code=3)
    assert "what was promised did not all happen" in told


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (["calibrate", "{week}", "--held-out", "9d"], "no session was created before"),
        (["calibrate", "{week}", "--held-out", "1d", "--policy", "x.json"], "give one of"),
        (["calibrate", "{week}", "--decision", "{week}/recording.json"], "holds no promises"),
        (["calibrate", "{week}", "--decision", "{week}/none.json"], "cannot be read as JSON"),
        (["fit", "{week}/nowhere"], "there is no recording.json"),
        (["fit", "{week}/nowhere", "--plot", "fit.doc"], "does not end in one of"),
        (["calibrate", "{week}/nowhere", "--plot", "fit.doc"], "does not end in one of"),
    ],
    ids=[
        "held-out",
        "two-models",
        "no-promises",
        "no-file",
        "no-recording",
        "no-picture",
        "no-plot",
    ],
)
def test_bad_input_ends_with_2_and_one_line(
    arguments: list[str],
    told: str,
    week: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    given = [one.replace("{week}", str(week)) for one in arguments]
    monkeypatch.setattr(sys, "argv", ["session-lab", *given])
    with pytest.raises(SystemExit) as stopped:
        main()
    assert stopped.value.code == 2
    error = capsys.readouterr().err
    assert told in error
    assert len(error.splitlines()) == 1
