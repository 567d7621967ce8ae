"""What an agent writes in a turn: the chunks of a chat message, each with its time.

The chunks are those of the AI SDK's UI message stream, as chat clients read them from ``out``.
"""

from __future__ import annotations

import json
import math
import re
from typing import TYPE_CHECKING, Any, NamedTuple

from session_lab.timing import to_milliseconds

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Iterator, Mapping

    from session_lab.simulator.agent.agent_turn import AgentTurn
    from session_lab.simulator.agent.replies import Step

__all__ = ["Answer", "Part", "cut_short", "silence", "write_answer"]

_MOST_PIECES = 2_000
"""Chunks of one text at most; where it has more words, several come at once."""
_LONGEST_PIECE = 1_000
"""Characters of a word in one chunk; longer words come in several."""


class Part(NamedTuple):
    """One chunk: how many milliseconds after the turn's start it comes, and its JSON."""

    after: int
    chunk: str


class Answer(NamedTuple):
    """What an agent does in one turn.

    Attributes
    ----------
    start : int
        When the turn starts, in milliseconds since 1970.
    duration : int
        How many milliseconds it lasts.
    parts : tuple of Part
        What it writes, in order.
    heard : str
        What the user had written.
    crashes : bool
        Whether the run dies at the end of the turn.
    upgrades : bool
        Whether the run passes the turn on to one of a new version.
    """

    start: int
    duration: int
    parts: tuple[Part, ...]
    heard: str
    crashes: bool = False
    upgrades: bool = False


def silence(turn: AgentTurn) -> Answer:
    """Return the answer that writes nothing and takes no time."""
    return Answer(0, 0, (), turn.text)


def write_answer(steps: Iterable[Step], turn: AgentTurn, pace: int) -> Answer:
    """Write what the steps of a reply come to in a turn.

    Parameters
    ----------
    steps : iterable of Step
        In their canonical form.
    turn : AgentTurn
        What is answered.
    pace : int
        Milliseconds before each piece of text where a step does not say.
    """
    writer = _Writer(turn)
    for step in steps:
        writer.take(step, pace)
    return writer.finish()


def cut_short(answer: Answer, at: int) -> Answer:
    """Return an answer that was stopped at an instant: what was written by then, and an abort."""
    duration = at - answer.start
    written = tuple(part for part in answer.parts if part.after <= duration)
    abort = Part(duration, _json({"type": "abort"}))
    return answer._replace(duration=duration, parts=(*written, abort), crashes=False)


class _Writer:
    """Writes the chunks of one turn and keeps the time."""

    def __init__(self, turn: AgentTurn) -> None:
        self._turn = turn
        self._now = 0
        self._parts: list[Part] = []
        self._n_texts = 0
        self._n_tools = 0
        self._in_step = False
        self._crashes = False
        self._upgrades = False
        self._failed = False

    def take(self, step: Step, pace: int) -> None:
        every = to_milliseconds(step["every"]) if "every" in step else pace
        kind = next(iter(step))
        if kind in {"text", "reasoning"}:
            self._write_text(kind, step[kind], every)
        elif kind == "echo":
            self._write_text("text", self._turn.text, every)
        else:
            _TAKE[kind](self, step)

    def wait(self, step: Step) -> None:
        self._start()
        self._now += to_milliseconds(step["wait"])

    def write_data(self, step: Step) -> None:
        self._write({"type": f"data-{step['data']}", "data": step.get("value")})

    def write_chunk(self, step: Step) -> None:
        self._write(step["chunk"])

    def fail(self, step: Step) -> None:
        self._write({"type": "error", "errorText": step["error"]})
        self._failed = True

    def crash(self, _step: Step) -> None:
        self._crashes = True

    def upgrade(self, _step: Step) -> None:
        self._upgrades = True

    def finish(self) -> Answer:
        if not self._crashes and not self._failed:
            self._start()
            self._end_step()
            self._add({"type": "finish"})
        return Answer(
            0, self._now, tuple(self._parts), self._turn.text, self._crashes, self._upgrades
        )

    def _start(self) -> None:
        if not self._parts:
            turn = self._turn
            name = turn.session_id.removeprefix("session_")
            self._add({"type": "start", "messageId": f"msg_{name}_{turn.number}"})

    def _begin(self) -> None:
        self._start()
        if not self._in_step:
            self._in_step = True
            self._add({"type": "start-step"})

    def _end_step(self) -> None:
        if self._in_step:
            self._in_step = False
            self._add({"type": "finish-step"})

    def _write(self, chunk: dict[str, Any]) -> None:
        self._begin()
        self._add(chunk)

    def _write_text(self, kind: str, text: str, every: int) -> None:
        name = f"{kind}-{self._n_texts}"
        self._n_texts += 1
        self._write({"type": f"{kind}-start", "id": name})
        for piece in _pieces(text):
            self._now += every
            self._write({"type": f"{kind}-delta", "id": name, "delta": piece})
        self._write({"type": f"{kind}-end", "id": name})

    def call_tool(self, step: Step) -> None:
        name = f"call_{self._turn.number}_{self._n_tools}"
        self._n_tools += 1
        call = {"toolCallId": name, "toolName": step["tool"]}
        self._write({"type": "tool-input-start", **call})
        self._write({"type": "tool-input-available", **call, "input": step.get("input", {})})
        self._now += to_milliseconds(step.get("takes", 0))
        made = {"toolCallId": name}
        if "error" in step:
            self._write({"type": "tool-output-error", **made, "errorText": step["error"]})
        elif "output" in step:
            self._write({"type": "tool-output-available", **made, "output": step["output"]})
        self._end_step()

    def _add(self, chunk: dict[str, Any]) -> None:
        self._parts.append(Part(self._now, _json(chunk)))


_TAKE: Mapping[str, Callable[[_Writer, Step], None]] = {
    "wait": _Writer.wait,
    "tool": _Writer.call_tool,
    "data": _Writer.write_data,
    "chunk": _Writer.write_chunk,
    "error": _Writer.fail,
    "crash": _Writer.crash,
    "upgrade": _Writer.upgrade,
}


def _pieces(text: str) -> Iterator[str]:
    """Iterate over a text word by word, blanks with the word behind them."""
    words = re.findall(rf"\s*\S{{1,{_LONGEST_PIECE}}}|\s+\Z", text)
    at_once = max(1, math.ceil(len(words) / _MOST_PIECES))
    for first in range(0, len(words), at_once):
        yield "".join(words[first : first + at_once])


def _json(chunk: dict[str, Any]) -> str:
    return json.dumps(chunk, separators=(",", ":"))
