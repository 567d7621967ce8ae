"""The examples of the page on chat backends for tests, as they stand there."""

from __future__ import annotations

import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

import session_lab as sl

if TYPE_CHECKING:
    from session_lab.testing.plugin import SetAgent
    from session_lab.timing import VirtualClock

PAGE = (Path(__file__).parents[1] / "notebooks" / "chat-backend.md").read_text(encoding="utf-8")
TRY = """
import setup from "./session-lab.setup.mjs";
import { advance, lab, reset, setAgent } from "./lab.mjs";

const teardown = await setup();
await reset();
await setAgent({ replies: ["Hello!"], pace: "50ms" });
await fetch(`${process.env.TRIGGER_API_URL}/api/v1/sessions`, {
  method: "POST",
  headers: { authorization: `Bearer ${process.env.TRIGGER_SECRET_KEY}` },
  body: JSON.stringify({
    type: "chat.agent",
    externalId: "chat-1",
    taskIdentifier: "assistant",
    triggerConfig: { basePayload: { message: "Hi" } },
  }),
});
await advance(50);
const { records } = await lab("GET", "/sessions/chat-1");
await teardown();
console.log(JSON.stringify(records.out[0].control));
"""


def blocks(language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", PAGE, re.MULTILINE | re.DOTALL)


def test_the_script_is_an_agent():
    agent = sl.ScriptedAgent.of(json.loads(blocks("json")[0]))
    assert agent is not None
    turn = sl.AgentTurn(text="How is the weather?", number=1)
    assert "four" in str(agent.answer(turn))
    assert "Hello!" in str(agent.answer(sl.AgentTurn(text="Hi", number=1)))


def test_a_script_that_makes_no_sense_is_refused_with_the_place_that_the_page_names():
    with pytest.raises(sl.DataError) as refusal:
        sl.ScriptedAgent(["Hi", [{"wait": 2}]])
    assert f"`{refusal.value.column}`" in PAGE


def test_the_test_for_pytest_passes(
    simulator: sl.Simulator, clock: VirtualClock, scripted_agent: SetAgent
):
    names: dict[str, Any] = {}
    exec(blocks("python")[0], names)  # noqa: S102  the page's own code
    names["test_the_answer_appears"](simulator, clock, scripted_agent)


@pytest.mark.needs_node
def test_the_setup_for_vitest_and_playwright_starts_and_stops_the_server(tmp_path: Path):
    for code in blocks("js"):
        name = re.match(r"// (\S+\.mjs)\n", code)
        if name is not None:
            (tmp_path / name[1]).write_text(code, encoding="utf-8")
    (tmp_path / "try.mjs").write_text(TRY, encoding="utf-8")
    # The command as an installation would have it on the path.
    command = tmp_path / "session-lab"
    code = "from session_lab.cli import main; main()"
    command.write_text(f'#!/bin/sh\nexec "{sys.executable}" -c "{code}" "$@"\n', encoding="utf-8")
    command.chmod(0o755)
    path = f"{tmp_path}{os.pathsep}{os.environ['PATH']}"
    done = subprocess.run(
        ["node", "try.mjs"],
        cwd=tmp_path,
        env={**os.environ, "PATH": path},
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )
    assert (done.stdout.strip(), done.stderr) == ('"turn-complete"', "")
