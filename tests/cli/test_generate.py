"""``session-lab generate``, and the data set that it made."""

from __future__ import annotations

import hashlib
import inspect
import json
import re
import shlex
from dataclasses import asdict, fields, replace
from typing import TYPE_CHECKING

import pandas as pd
import pytest
from typer.testing import CliRunner

import session_lab as sl
from session_lab.cli.app import app
from session_lab.cli.generate import generate
from session_lab.frames import EVENTS, digest, sample_path
from session_lab.traffic import ChatWorkload

if TYPE_CHECKING:
    from pathlib import Path


def run(*arguments: str) -> str:
    result = CliRunner().invoke(app, ["generate", *arguments], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_the_data_set_is_made_again_by_the_command_beside_it(tmp_path: Path):
    sample = sample_path("chats.ndjson")
    readme = (sample.parent / "README.md").read_text(encoding="utf-8")
    (command,) = re.findall(r"^session-lab generate (.*)$", readme, re.MULTILINE)
    (expected,) = re.findall(r"SHA-256: `([0-9a-f]{64})`", readme)
    out, *flags = shlex.split(command)
    assert out == "data/chats.ndjson"
    copy = tmp_path / "chats.ndjson"
    run(str(copy), *flags)
    for path in (sample, copy):
        assert hashlib.sha256(path.read_bytes()).hexdigest() == expected


def test_every_field_of_a_workload_is_a_flag_with_the_same_default():
    parameters = inspect.signature(generate).parameters
    flags = {field.name: parameters[field.name].default for field in fields(ChatWorkload)}
    assert flags == {field.name: field.default for field in fields(ChatWorkload)}


def test_every_flag_reaches_its_field(tmp_path: Path):
    given = {
        "duration": "2h",
        "start": "2027-01-01T00:00:00.000Z",
        "chats_per_hour": 20.0,
        "hourly": (*(1.0,) * 12, *(2.5,) * 12),
        "weekly": (5.0, 5.0, 5.0, 5.0, 5.0, 1.0, 0.0),
        "bursts_per_day": 30.0,
        "burst_chats": 4.0,
        "burst_length": "5m",
        "single_turn_share": 0.2,
        "turns_per_chat": 3.0,
        "think_time": "40s",
        "think_spread": 0.5,
        "interrupt_share": 0.03,
        "return_share": 0.3,
        "return_after": "2h",
        "return_spread": 0.25,
        "turn_duration": "9s",
        "turn_spread": 0.75,
        "long_turn_share": 0.35,
        "long_turn_duration": "45s",
        "long_turn_spread": 0.15,
        "close_share": 0.6,
        "expires_after": "3d",
        "expires_share": 0.5,
        "duplicate_start_share": 0.2,
        "concurrent_start_share": 0.3,
        "late_message_share": 0.7,
        "retry_share": 0.4,
        "retry_after": "2s",
        "topics": 12,
        "topic_skew": 1.5,
        "task_identifier": "support",
    }
    workload = ChatWorkload(**given)
    assert [f.name for f in fields(workload) if getattr(workload, f.name) == f.default] == []
    flags = [f"--{name.replace('_', '-')}={flag_text(value)}" for name, value in given.items()]
    out = tmp_path / "chats.parquet"
    run(str(out), "--seed=9", *flags)
    pd.testing.assert_frame_equal(sl.traffic.read(out), sl.traffic.generate(workload, 9))


def flag_text(value: object) -> str:
    return ",".join(map(str, value)) if isinstance(value, tuple) else str(value)


def test_a_workload_is_fitted_to_a_log_and_what_is_said_counts_more(tmp_path: Path):
    log, out = tmp_path / "log.ndjson", tmp_path / "more.ndjson"
    run(str(log), "--duration=3h", "--expires-after=6h", "--close-share=1")
    told = json.loads(run(str(out), f"--fit={log}", "--duration=1h", "--json"))
    fitted = sl.traffic.fit(sl.traffic.read(log))
    assert told["workload"] == json.loads(json.dumps(asdict(replace(fitted, duration="1h"))))
    assert (told["workload"]["close_share"], told["workload"]["expires_after"]) == (1.0, "6 h")
    assert set(told["distances"]) > {"turns per chat", "think (s)"}
    assert "Generated traffic against recorded traffic" in run(str(out), f"--fit={log}")


def test_the_result_is_told_in_words_or_as_json(tmp_path: Path):
    out = tmp_path / "chats.csv"
    events = sl.traffic.generate(ChatWorkload(), 0)
    chats = events["external_id"].nunique()
    expected = digest({EVENTS: events})
    assert run(str(out)) == (
        f"wrote {len(events)} events of {chats} chats to {out}\ndigest {expected}\n"
    )
    assert json.loads(run(str(out), "--json")) == {
        "path": str(out),
        "events": len(events),
        "chats": chats,
        "digest": expected,
    }


@pytest.mark.parametrize(
    ("arguments", "problem"),
    [
        (["chats.ndjson", "--duration", "2"], "ChatWorkload, duration: '2' is not a duration"),
        (["chats.ndjson", "--hourly", "1;2"], "ChatWorkload, hourly: '1;2' is not numbers"),
        (["chats.ndjson", "--weekly", "1,2"], "ChatWorkload, weekly: [1.0, 2.0] is not 7 numbers"),
        (["chats.ndjson", "--fit", "no.ndjson"], "no.ndjson: there is no such file"),
        (["chats.xlsx"], "the ending '.xlsx' is none of"),
    ],
)
def test_bad_input_is_refused_and_writes_nothing(
    arguments: list[str], problem: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(sl.DataError, match=re.escape(problem)):
        run(*arguments)
    assert list(tmp_path.iterdir()) == []


def test_shards_are_made_one_after_the_other(tmp_path: Path):
    told = json.loads(run(str(tmp_path), "--shards", "3", "--seed", "4", "--json"))
    assert told["shards"] == 3
    events = pd.concat(list(sl.traffic.read_shards(tmp_path)))
    whole = sl.traffic.generate(ChatWorkload(), 4)
    assert sorted(events["external_id"]) == sorted(whole["external_id"])
    assert run(str(tmp_path), "--shards", "3", "--seed", "4") == f"wrote 3 files to {tmp_path}\n"
    for shards, said in (("0", "0 is not a number"), ("2", "holds other shards")):
        result = CliRunner().invoke(app, ["generate", str(tmp_path), "--shards", shards])
        assert isinstance(result.exception, sl.DataError)
        assert said in str(result.exception)
    result = CliRunner().invoke(app, ["generate", "-", "--shards", "3"])
    assert str(result.exception) == "OUT: with --shards OUT is a folder, not standard output"
