"""The command that tries an API."""

from __future__ import annotations

import json
import socket
import threading
from typing import TYPE_CHECKING, Any

import pytest
import uvicorn

from session_lab.cli import main
from session_lab.simulator.api.auth import Environment
from session_lab.simulator.backend import Backend
from session_lab.simulator.server.app import make_app
from session_lab.simulator.server.sequencer import Sequencer

if TYPE_CHECKING:
    from collections.abc import Iterator


@pytest.fixture
def served(request: pytest.FixtureRequest) -> Iterator[str]:
    """The address of a simulator of a profile."""
    backend = Backend([Environment("env_lab", "tr_dev_local")], profile=request.param)
    config = uvicorn.Config(make_app(Sequencer(backend)), lifespan="off", log_level="error")
    server = uvicorn.Server(config)
    with socket.create_server(("127.0.0.1", 0)) as listener:
        thread = threading.Thread(target=server.run, args=([listener],))
        thread.start()
        yield f"http://127.0.0.1:{listener.getsockname()[1]}"
        server.should_exit = True
        thread.join()


def run(monkeypatch: pytest.MonkeyPatch, *arguments: str) -> int:
    monkeypatch.setattr("sys.argv", ["session-lab", "conformance", *arguments])
    monkeypatch.delenv("TRIGGER_SECRET_KEY", raising=False)
    with pytest.raises(SystemExit) as ended:
        main()
    return int(ended.value.code or 0)


@pytest.mark.parametrize("served", ["2026-10"], indirect=True)
def test_a_server_that_behaves_ends_with_0(
    served: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert run(monkeypatch, served) == 0
    assert capsys.readouterr().out.rstrip().endswith("hold, 0 differ")


@pytest.mark.parametrize("served", ["2026-08"], indirect=True)
def test_a_difference_ends_with_3_and_is_told_as_json(
    served: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    assert run(monkeypatch, served, "--json") == 3
    report: dict[str, Any] = json.loads(capsys.readouterr().out)
    assert report["n_differing"] >= 1
    assert report["url"] == served


@pytest.mark.parametrize(
    ("arguments", "reason"),
    [
        (["http://127.0.0.1:1", "--secret-key", "tr_prod_example"], "production"),
        (["https://api.trigger.dev", "--live", "--secret-key", "tr_prod_example"], "production"),
        (["http://127.0.0.1:1", "--secret-key", " tr_prod_example\n"], "production"),
        (["https://api.trigger.dev"], "add --live"),
        (["localhost:8787"], "is not an address"),
        (["http://127.0.0.1:1"], "127.0.0.1"),
    ],
    ids=[
        "production",
        "live production",
        "production in blanks",
        "not live",
        "no address",
        "nobody there",
    ],
)
def test_what_must_not_be_tried_is_refused_in_one_line(
    arguments: list[str],
    reason: str,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    assert run(monkeypatch, *arguments) == 2
    (line,) = capsys.readouterr().err.splitlines()
    assert reason in line
    assert "tr_prod_example" not in line
