"""Frames on disk."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING, Never

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from session_lab.frames import empty, whole_file, write_parquet
from session_lab.frames.schema import SCHEMAS
from tests.stories import close, message, play, start

if TYPE_CHECKING:
    from pathlib import Path

FRAMES = ["operations", "sessions", "runs"]


@pytest.mark.parametrize("stop", [KeyboardInterrupt, ValueError, SystemExit])
def test_an_interrupted_write_leaves_nothing(tmp_path: Path, stop: type[BaseException]):
    def write() -> Never:
        with whole_file(tmp_path / "a.txt") as draft:
            draft.write_text("half")
            raise stop

    with pytest.raises(stop):
        write()
    assert list(tmp_path.iterdir()) == []


def test_an_interrupted_write_leaves_the_file_that_stood_there(tmp_path: Path):
    target = tmp_path / "a.txt"
    target.write_text("before")

    def write() -> Never:
        with whole_file(target) as draft:
            draft.write_text("half")
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write()
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]
    assert target.read_text() == "before"


def test_nobody_sees_a_file_before_it_is_whole(tmp_path: Path):
    target = tmp_path / "a.txt"
    with whole_file(target) as draft:
        draft.write_text("all of it")
        assert not target.exists()
    assert target.read_text() == "all of it"
    assert list(tmp_path.iterdir()) == [target]


def test_who_is_reading_the_file_that_stood_there_reads_on(tmp_path: Path):
    target = tmp_path / "a.txt"
    target.write_text("before")
    with target.open() as reader:
        with whole_file(target) as draft:
            draft.write_text("after")
        assert reader.read() == "before"
    assert target.read_text() == "after"


def test_folders_on_the_way_are_made(tmp_path: Path):
    with whole_file(tmp_path / "a" / "b" / "c.txt") as draft:
        draft.write_text("x")
    assert (tmp_path / "a" / "b" / "c.txt").read_text() == "x"


def test_a_written_file_may_be_read_by_whoever_may_read_new_files(tmp_path: Path):
    (tmp_path / "plain.txt").write_text("x")
    with whole_file(tmp_path / "whole.txt") as draft:
        draft.write_text("x")
    modes = {stat.S_IMODE(path.stat().st_mode) for path in tmp_path.iterdir()}
    assert len(modes) == 1


@pytest.fixture
def replay_frames() -> dict[str, pd.DataFrame]:
    history = (start(0, lasting=5, expires_at=70), message(3), message(90), close(91), start(92))
    replay = play(*history).replay
    return {name: getattr(replay, name) for name in FRAMES}


@pytest.mark.parametrize("name", FRAMES)
def test_a_frame_reads_back_from_parquet_with_its_values_and_dtypes(
    tmp_path: Path, replay_frames: dict[str, pd.DataFrame], name: str
):
    frame = replay_frames[name]
    write_parquet(frame, tmp_path / "a.parquet")
    back = pd.read_parquet(tmp_path / "a.parquet")
    assert list(back.columns) == list(frame.columns)
    # What pandas does not read back: that the text of categories is Arrow's, and Arrow's lists.
    for column in frame:
        assert back[column].isna().tolist() == frame[column].isna().tolist()
        assert back[column].dropna().tolist() == frame[column].dropna().tolist()
        if frame[column].dtype != "category" and column != "tags":
            # Older pandas brings text back as Python's.
            assert str(back[column].dtype) == str(frame[column].dtype)


def test_tags_read_back_as_lists(tmp_path: Path):
    frame = empty(SCHEMAS["sessions"])
    frame = frame.reindex(range(3))
    frame["tags"] = pd.Series([["a", "b"], [], None], dtype=pd.ArrowDtype(pa.list_(pa.string())))
    write_parquet(frame[["tags"]], tmp_path / "a.parquet")
    tags = pd.read_parquet(tmp_path / "a.parquet")["tags"]
    assert [None if row is None else list(row) for row in tags] == [["a", "b"], [], None]


@pytest.mark.parametrize("name", SCHEMAS)
def test_an_empty_frame_can_be_written_and_read_back(tmp_path: Path, name: str):
    write_parquet(empty(SCHEMAS[name]), tmp_path / "a.parquet")
    back = pd.read_parquet(tmp_path / "a.parquet")
    assert len(back) == 0
    assert list(back.columns) == list(empty(SCHEMAS[name]).columns)


def test_attributes_travel_in_the_metadata(tmp_path: Path, replay_frames: dict[str, pd.DataFrame]):
    write_parquet(replay_frames["sessions"], tmp_path / "a.parquet")
    metadata = pq.read_schema(tmp_path / "a.parquet").metadata
    observed_at = replay_frames["sessions"].attrs["observed_at"]
    assert json.loads(metadata[b"session_lab"])["observed_at"] == observed_at


def test_equal_frames_make_equal_files(tmp_path: Path, replay_frames: dict[str, pd.DataFrame]):
    for name in ("one", "two"):
        write_parquet(replay_frames["runs"], tmp_path / name)
    assert (tmp_path / "one").read_bytes() == (tmp_path / "two").read_bytes()


def test_an_interrupted_write_of_a_frame_leaves_nothing(
    tmp_path: Path, replay_frames: dict[str, pd.DataFrame], monkeypatch: pytest.MonkeyPatch
):
    def interrupt(_table: pa.Table, draft: Path, **_: object) -> Never:
        draft.write_bytes(b"PAR1 half")
        raise KeyboardInterrupt

    monkeypatch.setattr(pq, "write_table", interrupt)
    with pytest.raises(KeyboardInterrupt):
        write_parquet(replay_frames["runs"], tmp_path / "a.parquet")
    assert list(tmp_path.iterdir()) == []
