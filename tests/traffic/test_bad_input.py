"""Recordings that cannot be used: what is wrong, and in which file, row and field."""

from __future__ import annotations

import json
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

import session_lab as sl
from session_lab.errors import DataError, DataWarning

if TYPE_CHECKING:
    from pathlib import Path

# What is in these files is as short as can be, and often there twice or far apart.
pytestmark = pytest.mark.filterwarnings("ignore:.*(repeat another|nothing happens)")

GOOD = {"at": "2026-01-01T00:00:00Z", "op": "start", "external_id": "a"}
DEEP = "[" * 100_000


def written(folder: Path, name: str, *lines: Any) -> Path:
    """Write lines; what is no text and no bytes becomes JSON."""
    path = folder / name
    encoded = [
        line if isinstance(line, bytes) else (line if isinstance(line, str) else json.dumps(line)).encode()
        for line in lines
    ]  # fmt: skip
    path.write_bytes(b"".join(line + b"\n" for line in encoded))
    return path


def refusal(path: Path, **options: Any) -> DataError:
    with pytest.raises(DataError) as caught:
        sl.traffic.read(path, **options)
    return caught.value


def place(error: DataError) -> tuple[str | None, int | None, str | None]:
    return error.source, error.row, error.column


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("{", "not JSON"),
        ("at=5", "not JSON"),
        ('{"at": 5,}', "not JSON"),
        ("[1]", "a list where an object is expected"),
        ("null", "where an object is expected"),
        ('"start"', "where an object is expected"),
        ('{"at": ' + "9" * 5000 + "}", "too large"),
        (DEEP, "too large"),
        (b"\xff\xfe", "not UTF-8 text (byte 1 of the line is 0xff)"),
        (b'{"at": "\xe9t\xe9"}', "not UTF-8 text (byte 9 of the line is 0xe9)"),
    ],
    ids=[
        "cut off",
        "no JSON",
        "comma",
        "list",
        "null",
        "text",
        "number",
        "deep",
        "bytes",
        "latin-1",
    ],
)
def test_a_line_that_is_no_json_object_is_refused_with_its_place(
    tmp_path: Path, line: str | bytes, reason: str
):
    error = refusal(written(tmp_path, "log.jsonl", GOOD, "", line, GOOD))
    assert place(error) == ("log.jsonl", 3, None)
    assert reason in str(error)


def test_a_bad_first_line_is_refused_too(tmp_path: Path):
    for line in ("{", "9" * 5000, DEEP, b"\xff"):
        assert refusal(written(tmp_path, "log.jsonl", line)).row == 1


BAD_FIELDS = [
    ("at", "soon", "is not an ISO 8601 time"),
    ("at", "2026-01-01T00:00:00", "has no time zone"),
    ("at", "2026-01-01", "has no time zone"),
    ("at", "1969-12-31T23:59:59Z", "1970 to 9999"),
    ("at", -1, "1970 to 9999"),
    ("at", 10**30, "1970 to 9999"),
    ("at", "10000-01-01T00:00:00Z", "outside the years 1970 to 9999"),
    ("at", 1.5, "is not a time"),
    ("at", True, "is not a time"),
    ("at", ["2026-01-01T00:00:00Z"], "is not a time"),
    ("at", float("nan"), "is not a time"),
    ("at", "0001-01-01T00:00:00Z", "0001-01-01T00:00:00Z lies outside the years 1970"),
    ("op", "stop", "start, message, close, retrieve"),
    ("op", "Start", "start, message, close, retrieve"),
    ("op", 5, "start, message, close, retrieve"),
    ("op", ["start"], "start, message, close, retrieve"),
    ("external_id", "", "cannot be an external id"),
    ("external_id", "session_x", "cannot be an external id"),
    ("external_id", 1.5, "neither text nor a whole number"),
    ("external_id", True, "neither text nor a whole number"),
    ("external_id", ["a"], "neither text nor a whole number"),
    ("external_id", "\ud800", "half of a character"),
    ("turn_duration", -1, "is negative"),
    ("turn_duration", "-5s", "is negative; a duration is zero or more"),
    ("turn_duration", "5", "is not a duration"),
    ("turn_duration", 2.5, "is not a duration"),
    ("turn_duration", True, "is not a duration"),
    ("turn_duration", [5], "is not a duration"),
    ("turn_duration", float("nan"), "is not a duration"),
    ("turn_duration", float("inf"), "is not a duration"),
    ("turn_duration", 10**30, "longer than a century"),
    ("turn_duration", "36501d", "longer than a century"),
    ("expires_at", "2026-01-01T00:00:00", "has no time zone"),
    ("expires_at", 10**30, "1970 to 9999"),
    ("tags", "x", "is not a list of texts"),
    ("tags", ["x", 5], "5 is not text"),
    ("tags", ["\udfff"], "half of a character"),
    ("type", 5, "is not text"),
    ("task_identifier", ["x"], "is not text"),
]


@pytest.mark.parametrize(("field", "value", "reason"), BAD_FIELDS)
def test_a_field_that_cannot_be_used_is_refused_with_its_place(
    tmp_path: Path, field: str, value: object, reason: str
):
    error = refusal(written(tmp_path, "log.jsonl", GOOD, {**GOOD, field: value}))
    assert place(error) == ("log.jsonl", 2, field)
    assert reason in str(error)


@pytest.mark.parametrize("field", GOOD)
def test_a_missing_field_is_refused_with_those_that_are_there(tmp_path: Path, field: str):
    without = {name: value for name, value in GOOD.items() if name != field}
    error = refusal(written(tmp_path, "log.jsonl", GOOD, without))
    assert place(error) == ("log.jsonl", 2, field)
    assert f"is missing; the row has {', '.join(without)}" in str(error)


@pytest.mark.parametrize("field", GOOD)
def test_a_required_field_must_not_be_null(tmp_path: Path, field: str):
    error = refusal(written(tmp_path, "log.jsonl", GOOD, {**GOOD, field: None}))
    assert place(error) == ("log.jsonl", 2, field)
    assert "is null" in str(error)


@pytest.mark.parametrize(("first", "second"), [("7", 7), (7, "7")])
def test_ids_of_mixed_types_are_refused(tmp_path: Path, first: object, second: object):
    lines = [{**GOOD, "external_id": name} for name in (first, second)]
    error = refusal(written(tmp_path, "log.jsonl", *lines))
    assert place(error) == ("log.jsonl", 2, "external_id")
    assert "7 and '7' may be two chats" in str(error)


# CSV


@pytest.mark.parametrize(
    ("line", "row", "reason"),
    [
        ("0,start", 3, "has 2 fields where the header has 3"),
        ("0,start,a,b", 3, "has 4 fields where the header has 3"),
        ('0,start,"a', 3, "not CSV"),
        ('0,start,"a"b', 3, "not CSV"),
        (b"0,start,\xff", 3, "not UTF-8 text (byte 9 of the line is 0xff)"),
        ("0,stop,a", 3, "'stop' is not an operation"),
        ("soon,start,a", 3, "is not an ISO 8601 time"),
        ("--5,start,a", 3, "is not an ISO 8601 time"),
        ("\u0665,start,a", 3, "is not an ISO 8601 time"),
        ("9" * 5000 + ",start,a", 3, "is not an ISO 8601 time"),
        ("-5,start,a", 3, "1970 to 9999"),
        (",start,a", 3, "is null"),
        ('0,start,"a\nb\nc"\n0,stop,a', 6, "'stop' is not an operation"),
    ],
)
def test_a_bad_line_of_csv_is_refused_with_its_place(
    tmp_path: Path, line: str | bytes, row: int, reason: str
):
    path = written(tmp_path, "log.csv", "at,op,external_id", "0,start,a", line)
    error = refusal(path)
    assert (error.source, error.row) == ("log.csv", row)
    assert reason in str(error)


@pytest.mark.parametrize(
    ("cell", "reason"), [("-5", "is negative"), ("5.5", "is not a duration"), ("5", None)]
)
def test_a_duration_in_csv_is_whole_milliseconds_or_text(
    tmp_path: Path, cell: str, reason: str | None
):
    path = written(tmp_path, "log.csv", "at,op,external_id,turn_duration", f"0,start,a,{cell}")
    if reason is None:
        assert len(sl.traffic.read(path)) == 1
    else:
        assert reason in str(refusal(path))


@pytest.mark.parametrize("cell", ["x", "[", '"{""x"": 1}"', DEEP, "5"])
def test_tags_in_csv_are_a_json_list(tmp_path: Path, cell: str):
    path = written(tmp_path, "log.csv", "at,op,external_id,tags", f"0,start,a,{cell}")
    error = refusal(path)
    assert place(error) == ("log.csv", 2, "tags")
    assert "is not a list of texts" in str(error)


def test_a_table_without_a_required_column_is_refused_with_those_it_has(tmp_path: Path):
    error = refusal(written(tmp_path, "log.csv", "when,op,external_id", "0,start,a"))
    assert place(error) == ("log.csv", 2, "at")
    assert "the row has when, op, external_id" in str(error)


# Parquet


@pytest.fixture
def recording(tmp_path: Path) -> Path:
    path = tmp_path / "log.parquet"
    n = 50
    pq.write_table(
        pa.table(
            {
                "at": pa.array(range(n), pa.timestamp("ms", "UTC")),
                "op": ["start"] * n,
                "external_id": [f"chat-{i}" for i in range(n)],
            }
        ),
        path,
    )
    return path


@pytest.mark.parametrize("kept", [0, 1, 4, 100, -100, -8, -1])
def test_a_truncated_parquet_file_is_refused(recording: Path, kept: int):
    recording.write_bytes(recording.read_bytes()[:kept])
    error = refusal(recording)
    assert place(error) == ("log.parquet", None, None)
    assert "Parquet" in str(error)


@given(st.data())
def test_a_damaged_parquet_file_is_read_or_refused_and_nothing_else(
    tmp_path_factory: Any, data: st.DataObject
):
    path = tmp_path_factory.mktemp("damaged") / "log.parquet"
    pq.write_table(pa.table({"at": [0, 1], "op": ["start"] * 2, "external_id": ["a", "b"]}), path)
    content = bytearray(path.read_bytes())
    place_of_damage = data.draw(st.integers(0, len(content) - 1))
    content[place_of_damage] ^= data.draw(st.integers(1, 255))
    path.write_bytes(content)
    try:
        sl.traffic.read(path)
    except DataError as error:
        assert error.source == "log.parquet"  # noqa: PT017 (either outcome is right)
    except DataWarning:
        pass  # The damage put the events out of order.


@pytest.mark.parametrize(
    ("column", "values", "reason"),
    [
        ("at", [datetime(2026, 1, 1, tzinfo=UTC), None], "is null"),
        ("at", pa.array([0, 1], pa.timestamp("ms")), "has no time zone"),
        ("at", pa.array([0, 1], pa.date32()), "is not a time"),
        ("at", [0.5, 1.5], "is not a time"),
        ("op", ["start", "stop"], "'stop' is not an operation"),
        ("external_id", [0.5, 1.5], "neither text nor a whole number"),
        ("turn_duration", [timedelta(1), timedelta(-1)], "is negative"),
        ("turn_duration", [1.0, float("nan")], "is not a duration"),
        ("tags", ["x", "y"], "is not a list of texts"),
    ],
)
def test_a_bad_value_in_parquet_is_refused_with_its_row(
    tmp_path: Path, column: str, values: Any, reason: str
):
    table = {"at": [0, 1], "op": ["start"] * 2, "external_id": ["a", "b"], column: values}
    pq.write_table(pa.table(table), tmp_path / "log.parquet")
    error = refusal(tmp_path / "log.parquet")
    assert (error.source, error.column) == ("log.parquet", column)
    assert error.row in {0, 1}
    assert reason in str(error)


def test_a_time_in_parquet_that_overflows_is_refused(tmp_path: Path):
    at = pa.array([2**62], pa.timestamp("ms", "UTC"))
    pq.write_table(
        pa.table({"at": at, "op": ["start"], "external_id": ["a"]}), tmp_path / "x.parquet"
    )
    assert refusal(tmp_path / "x.parquet").source == "x.parquet"


# Files and options


def test_a_file_that_is_not_there_is_refused(tmp_path: Path):
    error = refusal(tmp_path / "no.jsonl")
    assert error.source == str(tmp_path / "no.jsonl")
    assert "no such file" in str(error)
    assert "holds no .parquet file" in str(refusal(tmp_path))


def test_an_unknown_format_is_refused_with_the_known_ones(tmp_path: Path):
    error = refusal(written(tmp_path, "log.jsonl", GOOD), format="pcap")
    for known in ("auto", *sl.traffic.FORMATS):
        assert known in str(error)


# Going on after bad rows


def test_bad_rows_are_skipped_on_request_and_all_are_reported(tmp_path: Path):
    path = written(
        tmp_path,
        "log.jsonl",
        GOOD,
        "{",
        {**GOOD, "op": "stop"},
        b"\xff",
        {**GOOD, "external_id": 7},
        {**GOOD, "op": "close"},
        "[]",
    )
    with pytest.warns(DataWarning, match="log.jsonl: skipped 5 rows") as caught:
        events = sl.traffic.read(path, skip_bad_rows=True)
    assert events["op"].tolist() == ["start", "close"]
    message = str(caught[0].message)
    for row in (2, 3, 4, 5, 7):
        assert f"log.jsonl, line {row}" in message
    assert [error.split(":")[0] for error in events.attrs["bad_rows"]] == [
        "log.jsonl, line 2",
        "log.jsonl, line 3, op",
        "log.jsonl, line 4",
        "log.jsonl, line 5, external_id",
        "log.jsonl, line 7",
    ]


def test_a_short_row_of_csv_can_be_skipped(tmp_path: Path):
    path = written(tmp_path, "log.csv", "at,op,external_id", "0,start", "0,start,a", "0,start,a,b")
    with pytest.warns(DataWarning, match="skipped 2 rows"):
        events = sl.traffic.read(path, skip_bad_rows=True)
    assert len(events) == 1


def test_nothing_is_reported_when_nothing_was_skipped(tmp_path: Path):
    events = sl.traffic.read(written(tmp_path, "log.jsonl", GOOD), skip_bad_rows=True)
    assert "bad_rows" not in events.attrs


def test_skipping_and_sorting_are_both_reported(tmp_path: Path):
    path = written(tmp_path, "log.jsonl", {**GOOD, "at": 9}, "{", {**GOOD, "at": 5})
    with pytest.warns(DataWarning) as caught:
        events = sl.traffic.read(path, skip_bad_rows=True)
    assert [str(warning.message).split()[1] for warning in caught] == ["skipped", "the"]
    assert len(events.attrs["bad_rows"]) == 1


def test_a_warning_points_at_the_line_that_asked(tmp_path: Path):
    path = written(tmp_path, "log.jsonl", {**GOOD, "at": 9}, "{", {**GOOD, "at": 5})
    with pytest.warns(DataWarning) as caught:
        sl.traffic.read(path, skip_bad_rows=True)
    assert {warning.filename for warning in caught} == {__file__}


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(),
    lambda inner: st.lists(inner, max_size=3),
    max_leaves=5,
)


@given(
    st.dictionaries(
        st.sampled_from([*GOOD, "turn_duration", "expires_at", "tags", "type"]), json_values
    )
)
def test_any_event_is_read_or_refused_with_its_place(tmp_path_factory: Any, fields: dict[str, Any]):  # fmt: skip
    path = written(tmp_path_factory.mktemp("logs"), "log.jsonl", {**GOOD, **fields})
    try:
        assert len(sl.traffic.read(path)) == 1
    except DataError as error:
        assert place(error)[:2] == ("log.jsonl", 1)  # noqa: PT017 (either outcome is right)
        assert error.column in fields  # noqa: PT017


@given(
    st.lists(st.binary(max_size=30), max_size=5), st.sampled_from(["x.jsonl", "x.csv", "x.parquet"])
)
def test_any_bytes_are_read_or_refused_with_their_file(
    tmp_path_factory: Any, lines: list[bytes], name: str
):
    path = written(tmp_path_factory.mktemp("logs"), name, *lines)
    try:
        assert len(sl.traffic.read(path)) == 0
    except DataError as error:
        assert error.source == name  # noqa: PT017 (either outcome is right)


def test_a_mapped_column_that_the_file_does_not_have_is_refused(tmp_path: Path):
    log = tmp_path / "log.ndjson"
    log.write_text('{"at": 1, "op": "start", "external_id": "a", "took": "2s"}\n')
    assert sl.traffic.read(log, columns={"turn_duration": "took"})["turn_duration"].notna().all()
    with pytest.raises(sl.DataError, match="lasted: no row has this field"):
        sl.traffic.read(log, columns={"turn_duration": "lasted"})


def test_a_column_mapping_is_refused_for_a_format_of_fixed_fields(tmp_path: Path):
    log = tmp_path / "trace.jsonl"
    log.write_text('{"timestamp": 0, "output_length": 1, "hash_ids": [1]}\n')
    with pytest.raises(sl.DataError, match="columns= is for the format events"):
        sl.traffic.read(log, columns={"at": "timestamp"})
