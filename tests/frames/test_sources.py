"""Where rows are read from and written to."""

from __future__ import annotations

import bz2
import gzip
import io
import lzma
import os
import subprocess
import sys
import threading
from types import SimpleNamespace
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pyarrow.fs as pafs
import pytest
from moto.moto_server.threaded_moto_server import ThreadedMotoServer
from tqdm import tqdm

import session_lab as sl
from session_lab.frames import whole_file, write_parquet
from session_lab.frames.files import places, progress
from session_lab.frames.files.places import file_system, shown_name
from session_lab.frames.files.sources import Source

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator
    from pathlib import Path

TEXT = "".join(f'{{"line": {number}}}\n' for number in range(20_000)).encode()


def packed(packing: str) -> Callable[[bytes], bytes]:
    def pack(data: bytes) -> bytes:
        sink = pa.BufferOutputStream()
        with pa.CompressedOutputStream(sink, packing) as stream:
            stream.write(data)
        return sink.getvalue().to_pybytes()

    return pack


PACKINGS = {
    "plain": bytes,
    "gzip": gzip.compress,
    "bz2": bz2.compress,
    "zstd": packed("zstd"),
    "lz4": packed("lz4"),
}


@pytest.fixture(scope="module")
def bucket() -> Iterator[str]:
    """An S3 bucket on this machine."""
    server = ThreadedMotoServer("127.0.0.1", 0)
    server.start()
    host, port = server.get_host_and_port()
    names = ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY", "AWS_EC2_METADATA_DISABLED")
    with pytest.MonkeyPatch.context() as patch:
        for name in names:
            patch.setenv(name, "true")
        options = f"endpoint_override=http://{host}:{port}&region=us-east-1"
        system, _ = pafs.FileSystem.from_uri(f"s3://lab/?{options}&allow_bucket_creation=true")
        system.create_dir("lab")
        system.create_dir("odd")
        yield options
    server.stop()


def read(place: Any) -> bytes:
    with Source(place).open() as stream:
        return stream.read()


@pytest.mark.parametrize("name", ["a.ndjson", "a.ndjson.gz", "a.log"])
@pytest.mark.parametrize("packing", PACKINGS)
def test_a_packing_is_known_by_its_content_whatever_the_name(
    tmp_path: Path, packing: str, name: str
):
    (tmp_path / name).write_bytes(PACKINGS[packing](TEXT))
    assert read(tmp_path / name) == TEXT
    assert Source(tmp_path / name).head(8) == TEXT[:8]


def test_several_packed_members_are_one_file(tmp_path: Path):
    path = tmp_path / "a.gz"
    path.write_bytes(gzip.compress(TEXT) + gzip.compress(b"more"))
    assert read(path) == TEXT + b"more"


@pytest.mark.parametrize("packing", ["gzip", "bz2", "zstd", "lz4"])
@pytest.mark.parametrize("keep", [0.1, 0.5, 0.99])
def test_a_packed_file_that_was_cut_short_is_refused_by_name(
    tmp_path: Path, packing: str, keep: float
):
    whole = PACKINGS[packing](os.urandom(50_000))
    path = tmp_path / "a.ndjson"
    path.write_bytes(whole[: int(len(whole) * keep)])
    with pytest.raises(sl.DataError, match=r"^a\.ndjson: cannot be read"):
        read(path)


@pytest.mark.parametrize("held", [b"", b"\x1f", b"\x28\xb5\x2f"])
@pytest.mark.parametrize("name", ["a.ndjson.gz", "a.ndjson.ZST"])
def test_a_packed_file_of_which_hardly_anything_came_is_refused(
    tmp_path: Path, name: str, held: bytes
):
    path = tmp_path / name
    path.write_bytes(held)
    with pytest.raises(sl.DataError, match=r"cut short"):
        read(path)


@pytest.mark.parametrize(
    ("place", "suffix"),
    [("a.CSV", ".csv"), ("x/a.ndjson.GZ", ".ndjson"), ("a.gz", ""), ("s3://b/a.csv.zst", ".csv")],
)
def test_the_ending_is_that_of_the_rows(place: str, suffix: str):
    assert Source(place).suffix == suffix


def test_an_open_file_is_read_from_where_it_stands_as_often_as_wanted():
    for file in (io.BytesIO(TEXT), io.StringIO(TEXT.decode()), io.BytesIO(gzip.compress(TEXT))):
        source = Source(file)
        for _ in range(2):
            with source.open() as stream:
                assert stream.read() == TEXT
        assert source.exists()
        assert not source.is_dir()


def test_standard_input_is_read_as_often_as_wanted(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO(gzip.compress(TEXT))))
    source = Source("-")
    for _ in range(2):
        with source.open() as stream:
            assert stream.read() == TEXT
    assert source.name == "standard input"


@pytest.mark.parametrize("device", ["/dev/zero", "/dev/urandom"])
def test_a_device_without_an_end_is_refused(device: str):
    told = f"{device[5:]}: it is a device, which has no end; give a file, a pipe or -"
    with pytest.raises(sl.DataError, match=told):
        sl.traffic.read(device)
    with pytest.raises(sl.DataError, match=told):
        sl.read_sessions(device)
    with open(device, "rb") as file, pytest.raises(sl.DataError, match="which has no end"):  # noqa: PTH123
        sl.traffic.read(file)
    assert len(sl.traffic.read(os.devnull)) == 0


def test_a_pipe_is_read_as_often_as_wanted(tmp_path: Path):
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    writer = threading.Thread(target=pipe.write_bytes, args=(TEXT,))
    writer.start()
    source = Source(pipe)
    for _ in range(2):
        with source.open() as stream:
            assert stream.read() == TEXT
    writer.join()


def test_a_pattern_and_a_folder_stand_for_their_files_by_name(tmp_path: Path):
    for name in ("b.ndjson", "a.ndjson.gz", "c.csv", "day=1/d.ndjson", "_part/e.ndjson", ".f"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).write_bytes(b"x")

    def names(place: str, *suffixes: str) -> list[str]:
        return [part.name for part in Source(tmp_path / place).parts(*suffixes)]

    assert names("") == ["a.ndjson.gz", "b.ndjson", "c.csv", "d.ndjson"]
    assert names("", ".ndjson") == ["a.ndjson.gz", "b.ndjson", "d.ndjson"]
    assert names("*.ndjson*") == ["a.ndjson.gz", "b.ndjson"]
    assert names("**/*.ndjson") == ["e.ndjson", "b.ndjson", "d.ndjson"]
    assert names("[ac].*") == ["a.ndjson.gz", "c.csv"]
    assert names("b.ndjson") == ["b.ndjson"]
    assert not Source(tmp_path / "z*").exists()


def test_a_file_whose_name_looks_like_a_pattern_is_that_file(tmp_path: Path):
    path = tmp_path / "week[1].ndjson"
    path.write_bytes(TEXT)
    assert not Source(path).is_dir()
    assert read(path) == TEXT


@pytest.mark.parametrize("make", [lambda path: f"file://{path}", str, lambda path: path])
def test_a_file_has_several_addresses(tmp_path: Path, make: Callable[[Path], Any]):
    path = tmp_path / "a.ndjson"
    path.write_bytes(TEXT)
    assert read(make(path)) == TEXT


ODD_NAMES = [
    "sp ace", "per%20cent", "ha#sh", "qu?est", "ünï", "line\nfeed", "col:on", "a&b=c", "[1]", "st*r",
    "back\\slash", "quo\"te", "at@home", "?a=b",
]  # fmt: skip


@pytest.mark.parametrize("name", ODD_NAMES)
def test_an_address_may_hold_any_letter(tmp_path: Path, name: str):
    path = tmp_path / f"{name}.ndjson"
    with whole_file(path.as_uri()) as draft:
        draft.write_bytes(TEXT)
    assert read(path) == TEXT
    assert read(path.as_uri()) == TEXT
    assert read(f"FILE{path.as_uri()[4:]}") == TEXT
    assert Source(path.as_uri()).name == f"file://{path}"
    # As it is, all but what addresses give a meaning of their own.
    if "%" not in name and "?a=" not in name:
        assert read(f"file://{path}") == TEXT


@pytest.mark.parametrize("name", ["sp ace", "ünï", "ha#sh", "qu?est", "br[1]", 'quo"te'])
def test_a_key_of_a_bucket_may_hold_any_letter(bucket: str, name: str):
    place = f"s3://odd/{name}.ndjson?{bucket}"
    with whole_file(place) as draft:
        draft.write_bytes(TEXT)
    assert read(place) == TEXT
    assert Source(place).name == f"s3://odd/{name}.ndjson"


def test_a_pattern_in_a_bucket_is_one_of_a_folder(bucket: str):
    for name in ("day-01", "day-02", "day-11"):
        with whole_file(f"s3://odd/{name}.ndjson?{bucket}") as draft:
            draft.write_bytes(TEXT)
    for pattern, n in (("day-0?", 2), ("day-[01]1", 2), ("day-[!0]?", 1), ("d?y-*", 3)):
        assert len(Source(f"s3://odd/{pattern}.ndjson?{bucket}").parts()) == n


@pytest.mark.parametrize(
    ("pattern", "found"),
    [
        ("[[]", "["),
        ("[\\]", "\\"),
        ("[]a]", "]a"),
        ("[^a]", "[\\]&~"),
        ("[&~]", "&~"),
        ("[a-c]", "a"),
    ],
)
def test_sets_of_letters_in_patterns_are_those_of_a_shell(tmp_path: Path, pattern: str, found: str):
    for letter in "[\\]&~a":
        (tmp_path / f"x{letter}").touch()
    names = [part.name for part in Source(tmp_path / f"x{pattern}").parts()]
    assert names == sorted(f"x{letter}" for letter in found)


def test_a_pattern_that_makes_no_sense_is_refused(tmp_path: Path):
    with pytest.raises(sl.DataError, match=r"x\[z-a\]: the pattern cannot be understood"):
        Source(tmp_path / "x[z-a]").exists()


KINDS = [None, 5, 0.5, b"a.ndjson", ["a.ndjson"], pd.DataFrame({"a": [1]}), "", "a\0b"]


@pytest.mark.parametrize("place", KINDS, ids=[type(kind).__name__ for kind in KINDS])
def test_what_is_not_a_path_is_refused_on_reading_and_on_writing(place: Any):
    events = sl.traffic.read(sl.traffic.sample_path("chats.ndjson"))
    replay = sl.replay(events)
    for use in (
        sl.traffic.read,
        sl.read_sessions,
        sl.read_recording,
        lambda place: sl.traffic.write(events, place),
        lambda place: sl.traffic.write_shards(events, place),
        lambda place: sl.traffic.write_journal([], place),
        lambda place: sl.write_frame(replay.sessions, place),
        lambda place: sl.report(place, replay.sessions.head()),
        replay.save,
    ):
        with pytest.raises(sl.DataError, match=r"not a path|zero byte|path is empty"):
            use(place)


def test_frames_are_saved_into_folders_of_this_machine(tmp_path: Path):
    replay = sl.replay(sl.traffic.read(sl.traffic.sample_path("chats.ndjson")))
    with pytest.raises(sl.DataError, match=r"s3://lab/x: .* folder of this machine"):
        replay.save("s3://KEY:SECRET@lab/x")
    assert replay.save((tmp_path / "a b").as_uri()) == tmp_path / "a b"
    (tmp_path / "file").touch()
    with pytest.raises(sl.DataError, match="it is a file, not a folder"):
        replay.save(tmp_path / "file")


@pytest.mark.parametrize("name", ["file/below", "x" * 300, "folder", "/dev/full"])
def test_where_nothing_can_be_written_is_named(tmp_path: Path, name: str):
    (tmp_path / "file").touch()
    (tmp_path / "folder").mkdir()
    with (
        pytest.raises(sl.DataError, match=f"{name}: cannot be written"),
        whole_file(tmp_path / name) as draft,
    ):
        draft.write_bytes(TEXT)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["file", "folder"]


@pytest.mark.parametrize(
    ("data", "told"),
    [
        (b"PK\x03\x04rest", "a zip archive"),
        (gzip.compress(gzip.compress(TEXT)), "packed twice"),
        (lzma.compress(TEXT), "packed with xz"),
        (b"ORC\n", "ORC"),
        (b"SQLite format 3\0rest", "a database"),
        (b"ARROW1\0\0rest", "an Arrow file"),
        (b"PAR1rest", "Parquet"),
    ],
)
def test_a_file_of_another_kind_is_named_for_what_it_is(tmp_path: Path, data: bytes, told: str):
    (tmp_path / "a.csv").write_bytes(data)
    with pytest.raises(sl.DataError, match=rf"^a\.csv: this is not text but {told}"):
        sl.traffic.read(tmp_path / "a.csv")


def test_fsspec_serves_the_file_systems_that_arrow_does_not_know():
    fsspec = pytest.importorskip("fsspec")
    with fsspec.open("memory://lab/a.ndjson.gz", "wb") as file:
        file.write(gzip.compress(TEXT))
    assert read("memory://lab/a.ndjson.gz") == TEXT
    with whole_file("memory://lab/b.ndjson.gz") as draft:
        draft.write_bytes(TEXT)
    assert read("memory://lab/b.ndjson.gz") == TEXT


def test_without_fsspec_the_extra_that_brings_it_is_named(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(__import__("sys").modules, "fsspec", None)
    with pytest.raises(sl.MissingDependencyError, match=r"memory:// .*session-lab\[scale\]"):
        read("memory://lab/a.ndjson")


def test_a_file_system_without_its_package_is_refused_by_name(monkeypatch: pytest.MonkeyPatch):
    def lacking(_: str) -> None:
        raise ImportError("Install some_hub to access its file system")

    monkeypatch.setattr(
        places, "pafs", SimpleNamespace(FileSystem=SimpleNamespace(from_uri=lacking))
    )
    with pytest.raises(sl.DataError, match=r"hf://datasets/x: .* \(Install some_hub"):
        file_system("hf://datasets/x")


@pytest.mark.parametrize(
    ("given", "asked"),
    [
        ("gs://bucket/x", "gs://bucket/x?retry_limit_seconds=20"),
        ("gs://bucket/x?scheme=http", "gs://bucket/x?scheme=http&retry_limit_seconds=20"),
        ("gs://bucket/x?retry_limit_seconds=90", "gs://bucket/x?retry_limit_seconds=90"),
    ],
)
def test_missing_credentials_are_not_asked_for_without_end(
    monkeypatch: pytest.MonkeyPatch, given: str, asked: str
):
    seen: list[str] = []
    system = pafs.LocalFileSystem()

    def from_uri(address: str) -> tuple[pafs.FileSystem, str]:
        seen.append(address)
        return system, "x"

    monkeypatch.setattr(
        places, "pafs", SimpleNamespace(FileSystem=SimpleNamespace(from_uri=from_uri))
    )
    file_system(given)
    assert seen == [asked]


def test_a_link_that_leads_nowhere_is_not_passed_over(tmp_path: Path):
    whole = tmp_path / "a.parquet"
    whole.write_bytes(b"")
    (tmp_path / "b.parquet").symlink_to(tmp_path / "gone")
    assert [part.name for part in Source(tmp_path).parts(".parquet")] == ["a.parquet", "b.parquet"]
    with pytest.raises(sl.DataError, match=r"b\.parquet: there is no such file"):
        sl.sweep(tmp_path / "b*.parquet", {"idle_timeout": ["5s"]})


def test_a_bucket_is_read_and_written(bucket: str):
    for name in ("a.ndjson", "day=1/b.ndjson.zst"):
        place = f"s3://lab/{name}?{bucket}"
        with whole_file(f"s3://lab/{name}?{bucket}") as draft:
            draft.write_bytes(TEXT)
        assert read(place) == TEXT
    folder = Source(f"s3://lab/?{bucket}")
    assert [part.suffix for part in folder.parts()] == [".ndjson", ".ndjson"]
    assert [read(part) for part in folder.parts()] == [TEXT, TEXT]
    assert len(Source(f"s3://lab/day=*/*.zst?{bucket}").parts()) == 1
    frame = pd.DataFrame({"a": [1, 2]})
    write_parquet(frame, f"s3://lab/c.parquet?{bucket}")
    with Source(f"s3://lab/c.parquet?{bucket}").parquet() as parquet:
        assert parquet.read().to_pydict() == {"a": [1, 2]}
    with pytest.raises(sl.DataError, match=r"^s3://lab/none: there is no such file"):
        read(f"s3://lab/none?{bucket}")


@pytest.mark.parametrize("packing", PACKINGS)
def test_parquet_is_read_from_wherever_it_comes(tmp_path: Path, packing: str):
    write_parquet(pd.DataFrame({"a": [1, 2]}), tmp_path / "a.parquet")
    data = PACKINGS[packing]((tmp_path / "a.parquet").read_bytes())
    (tmp_path / "b").write_bytes(data)
    for place in (tmp_path / "b", io.BytesIO(data)):
        with Source(place).parquet() as parquet:
            assert parquet.read().to_pydict() == {"a": [1, 2]}


def test_no_message_shows_a_secret():
    place = "s3://KEY:SECRET@bucket/a.csv?region=x&session_token=SECRET"
    assert shown_name(place) == "s3://bucket/a.csv"
    assert "SECRET" not in repr(Source(place))
    for bad in (
        "s3://KEY:SECRET@bucket/a.csv?nonsense=SECRET",
        "nosuch://KEY:SECRET@b/a?x=SECRET",
        "s3://KEY:a/SECRET@bucket/a.csv",
        "s3://KEY:a#SECRET@bucket/a.csv?nonsense=SECRET",
    ):
        with pytest.raises(sl.DataError) as caught:
            read(bad)
        assert "SECRET" not in str(caught.value)


@pytest.mark.parametrize("make", ["missing", "folder", "loop", "locked", "zero byte"])
def test_what_cannot_be_opened_is_refused_by_name(tmp_path: Path, make: str):
    path = tmp_path / "a.ndjson"
    if make == "folder":
        path.mkdir()
    elif make == "loop":
        path.symlink_to(path)
    elif make == "locked":
        if os.geteuid() == 0:
            pytest.skip("root may read every file")
        path.touch(mode=0)
    place = "a\0b" if make == "zero byte" else path
    with pytest.raises(sl.DataError, match=r"a\.ndjson|zero byte"):
        read(place)


@pytest.mark.parametrize("ending", [".gz", ".zst", ".bz2", ".lz4"])
def test_a_name_with_the_ending_of_a_packing_is_written_packed(tmp_path: Path, ending: str):
    path = tmp_path / f"a.ndjson{ending}"
    with whole_file(path) as draft:
        assert draft.suffix == ".ndjson"
        draft.write_bytes(TEXT)
    assert path.stat().st_size < len(TEXT) / 2
    assert read(path) == TEXT


def test_a_file_is_written_into_a_pipe_and_to_standard_output(
    tmp_path: Path, capfdbinary: pytest.CaptureFixture[bytes]
):
    pipe, seen = tmp_path / "pipe", []
    os.mkfifo(pipe)
    reader = threading.Thread(target=lambda: seen.append(pipe.read_bytes()))
    reader.start()
    for place in (pipe, "-"):
        with whole_file(place) as draft:
            draft.write_bytes(TEXT)
    reader.join()
    assert seen == [TEXT]
    assert capfdbinary.readouterr().out == TEXT


def test_what_standard_output_leads_to_is_not_replaced(tmp_path: Path):
    code = (
        "from session_lab.frames import whole_file\n"
        "with whole_file('/dev/stdout') as draft:\n    draft.write_text('all of it')"
    )
    with (tmp_path / "a.txt").open("wb") as file:
        subprocess.run([sys.executable, "-c", code], stdout=file, check=True)
    assert (tmp_path / "a.txt").read_text() == "all of it"
    assert [path.name for path in tmp_path.iterdir()] == ["a.txt"]


def test_a_link_stays_a_link(tmp_path: Path):
    (tmp_path / "real").write_text("before")
    (tmp_path / "link").symlink_to("real")
    with whole_file(tmp_path / "link") as draft:
        draft.write_text("after")
    assert (tmp_path / "link").is_symlink()
    assert (tmp_path / "real").read_text() == "after"


def bars_of(monkeypatch: pytest.MonkeyPatch) -> list[tqdm[Any]]:
    """Keep what would be shown."""
    bars: list[tqdm[Any]] = []

    def shown(**told: Any) -> tqdm[Any]:
        bars.append(tqdm(**told, file=io.StringIO()))
        return bars[-1]

    monkeypatch.setattr(progress, "tqdm", shown)
    return bars


@pytest.mark.parametrize("kind", ["ndjson", "ndjson.gz", "csv", "parquet", "folder", "stream"])
def test_progress_counts_the_bytes_of_the_file(
    tmp_path: Path, kind: str, monkeypatch: pytest.MonkeyPatch
):
    place: Any = tmp_path / f"log.{kind}"
    events = sl.traffic.read(sl.traffic.sample_path("chats.ndjson"))
    if kind == "folder":
        sl.traffic.write_shards(events, place, shards=3)
    else:
        sl.traffic.write(events, place.with_suffix(".ndjson") if kind == "stream" else place)
    if kind == "stream":
        place = io.BytesIO(place.with_suffix(".ndjson").read_bytes())
    bars = bars_of(monkeypatch)
    pd.testing.assert_frame_equal(sl.traffic.read(place, progress=True), events)
    (bar,) = bars
    if kind == "stream":
        assert bar.total is None
        assert bar.n == len(place.getvalue())
    else:
        assert bar.n == bar.total == sum(part.size for part in Source(place).parts())


def test_progress_is_shown_for_frames_of_files_and_not_unless_asked_for(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
):
    path = tmp_path / "sessions.csv"
    frame = sl.replay(sl.traffic.read(sl.traffic.sample_path("chats.ndjson"))).sessions
    sl.write_frame(frame, path)
    bars = bars_of(monkeypatch)
    sl.read_sessions(path)
    assert not bars
    sl.read_sessions(path, progress=True)
    assert [(bar.n, bar.delay) for bar in bars] == [(path.stat().st_size, 1)]
