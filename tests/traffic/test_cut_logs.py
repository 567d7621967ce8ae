"""Windows cut out of running traffic, and what a fit makes of a log that ends, or begins, midway."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd
import pytest

import session_lab as sl
from session_lab.frames import NAT, milliseconds
from session_lab.timing import to_milliseconds
from session_lab.traffic import ChatWorkload, adopt, closeness, fit, generate

MOONCAKE = Path(__file__).parents[2].parent / "shared" / "traces" / "mooncake_conversation.jsonl"
STEADY = ChatWorkload(duration="40h", chats_per_hour=3_000, return_after="1h")


def an_hour_of(workload: ChatWorkload, seed: int) -> pd.DataFrame:
    events = generate(workload, seed)
    begin = pd.Timestamp(workload.start) + pd.Timedelta("38h")
    return events[events["at"].between(begin, begin + pd.Timedelta("1h"))].reset_index(drop=True)


def load(events: pd.DataFrame) -> int:
    return int(events["turn_duration"].notna().sum())


def test_a_window_cut_out_is_fitted_as_what_it_was_cut_out_of():
    cut = an_hour_of(STEADY, 1)
    with pytest.warns(sl.DataWarning, match="chats began before the log"):
        found = fit(cut)
    assert found.chats_per_hour == pytest.approx(3_000, rel=0.05)
    assert found.turns_per_chat == pytest.approx(4, rel=0.05)
    assert found.close_share == pytest.approx(0.4, abs=0.04)
    assert to_milliseconds(found.think_time) == pytest.approx(30_000, rel=0.05)
    assert found.think_spread == pytest.approx(1, rel=0.06)
    # What was drawn once is known to the last turn; what is drawn again differs by chance.
    again = np.mean([load(an_hour_of(replace(found, duration="40h"), seed)) for seed in range(3)])
    assert again == pytest.approx(load(cut), rel=0.03)


def test_closeness_compares_a_window_with_a_window():
    cut = an_hour_of(STEADY, 1)
    close = closeness(STEADY, cut, seed=5)
    table = close.to_frame().set_index("measure")
    turns = table.loc["turns per minute"]
    assert turns["mean_generated"] == pytest.approx(turns["mean_recorded"], rel=0.06)
    assert close.summary()["think (s)"] < 0.03


def test_chats_that_began_before_are_said_with_their_numbers_and_can_be_adopted(tmp_path: Path):
    cut = an_hour_of(replace(STEADY, chats_per_hour=200), 2)
    sl.traffic.write(cut, tmp_path / "hour.parquet")
    with pytest.warns(sl.DataWarning, match=r"\d+ of \d+ chats began before the log, with \d+ of"):
        events = sl.traffic.read(tmp_path / "hour.parquet")
    pd.testing.assert_frame_equal(events, cut)
    with pytest.warns(sl.DataWarning, match="each was given a start"):
        adopted = sl.traffic.read(tmp_path / "hour.parquet", adopt=True)
    pd.testing.assert_frame_equal(adopted, adopt(cut))
    assert 404 in set(sl.replay(cut).operations["status_code"])
    messages = sl.replay(adopted).operations.query("op == 'message'")
    assert 404 not in set(messages["status_code"])
    pd.testing.assert_frame_equal(adopt(adopted), adopted)


def test_a_start_that_is_given_says_nothing_else():
    cut = an_hour_of(replace(STEADY, chats_per_hour=100, expires_after="2h"), 3)
    adopted = adopt(cut)
    given = adopted[~adopted["external_id"].isin(cut.query("op == 'start'")["external_id"])]
    starts = given[given["op"] == "start"]
    assert len(adopted) - len(cut) == len(starts) > 0
    assert starts.drop(columns=["at", "op", "external_id"]).isna().to_numpy().all()
    assert not given.groupby("external_id")["op"].first().isin(["message"]).any()


def test_questions_before_the_answer_ended_are_a_parameter_of_their_own():
    truth = ChatWorkload(duration="20h", chats_per_hour=300, interrupt_share=0.1, return_share=0)
    found = fit(generate(truth, 4))
    assert found.interrupt_share == pytest.approx(0.1, abs=0.01)
    assert found.return_share == 0
    assert to_milliseconds(found.think_time) == pytest.approx(30_000, rel=0.05)


def test_a_few_clamped_thinks_do_not_turn_a_fit_upside_down():
    events = generate(ChatWorkload(duration="10h", chats_per_hour=200, return_share=0), 5)
    plain = fit(events)
    rows = events.index[events["op"] == "message"][:9]
    clamped = events.copy()
    for row in rows:
        chat = events[events["external_id"] == events.loc[row, "external_id"]]
        before = chat.loc[: row - 1].iloc[-1]
        clamped.loc[row, "at"] = before["at"] + before["turn_duration"]
    found = fit(clamped)
    assert found.interrupt_share == pytest.approx(9 / len(events.query("op == 'message'")), rel=0.3)
    assert found.return_share == plain.return_share
    assert to_milliseconds(found.think_time) == pytest.approx(
        to_milliseconds(plain.think_time), rel=0.02
    )
    # What a fit says can be changed, and then it says something else.
    slower = generate(replace(found, think_time="5m"), 1)
    assert fit(slower).think_time != found.think_time


@pytest.mark.parametrize("ended", [True, False], ids=["whole", "cut"])
def test_what_is_clamped_at_the_longest_is_taken_for_longer(ended: bool):  # noqa: FBT001
    truth = ChatWorkload(
        duration="10h", chats_per_hour=200, return_share=0, think_time="40s", think_spread=1.2,
        turn_duration="20s", turn_spread=1.0,
    )  # fmt: skip
    events = generate(truth, 5)
    bounds = {"think": 90_000, "turn": 40_000}
    clamped = _clamped(events, bounds)
    if not ended:
        clamped = clamped[clamped["at"] < clamped["at"].min() + pd.Timedelta("10h")]
    with (
        pytest.warns(sl.DataWarning, match="thinks last exactly 1 min 30 s, the longest"),
        pytest.warns(sl.DataWarning, match="turns last exactly 40 s, the longest"),
    ):
        found = fit(clamped)
    for name, rel in (("think_time", 0.05), ("turn_duration", 0.05)):
        assert to_milliseconds(getattr(found, name)) == pytest.approx(
            to_milliseconds(getattr(truth, name)), rel=rel
        )
    assert found.think_spread == pytest.approx(truth.think_spread, rel=0.1)
    assert found.turn_spread == pytest.approx(truth.turn_spread, rel=0.1)
    assert found.return_share == found.long_turn_share == 0
    assert found.turns_per_chat == pytest.approx(fit(events).turns_per_chat, rel=0.05)


def _clamped(events: pd.DataFrame, bounds: dict[str, int]) -> pd.DataFrame:
    """Cut turns and thinks at bounds, as a recorder does, and move what follows them."""
    made = events.copy()
    at, lasts = milliseconds(events["at"]).copy(), milliseconds(events["turn_duration"]).copy()
    has = lasts != NAT
    short = np.where(has, np.minimum(lasts, bounds["turn"]), lasts)
    for rows in events.groupby("external_id", observed=True).indices.values():
        moved = 0
        for before, here in itertools.pairwise(rows):
            ended = at[before] + (lasts[before] if has[before] else 0)
            think = at[here] - ended
            moved += (lasts[before] - short[before]) if has[before] else 0
            if think > bounds["think"]:
                moved += think - bounds["think"]
            made.loc[events.index[here], "at"] -= pd.Timedelta(int(moved), "ms")
    made["turn_duration"] = pd.Series(short, index=made.index).where(has).astype("timedelta64[ms]")
    return made.sort_values("at", kind="stable", ignore_index=True)


@pytest.mark.skipif(not MOONCAKE.exists(), reason="the published trace is not here")
def test_the_fit_of_the_mooncake_hour_carries_its_load():
    events = sl.traffic.read(MOONCAKE)
    found = fit(events)
    assert 100_000 < to_milliseconds(found.think_time) < 140_000
    assert found.return_share < 0.5
    assert found.interrupt_share == pytest.approx(9 / 3_974, rel=0.01)
    last = events["at"].max()
    loads = [load(drawn[drawn["at"] <= last]) for drawn in (generate(found, n) for n in range(5))]
    assert np.mean(loads) == pytest.approx(len(events), rel=0.03)
    assert closeness(found, events).summary()["gap between arrivals (s)"] < 0.2


# What was recorded


def entry(second: int, *, part_id: str | None = None, status: int = 200, **more: Any) -> Any:
    headers = [] if part_id is None else [{"name": "X-Part-Id", "value": part_id}]
    request = {
        "method": more.get("method", "POST"),
        "url": "https://api.example.com" + more.get("path", "/realtime/v1/sessions/a/in/append"),
        "headers": headers,
        "postData": more.get("body", {"text": "hello"}),
    }
    at = f"2026-01-01T00:00:{second:02}Z"
    content = more.get("content", {})
    response = {"status": status, "content": content}
    return {"startedDateTime": at, "request": request, "response": response}


START = entry(
    0,
    path="/api/v1/sessions",
    status=201,
    body={"text": json.dumps({"externalId": "a", "triggerConfig": {"basePayload": {"message": {}}}})},
)  # fmt: skip


def har(folder: Path, *entries: Any) -> Path:
    path = folder / "calls.har"
    path.write_text(json.dumps({"log": {"entries": entries}}))
    return path


def test_attempts_of_one_part_id_are_one_message(tmp_path: Path):
    attempts = [entry(1, part_id="p", status=500), entry(2, part_id="p"), entry(3, part_id="q")]
    with pytest.warns(sl.DataWarning, match="left out 1 further attempts"):
        events = sl.traffic.read(har(tmp_path, START, *attempts))
    assert events["at"].dt.second.tolist() == [0, 1, 3]
    assert events["recorded_status"].tolist() == [201, 200, 200]


@pytest.mark.parametrize("status", [401, 403, 413, 429])
def test_what_the_api_refused_unseen_is_left_out_and_counted(tmp_path: Path, status: int):
    calls = [START, entry(1, part_id="p", status=status), entry(2, part_id="p"), entry(3, status=status)]  # fmt: skip
    with pytest.warns(sl.DataWarning, match="left out 2 calls that the API refused"):
        events = sl.traffic.read(har(tmp_path, *calls))
    assert events["at"].dt.second.tolist() == [0, 2]


def test_bodies_in_base64_are_read_and_those_left_out_are_counted(tmp_path: Path):
    stop = {"text": "eyJraW5kIjogInN0b3AifQ==", "encoding": "base64"}
    answer = {"text": "eyJpZCI6ICJzZXNzaW9uX3gifQ==", "encoding": "base64"}
    path = har(
        tmp_path,
        START,
        entry(1, body=stop),
        entry(2, path="/api/v1/sessions", body={"text": "{}"}, content=answer),
        entry(3, body=None),
    )
    with pytest.warns(sl.DataWarning, match="1 calls have no body that can be read"):
        events = sl.traffic.read(path)
    assert events["op"].tolist() == ["start", "start", "message"]
    assert events["external_id"].tolist() == ["a", "x", "a"]


def test_a_trailing_slash_and_small_letters_drop_no_call(tmp_path: Path):
    path = har(
        tmp_path,
        START,
        entry(1, method="post", path="/realtime/v1/sessions/a/in/append/"),
        entry(2, method="get", path="/api/v1/sessions/a/"),
    )
    assert sl.traffic.read(path)["op"].tolist() == ["start", "message", "retrieve"]


def test_a_browsers_archive_without_any_start_is_said_and_can_be_adopted(tmp_path: Path):
    path = har(tmp_path, entry(1), entry(2))
    with pytest.warns(sl.DataWarning, match="1 of 1 chats began before the log"):
        assert sl.traffic.read(path)["op"].tolist() == ["message"] * 2
    with pytest.warns(sl.DataWarning):
        assert sl.traffic.read(path, adopt=True)["op"].tolist()[0] == "start"


# Any order of rows


@pytest.mark.parametrize("kind", ["ndjson", "mooncake", "burstgpt", "bailian", "journal", "har"])
@pytest.mark.parametrize("seed", range(8))
@pytest.mark.filterwarnings("ignore::session_lab.errors.DataWarning")
def test_any_order_of_rows_gives_the_same_chats(tmp_path: Path, kind: str, seed: int):
    draw = np.random.default_rng(seed)
    times = draw.permutation(80)[:30].tolist()
    head: list[str] = []
    if kind == "mooncake":
        rows = [
            {"timestamp": t // 2 * 2000, "output_length": 1 + t, "hash_ids": [0, t % 5, *range(t % 3), 100 + t]}
            for t in times
        ]  # fmt: skip
    elif kind == "bailian":
        rows = [
            {"chat_id": t, "parent_chat_id": t - 7 if t > 20 else -1, "timestamp": t, "output_length": 5}
            for t in times
        ]  # fmt: skip
    elif kind == "burstgpt":
        head = ["Timestamp,Session ID,Model,Response tokens"]
        rows = [f"{t // 2},{t % 4 or ''},M{t % 3},{t % 9}" for t in times]
    elif kind == "journal":
        rows = [
            {"seq": t, "at": f"2026-01-01T00:00:{t // 4:02}Z", "op": "start", "external_id": f"c{t % 5}", "environment": "e", "status_code": 201, "session_id": "session_1"}
            for t in times
        ]  # fmt: skip
    elif kind == "har":
        rows = [entry(t % 60, path=f"/realtime/v1/sessions/c{t % 4}/in/append") for t in range(30)]
    else:
        rows = [
            {"at": t, "op": "start" if t % 2 else "close", "external_id": f"c{t % 5}"}
            for t in times
        ]
    frames = []
    for some in (rows, [rows[place] for place in draw.permutation(len(rows))]):
        if kind == "har":
            path = har(tmp_path, *some)
        else:
            path = tmp_path / f"log.{'csv' if head else 'jsonl'}"
            lines = [row if isinstance(row, str) else json.dumps(row) for row in some]
            path.write_text("\n".join([*head, *lines]) + "\n")
        frames.append(sl.traffic.read(path, "events" if kind == "ndjson" else kind))
    pd.testing.assert_frame_equal(*frames)


# The format as others write it


def test_mooncake_rows_with_session_ids_delays_and_fractions(tmp_path: Path):
    rows = [
        {"timestamp": 0.4, "session_id": "s", "input_length": 9, "output_length": 50},
        {"delay": 1500.0, "session_id": "s", "input_length": 9, "output_length": 50},
        {"timestamp": 100, "session_id": "t", "input_length": 9, "output_length": 5, "hash_ids": [1, 2]},
        {"timestamp": 200, "input_length": 9, "output_length": 5},
    ]  # fmt: skip
    path = tmp_path / "trace.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    assert sl.traffic.detect(path).format == "mooncake"
    with pytest.warns(sl.DataWarning, match="not in order"):
        events = sl.traffic.read(path)
    assert events["external_id"].tolist() == ["chat-s", "chat-t", "conv-0", "chat-s"]
    assert events["op"].tolist() == ["start", "start", "start", "message"]
    assert (events["at"].iloc[3] - events["at"].iloc[0]) == pd.Timedelta("2.5s")


def test_failed_requests_of_burstgpt_are_left_out_and_counted(tmp_path: Path):
    path = tmp_path / "burst.csv"
    path.write_text("Timestamp,Session ID,Response tokens\n1,7,0\n2,7,9\n3,8,0\n")
    with pytest.warns(sl.DataWarning, match="left out 2 requests that failed"):
        events = sl.traffic.read(path)
    assert events[["op", "external_id"]].to_numpy().tolist() == [["start", "conv-7"]]


@pytest.mark.parametrize(
    "call",
    [
        lambda events: sl.traffic.scale(events, "2"),  # type: ignore[arg-type]
        lambda events: sl.traffic.sample(events, "all", 0),  # type: ignore[arg-type]
        lambda events: sl.replay_live(events, sl.Simulator().client(), speed="2"),  # type: ignore[arg-type]
        lambda events: sl.replay_live(events, sl.Simulator().client(), rate="2"),  # type: ignore[arg-type]
    ],
)
def test_numbers_that_are_texts_are_refused_by_name(call: Any):
    with pytest.raises(sl.DataError, match=r"'(2|all)' is not a"):
        call(generate(ChatWorkload(chats_per_hour=3), 0))


def test_of_many_bad_rows_ten_are_shown(tmp_path: Path):
    path = tmp_path / "log.ndjson"
    path.write_text('{"at": 0, "op": "start", "external_id": "a"}\n' + "{\n" * 5_000)
    with pytest.warns(sl.DataWarning, match="skipped 5000 rows") as caught:
        events = sl.traffic.read(path, skip_bad_rows=True)
    assert str(caught[0].message).endswith("and 4,990 more")
    assert len(events.attrs["bad_rows"]) == 5_000


def test_a_column_named_twice_and_a_very_long_cell(tmp_path: Path):
    path = tmp_path / "log.csv"
    path.write_text("at,op,external_id,at\n0,start,a,1\n")
    with pytest.raises(sl.DataError, match="several columns have this name") as caught:
        sl.traffic.read(path)
    assert (caught.value.source, caught.value.column) == ("log.csv", "at")
    path.write_text(f"at,op,external_id,text\n0,start,a,{'x' * 200_000}\n")
    assert len(sl.traffic.read(path)) == 1
