"""Live replays against the simulator, in virtual time."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import httpx
import matplotlib as mpl
import pandas as pd
import pytest
from hypothesis import given

import session_lab as sl
from session_lab.frames import milliseconds
from session_lab.replays.live import LivePlan, LiveReplay
from session_lab.simulator.faults.rules import FaultRule
from tests.stories import close, message, retrieve, start
from tests.strategies import ORIGIN, events_frame, histories, replays

if TYPE_CHECKING:
    from pathlib import Path

mpl.use("Agg")

STORY = (
    start(0, lasting=5, expires_at=90_000),
    start(1_000, chat="b"),
    message(2_000),
    message(2_500, chat="lost"),
    start(3_000),
    close(4_000, chat="b"),
    message(5_000, chat="b"),
    retrieve(6_000),
    message(60_000),
    message(100_000),
)
CODES = [201, 201, 200, 404, 200, 200, 409, 200, 200, 400]


def recording(*events: Any) -> pd.DataFrame:
    return events_frame(list(events or STORY)).assign(task_identifier="support", type="chat")


def play(
    sim: sl.Simulator, events: pd.DataFrame | None = None, *, client: Any = None, **settings: Any
) -> LiveReplay:
    events = recording() if events is None else events
    return sl.replay_live(events, client or sim.client(), dry_run=False, **settings)


class Line(httpx.BaseTransport):
    """A line to a simulator that breaks at some requests, before or after they are carried out."""

    def __init__(self, sim: sl.Simulator, breaks: dict[int, tuple[str, BaseException]]) -> None:
        self._sim = sim
        self._breaks = breaks
        self.seen = 0

    def handle_request(self, request: httpx.Request) -> httpx.Response:
        self.seen += 1
        when, error = self._breaks.get(self.seen, ("never", None))
        if error is not None and when == "before":
            raise error
        response = self._sim.transport.handle_request(request)
        if error is not None:
            raise error
        return response


def client_over(sim: sl.Simulator, **breaks: tuple[str, BaseException]) -> sl.Client:
    numbered = {int(number.removeprefix("at")): error for number, error in breaks.items()}
    return sim.client(transport=Line(sim, numbered), max_retries=0)


def gone() -> httpx.ReadError:
    return httpx.ReadError("the line is cut")


def turns(sim: sl.Simulator) -> list[tuple[str, str]]:
    """List the chat and text of every message that any session holds."""
    client = sim.client()
    return [
        (session.external_id, record.id)
        for session in client.sessions.list()
        for record in client.sessions.records(session.id, io="in")
    ]


def test_a_dry_run_is_the_default_and_sends_nothing():
    sim = sl.Simulator()
    plan = sl.replay_live(recording(), sim.client(), prefix="t-")
    assert isinstance(plan, LivePlan)
    assert len(sim.journal) == 0
    assert sim.clock.milliseconds() == ORIGIN
    requests = list(plan.requests())
    assert [request.method for request in requests] == ["POST"] * 7 + ["GET"] + ["POST"] * 2
    assert requests[5].url.endswith("/sessions/t-b/close")
    body = json.loads(requests[0].content or b"")
    assert body["externalId"] == "t-a"
    assert body["triggerConfig"]["basePayload"]["trigger"] == "submit-message"
    assert body["triggerConfig"]["tags"] == [f"chat:{body['externalId']}"]
    assert body["expiresAt"] == "2026-01-01T00:01:30.000Z"
    preload = json.loads(requests[1].content or b"")
    assert preload["triggerConfig"]["basePayload"] == {"chatId": "t-b", "trigger": "preload"}
    assert "tr_dev_simulated" not in "".join(f"{request!r}{request.curl()}" for request in requests)
    assert plan.to_frame()["name"].tolist()[:4] == ["t-a", "t-b", "t-a", "t-lost"]
    assert milliseconds(plan.to_frame()["due_at"]).tolist()[:3] == [
        ORIGIN,
        ORIGIN + 1_000,
        ORIGIN + 2_000,
    ]
    assert "10 requests" in repr(plan)


def test_answers_are_those_of_the_rules_and_come_in_the_order_of_the_input():
    events = recording().iloc[::-1].reset_index(drop=True)
    live = play(sl.Simulator(), events)
    assert live.operations["status_code"].tolist() == CODES[::-1]
    assert live.operations["external_id"].tolist() == events["external_id"].tolist()
    assert live.divergence(sl.replay(events)).share == 1
    assert live.operations["is_cached"].dropna().tolist() == [True, False, False]


@replays
@given(history=histories())
def test_in_virtual_time_a_live_replay_answers_as_a_replay_does(history: Any):
    events = events_frame(history).assign(task_identifier="support")
    replay = sl.replay(events)
    live = play(sl.Simulator(), events, close=False)
    columns = ["at", "op", "external_id", "status_code", "error", "is_cached"]
    for name in columns:
        ours, theirs = (
            side.operations[name].astype(object).where(side.operations[name].notna(), None)
            for side in (live, replay)
        )
        assert ours.tolist() == theirs.tolist(), name
    # A start that burns its id at once is refused without a word of the session.
    known, there = (side.operations["session_id"].notna() for side in (live, replay))
    assert (there | ~known).all()
    assert (milliseconds(live.operations["late"]) == 0).all()


def test_virtual_time_passes_as_recorded_and_the_outcome_is_the_same_each_time():
    one, two = sl.Simulator(seed=3), sl.Simulator(seed=3)
    live = [play(sim) for sim in (one, two)]
    assert one.clock.milliseconds() == ORIGIN + 100_000
    assert one.digest() == two.digest()
    pd.testing.assert_frame_equal(live[0].operations, live[1].operations)


def test_speed_makes_it_faster_and_moves_expiries_along():
    sim = sl.Simulator()
    live = play(sim, speed=10)
    assert sim.clock.milliseconds() == ORIGIN + 10_000
    assert live.operations["status_code"].tolist() == CODES


def test_in_the_closed_loop_a_late_answer_delays_what_follows_it():
    events = recording(start(0), message(10), message(20))
    spans = {}
    for loop in ("open", "closed"):
        sim = sl.Simulator(faults=FaultRule(latency="100ms"))
        live = play(sim, events, loop=loop)
        spans[loop] = (milliseconds(live.operations["sent_at"]) - ORIGIN).tolist()
    assert spans == {"open": [0, 100, 200], "closed": [0, 110, 220]}


def test_a_recording_that_carries_outcomes_is_held_against_them():
    events = recording()
    events["recorded_status"] = pd.array([*CODES[:-2], 503, None], dtype="Int64")
    found = play(sl.Simulator(), events).divergence()
    assert (found.compared, found.left_out, found.differing.tolist()) == (9, 1, [8])
    assert found.to_frame().iloc[0].tolist() == ["message", "503", "200", 1, False]
    with pytest.raises(sl.DataError, match="carry no recorded_status"):
        play(sl.Simulator()).divergence()
    with pytest.raises(sl.DataError, match="other events"):
        play(sl.Simulator()).divergence(sl.replay(events.iloc[:3]))


def test_every_chat_that_was_opened_is_closed_at_the_end():
    sim = sl.Simulator()
    live = play(sim, prefix="t-")
    sessions = sim.sessions_frame().set_index("external_id")
    assert sessions["status"].tolist() == ["CLOSED", "CLOSED"]
    assert sessions["closed_reason"].fillna("").to_dict() == {"t-a": "live replay ended", "t-b": ""}
    assert live.left_open == ()


def test_a_chat_whose_start_failed_on_the_server_is_closed_too():
    sim = sl.Simulator()
    sim.trigger_fault = "throw"
    live = play(sim, recording(start(0)), client=sim.client(max_retries=0))
    assert live.operations["status_code"].tolist() == [500]
    assert sim.sessions_frame()["status"].tolist() == ["CLOSED"]


def test_a_chat_whose_start_was_never_answered_is_closed_too():
    sim = sl.Simulator(faults=FaultRule("sessions.start", lost=True, nth=1))
    with pytest.raises(sl.APIConnectionError):
        play(sim, recording(start(0)), client=sim.client(max_retries=0))
    assert sim.sessions_frame()["status"].tolist() == ["CLOSED"]


def test_chats_can_be_left_open():
    sim = sl.Simulator()
    play(sim, recording(start(0)), close=False)
    assert sim.sessions_frame()["status"].tolist() == ["ACTIVE"]


@pytest.mark.parametrize("key", ["tr_prod_x1", "tr_prod_sk_1", "tr_pat_1", "eyJh.e30.x", "secret"])
def test_a_key_that_may_be_one_of_production_is_refused(key: str):
    sim = sl.Simulator(secret_key=key)
    with pytest.raises(sl.DataError, match="allow_production=True") as refusal:
        sl.replay_live(recording(), sim.client())
    assert key not in str(refusal.value)
    assert len(sim.journal) == 0
    plan = sl.replay_live(recording(), sim.client(), allow_production=True)
    assert len(list(plan.requests())) == len(STORY)


@pytest.mark.parametrize("kind", ["dev", "stg", "preview"])
def test_a_key_of_another_environment_is_taken(kind: str):
    client = sl.Simulator(secret_key=f"tr_{kind}_1").client()
    assert isinstance(sl.replay_live(recording(), client), LivePlan)


@pytest.mark.parametrize(
    ("settings", "column"),
    [
        ({"concurrency": 0}, "concurrency"),
        ({"concurrency": 1.5}, "concurrency"),
        ({"rate": 0}, "rate"),
        ({"rate": float("inf")}, "rate"),
        ({"prefix": ""}, "prefix"),
        ({"prefix": "session_"}, "prefix"),
        ({"speed": 0}, "speed"),
        ({"loop": "ring"}, "loop"),
    ],
)
def test_what_cannot_be_done_is_refused_before_anything_is_sent(settings: Any, column: str):
    sim = sl.Simulator()
    with pytest.raises(sl.DataError) as refusal:
        play(sim, **settings)
    assert refusal.value.column == column
    assert len(sim.journal) == 0


def test_an_event_that_breaks_a_limit_is_found_before_the_first_one_is_sent():
    sim = sl.Simulator()
    with pytest.raises(sl.DataError, match="256"):
        play(sim, recording(start(0), start(9, chat="x" * 300)))
    assert len(sim.journal) == 0


def test_a_start_without_a_task_needs_one():
    events = recording().drop(columns="task_identifier")
    with pytest.raises(sl.DataError, match="task_identifier="):
        play(sl.Simulator(), events)
    sim = sl.Simulator()
    play(sim, events, task_identifier="other")
    assert sim.sessions_frame()["task_identifier"].tolist() == ["other", "other"]


def test_a_rate_spaces_the_requests_and_lateness_tells():
    events = recording(*(start(0, chat=str(number)) for number in range(5)))
    live = play(sl.Simulator(), events, rate=2)
    assert milliseconds(live.operations["late"]).tolist() == [0, 500, 1_000, 1_500, 2_000]
    lateness = live.lateness()
    assert lateness.summary()["late"] == {
        "mean": 1_000,
        "p50": 1_000,
        "p90": 2_000,
        "p95": 2_000,
        "p99": 2_000,
        "max": 2_000,
    }
    assert lateness.to_frame()["max"].tolist() == [pd.Timedelta("2s"), pd.Timedelta(0)]
    assert "Lateness" in repr(lateness)
    ax = lateness.plot()
    assert ax.get_label().endswith(
        "p50 1000 ms, p90 2000 ms, p95 2000 ms, p99 2000 ms, max 2000 ms."
    )


@pytest.mark.parametrize("number", range(1, len(STORY) + 1))
@pytest.mark.parametrize("when", ["before", "after"])
def test_a_replay_whose_network_failed_goes_on_with_nothing_lost_or_doubled(
    number: int, when: str, tmp_path: Path
):
    whole = sl.Simulator()
    expected = play(whole, prefix="t-")
    sim, journal = sl.Simulator(), tmp_path / "live.ndjson"
    client = client_over(sim, **{f"at{number}": (when, gone())})
    with pytest.raises(sl.APIConnectionError) as failure:
        play(sim, client=client, prefix="t-", journal=journal)
    assert f"{number - 1} of 10 events" in failure.value.__notes__[0]
    assert "CLOSED" not in sim.sessions_frame().query("external_id == 't-a'")["status"].tolist()

    live = play(sim, journal=journal)

    assert live.n_resumed == number - 1
    assert live.operations["status_code"].tolist() == CODES
    assert live.operations["is_cached"].equals(expected.operations["is_cached"])
    assert sorted(turns(sim)) == sorted(turns(whole))
    assert len(sim.runs_frame()) == len(whole.runs_frame())
    assert sim.sessions_frame()["status"].tolist() == ["CLOSED", "CLOSED"]
    # A third call finds nothing left to do.
    again = play(sim, journal=journal)
    assert again.n_resumed == len(STORY)
    pd.testing.assert_frame_equal(again.operations, live.operations)


@pytest.mark.parametrize("when", ["before", "after"])
def test_a_record_is_looked_up_when_the_server_has_forgotten_its_part_id(when: str, tmp_path: Path):
    sim, journal = sl.Simulator(), tmp_path / "live.ndjson"
    events = recording(start(0), message(5), message(9))
    with pytest.raises(sl.APIConnectionError):
        play(sim, events, client=client_over(sim, at2=(when, gone())), journal=journal)
    sim.clock.advance("6m")
    play(sim, events, journal=journal)
    assert sorted(part for _, part in turns(sim)) == ["replay-1", "replay-2"]


@pytest.mark.parametrize("name", ["live.ndjson", None])
def test_an_interrupt_closes_what_was_opened(name: str | None, tmp_path: Path):
    sim, journal = sl.Simulator(), None if name is None else tmp_path / name
    client = client_over(sim, at5=("after", KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt) as interrupt:
        play(sim, client=client, journal=journal)
    assert sim.sessions_frame()["status"].tolist() == ["CLOSED", "CLOSED"]
    assert "4 of 10 events were answered" in interrupt.value.__notes__[0]
    again = client_over(sim, at3=("after", KeyboardInterrupt()))
    with pytest.raises(KeyboardInterrupt) as interrupt:
        play(sim, client=again, journal=journal)
    # Only the message to a chat that was never started need not be asked again.
    done = 2 if name is None else 3
    assert f"{done} of 10 events were answered" in interrupt.value.__notes__[0]


def test_after_an_interrupt_chats_that_were_cut_short_begin_again_under_a_new_name(tmp_path: Path):
    sim, journal = sl.Simulator(), tmp_path / "live.ndjson"
    events = recording(*STORY, start(200_000, chat="c"))
    for number in (5, 6):
        client = client_over(sim, **{f"at{number}": ("after", KeyboardInterrupt())})
        with pytest.raises(KeyboardInterrupt):
            play(sim, events, client=client, journal=journal, prefix="t-")
    live = play(sim, events, journal=journal)
    assert live.operations["status_code"].tolist() == [*CODES, 201]
    # The second chat was over when the second interrupt came: its own close had been answered.
    assert set(live.operations["name"]) == {"t-a~3", "t-b~2", "t-lost", "t-c"}
    assert (sim.sessions_frame()["status"] == "CLOSED").all()


def test_without_a_journal_a_failure_closes_what_can_be_closed():
    sim = sl.Simulator()
    with pytest.raises(sl.APIConnectionError):
        play(sim, client=client_over(sim, at4=("before", gone())))
    assert sim.sessions_frame()["status"].tolist() == ["CLOSED", "CLOSED"]


def test_chats_that_cannot_be_closed_are_told():
    sim = sl.Simulator()
    breaks = {f"at{number}": ("before", gone()) for number in range(4, 20)}
    with pytest.raises(sl.APIConnectionError) as failure:
        play(sim, client=client_over(sim, **breaks))
    assert "2 chats are left open" in failure.value.__notes__[0]
    breaks = {f"at{number}": ("before", gone()) for number in (3, 4)}
    live = play(sl.Simulator(), recording(start(0), start(1, chat="b")), prefix="t-")
    assert live.left_open == ()
    sim = sl.Simulator()
    live = play(
        sim,
        recording(start(0), start(1, chat="b")),
        client=client_over(sim, **breaks),
        prefix="t-",
    )
    assert live.left_open == ("t-a", "t-b")
    assert "2 chats left open" in repr(live)


def test_a_refused_key_ends_the_replay():
    sim = sl.Simulator()
    client = sim.client(api_key="tr_dev_other")
    with pytest.raises(sl.AuthenticationError):
        play(sim, client=client)


def test_no_key_and_no_token_is_in_the_journal(tmp_path: Path):
    journal = tmp_path / "live.ndjson"
    play(sl.Simulator(secret_key="tr_dev_verysecret"), journal=journal)
    text = journal.read_text()
    assert "verysecret" not in text
    assert "eyJ" not in text
    assert len(text.splitlines()) == 1 + 2 * len(STORY) + 1


def test_a_line_that_was_cut_short_is_forgotten(tmp_path: Path):
    sim, journal = sl.Simulator(), tmp_path / "live.ndjson"
    with pytest.raises(sl.APIConnectionError):
        play(sim, client=client_over(sim, at4=("before", gone())), journal=journal)
    with journal.open("a") as file:
        file.write('{"answered":3,"at":17')
    assert play(sim, journal=journal).operations["status_code"].tolist() == CODES
    assert all(json.loads(line) for line in journal.read_text().splitlines())


def test_a_file_that_is_no_journal_is_refused_and_kept(tmp_path: Path):
    other = tmp_path / "notes.txt"
    other.write_text("my notes")
    with pytest.raises(sl.DataError, match="not a journal"):
        play(sl.Simulator(), journal=other)
    assert other.read_text() == "my notes"


@pytest.mark.parametrize("line", ["not json", '{"sent":1}', "[]", '{"what":1}'])
def test_a_broken_line_of_a_journal_is_named(line: str, tmp_path: Path):
    journal = tmp_path / "live.ndjson"
    play(sl.Simulator(), journal=journal)
    with journal.open("a") as file:
        file.write(f"{line}\n")
    with pytest.raises(sl.DataError) as refusal:
        play(sl.Simulator(), journal=journal)
    assert refusal.value.row == 2 + 2 * len(STORY) + 1


def test_a_journal_belongs_to_its_events_and_its_prefix(tmp_path: Path):
    journal = tmp_path / "live.ndjson"
    play(sl.Simulator(), journal=journal, prefix="t-")
    with pytest.raises(sl.DataError, match="other events"):
        play(sl.Simulator(), recording(start(0)), journal=journal)
    with pytest.raises(sl.DataError, match="has the prefix 't-'"):
        play(sl.Simulator(), journal=journal, prefix="u-")


def test_a_dry_run_shows_what_a_journal_leaves_to_do_and_touches_nothing(tmp_path: Path):
    sim, journal = sl.Simulator(), tmp_path / "live.ndjson"
    sl.replay_live(recording(), sim.client(), journal=journal)
    assert not journal.exists()
    with pytest.raises(sl.APIConnectionError):
        play(sim, client=client_over(sim, at4=("before", gone())), journal=journal, prefix="t-")
    before = journal.read_bytes()
    plan = sl.replay_live(recording(), sim.client(), journal=journal)
    assert plan.rows == list(range(3, 10))
    assert journal.read_bytes() == before


def test_no_events_are_replayed_at_once():
    live = play(sl.Simulator(), recording().iloc[:0])
    assert len(live.operations) == 0
    assert live.lateness().summary() == {"late": {}, "answer": {}}
    assert "0 events" in repr(live)
