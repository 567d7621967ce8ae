"""``session-lab replay``: what it prints, writes and refuses."""

from __future__ import annotations

import importlib
import json
import signal
import subprocess
import sys
from typing import TYPE_CHECKING, Any
from unittest.mock import Mock

import pytest
from typer.testing import CliRunner

import session_lab as sl
from session_lab.cli.app import app, main

if TYPE_CHECKING:
    from pathlib import Path

LOG = str(sl.traffic.sample_path("chats.ndjson"))
START = {
    "at": "2026-01-01T09:00:00Z",
    "op": "start",
    "external_id": "chat-1",
    "turn_duration": "2s",
}


def written(folder: Path, *lines: object) -> str:
    path = folder / "log.ndjson"
    path.write_text(
        "".join(f"{line if isinstance(line, str) else json.dumps(line)}\n" for line in lines)
    )
    return str(path)


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["replay", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def refused(
    arguments: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> str:
    """Run the command, which must end with code 2, and return the one line it says."""
    monkeypatch.setattr(sys, "argv", ["session-lab", "replay", *arguments])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code == 2
    out, err = capsys.readouterr()
    assert out == ""
    (line,) = err.splitlines()
    return line


def test_it_prints_the_summary_of_the_replay_and_its_digest():
    replay = sl.replay(
        sl.traffic.read(LOG), sl.RunPolicy(idle_timeout="2m"), sl.Platform(boot_time="3s"), seed=5
    )
    told = run(LOG, "--idle-timeout", "2m", "--boot-time", "3s", "--seed", "5")
    rows = replay.summary().overview().itertuples(index=False)
    lines = told.splitlines()[1:]
    for (section, name, value), line in zip(rows, lines, strict=False):
        assert line.split() == f"{section} {name} {value}".split()
    for sentence in replay.summary().sentences:
        assert sentence in lines
    assert told.endswith(f"digest {replay.digest()}\n")


def test_every_flag_of_policy_and_platform_reaches_them():
    policy = sl.RunPolicy(
        idle_timeout="5s",
        turn_timeout="10m",
        max_turns=7,
        max_duration="1m",
        preload_idle_timeout="3s",
        preload_timeout="4m",
        exit_after_preload_idle=True,
        on_deploy="hand_over",
    )
    platform = sl.Platform(
        boot_time="2s",
        resume_time="500ms",
        turn_duration="3s",
        deploys=["2026-01-01T00:30:00Z", "2026-01-01T01:00:00Z"],
        crash_rate=0.05,
    )
    told = run(
        *(LOG, "--json", "--idle-timeout", "5s", "--turn-timeout", "10m", "--max-turns", "7"),
        *("--max-duration", "1m", "--boot-time", "2s", "--resume-time", "500ms"),
        *("--preload-idle-timeout", "3s", "--preload-timeout", "4m", "--exit-after-preload-idle"),
        *("--on-deploy", "hand_over"),
        *("--turn-duration", "3s", "--crash-rate", "0.05"),
        *("--deploy", "2026-01-01T00:30:00Z", "--deploy", "2026-01-01T01:00:00Z"),
        *("--until", "2026-01-01T02:00:00Z"),
    )
    replay = sl.replay(sl.traffic.read(LOG), policy, platform, until="2026-01-01T02:00:00Z")
    assert json.loads(told) == replay.to_dict()


PLATFORM = {"boot_time": {"0": "1s", "1": "3s"}, "resume_time": "1s"}


@pytest.mark.parametrize(
    ("document", "policy", "platform"),
    [
        ({"max_turns": 4}, sl.RunPolicy(max_turns=4, idle_timeout="9s"), None),
        (
            {"policy": {"max_turns": 4}, "platform": PLATFORM},
            sl.RunPolicy(max_turns=4, idle_timeout="9s"),
            sl.Platform(**PLATFORM),
        ),
        ({"platform": PLATFORM}, sl.RunPolicy(idle_timeout="9s"), sl.Platform(**PLATFORM)),
        (
            {"policy": {"support": {"max_turns": 4}, "sales": {}}},
            {
                "support": sl.RunPolicy(max_turns=4, idle_timeout="9s"),
                "sales": sl.RunPolicy(idle_timeout="9s"),
            },
            None,
        ),
    ],
    ids=["a policy", "both", "a platform", "a policy for each task"],
)
def test_a_policy_may_stand_in_a_file_and_flags_win(
    document: object, policy: Any, platform: sl.Platform | None, tmp_path: Path
):
    path, log = tmp_path / "policy.json", tmp_path / "log.parquet"
    path.write_text(json.dumps(document), encoding="utf-8")
    events = sl.traffic.read(LOG).assign(task_identifier="support")
    sl.write_frame(events, log)
    told = run(str(log), "--json", "--policy", str(path), "--idle-timeout", "9s")
    assert json.loads(told) == sl.replay(events, policy, platform).to_dict()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("{", "cannot be read as JSON"),
        ("[]", "does not hold a JSON object"),
        ('{"policy": 3}', "policy: is not a JSON object"),
        ('{"idle": "3s"}', "'idle' is not one of idle_timeout, turn_timeout"),
        ('{"platform": {"idle_timeout": "3s"}}', "'idle_timeout' is not one of boot_time"),
        ('{"idle_timeout": 3}', "3 is not a duration with a unit"),
    ],
)
def test_a_policy_file_that_cannot_be_used_is_refused_in_one_line(
    text: str,
    said: str,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    path = tmp_path / "policy.json"
    path.write_text(text, encoding="utf-8")
    assert said in refused((LOG, "--policy", str(path)), monkeypatch, capsys)


@pytest.mark.parametrize("engine", ["reference", "columnar"])
def test_the_engine_that_is_asked_for_plays(engine: str, monkeypatch: pytest.MonkeyPatch):
    expected = sl.replay(sl.traffic.read(LOG))
    module = importlib.import_module("session_lab.replays.replay")
    readable = Mock(wraps=module.play)
    monkeypatch.setattr(module, "play", readable)
    assert json.loads(run(LOG, "--engine", engine, "--json")) == expected.to_dict()
    assert readable.called is (engine == "reference")


def test_the_frames_and_the_summary_are_written_on_request(tmp_path: Path):
    told = json.loads(run(LOG, "--json", "--out", str(tmp_path / "results")))
    replay = sl.replay(sl.traffic.read(LOG))
    replay.save(tmp_path / "expected")
    written = {path.name: path.read_bytes() for path in (tmp_path / "results").iterdir()}
    assert written == {path.name: path.read_bytes() for path in (tmp_path / "expected").iterdir()}
    assert json.loads(written["summary.json"]) == told


def test_a_table_with_other_names_is_read(tmp_path: Path):
    path = written(tmp_path, {"when": START["at"], "op": "start", "chat": "chat-1"})
    told = json.loads(run(path, "--json", "--column", "at=when", "--column", "external_id=chat"))
    assert told["outcomes"] == {"start 201": 1}


def test_a_log_without_events_is_said_to_have_none(tmp_path: Path):
    result = CliRunner().invoke(app, ["replay", written(tmp_path)], catch_exceptions=False)
    assert "there are no events to replay" in result.stderr


@pytest.mark.parametrize(
    ("line", "said"),
    [
        ("{oops", "line 2: not JSON"),
        (
            {"at": START["at"], "op": "message"},
            "line 2, external_id: the field is missing; the row has at, op",
        ),
        (START | {"turn_duration": "-3s"}, "line 2, turn_duration: '-3s' is negative"),
        (START | {"turn_duration": "3"}, "line 2, turn_duration: '3' is not a duration"),
        (START | {"op": "mesage"}, "line 2, op: 'mesage' is not an operation; the known ones are"),
        (
            START | {"external_id": 7},
            "line 2, external_id: 7 is a number where earlier ids are text",
        ),
        (START | {"at": "soon"}, "line 2, at: 'soon' is not an ISO 8601 time"),
        (
            START | {"at": "+292278995-01-01T00:00:00Z"},
            "line 2, at: '+292278995-01-01T00:00:00Z' lies outside the years 1970 to 9999",
        ),
        (START | {"at": 10**30}, "line 2, at: 1000000000000000000000000000000 ms lies outside"),
    ],
)
def test_a_row_that_cannot_be_used_ends_it_with_file_line_and_field(
    tmp_path: Path,
    line: object,
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    path = written(tmp_path, START, line)
    told = refused((path, "--format", "events"), monkeypatch, capsys)
    assert told.startswith(f"session-lab: log.ndjson, {said}")


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ("--engine", "steam"),
            "engine: 'steam' is not an engine; the engines are auto, reference",
        ),
        (
            ("--format", "pcap"),
            "'pcap' is not a known format; the known ones are auto, events, moon",
        ),
        (
            ("--idle-timeout", "30"),
            "idle_timeout: '30' is not a duration; write numbers with units",
        ),
        (("--boot-time", "-3s"), "boot_time: '-3s' is negative"),
        (("--max-duration", "0s"), "max_duration: must be longer than nothing"),
        (("--max-turns", "0"), "max_turns: 0 is not a whole number of 1 or more"),
        (("--crash-rate", "2"), "crash_rate: 2.0 is not a probability from 0 to 1"),
        (("--deploy", "monday"), "deploys: 'monday' is not an ISO 8601 time"),
        (("--until", "monday"), "until: 'monday' is not an ISO 8601 time"),
        (("--column", "at"), "'at' is not OURS=THEIRS, as in at=timestamp"),
    ],
)
def test_a_value_out_of_range_ends_it_with_its_name(
    arguments: tuple[str, ...],
    said: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    told = refused((LOG, *arguments), monkeypatch, capsys)
    assert said in told


def test_a_file_that_is_not_there_is_named(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    told = refused(("nowhere.ndjson",), monkeypatch, capsys)
    assert told == "session-lab: nowhere.ndjson: there is no such file"


def test_bad_rows_that_are_skipped_are_counted_and_listed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    path = written(tmp_path, START, "{oops", START | {"op": "x"}, START | {"at": "soon"})
    monkeypatch.setattr(sys, "argv", ["session-lab", "replay", path, "--skip-bad-rows", "--json"])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code in {None, 0}
    out, err = capsys.readouterr()
    assert json.loads(out)["totals"]["events"] == 1
    assert "log.ndjson: skipped 3 rows that cannot be used" in err
    for place in ("line 2: ", "line 3, op: ", "line 4, at: "):
        assert f"\nlog.ndjson, {place}" in err


def test_a_log_out_of_order_is_sorted_and_said_so(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    late = {"at": "2026-01-01T09:00:01Z", "op": "message", "external_id": "chat-1"}
    monkeypatch.setattr(sys, "argv", ["session-lab", "replay", written(tmp_path, late, START)])
    with pytest.raises(SystemExit) as caught:
        main()
    assert caught.value.code in {None, 0}
    out, err = capsys.readouterr()
    assert "not in order of time; sorted them" in err
    assert "message 404" not in out


def test_ctrl_c_ends_it_with_code_130_and_no_half_written_file(tmp_path: Path):
    # The interrupt comes when the first file of the results is half written.
    script = (
        "import os, signal, sys\n"
        "import pyarrow.parquet as pq\n"
        "from session_lab.cli import main\n"
        "def half(table, path, **options):\n"
        "    open(path, 'wb').write(b'PAR1')\n"
        "    os.kill(os.getpid(), signal.SIGINT)\n"
        "pq.write_table = half\n"
        f"sys.argv = ['session-lab', 'replay', {LOG!r}, '--out', {str(tmp_path / 'out')!r}]\n"
        "main()\n"
    )
    process = subprocess.run(
        [sys.executable, "-c", script],
        check=False,
        capture_output=True,
        text=True,
        timeout=60,
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler),
    )
    assert process.returncode == 130
    assert "Traceback" not in process.stderr
    assert list((tmp_path / "out").iterdir()) == []


@pytest.mark.parametrize("command", [["replay"], ["sweep", "--idle-timeout", "5s"]], ids=" ".join)
def test_a_wrong_flag_is_named_before_a_file_is_read(command: list[str]):
    arguments = [*command, "no-such-file.ndjson", "--turn-duration", "5"]
    with pytest.raises(sl.DataError, match="turn_duration: '5' is not a duration"):
        CliRunner().invoke(app, arguments, catch_exceptions=False)


@pytest.mark.parametrize(
    ("flags", "active"),
    [
        (["--turn-duration", "5s"], 10_000),
        (["--turn-duration", "5s", "--first-turn", "9s"], 14_000),
        (["--first-turn", "9s"], 9_000),
        ([], 0),
    ],
    ids=["as the others", "of its own", "alone", "unknown"],
)
def test_the_first_turn_of_recorded_calls_lasts_as_long_as_it_is_said(
    tmp_path: Path, flags: list[str], active: int
):
    sim = sl.Simulator(policy=sl.RunPolicy())
    sessions = sim.client().sessions
    config = {"basePayload": {"message": {"id": "m1"}}}
    sessions.start(
        type="chat", task_identifier="agent", trigger_config=config, external_id="chat-1"
    )
    sim.clock.advance("20s")
    sessions.append("chat-1", "hello")
    path = tmp_path / "calls.ndjson"
    sl.traffic.write_journal(sim.journal, path)
    results = json.loads(run(str(path), "--format", "journal", "--json", *flags))
    assert results["totals"]["turns served"] == 2
    assert results["time_ms"]["active"] == active
