"""A served world on disk."""

from __future__ import annotations

import os
import sqlite3
import stat
import sys
from typing import TYPE_CHECKING

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from session_lab.errors import DataError
from session_lab.simulator.api.http_types import Request
from session_lab.simulator.server.state_file import KeptRequest, StateFile

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = {"seed": 0, "environments": [["env_lab", "tr_dev_secret"]]}
APPEND = Request("POST", "/a%2Fb", "x=%20", {"authorization": "Bearer k"}, b"\xff body")
RETRIEVE = Request("GET", "/a")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lab.sqlite"


def kept(path: Path) -> list[KeptRequest]:
    file = StateFile(path, SETTINGS)
    try:
        return list(file.requests())
    finally:
        file.close()


def at(instant: int, request: Request) -> KeptRequest:
    return KeptRequest(instant, instant + 7, request)


def test_requests_come_back_in_order_byte_for_byte(path: Path):
    file = StateFile(path, SETTINGS)
    file.append(at(1, APPEND))
    file.append(at(2, RETRIEVE))
    file.close()
    assert kept(path) == [at(1, APPEND), at(2, RETRIEVE)]


def test_a_write_is_on_disk_at_once_and_a_read_with_the_next_write(path: Path):
    file = StateFile(path, SETTINGS)
    file.append(at(1, RETRIEVE))
    assert rows_of_a_copy(path) == []
    file.append(at(2, APPEND))
    assert rows_of_a_copy(path) == [(1, "GET"), (2, "POST")]
    file.close()


def rows_of_a_copy(path: Path) -> list[tuple[int, str]]:
    """Read what a process that starts after a crash of this one would find."""
    copy = path.with_name("copy.sqlite")
    for suffix in ("", "-wal"):
        source = path.with_name(path.name + suffix)
        copy.with_name(copy.name + suffix).write_bytes(source.read_bytes())
    database = sqlite3.connect(copy)
    try:
        return database.execute("SELECT at, method FROM requests ORDER BY seq").fetchall()
    finally:
        database.close()


def test_a_snapshot_takes_the_place_of_the_requests_before_it(path: Path):
    file = StateFile(path, SETTINGS)
    assert file.snapshot is None
    file.append(at(1, APPEND))
    file.compact("the world", n_entries=1)
    file.append(at(2, RETRIEVE))
    file.close()
    file = StateFile(path, SETTINGS)
    assert (file.snapshot, list(file.requests())) == ("the world", [at(2, RETRIEVE)])
    file.close()


def test_a_new_snapshot_pays_when_requests_are_as_many_as_entries_in_the_last(path: Path):
    file = StateFile(path, SETTINGS)
    file.compact("the world", n_entries=1_500)
    for instant in range(1_499):
        file.append(at(instant, RETRIEVE))
    assert not file.is_long
    file.append(at(1_499, RETRIEVE))
    assert file.is_long
    file.close()


def test_only_one_process_can_have_the_file_open(path: Path):
    file = StateFile(path, SETTINGS)
    with pytest.raises(DataError, match="another process has it open"):
        StateFile(path, SETTINGS)
    file.close()
    assert kept(path) == []


def test_a_file_of_other_settings_is_refused_without_showing_them(path: Path):
    StateFile(path, SETTINGS).close()
    other = {"seed": 1, "environments": [["env_lab", "tr_dev_other"]]}
    with pytest.raises(DataError, match="made with another environments, seed") as refusal:
        StateFile(path, other)
    assert "tr_dev" not in str(refusal.value)
    assert kept(path) == []


@pytest.mark.parametrize("content", [b"no database at all" * 100, b"SQLite format 3\0 cut"])
def test_a_file_of_another_kind_is_refused_and_left_alone(path: Path, content: bytes):
    path.write_bytes(content)
    with pytest.raises(DataError, match=r"lab\.sqlite: cannot be used"):
        StateFile(path, SETTINGS)
    assert path.read_bytes() == content


def test_a_file_of_another_format_is_refused(path: Path):
    StateFile(path, SETTINGS).close()
    database = sqlite3.connect(path)
    database.execute("UPDATE world SET format = 99")
    database.commit()
    database.close()
    with pytest.raises(DataError, match="holds format 99, and this version reads 2"):
        StateFile(path, SETTINGS)


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match="cannot be used"):
        StateFile(tmp_path / "missing" / "lab.sqlite", SETTINGS)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_only_the_owner_can_read_the_file_because_it_holds_keys(path: Path):
    StateFile(path, SETTINGS).close()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_a_file_that_others_can_read_is_closed_to_them(path: Path):
    path.touch(0o644)
    path.chmod(0o644)
    file = StateFile(path, SETTINGS)
    file.append(at(1, APPEND))
    log = path.with_name(f"{path.name}-wal")
    assert [stat.S_IMODE(each.stat().st_mode) for each in (path, log)] == [0o600, 0o600]
    file.close()


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such files")
def test_what_keeps_nothing_is_refused_and_left_alone(path: Path):
    os.mkfifo(path)
    path.chmod(0o644)
    with pytest.raises(DataError, match="a device or a pipe, which keeps nothing"):
        StateFile(path, SETTINGS)
    assert stat.S_IMODE(path.stat().st_mode) == 0o644


def test_another_programs_database_is_refused_and_left_alone(path: Path):
    database = sqlite3.connect(path)
    database.execute("CREATE TABLE world (format INTEGER, settings TEXT, snapshot TEXT)")
    database.commit()
    database.close()
    before = path.read_bytes()
    with pytest.raises(DataError, match="a SQLite file of another program"):
        StateFile(path, SETTINGS)
    assert path.read_bytes() == before
    assert [each.name for each in path.parent.iterdir()] == [path.name]


def test_a_copy_without_its_log_is_refused_and_with_it_is_whole(path: Path, tmp_path: Path):
    file = StateFile(path, SETTINGS)
    file.append(at(1, APPEND))
    alone, whole = tmp_path / "alone.sqlite", tmp_path / "whole.sqlite"
    alone.write_bytes(path.read_bytes())
    for suffix in ("", "-wal"):
        whole.with_name(whole.name + suffix).write_bytes(
            path.with_name(path.name + suffix).read_bytes()
        )
    file.close()
    with pytest.raises(DataError, match=r"alone\.sqlite: is a copy .* copy alone\.sqlite-wal too"):
        StateFile(alone, SETTINGS)
    assert kept(whole) == [at(1, APPEND)]
    assert kept(path) == [at(1, APPEND)]
    alone.write_bytes(path.read_bytes())
    assert kept(alone) == [at(1, APPEND)]


@settings(max_examples=60, deadline=None)
@given(st.data())
def test_any_damage_is_refused_in_one_line_or_does_no_harm(
    tmp_path_factory: pytest.TempPathFactory, data: st.DataObject
):
    path = tmp_path_factory.mktemp("damaged") / "lab.sqlite"
    requests = [at(number, APPEND) for number in range(5)]
    file = StateFile(path, SETTINGS)
    file.compact("the world" * 50, n_entries=1)
    for request in requests:
        file.append(request)
    file.close()
    content = bytearray(path.read_bytes())
    for _ in range(data.draw(st.integers(1, 4))):
        place = data.draw(st.integers(0, len(content) - 1))
        content[place] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content[: data.draw(st.integers(1, len(content)))])
    found = opened(path)
    if found != ("the world" * 50, requests):
        assert isinstance(found, str)
        assert str(path) in found
        assert not any(word in found for word in ("\n", "Bearer", "tr_dev"))


def opened(path: Path) -> tuple[str | None, list[KeptRequest]] | str:
    """Read what a file holds, or why it is refused."""
    try:
        file = StateFile(path, SETTINGS)
    except DataError as error:
        return str(error)
    try:
        return file.snapshot, list(file.requests())
    except DataError as error:
        return str(error)
    finally:
        file.close()


@pytest.mark.parametrize(
    "statement",
    [
        "UPDATE world SET beginning = CAST(X'FF' || beginning AS TEXT)",
        "UPDATE requests SET headers = CAST(X'FF' || headers AS TEXT)",
        "UPDATE requests SET headers = '{' || headers",
        "DELETE FROM world",
    ],
)
def test_text_that_is_damaged_is_not_quoted(path: Path, statement: str):
    file = StateFile(path, SETTINGS)
    file.append(at(1, APPEND))
    file.close()
    database = sqlite3.connect(path)
    database.execute(statement)
    database.commit()
    database.close()
    with pytest.raises(DataError, match="is damaged; restore the file") as refusal:
        kept(path)
    assert "tr_dev" not in str(refusal.value)
    assert "Bearer" not in str(refusal.value)
