"""Reports as HTML: the answers computed, drawn, and put into the page's template."""

from __future__ import annotations

import warnings
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

import pandas as pd
from tqdm import tqdm

from session_lab.analysis.churn import Cohorts, Gaps, Rate
from session_lab.analysis.display import short_text, table_html
from session_lab.analysis.tags import Drift, TagStatuses
from session_lab.errors import DataError, SessionLabError, SessionLabWarning
from session_lab.frames import check_kind, column_of, instants, whole_file
from session_lab.frames.files.places import written_suffix
from session_lab.mistyped import answer_mistyped
from session_lab.plots.pictures.picture import Picture
from session_lab.reports.at_a_glance import TIMES, at_a_glance
from session_lab.reports.contents import ReportInput, chapters
from session_lab.reports.figures import figure_svg
from session_lab.reports.glossary import GLOSSARY
from session_lab.reports.rendering import render

if TYPE_CHECKING:
    import os
    from collections.abc import Iterator

    from session_lab.analysis.results import Result
    from session_lab.reports.contents import Question

__all__ = ["report", "report_html"]

_TITLE = "Sessions"
_SINGLE = "There is nothing to draw that the table does not say: one period, one kind, or none."


@dataclass(frozen=True)
class _Answer:
    """What the page shows below a question.

    Attributes
    ----------
    table : str
        HTML, with the text of users escaped; empty where there is none.
    notes : tuple of str
        Formula and assumptions, or why there is no answer.
    remarks : tuple of str
        The warnings that came with it.
    picture, caption : str
        The picture as SVG, and in words; empty where there is none.
    """

    question: str
    table: str = ""
    notes: tuple[str, ...] = ()
    remarks: tuple[str, ...] = ()
    picture: str = ""
    caption: str = ""


def report_html(
    sessions: pd.DataFrame,
    runs: pd.DataFrame | None = None,
    operations: pd.DataFrame | None = None,
    *,
    title: str = _TITLE,
    progress: bool = False,
) -> str:
    """Write what the analyses say of some sessions as one HTML page.

    It opens with the numbers of the latest period beside those of the period before, and answers a
    question in each picture, which tells its values under the pointer. The page holds its pictures
    and its style and asks the network for nothing; it is the same, to the byte, for the same
    frames. What the data cannot answer is said in the place of the answer.

    Parameters
    ----------
    sessions : DataFrame
        A sessions frame.
    runs : DataFrame, optional
        Their runs.
    operations : DataFrame, optional
        The operations of a replay.
    title : str
        The heading.
    progress : bool
        Show progress on standard error.

    Returns
    -------
    str
        The page.

    Raises
    ------
    DataError
        One of these is not a DataFrame, has two columns of a name, or its times are none.

    Examples
    --------
    >>> import session_lab as sl
    >>> events = sl.traffic.read(sl.traffic.sample_path("chats.ndjson"))
    >>> page = report_html(sl.replay(events).sessions, title="Chats")
    >>> page.startswith("<!doctype html>"), "<h1>Chats</h1>" in page
    (True, True)
    """
    given = ReportInput(sessions, runs, operations)
    for name, frame in vars(given).items():
        if frame is not None or name == "sessions":
            check_kind(frame, name)
        if frame is not None:
            _check_columns(frame, name)
    parts = chapters(given)
    n_questions = sum(len(chapter.questions) for chapter in parts)
    with tqdm(
        total=n_questions, unit=" questions", desc="report", delay=1, disable=not progress
    ) as bar:
        answered = []
        for chapter in parts:
            answers: list[_Answer] = []
            for question in chapter.questions:
                answers.append(_answer(question, f"{chapter.name}-{len(answers) + 1}"))
                bar.update()
            answered.append({"chapter": chapter, "answers": answers})
    return render(
        "report.html",
        title=title,
        overview=list(_overview(given)),
        glance=at_a_glance(given),
        chapters=answered,
        glossary=GLOSSARY,
    )


def _check_columns(frame: pd.DataFrame, name: str) -> None:
    """Refuse two columns of a name, and times that are none: no chapter could be told by them."""
    for column in frame.columns[frame.columns.duplicated()]:
        column_of(frame, column, source=name)
    time = TIMES[name]
    if time in frame:
        instants(frame, time, source=name, required=False)


@answer_mistyped
def report(
    path: str | os.PathLike[str],
    sessions: pd.DataFrame,
    runs: pd.DataFrame | None = None,
    operations: pd.DataFrame | None = None,
    *,
    title: str = _TITLE,
    progress: bool = False,
) -> None:
    """Write a report to a file, whole or not at all.

    Parameters
    ----------
    path : path
        Ends in ``.html`` or ``.htm``.
    sessions, runs, operations, title, progress
        As for :func:`report_html`.

    Raises
    ------
    DataError
        The name ends in something else, or as for :func:`report_html`.

    Examples
    --------
    >>> import tempfile
    >>> from pathlib import Path
    >>> import session_lab as sl
    >>> events = sl.traffic.read(sl.traffic.sample_path("chats.ndjson"))
    >>> sessions = sl.replay(events).sessions
    >>> path = Path(tempfile.mkdtemp()) / "report.html"
    >>> sl.report(path, sessions)
    >>> path.read_text(encoding="utf-8").splitlines()[0]
    '<!doctype html>'
    """
    if written_suffix(path) not in {".html", ".htm"}:
        message = "a report is a page of HTML: end the name in .html, and print it to have a PDF"
        raise DataError(message, source=str(path))
    page = report_html(sessions, runs, operations, title=title, progress=progress)
    with whole_file(path) as draft:
        draft.write_text(page, encoding="utf-8")


def _answer(question: Question, name: str) -> _Answer:
    """Compute and draw an answer; what the data cannot answer becomes a note."""
    remarks: list[str] = []
    try:
        with warnings.catch_warnings(record=True) as caught:
            warnings.simplefilter("always", SessionLabWarning)
            result = question.answer()
        remarks = [str(warning.message) for warning in caught]
        table = result.overview()
    except SessionLabError as error:
        return _Answer(question.text, notes=(f"No answer: {error}",), remarks=tuple(remarks))
    if table.empty:
        return _Answer(question.text, notes=("There is nothing to count.",), remarks=tuple(remarks))
    answer = _Answer(
        question.text,
        table_html(table),
        (result.formula, *result.notes),
        tuple(remarks),
    )
    if _is_single(result):
        return replace(answer, notes=(_SINGLE, *answer.notes))
    picture = Picture()
    scene = picture.scene(result)
    picture.close()
    return replace(answer, picture=figure_svg(scene, name), caption=scene.alt)


def _is_single(result: Result) -> bool:
    """Return whether there is one period or one class, of which a picture would be an empty axis."""
    match result:
        case Drift():
            return len(result.periods) == 1
        case Rate():
            return len(result.start) == 1 or not result.handovers.any()
        case Gaps():
            return not result.to_frame()[["gaps", "waiting"]].to_numpy().any()
        case TagStatuses():
            return len(result.statuses) == 1
        case Cohorts():
            return bool(result.observed.shape[1] <= 1)
        case _:
            return False


def _overview(given: ReportInput) -> Iterator[tuple[str, str]]:
    """Yield what there is to be read about, a label and a value each."""
    sessions = given.sessions
    observed_at = sessions.attrs.get("observed_at")
    if observed_at is not None:
        yield "observed", _instant(pd.Timestamp(observed_at))
    yield "sessions", f"{len(sessions):,}"
    created = sessions.get("created_at", pd.Series(dtype="datetime64[ms, UTC]")).dropna()
    if len(created):
        yield "first created", _instant(created.min())
        yield "last created", _instant(created.max())
    for column in ("status", "type", "task_identifier"):
        if column in sessions:
            counts = sessions[column].astype("string").value_counts()
            named = [
                f"{short_text(str(name), 40)} {n:,}"
                for name, n in sorted(counts.items(), key=_most_first)
            ]
            if named:
                yield column.replace("_", " "), _listed(named)
    for name in ("runs", "operations"):
        frame = getattr(given, name)
        if frame is not None:
            yield name, f"{len(frame):,}"


def _most_first(entry: tuple[Any, int]) -> tuple[int, str]:
    return -entry[1], str(entry[0])


def _listed(texts: list[str], most: int = 5) -> str:
    more = f", and {len(texts) - most:,} more" if len(texts) > most else ""
    return ", ".join(texts[:most]) + more


def _instant(at: pd.Timestamp) -> str:
    return f"{at.tz_convert('UTC'):%Y-%m-%d %H:%M:%S} UTC"
