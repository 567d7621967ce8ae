"""The shapes of logs that the page "From your log to events" shows, with rows of our own."""

from __future__ import annotations

import pandas as pd

import session_lab as sl
from session_lab.frames import milliseconds


def test_requests_without_a_chat_are_chats_of_their_own():
    df = pd.DataFrame({"TIMESTAMP": ["2023-11-16 18:15:46.6805900", "2023-11-16 18:15:50.9951690"], "ContextTokens": [374, 396], "GeneratedTokens": [44, 109]}).reset_index(names="request")  # fmt: skip
    names = {"at": "TIMESTAMP", "external_id": "request", "turn_duration": "GeneratedTokens:tokens"}
    events = sl.traffic.from_messages(df, columns=names, zone="UTC")
    assert events["op"].tolist() == ["start", "start"]
    assert milliseconds(events["turn_duration"]).tolist() == [880, 2180]


def test_conversations_with_messages_in_a_list_are_taken_apart():
    at = pd.Timestamp("2023-04-09T00:02:53Z")
    messages = [{"role": "user"}, {"role": "assistant", "timestamp": at}] * 2
    df = pd.DataFrame({"conversation_hash": ["h"], "conversation": [messages]})
    rows = df.explode("conversation")
    parts = pd.json_normalize(rows["conversation"].tolist())
    parts["chat"] = rows["conversation_hash"].to_numpy()
    answers = parts[parts["role"] == "assistant"]
    events = sl.traffic.from_messages(answers, columns={"at": "timestamp", "external_id": "chat"})
    assert events["op"].tolist() == ["start", "message"]


def test_spans_tell_their_ends_in_nanoseconds():
    turns = pd.DataFrame({"startTimeUnixNano": [1_767_225_600_000_000_001], "endTimeUnixNano": [1_767_225_602_500_000_000], "gen_ai.conversation.id": ["c"]})  # fmt: skip
    names = {"at": "startTimeUnixNano:ns", "ended_at": "endTimeUnixNano:ns", "external_id": "gen_ai.conversation.id"}  # fmt: skip
    events = sl.traffic.from_messages(turns, columns=names)
    assert milliseconds(events["turn_duration"]).tolist() == [2_500]


def test_messages_of_users_and_agents_become_turns():
    at = pd.to_datetime(["2026-01-01T09:00:00Z", "2026-01-01T09:00:04Z", "2026-01-01T09:01:00Z"])
    log = pd.DataFrame({"at": at, "chat": "a", "role": ["user", "assistant", "user"]})
    log["question"] = (log["role"] == "user").groupby(log["chat"]).cumsum()
    turns = log[log["question"] > 0].groupby(["chat", "question"], as_index=False).agg(asked=("at", "first"), answered=("at", "last"))  # fmt: skip
    names = {"at": "asked", "ended_at": "answered", "external_id": "chat"}
    events = sl.traffic.from_messages(turns, columns=names)
    assert events["op"].tolist() == ["start", "message"]
    assert milliseconds(events["turn_duration"]).tolist() == [4_000, 0]
