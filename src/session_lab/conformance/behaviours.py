"""The behaviours of the Sessions API that a client can see, each with the source that states it.

Sources are files of the open-source server, named by their path in its repository, or pages of the
documentation that the SDK brings along.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from session_lab.conformance.api import expect

if TYPE_CHECKING:
    from collections.abc import Callable

    from session_lab.conformance.api import Api

__all__ = ["BEHAVIOURS", "Behaviour"]


class Behaviour(NamedTuple):
    """Something that the API does.

    Attributes
    ----------
    name : str
        What it does, in one sentence.
    source : str
        Where that is stated.
    check : callable
        Tries it; raises ``Differs`` where the API does something else.
    """

    name: str
    source: str
    check: Callable[[Api], None]


_START = "apps/webapp/app/routes/api.v1.sessions.ts"
_SESSION = "apps/webapp/app/routes/api.v1.sessions.$session.ts"
_CLOSE = "apps/webapp/app/routes/api.v1.sessions.$session.close.ts"
_CONTINUE = "apps/webapp/app/routes/api.v1.sessions.$session.end-and-continue.ts"
_SESSIONS = "apps/webapp/app/services/realtime/sessions.server.ts"
_RUNS = "apps/webapp/app/services/realtime/sessionRunManager.server.ts"
_APPEND = "apps/webapp/app/routes/realtime.v1.sessions.$session.$io.append.ts"
_CHANNEL = "apps/webapp/app/routes/realtime.v1.sessions.$session.$io.ts"
_CHECKS = "apps/webapp/app/services/routeBuilders/apiBuilder.server.ts"
_KEYS = "internal-packages/rbac/src/bearerCredentials.ts"
_BODIES = "packages/core/src/v3/schemas/api.ts"
_PROTOCOL = "docs/ai-chat/client-protocol.mdx"


def _start_creates(api: Api) -> None:
    _, row = api.begin(metadata={"plan": "pro"})
    expect("isCached", row["isCached"], equals=False)
    expect("metadata", row["metadata"], equals={"plan": "pro"})
    expect("that there is a run", bool(row["runId"]), equals=True)
    expect("that there is a token", bool(row["publicAccessToken"]), equals=True)


def _start_is_idempotent(api: Api) -> None:
    external_id, first = api.begin()
    again = api.start(external_id)
    expect("the status of a second start", again.status, equals=200)
    expect("isCached", again.body["isCached"], equals=True)
    expect("the session of a second start", again.body["id"], equals=first["id"])
    expect("the run of a second start", again.body["runId"], equals=first["runId"])


def _second_start_replaces_the_trigger_config_alone(api: Api) -> None:
    external_id, first = api.begin()
    again = api.start(external_id, tags=["other"], triggerConfig={"basePayload": {"topic": "milk"}})
    expect("tags", again.body["tags"], equals=first["tags"])
    config = again.body["triggerConfig"]
    expect("triggerConfig.basePayload", config["basePayload"], equals={"topic": "milk"})


def _either_id_finds_a_session(api: Api) -> None:
    external_id, row = api.begin()
    for key in (external_id, row["id"]):
        found = api.ask("sessions.retrieve", session=key)
        expect(f"what {key} finds", (found.status, found.body["id"]), equals=(200, row["id"]))


def _missing_session(api: Api) -> None:
    for key in (api.new_id(), "session_missing"):
        answer = api.ask("sessions.retrieve", session=key)
        expect("the status of a session that is not there", answer.status, equals=404)


def _reserved_ids(api: Api) -> None:
    answer = api.start("session_mine")
    expect("the status of an external id that begins with session_", answer.status, equals=400)


def _update_replaces_what_it_names(api: Api) -> None:
    external_id, _ = api.begin(metadata={"plan": "pro"})
    answer = api.ask("sessions.update", {"tags": ["a", "b"]}, session=external_id)
    expect("tags", answer.body["tags"], equals=["a", "b"])
    expect("metadata that the update did not name", answer.body["metadata"], equals={"plan": "pro"})
    answer = api.ask("sessions.update", {"metadata": None}, session=external_id)
    expect("metadata after null", answer.body["metadata"], equals=None)


def _external_ids_stay(api: Api) -> None:
    external_id, _ = api.begin()
    answer = api.ask("sessions.update", {"externalId": api.new_id()}, session=external_id)
    expect("the status of another external id", answer.status, equals=422)


def _close_is_final(api: Api) -> None:
    external_id, _ = api.begin()
    first = api.ask("sessions.close", {"reason": "done"}, session=external_id)
    again = api.ask("sessions.close", {"reason": "again"}, session=external_id)
    expect("the statuses of two closes", (first.status, again.status), equals=(200, 200))
    expect("closedReason after a second close", again.body["closedReason"], equals="done")
    expect("closedAt after a second close", again.body["closedAt"], equals=first.body["closedAt"])


def _closed_ids_are_spent(api: Api) -> None:
    external_id, _ = api.begin()
    api.ask("sessions.close", {}, session=external_id)
    expect("the status of a start on a closed session", api.start(external_id).status, equals=409)


def _closed_sessions_take_no_message(api: Api) -> None:
    external_id, _ = api.begin()
    api.ask("sessions.close", {}, session=external_id)
    answer = api.ask("sessions.append", {"kind": "message"}, session=external_id, io="in")
    expect("the status of an append to a closed session", answer.status, equals=409)
    expect("its code", answer.body.get("code"), equals="session_closed")


def _expired_ids_are_spent(api: Api) -> None:
    external_id = api.new_id()
    past = api.minutes_from_now(-1)
    expect(
        "the status of a start in the past",
        api.start(external_id, expiresAt=past).status,
        equals=409,
    )
    expect("the status of a second start", api.start(external_id).status, equals=409)
    row = api.ask("sessions.retrieve", session=external_id)
    expect("the status of the row that the start left", row.status, equals=200)
    expect("the run of the row that the start left", row.body.get("currentRunId"), equals=None)


def _expired_sessions_take_no_message(api: Api) -> None:
    external_id = api.new_id()
    api.start(external_id, expiresAt=api.minutes_from_now(-1))
    answer = api.ask("sessions.append", {"kind": "message"}, session=external_id, io="in")
    expect("the status of an append to an expired session", answer.status, equals=400)


def _expired_sessions_can_be_closed(api: Api) -> None:
    external_id = api.new_id()
    api.start(external_id, expiresAt=api.minutes_from_now(-1))
    answer = api.ask("sessions.close", {}, session=external_id)
    expect("the status of a close of an expired session", answer.status, equals=200)


def _pages_join_newest_first(api: Api) -> None:
    topic = api.new_id()
    names = [api.begin(type=topic)[0] for _ in range(5)]
    rows = [row.external_id for row in api.client.sessions.list(type=topic, limit=2)]
    expect("the list, joined from pages of two", rows, equals=names[::-1])


def _tags_are_joined_by_or(api: Api) -> None:
    topic = api.new_id()
    odd, _ = api.begin(type=topic, tags=["odd"])
    even, _ = api.begin(type=topic, tags=["even"])
    api.begin(type=topic, tags=["none"])
    rows = api.client.sessions.list(type=topic, tag=["odd", "even"])
    expect("what a filter of two tags lists", [row.external_id for row in rows], equals=[even, odd])


def _status_is_a_filter(api: Api) -> None:
    topic = api.new_id()
    open_id, _ = api.begin(type=topic)
    closed_id, _ = api.begin(type=topic)
    api.ask("sessions.close", {}, session=closed_id)
    for status, expected in (("ACTIVE", [open_id]), ("CLOSED", [closed_id])):
        rows = api.client.sessions.list(type=topic, status=status)
        expect(
            f"what the filter {status} lists", [row.external_id for row in rows], equals=expected
        )


def _two_cursors_are_refused(api: Api) -> None:
    answer = api.request(
        "GET", "/api/v1/sessions", params={"page[after]": "a", "page[before]": "b"}
    )
    expect("the status of a list with two cursors", answer.status, equals=400)


def _page_sizes_are_bounded(api: Api) -> None:
    for size in (0, 101):
        answer = api.request("GET", "/api/v1/sessions", params={"page[size]": size})
        expect(f"the status of a page of {size}", answer.status, equals=400)


def _bodies_are_checked(api: Api) -> None:
    for body in ({}, {"type": 1}, {"type": "", "taskIdentifier": "t", "triggerConfig": {}}):
        answer = api.ask("sessions.start", body)
        expect(f"the status of the body {body}", answer.status, equals=400)
    expect("that the refusal says why", "error" in answer.body, equals=True)


def _at_most_ten_tags(api: Api) -> None:
    answer = api.start(tags=[f"tag-{number}" for number in range(11)])
    expect("the status of eleven tags", answer.status, equals=400)


def _keys_are_checked(api: Api) -> None:
    answer = api.as_holder_of("tr_dev_nobodys", "sessions.retrieve", session=api.new_id())
    expect("the status of a key that is not there", answer.status, equals=401)


def _methods_come_before_keys(api: Api) -> None:
    answer = api.request("DELETE", "/api/v1/sessions")
    expect("the status of a method that the route has not", answer.status, equals=405)


def _tokens_reach_their_session_alone(api: Api) -> None:
    external_id, row = api.begin()
    other, _ = api.begin()
    token = row["publicAccessToken"]
    own = api.as_holder_of(token, "sessions.retrieve", session=external_id)
    expect("the status of a token at its own session", own.status, equals=200)
    for name, body, ids in (
        ("sessions.retrieve", None, {"session": other}),
        ("sessions.list", None, {}),
        ("sessions.close", {"reason": "done"}, {"session": external_id}),
    ):
        answer = api.as_holder_of(token, name, body, **ids)
        expect(f"the status of a token at {name}", answer.status, equals=403)


def _records_are_numbered_from_zero(api: Api) -> None:
    external_id, _ = api.begin()
    for value in ("plain text", {"kind": "message"}):
        api.client.sessions.append(external_id, value)
    records = api.client.sessions.records(external_id, io="in")
    expect("the numbers of two records", [record.seq_num for record in records], equals=[0, 1])
    texts = [record.data for record in records]
    expect("the texts of two records", texts, equals=["plain text", '{"kind":"message"}'])
    later = api.client.sessions.records(external_id, io="in", after=0)
    expect("the numbers after the first", [record.seq_num for record in later], equals=[1])


def _parts_are_stored_once(api: Api) -> None:
    external_id, _ = api.begin()
    for _ in range(2):
        api.client.sessions.append(external_id, "hello", part_id="part-1")
    records = api.client.sessions.records(external_id, io="in")
    expect("how many records two appends of one part leave", len(records), equals=1)


def _streams_go_on_after_an_event(api: Api) -> None:
    external_id, _ = api.begin()
    for number in range(3):
        api.client.sessions.append(external_id, {"number": number})
    stream = api.client.sessions.stream(external_id, io="in", last_event_id=0, timeout="1s")
    expect(
        "what a stream brings after record 0", [record.seq_num for record in stream], equals=[1, 2]
    )


def _unknown_channels(api: Api) -> None:
    records = api.client.sessions.records(api.new_id(), io="in")
    expect("the records under an external id without a session", records, equals=[])
    answer = api.ask("sessions.records", session="session_missing", io="in")
    expect("the status of records of a session that is not there", answer.status, equals=404)


def _a_run_hands_over_once(api: Api) -> None:
    external_id, row = api.begin()
    body = {"callingRunId": row["runId"], "reason": "upgrade"}
    won = api.ask("sessions.end_and_continue", body, session=external_id)
    expect("the first end-and-continue", (won.status, won.body["swapped"]), equals=(200, True))
    lost = api.ask("sessions.end_and_continue", body, session=external_id)
    expect("swapped of the second end-and-continue", lost.body["swapped"], equals=False)
    expect("the run of the second end-and-continue", lost.body["runId"], equals=won.body["runId"])


def _runs_get_the_payload(api: Api) -> None:
    _, row = api.begin()
    run = api.client.runs.retrieve(row["runId"])
    expected = {"topic": "tea", "sessionId": row["id"]}
    expect("the payload of the first run", run.payload, equals=expected)


def _appends_start_a_run_where_none_lives(api: Api) -> None:
    external_id, row = api.begin()
    api.client.runs.cancel(row["runId"])
    api.client.sessions.append(external_id, {"kind": "message"})
    current = api.ask("sessions.retrieve", session=external_id).body["currentRunId"]
    expect(
        "that an append after a cancelled run starts another", current != row["runId"], equals=True
    )
    run = api.client.runs.retrieve(current)
    expect("continuation in the payload", run.payload.get("continuation"), equals=True)


def _missing_runs_are_retried(api: Api) -> None:
    answer = api.ask("runs.retrieve", run="run_missing")
    expect("the status of a run that is not there", answer.status, equals=404)
    expect("its header x-should-retry", answer.headers.get("x-should-retry"), equals="true")


BEHAVIOURS = (
    Behaviour("A start creates a session, its run and a token", _START, _start_creates),
    Behaviour("A second start finds the session", _SESSIONS, _start_is_idempotent),
    Behaviour(
        "A second start replaces the trigger config alone",
        _SESSIONS,
        _second_start_replaces_the_trigger_config_alone,
    ),
    Behaviour("Either id finds a session", _SESSION, _either_id_finds_a_session),
    Behaviour("A session that is not there is a 404", _SESSION, _missing_session),
    Behaviour("External ids do not begin with session_", _BODIES, _reserved_ids),
    Behaviour(
        "An update replaces what it names; null clears", _SESSION, _update_replaces_what_it_names
    ),
    Behaviour("An external id cannot be changed", _SESSION, _external_ids_stay),
    Behaviour("A close is final and the first reason stays", _CLOSE, _close_is_final),
    Behaviour("A closed session cannot be started again", _START, _closed_ids_are_spent),
    Behaviour(
        "A closed session takes no message, and says so by a code",
        _PROTOCOL,
        _closed_sessions_take_no_message,
    ),
    Behaviour(
        "A start that is past its expiry leaves a row without a run", _START, _expired_ids_are_spent
    ),
    Behaviour("An expired session takes no message", _APPEND, _expired_sessions_take_no_message),
    Behaviour("An expired session can be closed", _CLOSE, _expired_sessions_can_be_closed),
    Behaviour("Pages join to a list, newest first", _START, _pages_join_newest_first),
    Behaviour("Several tags are joined by or", _START, _tags_are_joined_by_or),
    Behaviour("The status is a filter", _START, _status_is_a_filter),
    Behaviour("Two cursors at once are refused", _BODIES, _two_cursors_are_refused),
    Behaviour("A page has 1 to 100 rows", _BODIES, _page_sizes_are_bounded),
    Behaviour("Bodies that do not fit are refused with a reason", _CHECKS, _bodies_are_checked),
    Behaviour("A session has at most ten tags", _BODIES, _at_most_ten_tags),
    Behaviour("A key that is not there is a 401", _KEYS, _keys_are_checked),
    Behaviour("A method that a route has not is a 405", _CHECKS, _methods_come_before_keys),
    Behaviour(
        "A session's token reads that session alone", _CHECKS, _tokens_reach_their_session_alone
    ),
    Behaviour("Records are numbered from zero", _CHANNEL, _records_are_numbered_from_zero),
    Behaviour("A part id is stored once", _APPEND, _parts_are_stored_once),
    Behaviour("A stream goes on after the last event", _CHANNEL, _streams_go_on_after_an_event),
    Behaviour(
        "A channel that nobody wrote to is empty; an unknown session has none",
        _CHANNEL,
        _unknown_channels,
    ),
    Behaviour("A run hands its session over once", _CONTINUE, _a_run_hands_over_once),
    Behaviour("A run is given the payload and the session's id", _RUNS, _runs_get_the_payload),
    Behaviour(
        "An append starts a run where none lives", _RUNS, _appends_start_a_run_where_none_lives
    ),
    Behaviour(
        "A run that is not there is a 404 that may be tried again",
        "apps/webapp/app/routes/api.v3.runs.$runParam.ts",
        _missing_runs_are_retried,
    ),
)
"""Every behaviour, in the order in which they are tried."""
