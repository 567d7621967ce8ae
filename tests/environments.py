"""Environments that are filled and then recorded: worlds of every kind, played over HTTP."""

from __future__ import annotations

import contextlib
import json
import random
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import httpx
import pandas as pd

import session_lab as sl
from session_lab.timing import to_instant

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from session_lab.client import Client
    from session_lab.timing import Instant

    Change = Callable[[httpx.Request, Any], Any]

SECRET = "what-users-wrote"


class World:
    """Chats, the policy and the platform that they are played under, drawn from a seed."""

    def __init__(self, seed: int, *, chats_per_hour: float = 8) -> None:
        rng = random.Random(seed)
        self.seed = seed
        self.events = sl.traffic.generate(
            sl.ChatWorkload(
                duration="3h",
                chats_per_hour=chats_per_hour,
                return_share=rng.choice([0, 0.4]),
                return_after="45m",
                expires_after=rng.choice([None, "40m"]),
                close_share=rng.choice([0, 0.6]),
                late_message_share=0.2,
                duplicate_start_share=rng.choice([0, 0.2]),
            ),
            seed=seed,
        )
        starts = self.events["op"] == "start"
        preloads = starts & (self.events.index.to_series() % rng.choice([2, 3, 1_000]) == 1)
        self.events.loc[preloads, "turn_duration"] = pd.NaT
        self.policy = sl.RunPolicy(
            idle_timeout=rng.choice(["5s", "30s", "2m"]),
            turn_timeout=rng.choice(["10m", "1h"]),
            max_turns=rng.choice([2, 5, 100]),
            max_duration=rng.choice([None, "40s"]),
            preload_idle_timeout=rng.choice([None, "10s"]),
            exit_after_preload_idle=rng.choice([False, True]),
            on_deploy=rng.choice(["stay", "hand_over"]),
        )
        self.platform = sl.Platform(
            boot_time=rng.choice([{0: "800ms", 0.5: "2s", 1: "6s"}, "1.5s"]),
            resume_time=rng.choice([{0: "100ms", 1: "1.7s"}, "0s"]),
            crash_rate=rng.choice([0.0, 0.1]),
            deploys=rng.choice([[], ["2026-01-01T01:00:00Z", "2026-01-01T02:10:00Z"]]),
        )
        self.settings: dict[str, Any] = {"policy": self.policy, "platform": self.platform}

    def simulator(self) -> sl.Simulator:
        """Make the world that is to be filled, in process."""
        return sl.Simulator(seed=self.seed, **self.settings)

    def replay(self, events: pd.DataFrame | None = None, until: str | None = None) -> sl.Replay:
        """Replay events under the policy and on the platform."""
        events = self.events if events is None else events
        return sl.replay(events, **self.settings, seed=self.seed, until=until)


def _same(request: httpx.Request, body: Any) -> Any:  # noqa: ARG001
    return body


def tampered(
    sim: sl.Simulator, change: Change = _same, stream: Callable[[str], str] = str
) -> sl.Client:
    """Make a client whose replies are changed; a status in place of a body refuses."""

    def handle(request: httpx.Request) -> httpx.Response:
        reply = sim.transport.handle_request(request)
        body = reply.read()
        if "json" not in reply.headers.get("content-type", ""):
            text = stream(body.decode())
            headers = {name: reply.headers[name] for name in ("content-type", "x-stream-version")}
            return httpx.Response(reply.status_code, headers=headers, text=text)
        found = change(request, json.loads(body))
        if isinstance(found, int):
            return httpx.Response(
                found, json={"error": "refused"}, headers={"x-should-retry": "false"}
            )
        date = {"date": reply.headers["date"]}
        return httpx.Response(reply.status_code, json=found, headers=date)

    transport = httpx.MockTransport(handle)
    return sl.Client("tr_dev_simulated", "http://session-lab", transport=transport, max_retries=0)


def spans(body: Any) -> list[Any]:
    """Return all spans of a trace."""
    found = [body["trace"]["rootSpan"]]
    for span in found:
        found.extend(span["children"])
    return found


def events_of_a_day(rows: Iterable[tuple[str, str, str, int | None]]) -> pd.DataFrame:
    """Make events of times of a day, operations, external ids and durations in milliseconds."""
    events = pd.DataFrame(rows, columns=["at", "op", "external_id", "turn_duration"])
    events["at"] = pd.to_datetime("2026-01-01T" + events["at"] + "Z", utc=True)
    events["turn_duration"] = pd.to_timedelta(events["turn_duration"], unit="ms")
    return events


def play(
    events: pd.DataFrame, client: Client, now: Instant, advance: Callable[[str], object]
) -> None:
    """Do what users did, each thing at its time."""
    clock = to_instant(now)
    for event in events.to_dict("records"):
        at = to_instant(event["at"].to_pydatetime())
        if at > clock:
            advance(f"{at - clock}ms")
            clock = at
        # What is refused here is refused in the replay.
        with contextlib.suppress(sl.APIStatusError):
            _do(client, event)


def _do(client: Client, event: dict[str, Any]) -> None:
    name, span = event["external_id"], event.get("turn_duration", pd.NaT)
    payload = {
        "chatId": name,
        "trigger": "submit-message",
        "message": {"role": "user", "parts": [{"type": "text", "text": SECRET}]},
    }
    if not pd.isna(span):
        payload["sessionLabTurnDuration"] = f"{span // pd.Timedelta(milliseconds=1)}ms"
    match event["op"]:
        case "start":
            preload = {"chatId": name, "trigger": "preload"}
            config = {
                "base_payload": preload if pd.isna(span) else payload,
                "tags": [f"chat:{name}"],
            }
            expires_at = event.get("expires_at", pd.NaT)
            client.sessions.start(
                type="chat.agent",
                task_identifier="agent",
                external_id=name,
                trigger_config=config,
                expires_at=None if pd.isna(expires_at) else expires_at.to_pydatetime(),
            )
        case "message":
            client.sessions.append(name, {"kind": "message", "payload": payload})
        case "close":
            client.sessions.close(name)


def joined(*recordings: sl.Recording) -> sl.Recording:
    """Put recordings of one environment together."""
    frames = {
        name: pd.concat([one.frames[name] for one in recordings], ignore_index=True)
        for name in recordings[0].frames
    }
    return replace(recordings[0], observed_at=recordings[-1].observed_at, **frames)


def renamed(recording: sl.Recording, suffix: str) -> sl.Recording:
    """Return a recording whose ids are all its own."""
    frames = {}
    for name, frame in recording.frames.items():
        ids = [one for one in ("session_id", "run_id", "external_id") if one in frame]
        frames[name] = frame.assign(**{one: frame[one] + suffix for one in ids})
    return replace(recording, **frames)
