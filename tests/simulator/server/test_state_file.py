"""A served world on disk."""

from __future__ import annotations

import sqlite3
import stat
import sys
from typing import TYPE_CHECKING

import pytest

from session_lab.errors import DataError
from session_lab.simulator.api.http_types import Request
from session_lab.simulator.server.state_file import StateFile

if TYPE_CHECKING:
    from pathlib import Path

SETTINGS = {"seed": 0, "environments": [["env_lab", "tr_dev_secret"]]}
APPEND = Request("POST", "/a%2Fb", "x=%20", {"authorization": "Bearer k"}, b"\xff body")
RETRIEVE = Request("GET", "/a")


@pytest.fixture
def path(tmp_path: Path) -> Path:
    return tmp_path / "lab.sqlite"


def kept(path: Path) -> list[tuple[int, Request]]:
    file = StateFile(path, SETTINGS)
    try:
        return list(file.requests())
    finally:
        file.close()


def test_requests_come_back_in_order_byte_for_byte(path: Path):
    file = StateFile(path, SETTINGS)
    file.append(1, APPEND)
    file.append(2, RETRIEVE)
    file.close()
    assert kept(path) == [(1, APPEND), (2, RETRIEVE)]


def test_a_write_is_on_disk_at_once_and_a_read_with_the_next_write(path: Path):
    file = StateFile(path, SETTINGS)
    file.append(1, RETRIEVE)
    assert rows_of_a_copy(path) == []
    file.append(2, APPEND)
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
    file.append(1, APPEND)
    file.compact("the world", n_entries=1)
    file.append(2, RETRIEVE)
    file.close()
    file = StateFile(path, SETTINGS)
    assert (file.snapshot, list(file.requests())) == ("the world", [(2, RETRIEVE)])
    file.close()


def test_a_new_snapshot_pays_when_requests_are_as_many_as_entries_in_the_last(path: Path):
    file = StateFile(path, SETTINGS)
    file.compact("the world", n_entries=1_500)
    for at in range(1_499):
        file.append(at, RETRIEVE)
    assert not file.is_long
    file.append(1_499, RETRIEVE)
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
    with pytest.raises(DataError, match="holds format 99, and this version reads 1"):
        StateFile(path, SETTINGS)


def test_a_place_that_cannot_be_written_is_refused(tmp_path: Path):
    with pytest.raises(DataError, match="cannot be used"):
        StateFile(tmp_path / "missing" / "lab.sqlite", SETTINGS)


@pytest.mark.skipif(sys.platform == "win32", reason="Windows has no such modes")
def test_only_the_owner_can_read_the_file_because_it_holds_keys(path: Path):
    StateFile(path, SETTINGS).close()
    assert stat.S_IMODE(path.stat().st_mode) == stat.S_IRUSR | stat.S_IWUSR
