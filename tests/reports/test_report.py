"""Reports: one page for any frames, with the text of users as text and no need of a network."""

from __future__ import annotations

import re
from html.parser import HTMLParser
from typing import TYPE_CHECKING

import pandas as pd
import pytest

import session_lab as sl
from session_lab.frames import SESSIONS, build, empty
from session_lab.reports import report, report_html
from tests.stories import close, play, start
from tests.widgets.sessions import AWKWARD, sessions_frame

if TYPE_CHECKING:
    from pathlib import Path


class Page(HTMLParser):
    """Collects elements, what they point to, and the text between them."""

    def __init__(self, html: str) -> None:
        super().__init__()
        self.elements: list[tuple[str, dict[str, str | None]]] = []
        self.text = ""
        self.feed(html)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.elements.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.text += data

    def all(self, tag: str) -> list[dict[str, str | None]]:
        return [attributes for name, attributes in self.elements if name == tag]


@pytest.fixture(scope="module")
def replayed() -> sl.Replay:
    events = sl.traffic.read(sl.traffic.sample_path("chats.ndjson"))
    return sl.replay(events, sl.RunPolicy(max_turns=4), until="2026-01-01T12:00:00Z")


@pytest.fixture(scope="module")
def whole(replayed: sl.Replay) -> str:
    return report_html(replayed.sessions, replayed.runs, replayed.operations)


def pictures(page: Page) -> list[dict[str, str | None]]:
    return [one for one in page.all("svg") if one.get("role") == "img"]


def test_every_picture_is_in_the_page_and_has_words_and_a_sentence_below(whole: str):
    page = Page(whole)
    assert len(pictures(page)) >= 12
    for picture in pictures(page):
        words = picture["aria-label"] or ""
        assert len(words) > 15
        assert words.rstrip().endswith(".")
        assert words in page.text


def test_values_are_told_on_hover_without_a_script(replayed: sl.Replay, whole: str):
    tags = sl.tags.distribution(replayed.sessions).to_frame()
    titles = re.findall("<title>([^<]*)</title>", whole)
    for row in tags.head(10).itertuples():
        assert any(row.tag in title and f"{row.sessions:,}" in title for title in titles)
    curve = sl.lifetimes.survival(replayed.sessions)
    along = [title for title in titles if title.count("%") == 1 and "\n" in title]
    assert along
    for title in along[1:40:8]:
        age, value = title.split("\n")
        told = float(value.rsplit(" ", 1)[1].rstrip("%")) / 100
        at = pd.Timedelta(age.replace(" min", "min").replace(" h", "h").replace(" d", "d"))
        near = curve.at(
            [max(at - pd.Timedelta("40min"), pd.Timedelta(0)), at + pd.Timedelta("40min")]
        )
        high, low = near["survival"].tolist()
        assert low - 0.005 <= told <= high + 0.005


def test_the_contents_lead_to_every_question(whole: str):
    page = Page(whole)
    targets = {(one["href"] or "")[1:] for one in page.all("a")}
    questions = {one["id"] for one in page.all("article")}
    assert len(questions) >= 15
    assert questions < targets
    ids = [attrs["id"] for _, attrs in page.elements if attrs.get("id")]
    assert targets <= set(ids)
    assert len(ids) == len(set(ids))


def test_it_opens_with_the_latest_period_beside_the_one_before():
    at = pd.Timestamp("2026-01-01", tz="UTC")
    sessions = build(
        SESSIONS,
        {"created_at": [int((at + pd.Timedelta(hours=h)).value // 10**6) for h in (1, 2, 20, 30)]},
        n=4,
    )
    sessions.attrs["observed_at"] = "2026-01-03T01:00:00Z"
    text = " ".join(re.sub("<[^>]+>", " ", report_html(sessions)).split())
    # Two days end at 01:00 on the third: one session in the last, two before.
    assert "the last day the day before change sessions created 1 2 -50%" in text


def test_of_less_than_two_hours_the_numbers_are_those_of_all(replayed: sl.Replay):
    few = replayed.sessions[replayed.sessions["created_at"] < "2026-01-01T00:30Z"].head(3)
    few.attrs["observed_at"] = "2026-01-01T00:35:00Z"
    text = " ".join(re.sub("<[^>]+>", " ", report_html(few)).split())
    assert f"all that is known sessions created {len(few)}" in text


def test_the_cost_at_a_glance_is_that_of_its_chapter(replayed: sl.Replay):
    runs = replayed.runs.head(3).assign(cost_in_cents=150.0, base_cost_in_cents=50.0)
    sessions = replayed.sessions.head(3)
    sessions.attrs["observed_at"] = runs.attrs["observed_at"] = "2026-01-01T00:35:00Z"
    text = " ".join(re.sub("<[^>]+>", " ", report_html(sessions, runs)).split())
    assert "cost of the runs triggered 6.00" in text
    assert sl.churn.cost(runs).charged == 6


def test_one_period_or_one_class_draws_no_empty_axis():
    frame = sessions_frame(200)
    hour = frame[frame["created_at"] < frame["created_at"].min().floor("h") + pd.Timedelta("1h")]
    hour = hour[hour["status"] == hour["status"].iloc[0]]
    html = report_html(hour)
    for question in ("Does the mix change?", "In which status are sessions, by tag?"):
        article = html.split(f"<h3>{question}</h3>")[1].split("</article>")[0]
        assert "<svg" not in article
        assert "There is nothing to draw" in article
        assert "<table" in article


def test_what_never_happened_draws_no_empty_axis():
    replay = play(start(0, lasting=5), close(60)).replay
    html = report_html(replay.sessions, replay.runs)
    for question in ("How long is it until the next run?", "How often are runs handed over?"):
        article = html.split(f"<h3>{question}</h3>")[1].split("</article>")[0]
        assert "<svg" not in article
        assert "There is nothing to draw" in article
    assert "its interval not known" in html
    assert not re.search(r"\b1 (sessions|runs|tags)\b", html)


def test_times_that_are_none_and_two_columns_of_a_name_are_refused():
    frame = sessions_frame(20)
    for values, call in (
        (frame["created_at"].dt.tz_localize(None), 'dt.tz_localize("UTC")'),
        (frame["created_at"].astype(str), "pd.to_datetime(..., utc=True)"),
        (frame["created_at"].astype("int64"), 'pd.to_datetime(..., unit="ms", utc=True)'),
    ):
        with pytest.raises(sl.DataError, match=re.escape(call)):
            report_html(frame.assign(created_at=values))
    with pytest.raises(sl.DataError, match="status: several columns have this name"):
        report_html(pd.concat([frame, frame[["status"]]], axis=1))


def test_the_page_asks_the_network_for_nothing(whole: str):
    page = Page(whole)
    assert not {tag for tag, _ in page.elements} & {"script", "link", "iframe", "object", "base"}
    targets = [
        value
        for _, attrs in page.elements
        for name, value in attrs.items()
        if name in {"src", "href", "srcset", "action", "poster"}
    ]
    assert all(target and target.startswith(("#", "data:")) for target in targets)
    assert not re.search(r"url\((?!#)", whole)
    assert "@import" not in whole
    assert "http://" not in whole
    assert "https://" not in whole


def test_numbers_formulas_and_assumptions_are_those_of_the_analyses(
    replayed: sl.Replay, whole: str
):
    text = Page(whole).text
    survival = sl.lifetimes.survival(replayed.sessions)
    assert survival.formula in text
    assert all(note in text for note in survival.notes)
    tags = sl.tags.distribution(replayed.sessions)
    assert tags.formula in text
    first = tags.to_frame().iloc[0]
    assert first["tag"] in text
    assert f"{first['sessions']:,}" in text


def test_the_same_frames_make_the_same_bytes(replayed: sl.Replay, whole: str):
    assert report_html(replayed.sessions, replayed.runs, replayed.operations) == whole


def test_without_runs_and_operations_the_page_says_how_to_give_them():
    text = Page(report_html(sessions_frame(50))).text
    assert "--runs" in text
    assert "--operations" in text


def test_text_of_users_stays_text():
    frame = sessions_frame(300)
    page = Page(report_html(frame, title="<img src=x onerror=alert(1)> & co"))
    assert not page.all("script")
    assert not page.all("b")
    assert not [attrs for _, attrs in page.elements if any(name.startswith("on") for name in attrs)]
    assert "<img src=x onerror=alert(1)> & co" in page.text
    turned = Page(report_html(frame.assign(type="\u202eevil")))
    assert "evil 300" in turned.text
    assert "\u202e" not in turned.text
    assert AWKWARD[0] in page.text


@pytest.mark.parametrize(
    "frame", [empty(SESSIONS), pd.DataFrame(), build(SESSIONS, {}, n=3)], ids=str
)
def test_what_the_data_cannot_answer_is_said_in_its_place(frame: pd.DataFrame):
    page = Page(report_html(frame, empty_runs(), None))
    assert f"{len(frame)}" in page.text
    assert len(re.findall("No answer: |There is nothing to count", page.text)) >= 2
    assert "NaN" not in page.text


def test_of_one_session_every_question_has_a_picture_or_a_reason():
    page = Page(report_html(sessions_frame(1)))
    reasons = re.findall("No answer: |There is nothing to (?:count|draw)", page.text)
    assert len(page.all("h3")) == len(pictures(page)) + len(reasons)
    assert pictures(page)
    assert "NaN" not in page.text


def test_a_hundred_thousand_tags_make_a_page_of_ordinary_size():
    frame = sessions_frame(1_000)
    frame["tags"] = pd.Series(
        [[f"user:{row}-{number}" for number in range(100)] for row in range(1_000)],
        dtype=frame["tags"].dtype,
    )
    html = report_html(frame)
    assert len(html) < 2_000_000
    assert "more rows" in html


def test_what_is_no_frame_is_refused():
    with pytest.raises(sl.DataError, match="runs"):
        report_html(sessions_frame(3), runs=[1, 2])  # type: ignore[arg-type]


def test_a_file_is_written_whole(tmp_path: Path):
    report(tmp_path / "deep" / "report.html", sessions_frame(20), title="Chats")
    assert (tmp_path / "deep" / "report.html").read_text().startswith("<!doctype html>")
    assert [path.name for path in (tmp_path / "deep").iterdir()] == ["report.html"]


def empty_runs() -> pd.DataFrame:
    return sl.replay(sl.traffic.read(sl.traffic.sample_path("chats.ndjson")).head(0)).runs
