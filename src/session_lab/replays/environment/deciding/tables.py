"""What was found of policies, as the frames that a decision shows."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np
import pandas as pd

from session_lab.analysis.replays.recommend import pareto_front, settings_of
from session_lab.replays.environment.deciding.question import SHARES
from session_lab.replays.environment.deciding.study import MEASURED, PER_SESSION
from session_lab.replays.grid import durations

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from session_lab.replays.environment.deciding.study import Sampled, Study

__all__ = ["expected", "sensitivity", "shares_of", "table_of", "unknown_of"]

_INTERVAL = [0.025, 0.975]
_MORE_OFTEN = 0.5
_BOOTS = {0.0: "no time", 0.5: "half as long as a boot", 1.0: "as long", 2.0: "twice as long"}


def table_of(study: Study, point: Sampled) -> pd.DataFrame:
    """Return one row per policy: settings, waits, what a month comes to, and the front."""
    columns: dict[str, Any] = {}
    for name in MEASURED[: -len(PER_SESSION)]:
        values = [float(one[name][0]) for one in point.measures.values()]
        columns[name] = _as_durations(values) if unit_of(name) == "s" else values
    frame = study.candidates.frame().assign(**columns, refused=point.refused)
    kept = frame["refused"] == frame["refused"].min()
    front = np.zeros(len(frame), dtype=bool)
    front[kept] = pareto_front(frame[kept], study.question.wait, "cost")
    return frame.assign(front=front)


def expected(study: Study, point: Sampled, samples: Sampled, chosen: int) -> pd.DataFrame:
    """Return what is expected today and under the proposed policy, with 95 % intervals.

    ``measure, unit``, then ``today``, ``proposed`` and ``difference``, each with ``_lower`` and
    ``_upper``; times in seconds. The samples of either are the same, so that the difference has an
    interval of its own.
    """
    today = study.candidates.today
    rows = []
    for name in MEASURED:
        row: dict[str, Any] = {"measure": name, "unit": unit_of(name)}
        sampled = {
            side: samples.measures[place][name]
            for side, place in (("today", today), ("proposed", chosen))
        }
        sampled["difference"] = sampled["proposed"] - sampled["today"]
        values = {
            "today": point.measures[today][name][0],
            "proposed": point.measures[chosen][name][0],
        }
        values["difference"] = values["proposed"] - values["today"]
        for side, value in values.items():
            known = sampled[side][~np.isnan(sampled[side])]
            ends = np.quantile(known, _INTERVAL) if len(known) else (np.nan, np.nan)
            row |= {side: value, f"{side}_lower": ends[0], f"{side}_upper": ends[1]}
        rows.append(row)
    return pd.DataFrame(rows)


def sensitivity(study: Study, others: Mapping[str, Sampled], chosen: int) -> pd.DataFrame:
    """Return what would be chosen under each other assumption.

    ``assumption, settings`` (as text), ``same`` (whether it is the same policy), and its wait in
    seconds and cost a month.
    """
    frame = study.candidates.frame()
    rows = []
    for name, one in others.items():
        place = int(study.chosen(one, one.kept)[0])
        found = ", ".join(f"{field} {value}" for field, value in settings_of(frame, place).items())
        measures = one.measures[place]
        wait, cost = (float(measures[column][0]) for column in (study.question.wait, "cost"))
        rows.append((name, found, place == chosen, wait, cost))
    return pd.DataFrame(rows, columns=["assumption", "settings", "same", "wait", "cost"])


def shares_of(holds: Any, kinds: int = 0) -> Any:  # noqa: ANN401  arrays
    """Return in what share of samples something holds, by policy; the least of several kinds.

    ``holds`` has the shape (samples, policies); samples are of each kind in turn.
    """
    return np.min(_shares_by_kind(holds, max(kinds, 1)), axis=0)


def _shares_by_kind(holds: Any, kinds: int) -> list[Any]:  # noqa: ANN401  arrays
    return [holds[kind::kinds].mean(axis=0) for kind in range(kinds)]


def unknown_of(study: Study, good: Any, chosen: int, parts: Sequence[float]) -> str:  # noqa: ANN401
    """Return why it is not known how sure a choice is; nothing where that is known.

    It is where the choice is more often than not as good as the best whatever a resume takes.
    """
    shares = _shares_by_kind(good, len(parts))
    if all(share[chosen] >= _MORE_OFTEN for share in shares):
        return ""
    frame = study.candidates.frame()
    best = [chosen if share[chosen] >= _MORE_OFTEN else int(share.argmax()) for share in shares]
    told = [
        f"{', '.join(f'{name} {value}' for name, value in settings_of(frame, place).items())} if "
        f"that takes {_BOOTS[part]}"
        for place, part in zip(best, parts, strict=True)
    ]
    return (
        f"it depends on how long a run takes to wake, which the recording does not tell: best is "
        f"{'; '.join(told)}"
    )


def unit_of(name: str) -> str:
    """Return what a measure is counted in."""
    if name in SHARES:
        return "share"
    if name.startswith(("billed", "wait")):
        return "s"
    return "a session" if name in PER_SESSION else "a month"


def _as_durations(seconds: list[float]) -> Any:  # noqa: ANN401  an array of pandas
    known = [np.iinfo(np.int64).min if np.isnan(each) else round(each * 1000) for each in seconds]
    return durations(known)
