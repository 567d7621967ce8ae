"""Plays recorded conversations with the real API against the simulator, without a port.

The format is described beside the recordings: scenarios of steps, in which names such as
``$session1`` stand for generated values. A name means the same value throughout a scenario, and two
names never mean the same; only cursors may change from answer to answer.
"""

from __future__ import annotations

import json
import re
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any
from urllib.parse import quote

from session_lab.simulator.api.auth import Environment, sign
from session_lab.simulator.api.auth.tokens import unverified_claims
from session_lab.simulator.api.http_types import Request, Response
from session_lab.simulator.backend import Backend

if TYPE_CHECKING:
    from collections.abc import Iterator

RECORDINGS = Path(__file__).parents[2] / "shared" / "vectors"
LAB = Environment("env_lab_a", "tr_prod_labkeyA")
PROFILE = "2026-08"
START = "2026-01-01T00:00:00.000Z"

_NAME = re.compile(r"\$(?:(session|run|token|cursor|part)\d+|secret_key|env_id)\b")
_PATH_SAFE = "%:@+"

Document = dict[str, Any]


def scenarios() -> Iterator[tuple[str, Document]]:
    """Iterate over the recorded scenarios, each with its group."""
    for file in sorted(RECORDINGS.glob("*.json")):
        document = json.loads(file.read_text("utf-8"))
        for scenario in document["scenarios"]:
            yield document["group"], scenario


class MismatchError(AssertionError):
    """An answer differs from the recorded one."""


class Player:
    """Plays one scenario from an empty world."""

    def __init__(self, scenario: Document) -> None:
        self._scenario = scenario
        now = scenario.get("now", START)
        self._backend = Backend([LAB], seed=1, now=now, profile=PROFILE)
        self._world = self._backend.world
        self._values = {"$secret_key": LAB.secret_key, "$env_id": LAB.id}

    def play(self) -> None:
        """Play all steps.

        Raises
        ------
        MismatchError
            An answer differs from the recorded one.
        """
        for number, step in enumerate(self._scenario["steps"], 1):
            try:
                self._play_step(step)
            except MismatchError as mismatch:
                asked = step.get("request", {})
                place = f"step {number} {asked.get('method')} {asked.get('path')}"
                raise MismatchError(f"{place} ({step.get('note')}): {mismatch}") from None

    def _play_step(self, step: Document) -> None:
        self._world.clock.advance_to(self._world.now + step.get("advance_ms", 0))
        for forced in step.get("set_run_status", ()):
            self._world.set_run_status(self._filled(forced["run"]), forced["status"])
        if "trigger_fault" in step:
            self._world.trigger_fault = step["trigger_fault"]
        n_entries = len(self._world.journal)
        if "parallel" in step:
            self._check_together(step["parallel"], step["invariants"])
        if "request" in step:
            self._check(step["response"], self._send(step["request"]), has_ties="ties" in step)
            self._check_runs(step.get("runs", []), n_entries)

    def _send(self, asked: Document) -> Response:
        headers = {name.lower(): self._filled(text) for name, text in _headers(asked).items()}
        if "jwt" in asked:
            headers["authorization"] = f"Bearer {self._minted(asked['jwt'])}"
        body = self._filled(_body(asked)).encode("utf-8", "surrogatepass")
        if asked["method"] not in {"GET", "HEAD", "OPTIONS"} and "framing" not in asked:
            headers["content-length"] = str(len(body))
        segments = (quote(self._filled(part), safe=_PATH_SAFE) for part in asked["path"].split("/"))
        query = _NAME.sub(lambda name: quote(self._values[name[0]]), asked.get("query") or "")
        return self._backend.handle(
            Request(asked["method"], "/".join(segments), query, headers, body)
        )

    def _minted(self, token: Document) -> str:
        seconds = self._world.now // 1000
        claims = {
            "iss": "https://id.trigger.dev",
            "aud": "https://api.trigger.dev",
            "iat": seconds,
            **json.loads(self._filled(json.dumps(token["claims"]))),
        }
        if token.get("exp_in_s") is not None:
            claims["exp"] = seconds + token["exp_in_s"]
        return sign(claims, self._filled(token.get("key", "$secret_key")))

    def _filled(self, text: str) -> str:
        return _NAME.sub(lambda name: self._values[name[0]], text)

    def _check(self, expected: Document, response: Response, *, has_ties: bool) -> None:
        _require(expected["status"], response.status, "status", response.body[:300])
        for name, value in expected.get("headers", {}).items():
            _require(self._filled(value), response.headers.get(name), f"header {name}")
        if "body_text" in expected:
            _require(expected["body_text"], response.body.decode(), "body")
        if "body_json" in expected:
            body = json.loads(response.body)
            wanted = expected["body_json"]
            if has_ties:
                wanted, body = _in_one_order(wanted), _in_one_order(body)
            self._match(wanted, body, "body")

    def _check_runs(self, expected: list[Document], n_entries: int) -> None:
        """Check the runs that a request triggered: what they were given, and what became of them.

        Those that lost their claim are in no answer; their names get their values here.
        """
        events = [event for entry in self._world.journal[n_entries:] for event in entry.events]
        triggered = [event.run_id for event in events if event.event == "run_triggered"]
        _require(len(expected), len(triggered), "number of runs triggered")
        for wanted, run_id in zip(expected, triggered, strict=True):
            record = self._world.run(run_id, environment=LAB.id)
            assert record is not None
            shown = {
                "run": record.run_id,
                "taskIdentifier": record.task_identifier,
                "payload": record.payload,
                "options": record.options,
                "status_after": record.run.status,
                "audit_reason": record.reason,
            }
            self._match({name: wanted[name] for name in shown}, shown, "run")

    def _check_together(self, asked: list[Document], invariants: Document) -> None:
        """Check what holds of a set of answers, whatever their order."""
        responses = [self._send(request) for request in asked]
        counts = Counter(str(response.status) for response in responses)
        _require(invariants.get("status_counts", counts), dict(counts), "statuses")
        bodies = [json.loads(response.body) for response in responses if response.status < 300]
        for name in invariants.get("all_equal", ()):
            _require(1, len({json.dumps(body[name]) for body in bodies}), f"values of {name}")
        for name in invariants.get("all_different", ()):
            _require(len(bodies), len({body[name] for body in bodies}), f"values of {name}")
        for name, count in invariants.get("count_true", {}).items():
            _require(count, sum(body[name] is True for body in bodies), f"answers with {name}")
        for name, field in invariants.get("bind", {}).items():
            self._bind(name, bodies[0][field], name)

    def _match(self, expected: Any, actual: Any, place: str) -> None:
        if isinstance(expected, dict) and "$jwt" in expected:
            self._match_token(expected["$jwt"], actual, place)
        elif isinstance(expected, dict) and isinstance(actual, dict):
            _require(sorted(expected), sorted(actual), f"keys of {place}")
            for key, value in expected.items():
                self._match(value, actual[key], f"{place}.{key}")
        elif isinstance(expected, list) and isinstance(actual, list):
            _require(len(expected), len(actual), f"length of {place}", actual)
            for index, value in enumerate(expected):
                self._match(value, actual[index], f"{place}[{index}]")
        elif isinstance(expected, str) and isinstance(actual, str) and _NAME.search(expected):
            self._match_names(expected, actual, place)
        else:
            _require((type(expected), expected), (type(actual), actual), place)

    def _match_token(self, expected: Document, token: str, place: str) -> None:
        self._bind(expected["name"], token, place)
        self._match(expected["claims"], unverified_claims(token), f"{place}.claims")
        header = sign({}, LAB.secret_key).partition(".")[0]
        _require(header, token.partition(".")[0], f"{place}.header")

    def _match_names(self, expected: str, actual: str, place: str) -> None:
        """Match a text in which names stand for values that may not be known yet."""
        unknown: list[str] = []
        pattern = ""
        position = 0
        for name in _NAME.finditer(expected):
            pattern += re.escape(expected[position : name.start()])
            if name[0] in self._values and name[1] != "cursor":
                pattern += re.escape(self._values[name[0]])
            else:
                pattern += "(.+?)"
                unknown.append(name[0])
            position = name.end()
        found = re.fullmatch(pattern + re.escape(expected[position:]), actual, re.DOTALL)
        if found is None:
            raise MismatchError(f"{place} is {actual!r}, not {expected!r}")
        for name, value in zip(unknown, found.groups(), strict=True):
            self._bind(name, value, place)

    def _bind(self, name: str, value: str, place: str) -> None:
        if not name.startswith("$cursor"):
            _require(self._values.get(name, value), value, f"{place} as {name}")
            kind = name.rstrip("0123456789")
            for other, known in self._values.items():
                if other != name and other.startswith(kind) and known == value:
                    raise MismatchError(f"{place} is {value!r} for {name} as it was for {other}")
        self._values[name] = value


def _headers(asked: Document) -> dict[str, str]:
    headers: dict[str, str] = asked.get("headers", {})
    return headers


def _body(asked: Document) -> str:
    if "body_pad" not in asked:
        return str(asked.get("body_raw", ""))
    template = asked["body_pad"]["template"]
    missing = asked["body_pad"]["total_bytes"] - len(template.replace("@PAD@", "").encode())
    return str(template.replace("@PAD@", asked["body_pad"].get("char", "a") * missing))


def _in_one_order(page: Document) -> Document:
    """Order rows that were created at the same instant, for which the API promises no order."""
    rows = sorted(page["data"], key=lambda row: row["externalId"] or "")
    return page | {"data": sorted(rows, key=lambda row: row["createdAt"], reverse=True)}


def _require(expected: object, actual: object, place: str, detail: object = None) -> None:
    if expected != actual:
        shown = "" if detail is None else f": {detail!r}"
        raise MismatchError(f"{place} is {actual!r}, not {expected!r}{shown}")
