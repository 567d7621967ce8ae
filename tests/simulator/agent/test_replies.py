"""Scripts that make no sense are refused, with the place that is wrong."""

from __future__ import annotations

import math
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_lab.errors import DataError
from session_lab.simulator import AgentTurn, ScriptedAgent


def deep(levels: int) -> Any:
    value: Any = 1
    for _ in range(levels):
        value = [value]
    return value


json_values = st.recursive(
    st.none() | st.booleans() | st.integers(-9, 9) | st.floats() | st.text(max_size=4),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(
            st.sampled_from(["when", "reply", "text", "wait", "tool", "error", "crash", "x"]), inner
        )
    ),
    max_leaves=12,
)


@pytest.mark.parametrize(
    ("script", "place"),
    [
        ("Hello", "replies"),
        ([], "replies"),
        (5, "replies"),
        ([5], "replies[0]"),
        (["Hello", ""], "replies[1]"),
        ([["Hello", {}]], "replies[0][1]"),
        ([[["Hello"]]], "replies[0][0]"),
        ([{"say": "Hello"}], "replies[0]"),
        ([{"wait": 5}], "replies[0].wait"),
        ([{"wait": "5"}], "replies[0].wait"),
        ([{"wait": "-5s"}], "replies[0].wait"),
        ([{"text": "Hello", "pace": "5s"}], "replies[0].pace"),
        ([{"text": ["Hello"]}], "replies[0].text"),
        ([{"echo": False}], "replies[0].echo"),
        ([{"tool": "search", "output": math.nan}], "replies[0].output"),
        ([{"tool": "search", "output": {1, 2}}], "replies[0].output"),
        ([{"tool": "search", "output": 1, "error": "no"}], "replies[0].error"),
        ([{"chunk": {"text": "no type"}}], "replies[0].chunk"),
        ([{"chunk": "text"}], "replies[0].chunk"),
        ([[{"error": "broken"}, "more"]], "replies[0][1]"),
        ([[{"crash": True}, "more"]], "replies[0][1]"),
        ([["Hello", {"upgrade": True}]], "replies[0][1]"),
        ([{"when": "", "reply": "x"}, "y"], "replies[0].when"),
        ([{"when": "weather"}, "y"], "replies[0]"),
        ([{"when": "weather", "reply": {"wait": 1}}, "y"], "replies[0].reply.wait"),
        ([{"when": "weather", "reply": "x", "then": "y"}, "y"], "replies[0].then"),
        ([{"when": "weather", "reply": "Sunny."}], "replies"),
        ([{"data": "x", "value": "a" * 2_000_000}], "replies[0]"),
        ([{"tool": "a" * 600_000, "input": "a" * 600_000}], "replies[0]"),
        ([{"tool": "search", "output": deep(101)}], "replies"),
        (deep(100_000), "replies"),
    ],
    ids=lambda value: value if isinstance(value, str) else "script",
)
def test_what_makes_no_sense_is_refused_with_its_place(script: Any, place: str):
    with pytest.raises(DataError) as caught:
        ScriptedAgent(script)
    assert (caught.value.source, caught.value.column) == ("ScriptedAgent", place)


@pytest.mark.parametrize(
    "choice",
    [
        {},
        {"replies": "echo", "speed": 1},
        {"replies": "echo", "pace": 5},
        {"replies": "echo", "pace": deep(9000)},
    ],
)
def test_the_json_form_is_checked_too(choice: Any):
    with pytest.raises(DataError, match="ScriptedAgent"):
        ScriptedAgent.of(choice)


@given(json_values)
def test_any_json_is_an_agent_or_refused(value: Any):
    try:
        agent = ScriptedAgent(value)
    except DataError:
        return
    again = ScriptedAgent.of(agent.to_dict())
    assert again == agent
    assert again.answer(AgentTurn(text="x", number=1)) == agent.answer(
        AgentTurn(text="x", number=1)
    )


def test_a_script_has_one_canonical_form():
    loose = ScriptedAgent(("Hello", {"text": "Bye", "every": "1000ms"}), pace="0.05s")
    strict = ScriptedAgent([[{"text": "Hello"}], [{"text": "Bye", "every": "1 s"}]], pace="50ms")
    assert loose == strict
    assert repr(loose) == repr(strict)
    assert repr(ScriptedAgent("echo")) == "ScriptedAgent('echo')"
