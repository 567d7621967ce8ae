"""The examples of the pages on logs and exports, as they stand there."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import matplotlib as mpl
import matplotlib.pyplot as plt
import pandas as pd
import pytest
from typer.testing import CliRunner

import session_lab as sl
from session_lab.cli.app import app

PAGES = Path(__file__).parents[1] / "notebooks"
LOG = (PAGES / "from-your-log-to-events.md").read_text(encoding="utf-8")
EXPORT = (PAGES / "from-your-export-to-answers.md").read_text(encoding="utf-8")


@pytest.fixture(autouse=True)
def in_an_empty_folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.chdir(tmp_path)


@pytest.fixture
def events() -> pd.DataFrame:
    return sl.traffic.read(sl.traffic.sample_path("chats.ndjson"))


def blocks(page: str, language: str) -> list[str]:
    return re.findall(rf"^```{language}\n(.*?)^```", page, re.MULTILINE | re.DOTALL)


def ran(code: str, **names: object) -> dict[str, object]:
    exec(code, names)  # noqa: S102  the page's own code
    return names


def run_command(page: str) -> str:
    (command,) = blocks(page, "console")
    words = shlex.split(command.replace("\\\n", " "))
    result = CliRunner().invoke(app, words[1:], catch_exceptions=False)
    assert result.exit_code == 0, result.output
    return result.stdout


def test_a_log_leads_to_a_timeout_by_the_command_and_in_python():
    Path("log.csv").write_text(blocks(LOG, "text")[0], encoding="utf-8")
    told = run_command(LOG)
    assert "recommended: idle_timeout" in told
    with mpl.rc_context({"backend": "agg"}):
        names = ran(blocks(LOG, "python")[0])
        plt.close("all")
    policies = names["policies"]
    assert isinstance(policies, pd.DataFrame)
    assert policies["turns"].tolist() == [3] * 4
    assert policies["wait_mean"].min() > pd.Timedelta("1s")


AT = pd.to_datetime(["2026-01-05T09:00Z", "2026-01-05T09:01Z", "2026-01-05T09:02Z"])
SHAPES: dict[str, dict[str, object]] = {
    "One row a conversation": {
        "df": pd.DataFrame(
            {
                "conversation_hash": ["a", "b"],
                "conversation": [
                    [
                        {"role": "user", "timestamp": None},
                        {"role": "assistant", "timestamp": "2026-01-05T09:00:00Z"},
                        {"role": "user", "timestamp": None},
                        {"role": "assistant", "timestamp": "2026-01-05T09:01:00Z"},
                    ],
                    [{"role": "assistant", "timestamp": "2026-01-05T09:02:00Z"}],
                ],
            }
        )
    },
    "One row a trace": {
        "traces": pd.DataFrame(
            {"timestamp": AT, "sessionId": ["a", "a", "b"], "latency": [1.5, 2.0, 3.0]}
        )
    },
    "One row a span": {
        "turns": pd.DataFrame(
            {
                "startTimeUnixNano": AT.astype("int64"),
                "endTimeUnixNano": AT.astype("int64") + 1_500_000_000,
                "gen_ai.conversation.id": ["a", "a", "b"],
            }
        )
    },
    "One row a message, of users": {
        "log": pd.DataFrame(
            {
                "at": [*AT, *(AT + pd.Timedelta("2s"))],
                "chat": ["a", "a", "b"] * 2,
                "role": ["user"] * 3 + ["assistant"] * 3,
            }
        )
    },
}


@pytest.mark.parametrize("shape", SHAPES)
def test_each_shape_of_a_log_becomes_events(shape: str):
    part = LOG.partition(f"**{shape}")[2]
    assert part
    found = ran(blocks(part, "python")[0], sl=sl, pd=pd, **SHAPES[shape])["events"]
    assert isinstance(found, pd.DataFrame)
    assert found["op"].tolist() == ["start", "message", "start"]
    assert found["external_id"].tolist() == ["a", "a", "b"]


def test_requests_without_a_chat_become_chats_of_one_turn():
    Path("AzureLLMInferenceTrace_conv.csv").write_text(
        "TIMESTAMP,ContextTokens,GeneratedTokens\n2023-11-16 18:15:46.6805900,374,44\n"
        "2023-11-16 18:15:50.9951690,396,109\n"
    )
    part = LOG.partition("**One row a request")[2]
    found = ran(blocks(part, "python")[0], sl=sl, pd=pd)["events"]
    assert isinstance(found, pd.DataFrame)
    assert found["op"].tolist() == ["start", "start"]


def test_an_export_leads_to_a_report_by_the_command_and_in_python(events: pd.DataFrame):
    tasks = (events["external_id"].str[-1] < "5").map({True: "support", False: "sales"})
    replay = sl.replay(events.assign(task_identifier=tasks).head(400), until="2026-01-01T03:00:00Z")
    sl.write_frame(replay.sessions, "sessions.csv")
    sl.write_frame(replay.runs, "runs.csv")
    run_command(EXPORT)
    assert Path("report.html").read_text(encoding="utf-8").startswith("<!doctype html>")
    names = ran(blocks(EXPORT, "python")[0])
    questions = re.findall(r"\| `(sl\.[^|]*)` \|", EXPORT)
    assert len(questions) == 6
    calls = [call for question in questions for call in question.split("`, `")]
    for call in calls:
        if call != "sl.churn.cost(runs)":  # A replay was charged nothing.
            assert "formula" in dir(eval(call, names))  # noqa: S307  the page's own code


def test_a_table_of_ones_own_becomes_sessions():
    Path("conversations.csv").write_text(
        "id,begun,ended,labels\na,2026-01-05 09:00,2026-01-05 09:30,vip\nb,2026-01-05 09:10,,\n"
    )
    sessions = ran(blocks(EXPORT, "python")[1])["sessions"]
    assert isinstance(sessions, pd.DataFrame)
    assert sessions["status"].tolist() == ["CLOSED", "ACTIVE"]
    assert str(sessions["created_at"].iloc[0]) == "2026-01-05 08:00:00+00:00"
    assert len(sl.validate(sessions)) == 0
