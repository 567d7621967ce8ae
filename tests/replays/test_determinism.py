"""The same input, seed and version give the same bytes, everywhere and for ever."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pandas as pd
import pytest

import session_lab as sl
from tests.stories import close, message, retrieve, start
from tests.strategies import events_frame

ROOT = Path(__file__).parents[2]

POLICIES = {
    "defaults": (sl.RunPolicy(), sl.Platform()),
    "short turns": (
        sl.RunPolicy(idle_timeout="10ms", turn_timeout="50ms", max_turns=2),
        sl.Platform(turn_duration="7ms"),
    ),
    "slow machines": (
        sl.RunPolicy(idle_timeout="5ms", max_duration="20ms"),
        sl.Platform(boot_time="9ms", resume_time="6ms"),
    ),
    "deploys and crashes": (
        sl.RunPolicy(idle_timeout="20ms", on_deploy="hand_over"),
        sl.Platform(
            turn_duration="3ms",
            crash_rate=0.4,
            boot_time="2ms",
            deploys=["2026-01-01T00:00:00.030Z", "2026-01-01T00:00:00.090Z"],
        ),
    ),
}
GOLDEN: dict[str, list[str]] = {
    "defaults": [
        "0a9e0e45104bc38c34fe902eae8b76c14fa35e7350548913aa30b7ae5b3d336d",
        "4cc0e75245e87505e5734bb908d4352ad3fa54239f7c38876f63864c71a8f406",
    ],
    "short turns": [
        "52936b3d571ce581773562766767d344a6d692791b7c9100da6710463d31923b",
        "62341e06a93e8608e686871c2d2f713bc04f10d39b22b5efa1c83c1c1ee452d5",
    ],
    "slow machines": [
        "d0bc0f9e524cf6e5794b0bed7b437269a7dce69b21688029ec3fa5bd6f7406dc",
        "405052f4f023211abf139559a1c167883b68b9cb8b3927fccab1169757385bb1",
    ],
    "deploys and crashes": [
        "d3fb66ab978a1f81dbda116f66bacbae79fdea6f36118d19ac673f3464dabad3",
        "e07c2680af3a9e2b87997756a87a37d59bdafcd91a64a0933455441cfdc3c8de",
    ],
}
"""Computed once; a change here is a change of what replays mean."""


def history() -> pd.DataFrame:
    """Make a fixed history of four chats that meets every answer of the API."""
    events = events_frame(
        [
            message(0, chat="a"),
            start(1, lasting=12, chat="a"),
            start(1, chat="b"),
            message(4, chat="a"),
            message(5, lasting=9, chat="a"),
            start(9, lasting=4, expires_at=60, chat="日本"),
            start(9, expires_at=8, chat="late"),
            retrieve(10, chat="late"),
            message(33, lasting=8, chat="日本"),
            message(41, chat="b"),
            start(55, chat="a"),
            message(61, chat="日本"),
            close(70, chat="a"),
            message(71, chat="a"),
            start(72, chat="a"),
            start(73, chat="日本"),
            message(140, lasting=15, chat="b"),
            message(141, chat="b"),
            close(142, chat="nobody"),
            close(143, chat="b"),
            close(144, chat="b"),
        ]
    )
    tags = pd.Series([None] * len(events), dtype=object)
    tags[1], tags[2] = ["vip", "ü"], []
    return events.assign(tags=tags, type="chat", task_identifier="support")


def digests(policy: sl.RunPolicy, platform: sl.Platform) -> list[str]:
    """Replay the history to the end and to a horizon."""
    horizons = (None, "2026-01-01T00:00:00.141Z")
    return [
        sl.replay(history(), policy, platform, seed=11, until=until).digest() for until in horizons
    ]


def all_digests() -> dict[str, list[str]]:
    return {name: digests(*both) for name, both in POLICIES.items()}


@pytest.mark.parametrize("name", POLICIES)
def test_a_replay_has_the_digest_it_always_had(name: str):
    assert digests(*POLICIES[name]) == GOLDEN[name]


def test_the_history_meets_every_answer():
    operations = sl.replay(history()).operations
    answers = set(zip(operations["op"], operations["status_code"], strict=True))
    assert answers == {
        ("start", 201),
        ("start", 200),
        ("start", 409),
        ("message", 200),
        ("message", 400),
        ("message", 404),
        ("message", 409),
        ("close", 200),
        ("close", 404),
        ("retrieve", 200),
    }


@pytest.mark.parametrize(
    "environment",
    [
        {"PYTHONHASHSEED": "0", "TZ": "UTC"},
        {"PYTHONHASHSEED": "4711", "TZ": "Pacific/Chatham"},
        {"PYTHONHASHSEED": "random", "TZ": "America/St_Johns", "LC_ALL": "C"},
    ],
    ids=lambda environment: environment["TZ"],
)
def test_neither_hash_seed_nor_time_zone_nor_locale_matters(environment: dict[str, str]):
    path = os.pathsep.join([str(ROOT), *filter(None, sys.path)])
    code = (
        "import json; from tests.replays.test_determinism import all_digests; "
        "print(json.dumps(all_digests()))"
    )
    told = subprocess.run(
        [sys.executable, "-c", code],
        env={**os.environ, **environment, "PYTHONPATH": path},
        check=True,
        capture_output=True,
        text=True,
    ).stdout
    assert json.loads(told) == GOLDEN


def test_neither_unit_nor_zone_nor_index_nor_kind_of_column_of_the_input_matters():
    expected = sl.replay(history(), seed=11).digest()
    other = history().set_axis(range(100, 121))
    other["at"] = other["at"].dt.as_unit("ns").dt.tz_convert("Asia/Tokyo")
    other["expires_at"] = other["expires_at"].dt.as_unit("us")
    other["turn_duration"] = other["turn_duration"].dt.as_unit("ns")
    other["external_id"] = other["external_id"].astype("category")
    other["op"] = other["op"].astype("string[pyarrow]")
    other["type"] = other["type"].astype(object)
    assert sl.replay(other[other.columns[::-1]], seed=11).digest() == expected


def test_another_seed_makes_other_ids_and_nothing_else():
    one, other = (sl.replay(history(), seed=seed) for seed in (1, 2))
    assert one.digest() != other.digest()
    ids = ["session_id", "run_id", "current_run_id"]
    for name in ("operations", "sessions", "runs"):
        left, right = getattr(one, name), getattr(other, name)
        pd.testing.assert_frame_equal(
            left.drop(columns=ids, errors="ignore"), right.drop(columns=ids, errors="ignore")
        )


@pytest.mark.parametrize(
    ("column", "row", "value"),
    [
        ("at", 0, pd.Timestamp("2026-01-01T00:00:00.001Z")),
        ("op", 7, "close"),
        ("external_id", 0, "zz"),
        ("turn_duration", 4, pd.Timedelta("10ms")),
        ("expires_at", 5, pd.Timestamp("2026-01-01T00:00:00.061Z")),
        ("tags", 1, ["vip", "u"]),
        ("type", 1, "call"),
        ("task_identifier", 1, "sales"),
    ],
)
def test_a_change_of_the_input_changes_the_digest(column: str, row: int, value: object):
    events = history()
    events[column] = [
        value if place == row else given for place, given in enumerate(events[column])
    ]
    assert sl.replay(events).digest() != sl.replay(history()).digest()


@pytest.mark.parametrize(
    "change",
    [
        {"idle_timeout": "8ms"},
        {"turn_timeout": "49ms"},
        {"max_turns": 3},
        {"max_duration": "5ms"},
        {"preload_idle_timeout": "3ms"},
        {"preload_timeout": "3ms"},
        {"exit_after_preload_idle": True},
        {"on_deploy": "stay"},
        {"turn_duration": "6ms"},
        {"boot_time": "1ms"},
        {"boot_time": {0: "1ms", 1: "9ms"}},
        {"resume_time": "1ms"},
        {"crash_rate": 1},
        {"deploys": ["2026-01-01T00:00:00.035Z"]},
    ],
    ids=lambda change: next(iter(change)),
)
def test_a_change_of_the_policy_or_the_platform_changes_the_digest(change: dict[str, Any]):
    policy = sl.RunPolicy(
        idle_timeout="10ms", turn_timeout="50ms", max_turns=2, on_deploy="hand_over"
    )
    platform = sl.Platform(turn_duration="7ms", deploys=["2026-01-01T00:00:00.005Z"])
    is_choice = next(iter(change)) in {field.name for field in fields(sl.RunPolicy)}
    changed = (
        (replace(policy, **change), platform)
        if is_choice
        else (policy, replace(platform, **change))
    )
    assert sl.replay(history(), policy, platform).digest() != (
        sl.replay(history(), *changed).digest()
    )
