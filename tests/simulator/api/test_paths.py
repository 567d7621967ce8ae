from __future__ import annotations

from urllib.parse import quote

import pytest
from hypothesis import given
from hypothesis import strategies as st

from session_lab.simulator.api.paths import path_segments, query_values, redirect_target


@pytest.mark.parametrize(
    ("path", "last"),
    [
        ("/s/a%2Fb", "a/b"),
        ("/s/a%2fb", "a/b"),
        ("/s/a%252Fb", "a/b"),
        ("/s/a%252fb", "a%2fb"),
        ("/s/%2F", "/"),
        ("/s/%25", "%"),
        ("/s/%2520", "%20"),
        ("/s/a+b", "a+b"),
        ("/s/a%00b", "a\x00b"),
        ("/s/%C3%A9", "é"),
        ("/s/a:b@c;d", "a:b@c;d"),
        ("/s/...", "..."),
    ],
)
def test_a_segment_is_decoded_after_the_path_is_split(path: str, last: str) -> None:
    assert path_segments(path) == ("s", last)


@pytest.mark.parametrize(
    ("path", "segments"),
    [
        ("/", ("",)),
        ("/a//b", ("a", "", "b")),
        ("//a", ("", "a")),
        ("/a/./b", ("a", "b")),
        ("/a/%2E", ("a",)),
        ("/a/b/../c", ("a", "c")),
        ("/a/%2e%2E/c", ("c",)),
        ("/../../a", ("a",)),
    ],
)
def test_dots_are_resolved_and_empty_segments_stay(path: str, segments: tuple[str, ...]) -> None:
    assert path_segments(path) == segments


@pytest.mark.parametrize("path", ["/s/%zz", "/s/a%", "/s/%e", "/s/%FF", "/s/%E9", "/%ED%A0%80"])
def test_a_path_that_does_not_decode_is_an_error(path: str) -> None:
    with pytest.raises(ValueError, match=r"percent|decode"):
        path_segments(path)


@given(st.text(min_size=1).filter(lambda text: "%2F" not in text and text not in {".", ".."}))
def test_any_other_id_travels_in_a_path(text: str) -> None:
    try:
        path = f"/s/{quote(text, safe='')}"
    except UnicodeEncodeError:
        return
    assert path_segments(path) == ("s", text)


@pytest.mark.parametrize(
    ("path", "query", "target"),
    [
        ("/a", "", None),
        ("/", "", None),
        ("/a/", "", "/a"),
        ("/a/", "b=1", "/a?b=1"),
        ("//a//b//", "", "/a/b/"),
        ("//", "", "/"),
        ("/%zz/", "", "/%25zz"),
    ],
)
def test_a_trailing_slash_is_redirected(path: str, query: str, target: str | None) -> None:
    assert redirect_target(path, query) == target


@pytest.mark.parametrize(
    ("query", "values"),
    [
        ("", {}),
        ("a=1&a=2", {"a": "2"}),
        ("a=1&a=", {"a": ""}),
        ("a+b=c+d%2Be", {"a b": "c d+e"}),
        ("filter%5Btype%5D=x&filter[type]=y", {"filter[type]": "y"}),
        ("a&&b=", {"a": "", "b": ""}),
        ("=e", {"": "e"}),
        ("a=%zz&b=%FF", {"a": "%zz", "b": "\ufffd"}),
        ("a=b=c", {"a": "b=c"}),
        ("a=1;b=2", {"a": "1;b=2"}),
    ],
)
def test_a_query_has_one_value_per_name(query: str, values: dict[str, str]) -> None:
    assert query_values(query) == values
