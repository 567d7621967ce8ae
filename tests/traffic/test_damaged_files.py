"""Damaged files of every format: read, or refused with file and place, and both ways alike.

Whole blocks are read by Arrow; where anything in one is odd, its rows are read one by one. The
second way, for all blocks, is what the first is held against.
"""

from __future__ import annotations

import json
import random
import warnings
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import session_lab as sl
from session_lab.traffic.parsing import text_rows

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

WORKLOAD = sl.ChatWorkload(chats_per_hour=12, expires_after="2h", duplicate_start_share=0.3)
EVENTS = sl.traffic.generate(WORKLOAD, 3).head(60)
FORMATS = ("ndjson", "csv", "parquet", "mooncake", "burstgpt", "bailian", "har", "journal")
BAD_VALUES = (
    *("null", "true", "-1", "1.5", "1e400", "NaN", '""', '"\\ud800"', "[]", "{}", '["x", null]'),
    *('"2026-01-01"', '"2026-01-01T00:00:00"', '"2026-01-01T00:00:00+01:00"', "9" * 25, "0.0"),
    *('"session_x"', '"5s"', '"-5s"', "1767258000", '"2026-01-01 00:00:00.123456789Z"', "007"),
)
BAD_LINES = (
    *(b"null", b"{", b"[]", b'"x"', b"", b"  ", b"\xff", b"{}{}", b'{"at": 1}', b"a,b,c", b'"a'),
    *(b'{"at":\n 1}', b"[" * 3000, b'{"a": ' + b"9" * 5000 + b"}", b"\r", b"\x00", b"\xef\xbb\xbf"),
)


def written(folder: Path, kind: str) -> Path:
    path = folder / f"log.{kind if kind in {'ndjson', 'csv', 'parquet', 'har'} else 'jsonl'}"
    if kind == "burstgpt":
        path = folder / "log.csv"
        rows = [f"{n * 1.5},{n % 7},{n / 4},M,9,{n},Conversation log" for n in range(1, 60)]
        header = "Timestamp,Session ID,Elapsed time,Model,Request tokens,Response tokens,Log Type"
        path.write_text("\n".join([header, *rows]) + "\n")
    elif kind in {"ndjson", "csv", "parquet"}:
        sl.traffic.write(EVENTS, path)
    elif kind == "journal":
        sim = sl.Simulator()
        client = sim.client()
        for n in range(8):
            client.sessions.start(
                type="chat.agent", task_identifier="t", external_id=f"c{n}", trigger_config={"base_payload": {}}
            )  # fmt: skip
            client.sessions.append(f"c{n}", "hello")
        sl.traffic.write_journal(sim.journal, path)
    elif kind == "har":
        entries = [
            {
                "startedDateTime": f"2026-01-01T00:00:{n:02}Z",
                "request": {
                    "method": "POST",
                    "url": f"https://a.example/realtime/v1/sessions/c{n % 3}/in/append",
                    "postData": {"text": "hello"},
                },
                "response": {"status": 200},
            }
            for n in range(20)
        ]
        path.write_text(json.dumps({"log": {"entries": entries}}, indent=1))
    else:
        make: Callable[[int], dict[str, Any]] = (
            (lambda n: {"timestamp": n * 1000, "output_length": n, "hash_ids": [0, n % 3, n]})
            if kind == "mooncake"
            else lambda n: {"chat_id": n, "parent_chat_id": n - 4 if n > 4 else -1, "timestamp": n / 8, "output_length": n, "type": "text"}
        )  # fmt: skip
        path.write_text("".join(json.dumps(make(n)) + "\n" for n in range(1, 60)))
    return path


def damage(content: bytes, draw: random.Random) -> bytes:
    """Do to a file what disks, editors and other programs do."""
    data = bytearray(content)
    for _ in range(draw.randint(1, 4)):
        place = draw.randrange(max(len(data), 1))
        what = draw.randrange(8)
        lines = bytes(data).split(b"\n")
        if what == 0 and data:
            data[place] ^= 1 << draw.randrange(8)
        elif what == 1:
            data[place:place] = bytes([draw.randrange(256)])
        elif what == 2:
            del data[place : place + draw.randint(1, 40)]
        elif what == 3:
            lines.insert(draw.randrange(len(lines) + 1), draw.choice(BAD_LINES))
            data = bytearray(b"\n".join(lines))
        elif what == 4:
            one, other = draw.randrange(len(lines)), draw.randrange(len(lines))
            lines[one], lines[other] = lines[other], lines[one]
            data = bytearray(b"\n".join(lines))
        elif what == 5:
            data = data.replace(b"\n", b"\r\n")
        elif what == 6:
            del data[place:]
        else:
            number = draw.randrange(len(lines))
            cells = lines[number].replace(b": ", b":").split(b",")
            cell = draw.randrange(len(cells))
            key, colon, _ = cells[cell].partition(b":")
            cells[cell] = (key + colon if colon else b"") + draw.choice(BAD_VALUES).encode()
            lines[number] = b",".join(cells)
            data = bytearray(b"\n".join(lines))
    return bytes(data)


def outcome(path: Path, options: dict[str, Any]) -> tuple[Any, list[str]]:
    with warnings.catch_warnings(record=True) as caught:
        warnings.simplefilter("always")
        try:
            found: Any = sl.traffic.read(path, **options)
        except sl.DataError as error:
            assert error.source == path.name, error  # noqa: PT017 (either outcome is right)
            found = str(error), error.row, error.column, error.unit
    assert all(issubclass(warning.category, sl.DataWarning) for warning in caught)
    return found, [str(warning.message) for warning in caught]


def alike(one: tuple[Any, list[str]], other: tuple[Any, list[str]]) -> bool:
    if one[1] != other[1] or isinstance(one[0], tuple) or isinstance(other[0], tuple):
        return bool(one[1] == other[1] and type(one[0]) is type(other[0]) and one[0] == other[0])
    pd.testing.assert_frame_equal(one[0], other[0])
    return one[0].attrs == other[0].attrs


def hold_against_rows(folder: Path, kind: str, n: int, patch: pytest.MonkeyPatch) -> dict[str, int]:
    """Damage a file many times; count what came of it."""
    path = written(folder, kind)
    whole = path.read_bytes()
    name = kind if kind not in {"ndjson", "csv", "parquet"} else "events"
    counts = {"read": 0, "refused": 0}
    patch.setattr(text_rows, "BLOCK_SIZE", 2_000)
    for seed in range(n):
        draw = random.Random(f"{kind}/{seed}")
        path.write_bytes(damage(whole, draw))
        options = {"format": name, "skip_bad_rows": draw.random() < 0.5}
        found = outcome(path, options)
        with pytest.MonkeyPatch.context() as rows_alone:
            rows_alone.setattr(text_rows, "json_table", lambda *_, **__: None)
            rows_alone.setattr(text_rows, "csv_table", lambda *_, **__: None)
            expected = outcome(path, options)
        assert alike(found, expected), (kind, seed, found, expected)
        counts["refused" if isinstance(found[0], tuple) else "read"] += 1
    return counts


@pytest.mark.parametrize("kind", FORMATS)
def test_a_damaged_file_is_read_or_refused_with_its_place(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
):
    counts = hold_against_rows(tmp_path, kind, 200, monkeypatch)
    assert min(counts.values()) > 0, counts


@pytest.mark.long
@pytest.mark.parametrize("kind", FORMATS)
def test_many_damaged_files_are_read_or_refused_with_their_place(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
):
    hold_against_rows(tmp_path, kind, 5_000, monkeypatch)


@pytest.mark.parametrize("kind", ["ndjson", "csv", "mooncake", "burstgpt", "bailian"])
def test_a_good_file_is_read_in_blocks_as_its_rows_are(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
):
    path = written(tmp_path, kind)
    monkeypatch.setattr(text_rows, "BLOCK_SIZE", 500)
    with pytest.MonkeyPatch.context() as rows_alone:
        rows_alone.setattr(text_rows, "json_table", lambda *_, **__: None)
        rows_alone.setattr(text_rows, "csv_table", lambda *_, **__: None)
        expected = sl.traffic.read(path)
    if kind in {"ndjson", "csv"}:
        pd.testing.assert_frame_equal(expected, EVENTS.reset_index(drop=True))
    for rows in ("json_records", "_csv_rows"):
        monkeypatch.setattr(text_rows, rows, lambda *_: pytest.fail("not by rows"))
    pd.testing.assert_frame_equal(sl.traffic.read(path), expected)
