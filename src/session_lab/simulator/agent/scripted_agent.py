"""Agents that follow a script: what serves turns in a world without a model and a worker."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from session_lab.errors import SimulationError
from session_lab.mistyped import answer_mistyped_fields
from session_lab.simulator.agent.answers import Answer, silence, write_answer
from session_lab.simulator.agent.replies import (
    Reply,
    check_depth,
    read_replies,
    read_reply,
    refusal,
)
from session_lab.timing import Duration, duration_text, to_milliseconds

if TYPE_CHECKING:
    from session_lab.simulator.agent.agent_turn import AgentTurn

__all__ = ["ScriptedAgent"]

_FIELDS = ("replies", "pace")
_ECHO = Reply(({"echo": True},))


@answer_mistyped_fields
@dataclass(frozen=True, init=False, repr=False)
class ScriptedAgent:
    """An agent that serves the turns of a simulated world by a script.

    It writes on ``out`` what chat clients read: the chunks of a message one after the other, and a
    ``turn-complete`` with a fresh token at the end. Then it trims what lies more than a turn back,
    and keeps the chat's messages in its snapshot, as agents of the SDK do. A ``stop`` on ``in`` ends the turn that is being served. Its turns
    last as long as their script, and runs follow the world's run policy, by default
    ``RunPolicy()``.

    Parameters
    ----------
    replies : "echo", sequence or callable
        ``"echo"`` repeats what the user says. In a sequence the first reply counts whose ``when``
        occurs in the user's text; of those without a ``when`` the first turn of a session has the
        first, and so on, and all further turns have the last. A callable is given an
        :class:`AgentTurn` and returns a reply; it is called once for each turn, when the turn is
        accepted, and only works in the process that made it.
    pace : str or timedelta
        What passes before each word of a text.

    Raises
    ------
    DataError
        The script makes no sense; the error names the place.

    Notes
    -----
    A reply is a text, a step, or a list of them; ``{"when": text, "reply": reply}`` makes it depend
    on what the user says. The steps:

    ============================================ ===================================================
    step                                         what happens
    ============================================ ===================================================
    ``"text"``, ``{"text": ..., "every": ...}``  a text word by word, each after ``every``
    ``{"echo": True}``                           the user's own text
    ``{"reasoning": ...}``                       a text of the model's reasoning
    ``{"wait": "2s"}``                           nothing, for a while
    ``{"tool": name, "input": ..., ...}``        a tool call: ``takes`` so long, then has its
                                                 ``output`` or ``error``; without either it is left
                                                 to the client
    ``{"data": name, "value": ...}``             a data part
    ``{"chunk": {...}}``                         any other chunk, as it is
    ``{"error": "text"}``                        the turn fails, and the run goes on
    ``{"crash": True}``                          the run dies without a word
    ``{"upgrade": True}``                        first of all, the turn goes to a run of a new
                                                 version
    ============================================ ===================================================

    An action has no words; only a reply whose ``when`` occurs in its JSON answers it. What only
    boots or ends a run, as a preload, is passed over.

    Examples
    --------
    >>> import session_lab as sl
    >>> agent = ScriptedAgent(["Good day!", [{"wait": "2s"}, "Still here?"]], pace="50ms")
    >>> sim = sl.Simulator(agent=agent)
    >>> client = sim.client()
    >>> config = {"base_payload": {"message": "Hello"}}
    >>> _ = client.sessions.start(
    ...     type="chat", task_identifier="agent", trigger_config=config, external_id="chat-1"
    ... )
    >>> sim.clock.advance("50ms")
    >>> [record.data for record in client.sessions.records("chat-1")][-1]
    {'type': 'text-delta', 'id': 'text-0', 'delta': 'Good'}
    """

    replies: tuple[Reply, ...]
    pace: str
    function: Callable[[AgentTurn], Any] | None

    def __init__(self, replies: object, *, pace: Duration = "0s") -> None:
        function = replies if callable(replies) else None
        if function is not None:
            kept: tuple[Reply, ...] = ()
        else:
            kept = (_ECHO,) if replies == "echo" else read_replies(replies)
        check_depth(pace, "pace")
        try:
            milliseconds = to_milliseconds(pace)
        except ValueError as error:
            raise refusal("pace", str(error.args[0])) from None
        object.__setattr__(self, "function", function)
        object.__setattr__(self, "replies", kept)
        object.__setattr__(self, "pace", duration_text(milliseconds))

    @classmethod
    def of(cls, choice: object) -> ScriptedAgent | None:
        """Return an agent from whatever stands for one.

        That is an agent, ``"echo"``, replies, a callable, or the JSON form; None is none.

        Raises
        ------
        DataError
            It makes no sense; the error names the place.

        Examples
        --------
        >>> ScriptedAgent.of({"replies": ["Hello!"], "pace": "20ms"})
        ScriptedAgent([[{'text': 'Hello!'}]], pace='20 ms')
        """
        if choice is None or isinstance(choice, cls):
            return choice
        if not isinstance(choice, Mapping):
            return cls(choice)
        for name in choice:
            if name not in _FIELDS:
                known = ", ".join(_FIELDS)
                raise refusal(str(name), f"there is no such field of an agent; there are {known}")
        if "replies" not in choice:
            raise refusal("replies", 'is missing; give "echo" or a list of replies')
        return cls(choice["replies"], pace=choice.get("pace", "0s"))

    def to_dict(self) -> dict[str, Any]:
        """Return the agent as JSON values, as ``PUT /_lab/agent`` takes them.

        That of a callable only names it, and nothing can be made of it again.
        """
        if self.function is not None:
            return {"function": self._name(), "pace": self.pace}
        return {"replies": [reply.to_json() for reply in self.replies], "pace": self.pace}

    @classmethod
    def from_dict(cls, document: dict[str, Any] | None) -> ScriptedAgent | None:
        """Read what :meth:`to_dict` wrote; one that was a callable fails in its next turn.

        Raises
        ------
        DataError
            It is not an agent.
        """
        if document is None or "function" not in document:
            return cls.of(document)
        return cls(_Lost(str(document["function"])), pace=document.get("pace", "0s"))

    def answer(self, turn: AgentTurn) -> Answer:
        """Return what the agent does in a turn, which starts at 0.

        Raises
        ------
        SimulationError
            Its callable fails, or returns what is not a reply.
        """
        if not turn.is_answered:
            return silence(turn)
        steps = self._choose(turn) if self.function is None else self._ask(self.function, turn)
        if steps is None:
            return silence(turn)
        return write_answer(steps, turn, to_milliseconds(self.pace))

    def __repr__(self) -> str:
        """Show the script."""
        if self.function is not None:
            script = self._name()
        elif self.replies == (_ECHO,):
            script = repr("echo")
        else:
            script = repr([reply.to_json() for reply in self.replies])
        paced = "" if self.pace == duration_text(0) else f", pace={self.pace!r}"
        return f"ScriptedAgent({script}{paced})"

    def _choose(self, turn: AgentTurn) -> tuple[dict[str, Any], ...] | None:
        heard = turn.text.casefold()
        for reply in self.replies:
            if reply.when is not None and reply.when.casefold() in heard:
                return reply.steps
        if turn.trigger == "action":
            return None
        in_turn = [reply for reply in self.replies if reply.when is None]
        return in_turn[min(turn.number, len(in_turn)) - 1].steps

    def _ask(
        self, function: Callable[[AgentTurn], Any], turn: AgentTurn
    ) -> tuple[dict[str, Any], ...] | None:
        try:
            reply = function(turn)
            return None if reply is None else read_reply(reply, f"{self._name()}()")
        except Exception as error:
            message = f"the agent {self._name()} failed in turn {turn.number}: {error!r}"
            raise SimulationError(message) from error

    def _name(self) -> str:
        return str(getattr(self.function, "__qualname__", type(self.function).__qualname__))


class _Lost:
    """Stands for a callable that a snapshot could only name."""

    def __init__(self, name: str) -> None:
        self.__qualname__ = name

    def __call__(self, _turn: AgentTurn) -> object:
        message = f"a snapshot cannot hold the Python function {self.__qualname__}; set it again"
        raise SimulationError(message)
