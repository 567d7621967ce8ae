"""What is written comes back unchanged, and whatever is damaged is refused by name."""

from __future__ import annotations

import io
import random
import resource
import sys
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

import session_lab as sl
from session_lab.frames import NAT, SESSIONS, build, derive_lifetimes, observe
from session_lab.frames.values import parse_list

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

ENDINGS = ["parquet", "csv", "ndjson", "csv.gz", "ndjson.zst"]
AT = 1_767_225_600_000
hostile = st.text(
    st.sampled_from("a'\"\\,;:[]{}\t\r\n ü\0\u2028N\ufeff")
    | st.characters(exclude_categories=["Cs"]),
    max_size=6,
)
rows = st.lists(
    st.tuples(hostile, st.lists(hostile, max_size=3) | st.none(), st.none() | hostile), max_size=6
)


def sessions(values: list[Any]) -> pd.DataFrame:
    n = len(values)
    times = pd.Series([AT + k for k in range(n)], dtype="int64").to_numpy()
    missing = times * 0 + NAT
    data = {
        "session_id": [f"session_{number}" for number in range(n)],
        "external_id": [text or None for text, _, _ in values],
        "type": ["chat"] * n,
        "task_identifier": [text or "agent" for text, _, _ in values],
        "tags": [tags for _, tags, _ in values],
        "metadata": [None if text is None else '{"a":"b\\n"}' for _, _, text in values],
        "created_at": times,
        "updated_at": times,
        "closed_at": missing,
        "closed_reason": [text for _, _, text in values],
        "expires_at": missing,
        **derive_lifetimes(times, missing, missing, AT + 60_000),
    }
    return observe(build(SESSIONS, data, n=n), AT + 60_000)


@pytest.mark.parametrize("ending", ENDINGS)
@given(values=rows)
@settings(suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_hostile_text_and_tags_come_back_unchanged(tmp_path: Path, ending: str, values: list[Any]):
    frame = sessions(values)
    path = tmp_path / f"a.{ending}"
    sl.write_frame(frame, path)
    if values or "ndjson" not in ending:
        pd.testing.assert_frame_equal(sl.read_sessions(path), frame, check_categorical=False)


@given(st.lists(hostile, max_size=4))
def test_lists_are_read_in_every_grammar(tags: list[str]):
    assert parse_list(repr(tags)) == tags
    quoted = ",".join("'" + tag.translate(ESCAPES) + "'" for tag in tags)
    assert parse_list(f"[{quoted}]") == tags
    braced = ",".join('"' + tag.replace("\\", "\\\\").replace('"', '\\"') + '"' for tag in tags)
    assert parse_list(f"{{{braced}}}") == tags


ESCAPES = str.maketrans(
    {"\\": "\\\\", "'": "\\'", "\t": "\\t", "\n": "\\n", "\r": "\\r", "\0": "\\0"}
)


@pytest.mark.parametrize(
    "text", ["['vip' 'eu']", "['a',]", "['a", "{a,b", "{a,NULL}", "vip", "[1]"]
)
def test_a_list_that_could_be_read_in_two_ways_is_refused_with_its_line(tmp_path: Path, text: str):
    path = tmp_path / "a.csv"
    frame = sessions([("a", ["x"], None), ("b", ["y"], None)])
    sl.write_frame(frame, path)
    path.write_text(path.read_text().replace('"[""y""]"', f'"{text}"'))
    with pytest.raises(sl.DataError, match=r"a\.csv, line 3, tags: .* is not a list of texts"):
        sl.read_sessions(path)


@pytest.mark.parametrize("ending", ["parquet", "csv", "ndjson"])
def test_columns_of_the_user_are_kept(tmp_path: Path, ending: str):
    frame = sessions([("a", ["x"], None), ("b", None, "c")])
    frame["team"] = pd.array(["red", None], dtype=pd.StringDtype("pyarrow"))
    path = tmp_path / f"a.{ending}"
    sl.write_frame(frame, path)
    assert sl.read_sessions(path)["team"].tolist() == ["red", pd.NA]


@pytest.mark.parametrize("ending", ["csv", "ndjson"])
def test_what_a_text_file_has_no_form_for_is_named(tmp_path: Path, ending: str):
    frame = sessions([("a", ["x"], None)])
    frame["day"] = [pd.Timestamp("2026-01-01").date()]
    with pytest.warns(
        sl.DataWarning, match="the column day holds values that the file has no form"
    ):
        sl.write_frame(frame, tmp_path / f"a.{ending}")
    assert sl.read_sessions(tmp_path / f"a.{ending}")["day"].tolist() == ["2026-01-01"]


def csv_text(frame: pd.DataFrame, **options: Any) -> str:
    return str(frame.to_csv(**options))


FORMS: dict[str, Callable[[pd.DataFrame], tuple[str, bytes]]] = {
    "with the index of pandas": lambda df: ("a.csv", csv_text(df).encode()),
    "semicolons": lambda df: ("a.csv", csv_text(df, sep=";", index=False).encode()),
    "bars": lambda df: ("a.csv", csv_text(df, sep="|", index=False).encode()),
    "tabs": lambda df: ("a.tsv", csv_text(df, sep="\t", index=False).encode()),
    "capitals": lambda df: ("A.CSV", csv_text(df, index=False).encode()),
    "UTF-16": lambda df: ("a.csv", csv_text(df, index=False).encode("utf-16")),
    "UTF-8 with its mark": lambda df: ("a.csv", csv_text(df, index=False).encode("utf-8-sig")),
    "Windows": lambda df: ("a.csv", csv_text(df, index=False, lineterminator="\r\n").encode()),
    "a JSON list": lambda df: (
        "a.json",
        str(df.to_json(orient="records", date_format="iso")).encode(),
    ),
    "a JSON list over lines": lambda df: (
        "a.json",
        str(df.to_json(orient="records", date_format="iso", indent=1)).encode(),
    ),
    "a name that says nothing": lambda df: ("a", csv_text(df, index=False).encode()),
}


@pytest.mark.parametrize("form", FORMS)
def test_the_forms_that_people_have_are_read(tmp_path: Path, form: str):
    frame = sessions([("a", ["x", "it's"], "ü"), ("b", [], None)])
    name, data = FORMS[form](frame)
    (tmp_path / name).write_bytes(data)
    at = frame.attrs["observed_at"]
    for place in (tmp_path / name, str(tmp_path / name)):
        pd.testing.assert_frame_equal(sl.read_sessions(place, observed_at=at), frame)
    with (tmp_path / name).open("rb") as file:
        pd.testing.assert_frame_equal(sl.read_sessions(file, observed_at=at), frame)


def test_a_folder_and_a_pattern_are_read_as_one(tmp_path: Path):
    frame = sessions([("a", ["x"], None), ("b", [], None)])
    sl.write_frame(frame[:1], tmp_path / "day=1/a.parquet")
    sl.write_frame(frame[1:], tmp_path / "day=2/b.ndjson.gz")
    for place in (tmp_path, tmp_path / "*/*"):
        pd.testing.assert_frame_equal(sl.read_sessions(place), frame, check_categorical=False)
    (tmp_path / "c.csv").write_text("runId,sessionId\n")
    with pytest.raises(sl.DataError, match=r"c\.csv: the columns runId, sessionId are of no known"):
        sl.read_sessions(tmp_path)


def test_frames_of_every_engine_and_of_sql_are_taken():
    import duckdb  # noqa: PLC0415  slow to load
    import polars as pl  # noqa: PLC0415

    frame = sessions([("a", ["x"], "c"), ("b", [], None)])
    at = frame.attrs["observed_at"]
    arrow = pa.Table.from_pandas(frame, preserve_index=False)
    for taken in (
        frame,
        pl.from_pandas(frame),
        pl.from_pandas(frame).lazy(),
        arrow,
        duckdb.from_arrow(arrow),
    ):
        pd.testing.assert_frame_equal(
            sl.sessions_frame(taken, observed_at=at), frame, check_categorical=False
        )
    assert sl.sessions_frame(frame).attrs == frame.attrs
    store = pd.DataFrame(
        {
            "friendlyId": ["session_0"],
            "externalId": ["a"],
            "type": ["chat"],
            "taskIdentifier": ["agent"],
            "tags": [["x"]],
            "metadata": [{"a": 1}],
            "currentRunId": [None],
            "closedAt": [pd.NaT],
            "closedReason": [float("nan")],
            "expiresAt": [pd.NaT],
            "createdAt": [pd.Timestamp("2026-01-01")],
            "updatedAt": [pd.Timestamp("2026-01-01")],
        }
    )
    made = sl.sessions_frame(store, observed_at=at)
    assert made[["session_id", "metadata"]].to_numpy().tolist() == [["session_0", '{"a":1}']]
    rows = frame.rename(columns={"session_id": "id"}).to_dict("records")
    again = sl.sessions_frame(rows, observed_at=at)
    pd.testing.assert_frame_equal(again, frame, check_categorical=False)


QUERY = """run_id,task_identifier,status,triggered_at,executed_at,completed_at,usage_duration,\
compute_cost,invocation_cost,queued_duration,tags,task_version,machine,is_warm_start,max_duration
run_a,agent,Timed out,2026-04-24 09:00:00.123,2026-04-24 09:00:01.000,,1500,0.0001,0.000025,12,\
"[""chat:x""]",20260424.1,small-1x,true,300
"""


def test_the_query_page_exports_runs(tmp_path: Path):
    (tmp_path / "runs.csv").write_text(QUERY)
    known = sessions([("x", [], None)])
    runs = sl.read_runs(tmp_path / "runs.csv", sessions=known, observed_at="2026-05-01T00:00:00Z")
    row = runs.iloc[0]
    assert row["session_id"] == "session_0"
    assert (row["status"], row["end_cause"], row["end_cause_rule"]) == (
        "TIMED_OUT",
        "max_duration",
        "status",
    )
    assert row["started_at"] == pd.Timestamp("2026-04-24T09:00:01Z")
    assert (row["billed"], row["queued"]) == (pd.Timedelta("1.5s"), pd.Timedelta("12ms"))
    assert row["max_duration"] == pd.Timedelta("5min")
    assert row["cost_in_cents"] == pytest.approx(0.01)
    assert row["base_cost_in_cents"] == pytest.approx(0.0025)
    assert (row["version"], row["machine"], row["is_warm_start"]) == (
        "20260424.1",
        "small-1x",
        True,
    )
    sl.write_frame(runs, tmp_path / "again.ndjson")
    pd.testing.assert_frame_equal(
        sl.read_runs(tmp_path / "again.ndjson"), runs, check_categorical=False
    )


def damaged(data: bytes, rng: random.Random) -> bytes:
    held = bytearray(data)
    for _ in range(rng.randint(1, 8)):
        place = rng.randrange(len(held)) if held else 0
        match rng.randrange(6):
            case 0:
                held[place : place + 1] = bytes([rng.randrange(256)])
            case 1:
                del held[place : place + rng.randint(1, 40)]
            case 2:
                held[place:place] = rng.randbytes(rng.randint(1, 8))
            case 3:
                held[place:place] = rng.choice(
                    [b"\n", b'"', b"\r", b"\0", b"[" * 3000, b"9" * 5000, b"null\n"]
                )
            case 4:
                held = held[:place]
            case _:
                held[place:place] = held[:place][-60:]
    return bytes(held)


@pytest.mark.filterwarnings("ignore")
@pytest.mark.parametrize("ending", ["parquet", "csv", "ndjson", "feather", "json", "csv.gz"])
def test_a_damaged_file_gives_a_frame_or_an_error_that_names_it(
    tmp_path: Path, ending: str, request: pytest.FixtureRequest
):
    values = [(f"a{k}", ["x", "it's"], "ü" * k) for k in range(40)]
    frame = sessions(values)
    path = tmp_path / f"a.{ending}"
    if ending == "feather":
        frame.to_feather(path)
    elif ending == "json":
        path.write_text(str(frame.to_json(orient="records", date_format="iso")))
    else:
        sl.write_frame(frame, path)
    whole, rng, refused = path.read_bytes(), random.Random(ending), 0
    count = 5_000 if request.config.getoption("--long") else 200
    for _ in range(count):
        path.write_bytes(damaged(whole, rng))
        try:
            sl.read_sessions(path)
        except sl.DataError as error:
            assert str(error).startswith(path.name)  # noqa: PT017  it may also be readable
            refused += 1
    assert refused > count / 10


def test_a_bomb_is_refused_before_it_fills_the_memory(tmp_path: Path):
    text = pa.DictionaryArray.from_arrays(pa.array([0] * 60_000, pa.int32()), ["x" * 100_000])
    columns = {
        name: pa.array(["a"] * 60_000) for name in ("external_id", "type", "task_identifier")
    }
    times = pa.array([AT] * 60_000, pa.timestamp("ms", "UTC"))
    table = pa.table(columns | {"session_id": text, "created_at": times, "updated_at": times})
    path = tmp_path / "bomb.parquet"
    pq.write_table(table, path, compression="zstd")
    assert path.stat().st_size < 1_000_000
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    with pytest.raises(sl.DataError, match=r"bomb\.parquet: it would take 5,722 MiB of text"):
        sl.read_sessions(path)
    grown = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss - before
    assert grown < 500 * (1 << 20 if sys.platform == "darwin" else 1 << 10)


def test_seconds_where_milliseconds_are_meant_are_warned_of():
    frame = sessions([("a", [], None)])
    rows = [
        {
            "id": "s",
            "type": "c",
            "taskIdentifier": "a",
            "createdAt": 1_767_225_600,
            "updatedAt": 1_767_225_600,
        }
    ]
    with pytest.warns(sl.DataWarning, match="these look like seconds"):
        sl.sessions_frame(rows, observed_at=frame.attrs["observed_at"])


def test_an_open_file_of_text_is_read():
    frame = sessions([("a", ["x"], None)])
    file = io.StringIO(csv_text(frame, index=False))
    again = sl.read_sessions(file, observed_at=frame.attrs["observed_at"])
    pd.testing.assert_frame_equal(again, frame)


@pytest.mark.parametrize("ending", ["parquet", "csv", "ndjson"])
def test_named_levels_of_the_index_go_along_as_columns(tmp_path: Path, ending: str):
    frame = sessions([("a", ["x"], None), ("b", None, None)])
    path = tmp_path / f"a.{ending}"
    sl.write_frame(frame.set_index(["session_id", "type"]), path)
    pd.testing.assert_frame_equal(sl.read_sessions(path), frame)


@pytest.mark.parametrize("ending", ["parquet", "csv", "ndjson"])
@pytest.mark.parametrize(
    ("values", "texts"),
    [([1, "a"], ["1", "a"]), ([1j, None], ["1j", None]), ([float("inf"), 1.5], ["inf", "1.5"])],
    ids=["several kinds", "complex", "infinite"],
)
def test_what_a_file_has_no_form_for_becomes_text(
    tmp_path: Path, ending: str, values: list[Any], texts: list[str]
):
    frame = sessions([("a", ["x"], None), ("b", None, None)]).assign(own=values)
    path = tmp_path / f"a.{ending}"
    if ending == "parquet" and values[0] == float("inf"):
        sl.write_frame(frame, path)
        assert sl.read_sessions(path)["own"].tolist() == values
        return
    with pytest.warns(sl.DataWarning, match="the column own holds values"):
        sl.write_frame(frame, path)
    found = sl.read_sessions(path)["own"].tolist()
    assert [None if pd.isna(value) else str(value) for value in found] == texts


@pytest.mark.parametrize("encoding", ["utf-16-le", "utf-16-be", "utf-32"])
def test_text_with_zero_bytes_is_named_for_what_it_is(tmp_path: Path, encoding: str):
    path = tmp_path / "a.csv"
    path.write_bytes("session_id,type\nsession_1,chat\n".encode(encoding))
    with pytest.raises(sl.DataError, match=r"a\.csv: holds zero bytes, as UTF-16 without its mark"):
        sl.read_sessions(path)


def test_lines_that_end_in_carriage_returns_are_named(tmp_path: Path):
    path = tmp_path / "a.csv"
    path.write_bytes(b"session_id,type\rsession_1,chat\rsession_2,chat\r")
    with pytest.raises(sl.DataError, match=r"a\.csv: its lines end in carriage returns only"):
        sl.read_sessions(path)


def test_a_path_of_the_home_and_a_closed_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    frame = sessions([("a", ["x"], None)])
    sl.write_frame(frame, tmp_path / "a.csv")
    monkeypatch.setenv("HOME", str(tmp_path))
    pd.testing.assert_frame_equal(sl.read_sessions("~/a.csv"), frame)
    with (tmp_path / "a.csv").open("rb") as file:
        pass
    with pytest.raises(sl.DataError, match="the file is closed"):
        sl.read_sessions(file)


@pytest.mark.parametrize("ending", ["parquet", "csv", "ndjson"])
def test_a_word_that_is_none_of_those_known_is_named_with_file_and_row(tmp_path: Path, ending: str):
    runs = pd.DataFrame(
        {
            "run_id": ["run_1", "run_2"],
            "session_id": ["session_1", "session_1"],
            "reason": ["initial", "continuatiom"],
            "triggered_at": pd.to_datetime(["2026-01-01T00:00Z", "2026-01-02T00:00Z"]),
        }
    )
    path = tmp_path / f"a.{ending}"
    sl.write_frame(runs, path)
    with pytest.raises(sl.DataError, match=rf"a\.{ending}, row 1, reason: 'continuatiom' is not"):
        sl.read_runs(path, observed_at="2026-02-01T00:00Z")
