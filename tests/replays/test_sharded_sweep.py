"""Sweeps of logs that lie in shards: the rows are those of the log in memory."""

from __future__ import annotations

import importlib
import json
from typing import TYPE_CHECKING
from urllib.parse import quote

import pandas as pd
import pytest
from typer.testing import CliRunner

import session_lab as sl
from session_lab.cli.app import app
from session_lab.frames.files.sources import Source
from session_lab.traffic.played_shards import read_shard, told_apart

if TYPE_CHECKING:
    from pathlib import Path

GRID = {"idle_timeout": ["5s", "2m"], "expiry": ["1h", None]}
PLATFORM = sl.Platform(
    boot_time=sl.Distribution({0: "1s", 0.5: "2s", 1: "20m"}), resume_time="900ms", crash_rate=0.05
)


@pytest.fixture(scope="module")
def events() -> pd.DataFrame:
    return sl.traffic.generate(sl.ChatWorkload(chats_per_hour=300, duration="3h"), seed=3)


@pytest.fixture(scope="module")
def folder(events: pd.DataFrame, tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("shards")
    sl.traffic.write_shards(events, path, shards=5)
    return path


def test_the_rows_are_those_of_the_log_in_memory_to_the_bit(events: pd.DataFrame, folder: Path):
    given = {"platform": PLATFORM, "seed": 7, "sensitivity": {"boot_time": ["0s"]}, "per_run": 2.0}
    whole = sl.sweep(events, GRID, **given, prices={"micro": 0.1})
    parts = sl.sweep(folder, GRID, **given, prices={"micro": 0.1})
    pd.testing.assert_frame_equal(parts, whole, check_exact=True)
    assert parts.attrs == whole.attrs
    assert whole["wait_p99"].max() > pd.Timedelta("1m")


def test_a_horizon_cuts_every_shard(events: pd.DataFrame, folder: Path):
    until = events["at"].iloc[len(events) // 2]
    whole = sl.sweep(events, GRID, platform=PLATFORM, until=until)
    pd.testing.assert_frame_equal(sl.sweep(folder, GRID, platform=PLATFORM, until=until), whole)


def test_a_dask_cluster_gives_the_same_rows(events: pd.DataFrame, folder: Path):
    distributed = pytest.importorskip("distributed")
    with distributed.Client(
        processes=False, dashboard_address="127.0.0.1:0", n_workers=2
    ) as client:
        parts = sl.sweep(folder, GRID, platform=PLATFORM, scheduler=client)
    pd.testing.assert_frame_equal(parts, sl.sweep(events, GRID, platform=PLATFORM))


def test_a_worker_that_dies_while_it_is_sent_to_costs_time_only(
    events: pd.DataFrame, folder: Path, monkeypatch: pytest.MonkeyPatch
):
    distributed = pytest.importorskip("distributed")
    with distributed.Client(
        processes=False, dashboard_address="127.0.0.1:0", n_workers=1
    ) as client:
        scatter, calls = client.scatter, []

        def broken_once(*given: object, **settings: object) -> object:
            calls.append(given)
            if len(calls) == 1:
                raise distributed.comm.CommClosedError("in <TCP (closed)>: Stream is closed")
            return scatter(*given, **settings)

        monkeypatch.setattr(client, "scatter", broken_once)
        parts = sl.sweep(folder, GRID, platform=PLATFORM, scheduler=client)
    assert len(calls) == 2
    pd.testing.assert_frame_equal(parts, sl.sweep(events, GRID, platform=PLATFORM))


def test_events_of_one_session_in_two_files_are_refused(folder: Path, tmp_path: Path):
    first, second = sorted(folder.glob("*.parquet"))[:2]
    mixed = pd.concat([pd.read_parquet(first), pd.read_parquet(second).head(3)])
    mixed.sort_values("at").to_parquet(tmp_path / "a.parquet", index=False)
    pd.read_parquet(second).to_parquet(tmp_path / "b.parquet", index=False)
    with pytest.raises(sl.DataError, match=r"several files.*sl\.traffic\.shard"):
        sl.sweep(tmp_path, GRID)


def test_a_shard_that_vanishes_between_two_reads_is_named(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    for shard in folder.glob("*.parquet"):
        (tmp_path / shard.name).write_bytes(shard.read_bytes())
    module = importlib.import_module("session_lab.replays.sweep")
    looked_at = module.shards_of

    def and_then_one_goes(place: Path) -> object:
        shards = looked_at(place)
        shards[1].path.unlink()
        return shards

    monkeypatch.setattr(module, "shards_of", and_then_one_goes)
    with pytest.raises(sl.DataError, match=r"part-00001\.parquet.*No such file"):
        sl.sweep(tmp_path, GRID)


def test_what_needs_the_whole_log_is_refused(folder: Path):
    with pytest.raises(sl.DataError, match="couples the sessions"):
        sl.sweep(folder, {"concurrency_limit": [10]})
    with pytest.raises(sl.DataError, match=r"part-0000\d.*no policy for 'chat'.*for support"):
        sl.sweep(folder, GRID, policy={"support": sl.RunPolicy()})


def test_each_task_has_a_policy_of_its_own(events: pd.DataFrame, tmp_path: Path):
    by_task = {"chat": sl.RunPolicy(max_turns=3), "support": sl.RunPolicy(turn_timeout="5m")}
    is_support = events["external_id"].str[-1].isin(list("02468"))
    tasks = events["task_identifier"].astype(object).where(~is_support, "support")
    mixed = events.assign(task_identifier=tasks.astype("category"))
    mixed.loc[mixed["op"] != "start", "task_identifier"] = None
    sl.traffic.write_shards(mixed, tmp_path, shards=4)
    whole = sl.sweep(mixed, GRID, policy=by_task, platform=PLATFORM)
    pd.testing.assert_frame_equal(
        sl.sweep(tmp_path, GRID, policy=by_task, platform=PLATFORM), whole, check_exact=True
    )
    swapped = dict(zip(by_task, reversed(by_task.values()), strict=True))
    assert not whole.equals(sl.sweep(tmp_path, GRID, policy=swapped, platform=PLATFORM))


def test_the_command_line_reads_shards_one_after_the_other(events: pd.DataFrame, folder: Path):
    arguments = ["sweep", str(folder), "--sharded", "--idle-timeout", "5s,2m", "--json"]
    told = json.loads(CliRunner().invoke(app, arguments).stdout)
    whole = sl.sweep(events, {"idle_timeout": ["5s", "2m"]})
    assert [row["turns"] for row in told["policies"]] == whole["turns"].tolist()


def test_one_command_leads_from_a_file_a_day_to_a_decision(events: pd.DataFrame, tmp_path: Path):
    log, shards = tmp_path / "log", tmp_path / "shards"
    for hour, some in events.groupby(events["at"].dt.floor("1h")):
        part = log / f"hour={hour:%d-%H}"
        part.mkdir(parents=True)
        some.to_parquet(part / "part-0.parquet", index=False)
    assert len(list(log.glob("*/*.parquet"))) > 2
    choices = ["--idle-timeout", "5s,2m", "--json"]
    made = CliRunner().invoke(app, ["sweep", str(log), "--shard-into", str(shards), *choices])
    whole = sl.sweep(events, {"idle_timeout": ["5s", "2m"]})
    rows = json.loads(made.stdout)["policies"]
    assert [row["turns"] for row in rows] == whole["turns"].tolist()
    again = CliRunner().invoke(app, ["sweep", str(shards), "--sharded", *choices])
    assert again.stdout == made.stdout


@pytest.mark.parametrize("by", ["external_id", "task_identifier", "expires_at"])
def test_columns_that_folders_of_shards_are_named_for_are_read(tmp_path: Path, by: str):
    n = 40
    events = pd.DataFrame(
        {
            "at": pd.date_range("2026-01-01", periods=n, freq="min", tz="UTC"),
            "op": ["start", *["message"] * 3] * (n // 4),
            "external_id": [f"a/b {number // 4}" for number in range(n)],
            "expires_at": [f"2026-01-01T00:{number // 20}0:30Z" for number in range(n)],
            "task_identifier": [
                "sales / eu" if number // 4 % 3 else "support" for number in range(n)
            ],
        }
    )
    parts = tmp_path / "parts"
    for value, some in events.groupby(by):
        folder = parts / f"{by}={quote(str(value), safe='')}"
        folder.mkdir(parents=True)
        some.drop(columns=by).to_parquet(folder / "part-0.parquet", index=False)
    policies = {"sales / eu": sl.RunPolicy(), "support": sl.RunPolicy(max_turns=2)}
    events["expires_at"] = pd.to_datetime(events["expires_at"])
    whole = sl.sweep(events, {"idle_timeout": ["5s", "2m"]}, policy=policies)
    told = sl.sweep(parts, {"idle_timeout": ["5s", "2m"]}, policy=policies)
    pd.testing.assert_frame_equal(told, whole, check_exact=True)
    assert whole["refused"].min() > 0


def test_a_folder_of_a_shard_that_is_named_for_what_cannot_be_is_told(tmp_path: Path):
    (tmp_path / "op=dance").mkdir()
    frame = pd.DataFrame({"at": [1, 2], "external_id": ["a", "b"]})
    frame.to_parquet(tmp_path / "op=dance" / "a.parquet", index=False)
    with pytest.raises(sl.DataError, match=r"^a\.parquet, op: of the folder's name: 'dance'"):
        sl.sweep(tmp_path, GRID)


def test_shards_dealt_out_by_their_ids_send_none_of_them(
    events: pd.DataFrame, folder: Path, tmp_path: Path
):
    paths = sl.traffic.shard(folder, tmp_path / "dealt", shards=6)
    told = [told_apart(read_shard(Source(path)), 6) for path in paths]
    assert sorted(told) == list(range(6))
    assert sl.sweep(tmp_path / "dealt", GRID).equals(sl.sweep(events, GRID))
    # The same shard twice, under two names, in place of one of the others.
    paths[2].write_bytes(paths[4].read_bytes())
    with pytest.raises(sl.DataError, match=r"external ids have events in several files"):
        sl.sweep(tmp_path / "dealt", GRID)
    # One that has all ids of another among its own.
    [whole] = sl.traffic.shard(folder, tmp_path / "whole", shards=1)
    paths[2].write_bytes(whole.read_bytes())
    with pytest.raises(sl.DataError, match=r"external ids have events in several files"):
        sl.sweep(tmp_path / "dealt", GRID)
