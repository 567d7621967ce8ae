"""What commands print: within the terminal's width, and whole where nobody watches."""

from __future__ import annotations

import inspect
import io
import re
import sys
from collections import Counter
from typing import TYPE_CHECKING, get_args

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from rich.cells import cell_len

import session_lab as sl
from session_lab.cli.app import main
from session_lab.cli.commands import COMMANDS, module_of
from session_lab.cli.shared.tables import show

if TYPE_CHECKING:
    from pathlib import Path

LOG = str(sl.traffic.sample_path("chats.ndjson"))
WORDS = st.text(st.sampled_from("abcdeßλ漢0-_.$"), min_size=1, max_size=12)
CELLS = st.lists(WORDS, max_size=6).map(" ".join)


class Terminal(io.StringIO):
    def isatty(self) -> bool:
        return True


def shown(*parts: str | tuple[str, ...] | pd.DataFrame, width: int | None) -> list[str]:
    """Return the lines that a terminal of a width gets, or a pipe."""
    with pytest.MonkeyPatch.context() as patch:
        out = io.StringIO() if width is None else Terminal()
        patch.setattr(sys, "stdout", out)
        patch.setenv("COLUMNS", str(width or 30))
        show(*parts)
    return out.getvalue().splitlines()


@st.composite
def tables(draw: st.DrawFn) -> pd.DataFrame:
    names = draw(st.lists(WORDS, min_size=1, max_size=7, unique=True))
    rows = draw(st.lists(st.tuples(*[CELLS] * len(names)), min_size=1, max_size=4))
    return pd.DataFrame(rows, columns=names, dtype=object)


def words(lines: list[str]) -> Counter[str]:
    return Counter(word for line in lines for word in line.split())


@given(tables(), st.integers(18, 120))
def test_a_table_fits_its_terminal_and_no_word_of_it_is_lost_or_broken(
    table: pd.DataFrame, width: int
):
    lines = shown(table, width=width)
    assert max(map(cell_len, lines)) <= width
    told = Counter(word.rstrip(";") for word in words(lines).elements())
    cells = words([str(cell) for row in table.itertuples(index=False) for cell in row])
    assert cells <= told


@given(tables())
def test_through_a_pipe_each_row_of_a_table_is_one_line_with_all_of_it(table: pd.DataFrame):
    head, *rows = shown(table, width=None)
    assert head.split() == list(table.columns)
    assert [line.split() for line in rows] == [
        " ".join(row).split() for row in table.itertuples(index=False)
    ]


def test_a_table_gives_up_the_widest_column_then_a_gap_then_its_columns():
    table = pd.DataFrame(
        {"name": ["idle", "turn"], "runs": [1, 20_000], "what it is": ["as they say", ""]}
    )
    assert shown(table, width=None) == [
        "name    runs  what it is",
        "idle       1  as they say",
        "turn  20,000",
    ]
    assert shown(table, width=20) == [
        "              what",
        "name    runs  it is",
        "idle       1  as",
        "              they",
        "              say",
        "turn  20,000",
    ]
    assert shown(table, width=17)[1] == "name   runs it is"
    assert shown(table, width=14) == [
        "idle",
        "  runs: 1;",
        "  what it is:",
        "  as they say",
        "turn",
        "  runs: 20,000",
    ]


def test_sentences_are_wrapped_between_words_and_those_of_a_list_hang():
    told = ("one sentence of a list", "and another")
    assert shown("a sentence alone", told, width=12) == [
        "a sentence",
        "alone",
        "- one",
        "  sentence",
        "  of a list",
        "- and",
        "  another",
    ]
    assert shown(told, width=None) == ["- one sentence of a list", "- and another"]


def test_what_looks_like_markup_or_an_emoji_stands_as_it_is():
    table = pd.DataFrame({"tag": ["[bold]x[/bold] :smile:"]})
    assert shown("[red]a", table, width=40) == ["[red]a", "tag", "[bold]x[/bold] :smile:"]


@pytest.fixture(name="week", scope="module")
def week_fixture(tmp_path_factory: pytest.TempPathFactory) -> Path:
    events = sl.traffic.generate(sl.ChatWorkload(duration="6h", chats_per_hour=20), seed=1)
    replay = sl.replay(events, platform=sl.Platform(boot_time="2s"), until="2026-01-01T12:00:00Z")
    return sl.Recording.of_replay(replay, events).save(tmp_path_factory.mktemp("week"))


@pytest.mark.parametrize("width", [60, 80, 200])
@pytest.mark.parametrize(
    "command",
    [
        "fit {week}",
        "calibrate {week}",
        "decide {week} --idle-timeout 5s,30s --resamples 100 --draws 2",
        "replay {log} --boot-time 3s --plan hobby",
        "sweep {log} --idle-timeout 5s,30s,2m --turn-timeout 5m,1h",
        "replay --help",
        "--help",
    ],
)
def test_what_a_command_prints_fits_the_terminal(
    command: str,
    width: int,
    week: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
):
    arguments = command.format(week=week, log=LOG).split()
    monkeypatch.setattr(sys, "argv", ["session-lab", *arguments])
    monkeypatch.setattr(sys.stdout, "isatty", lambda: True)
    monkeypatch.setenv("COLUMNS", str(width))
    with pytest.raises(SystemExit) as ended:
        main()
    assert ended.value.code in {0, None, 3}
    lines = re.sub(r"\x1b\[[\d;]*m", "", capsys.readouterr().out).splitlines()
    # A digest stays one word, to be copied.
    assert [line for line in lines if cell_len(line) > width and "digest" not in line] == []


@pytest.mark.parametrize("command", COMMANDS)
def test_a_help_shows_all_that_is_in_it(
    command: str, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
):
    monkeypatch.setenv("COLUMNS", "400")
    monkeypatch.setattr(sys, "argv", ["session-lab", command, "--help"])
    with pytest.raises(SystemExit):
        main()
    shown = " ".join(capsys.readouterr().out.split())
    code = getattr(module_of(command), command)
    hints = [each.annotation for each in inspect.signature(code, eval_str=True).parameters.values()]
    helps = [getattr(one, "help", None) for hint in hints for one in get_args(hint)[1:]]
    for text in [code.__doc__, *filter(None, helps)]:
        assert " ".join(text.split()) in shown
