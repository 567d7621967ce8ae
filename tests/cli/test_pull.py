"""``session-lab pull``: from a server, through the client, to files."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest
from typer.testing import CliRunner

import session_lab as sl
from session_lab.cli.app import app
from session_lab.simulator.faults.rate_limit import RateLimit

if TYPE_CHECKING:
    from pathlib import Path

    import httpx

KEY = "tr_dev_simulated"
LATER = "2026-01-01T02:00:00Z"


@pytest.fixture
def lab(monkeypatch: pytest.MonkeyPatch) -> sl.Simulator:
    """A world with 250 chats, which the command's client talks to."""
    lab = sl.Simulator()
    client = lab.client()
    for number in range(250):
        client.sessions.start(
            type="chat",
            task_identifier="agent",
            trigger_config={"base_payload": {}, "tags": [f"chat:chat-{number}"]},
            external_id=f"chat-{number}",
            tags=["even"] if number % 2 == 0 else [],
        )
        lab.clock.advance("1s")
    monkeypatch.setenv("TRIGGER_SECRET_KEY", KEY)
    over_network = sl.Client
    monkeypatch.setattr(
        sl, "Client", lambda **options: over_network(**options, transport=lab.transport)
    )
    return lab


def run(*arguments: str) -> Any:
    result = CliRunner().invoke(app, ["pull", *arguments, "--json"], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("ending", ["parquet", "csv", "ndjson"])
def test_sessions_and_runs_come_into_files(lab: sl.Simulator, tmp_path: Path, ending: str):
    out, runs = tmp_path / f"sessions.{ending}", tmp_path / f"runs.{ending}"
    result = run(str(out), "--runs", str(runs), "--observed-at", LATER)
    assert (result["sessions"], result["runs"]) == (250, 250)
    pulled = sl.read_sessions(out)
    assert pulled["external_id"].tolist() == [f"chat-{n}" for n in reversed(range(250))]
    assert pd.Timestamp(pulled.attrs["observed_at"]) == pd.Timestamp(LATER)
    truth = lab.runs_frame().set_index("run_id")["session_id"].to_dict()
    read = sl.read_runs(runs)
    assert read.set_index("run_id")["session_id"].to_dict() == truth
    assert sl.validate(pulled).empty
    assert sl.validate(read).empty
    assert sorted(path.name for path in tmp_path.iterdir()) == sorted([out.name, runs.name])


def test_walking_back_finds_the_runs_too(lab: sl.Simulator, tmp_path: Path):
    out, runs = tmp_path / "sessions.parquet", tmp_path / "runs.parquet"
    run(str(out), "--runs", str(runs), "--walk", "--tag", "even", "--observed-at", LATER)
    found = sl.read_runs(runs)
    assert len(found) == 125
    assert set(found["run_id"]) <= set(lab.runs_frame()["run_id"])
    assert found["reason"].eq("initial").all()


@pytest.mark.usefixtures("lab")
def test_filters_reach_the_list(tmp_path: Path):
    out = tmp_path / "sessions.parquet"
    window = ["--from", "2026-01-01T00:00:10Z", "--to", "2026-01-01T00:00:19Z"]
    run(str(out), "--observed-at", LATER, *window)
    assert sl.read_sessions(out)["external_id"].tolist() == [f"chat-{n}" for n in range(19, 9, -1)]
    several = ["--external-id", "chat-3", "--external-id", "chat-5", "--task-identifier", "agent"]
    run(str(out), "--observed-at", LATER, *several, "--type", "chat", "--status", "ACTIVE")
    assert set(sl.read_sessions(out)["external_id"]) == {"chat-3", "chat-5"}


class Line:
    """A connection that is cut when it carries a certain call, until it is mended."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.asked: list[str] = []
        self.cut_at: int | None = None
        line, connected = self, sl.Client

        class Cut:
            def __init__(self, **options: Any) -> None:
                self.client = connected(**options)

            def __enter__(self) -> Any:
                caller = self.client.engine
                call = caller.call

                def carry(operation: Any) -> Any:
                    line.asked.append(f"{operation.path}?{dict(operation.query)}")
                    if len(line.asked) == line.cut_at:
                        raise KeyboardInterrupt
                    return call(operation)

                monkeypatch.setattr(caller, "call", carry)
                return self.client

            def __exit__(self, *_: object) -> None:
                self.client.close()

        monkeypatch.setattr(sl, "Client", Cut)

    def cut(self, at: int, *arguments: str) -> None:
        """Run a pull that is cut off with its call of this number."""
        self.cut_at = at
        assert CliRunner().invoke(app, ["pull", *arguments]).exit_code != 0
        assert len(self.asked) == at
        self.cut_at = None


@pytest.fixture
def line(lab: sl.Simulator, monkeypatch: pytest.MonkeyPatch) -> Line:  # noqa: ARG001 (its client)
    return Line(monkeypatch)


def test_a_pull_that_was_cut_off_goes_on_where_it_stopped(line: Line, tmp_path: Path):
    out = tmp_path / "sessions.parquet"
    arguments = [str(out), "--observed-at", LATER]
    line.cut(3, *arguments)
    assert [path.name for path in tmp_path.iterdir()] == ["sessions.parquet.part"]
    with (tmp_path / "sessions.parquet.part").open("a") as part:
        part.write('{"rows":[{"id":"ses')
    assert run(*arguments)["sessions"] == 250
    assert len(line.asked) == 4
    assert line.asked[2] == line.asked[3]
    assert sl.read_sessions(out)["session_id"].is_unique
    assert [path.name for path in tmp_path.iterdir()] == ["sessions.parquet"]


@pytest.mark.parametrize("walk", [[], ["--walk"]], ids=["listed", "walked"])
def test_runs_go_on_where_they_stopped_and_sessions_are_not_asked_for_again(
    line: Line, lab: sl.Simulator, tmp_path: Path, walk: list[str]
):
    out, runs = tmp_path / "sessions.parquet", tmp_path / "runs.parquet"
    arguments = [str(out), "--runs", str(runs), "--observed-at", LATER, *walk]
    # Three pages of sessions, and two of runs or two runs, came through.
    line.cut(6, *arguments)
    names = {"sessions.parquet", "sessions.parquet.part", "runs.parquet.part"}
    assert {path.name for path in tmp_path.iterdir()} == names
    result = run(*arguments)
    assert (result["sessions"], result["runs"]) == (250, 250)
    assert len(line.asked) == 3 + (250 if walk else 3) + 1
    assert line.asked[5] == line.asked[6]
    assert set(sl.read_runs(runs)["run_id"]) == set(lab.runs_frame()["run_id"])
    assert {path.name for path in tmp_path.iterdir()} == {"sessions.parquet", "runs.parquet"}


def test_lists_of_several_values_go_on_where_they_stopped_and_have_each_row_once(
    line: Line, tmp_path: Path
):
    out = tmp_path / "sessions.parquet"
    several = ["--status", "ACTIVE", "--status", "CLOSED", "--tag", "even", "--tag", "odd"]
    arguments = [str(out), "--observed-at", LATER, *several, "--task-identifier", "agent"]
    # Two pages of what is active and even, then one for each of the other three pairs.
    line.cut(4, *arguments)
    assert run(*arguments)["sessions"] == 125
    assert line.asked[3] == line.asked[4]
    assert len(line.asked) == 6
    both = [str(out), "--observed-at", LATER, "--external-id", "chat-4", "--external-id", "chat-4"]
    assert run(*both)["sessions"] == 1


@pytest.mark.usefixtures("lab")
def test_part_of_another_pull_is_not_mixed_in(tmp_path: Path):
    (tmp_path / "sessions.csv.part").write_text('{"server":"another"}\n')
    with pytest.raises(sl.DataError, match="part of another pull"):
        run(str(tmp_path / "sessions.csv"))


@pytest.mark.usefixtures("lab")
def test_the_time_of_the_server_is_that_of_the_observation(tmp_path: Path):
    result = run(str(tmp_path / "sessions.csv"))
    assert result["observed_at"].startswith("2026-01-01T00:04:10")


def test_a_server_that_does_not_tell_the_time_is_warned_about(
    lab: sl.Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    answer = lab.transport.handle_request

    def without_date(request: httpx.Request) -> httpx.Response:
        response = answer(request)
        del response.headers["date"]
        return response

    monkeypatch.setattr(lab.transport, "handle_request", without_date)
    with pytest.warns(sl.DataWarning, match="nothing tells when the rows were read"):
        result = run(str(tmp_path / "sessions.csv"))
    assert result["observed_at"].startswith("2026-01-01T00:04:09")


@pytest.mark.usefixtures("lab")
def test_the_result_is_told_in_words(tmp_path: Path):
    out, runs = tmp_path / "sessions.csv", tmp_path / "runs.csv"
    arguments = ["pull", str(out), "--runs", str(runs), "--observed-at", LATER]
    told = CliRunner().invoke(app, arguments, catch_exceptions=False).stdout
    assert told == (
        f"wrote 250 sessions to {out}, observed at 2026-01-01T02:00:00.000Z\n"
        f"wrote 250 runs to {runs}\n"
    )
    assert KEY not in told


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["sessions.xlsx"], "the ending '.xlsx' is none of"),
        (["sessions.csv", "--runs", "runs.txt"], "the ending '.txt' is none of"),
        (["sessions.csv", "--status", "OPEN"], "'OPEN' is not a status of a session"),
        (["sessions.csv", "--base-url", "nowhere"], "'nowhere' is not an address"),
    ],
)
@pytest.mark.usefixtures("lab")
def test_bad_input_is_refused_and_writes_nothing(
    arguments: list[str], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(sl.DataError, match=problem):
        run(*arguments)
    assert list(tmp_path.iterdir()) == []


def test_without_a_key_it_says_where_to_put_one(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.delenv("TRIGGER_SECRET_KEY", raising=False)
    monkeypatch.delenv("TRIGGER_ACCESS_TOKEN", raising=False)
    with pytest.raises(sl.DataError, match="TRIGGER_SECRET_KEY"):
        run(str(tmp_path / "sessions.csv"))


def test_a_pull_waits_where_the_server_asks_it_to(
    lab: sl.Simulator, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    limited = sl.Simulator(rate_limit=RateLimit(burst=2, refill=1, interval="10s"))
    limited.restore(lab.snapshot())
    begun = limited.clock.now
    monkeypatch.setattr(
        sl, "Client", lambda **options: limited.client(max_retries=options["max_retries"])
    )
    result = run(str(tmp_path / "sessions.csv"), "--observed-at", LATER)
    assert result["sessions"] == 250
    # Three pages, of which two may be asked for at once.
    assert (limited.clock.now - begun).total_seconds() >= 10
