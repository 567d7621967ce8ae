"""A decision as a page that is made to be sent: HTML that needs nothing else, or Markdown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, NamedTuple

import pandas as pd

from session_lab.analysis.display import money, read_duration
from session_lab.analysis.replays.recommend import settings_of
from session_lab.reports.rendering import image_of, render
from session_lab.simulator import Distribution, RunPolicy
from session_lab.timing import to_milliseconds

if TYPE_CHECKING:
    from session_lab.replays.environment import Decision
    from session_lab.simulator import Platform

__all__ = ["decision_page"]

_SHOWN = 6
"""So many policies are listed by how often they win."""
_IN_THE_AGENT = {
    "idle_timeout": "idleTimeoutInSeconds",
    "turn_timeout": "turnTimeout",
    "max_turns": "maxTurns",
    "max_duration": "maxDuration",
    "preload_idle_timeout": "preloadIdleTimeoutInSeconds",
    "preload_timeout": "preloadTimeout",
    "exit_after_preload_idle": "exitAfterPreloadIdle",
}
"""What the fields of a policy are called where an agent sets them (Trigger.dev docs: AI chat)."""
_UNITS = (("d", 86_400_000), ("h", 3_600_000), ("m", 60_000), ("s", 1_000))


class _Table(NamedTuple):
    """A table of texts; the first column names the rows."""

    columns: list[str]
    rows: list[list[str]]


def decision_page(decision: Decision, suffix: str, title: str) -> str:
    """Write a decision as a page.

    Parameters
    ----------
    decision : Decision
        What ``sl.decide`` returned.
    suffix : {".html", ".md"}
        HTML holds its picture and its style and asks the network for nothing; Markdown has neither.
    title : str
        The heading.

    Returns
    -------
    str
        The page; the same, to the byte, for the same decision.
    """
    values = _values(decision, title)
    if suffix == ".md":
        values = {name: _escaped(value) for name, value in values.items()}
        return render("decision.md", **values)
    return render("decision.html", **values, image=image_of(decision))


def _values(decision: Decision, title: str) -> dict[str, Any]:
    recorded = decision.recorded
    return {
        "title": title,
        "headline": decision.headline,
        "is_met": decision.is_met,
        "certainty": "" if decision.unknown else f"{decision.as_good:.0%}",
        "asked": decision.question,
        "sureness": decision.sureness,
        "savings": _savings(decision),
        "facts": [
            ("recorded", f"{recorded.begin} to {recorded.end} ({recorded.days:,.1f} days)"),
            ("chats", f"{recorded.sessions:,}, with {recorded.turns:,} turns"),
            ("tried", f"{len(decision.policies):,} policies"),
        ],
        "remarks": list(decision.remarks),
        "expected": _table(decision.overview()),
        "winners": _winners(decision),
        "sensitivity": _sensitivity(decision),
        "slots": decision.slots,
        "calibration": decision.calibration,
        "platform": _platform(decision.platform),
        "agent": _agent(decision),
        "assumptions": list(decision.assumptions),
        "caveats": list(decision.rest),
        "formula": decision.formula,
    }


def _savings(decision: Decision) -> str:
    """Return what changes, in one sentence."""
    if not decision.is_change:
        return ""
    rows = {row["measure"]: row for row in decision.expected.to_dict("records")}
    cost, wait = rows["cost"], rows[decision.wait]
    shown = {side: _cost(decision, cost[side]) for side in ("today", "proposed")}
    unit = "" if decision.cost_unit == "dollars" else f" {decision.cost_unit}"
    waits = [_wait(float(wait[side]), str(wait["unit"])) for side in ("today", "proposed")]
    words = decision.wait.replace("_", " ")
    return (
        f"Cost a month goes from {shown['today']} to {shown['proposed']}{unit}, and {words} from "
        f"{waits[0]} to {waits[1]}."
    )


def _wait(value: float, unit: str) -> str:
    return f"{value:.1%}" if unit == "share" else read_duration(round(value * 1000))


def _cost(decision: Decision, value: Any) -> str:  # noqa: ANN401  a cell of a frame
    return money(float(value), "$" if decision.cost_unit == "dollars" else "")


def _winners(decision: Decision) -> _Table:
    """List the policies that win most often, and today's."""
    frame = decision.policies
    order = frame["wins"].sort_values(ascending=False, kind="stable").index[:_SHOWN]
    rows = [row for row in order if frame["wins"].iloc[row] > 0 or row == decision.chosen]
    if decision.today not in rows:
        rows.append(decision.today)
    told = []
    for row in rows:
        name = ", ".join(f"{key} {value}" for key, value in settings_of(frame, row).items())
        marks = [
            word
            for word, place in (("proposed", decision.chosen), ("today", decision.today))
            if place == row
        ]
        one = frame.iloc[row]
        wait = one[decision.wait]
        shown = (
            read_duration(round(wait / pd.Timedelta(1, "ms")))
            if isinstance(wait, pd.Timedelta)
            else f"{wait:.1%}"
        )
        shares = [f"{one[f'wins{which}']:.0%}" for which in ("", "_chats", "_parameters")]
        told.append(
            [
                f"{name} ({', '.join(marks)})" if marks else name,
                *shares,
                f"{one['as_good']:.0%}",
                shown,
                _cost(decision, one["cost"]),
            ]
        )
    columns = ["policy", "wins", "chats vary", "platform varies", "as good"]
    return _Table([*columns, decision.wait.replace("_", " "), "cost a month"], told)


def _sensitivity(decision: Decision) -> _Table:
    frame = decision.sensitivity
    unit = str(decision.expected.set_index("measure").loc[decision.wait, "unit"])
    rows = [
        [
            str(row["assumption"]),
            "the same" if row["same"] else str(row["settings"]),
            _wait(float(row["wait"]), unit),
            _cost(decision, row["cost"]),
        ]
        for row in frame.to_dict("records")
    ]
    wait = decision.wait.replace("_", " ")
    return _Table(["if", "then best", wait, "cost a month"], rows)


def _platform(platform: Platform) -> _Table:
    """List the times that the environment takes, and how often turns crash."""
    rows = []
    for name in ("boot_time", "resume_time", "turn_duration"):
        time = getattr(platform, name)
        if isinstance(time, Distribution):
            quantiles = [
                read_duration(round(time.quantile(q).total_seconds() * 1000)) for q in (0.5, 0.95)
            ]
        else:
            quantiles = [str(time)] * 2
        rows.append([name.replace("_", " "), *quantiles])
    rows.append(["crashes of turns", f"{platform.crash_rate:.2%}", ""])
    return _Table(["", "half of the time at most", "p95"], rows)


def _agent(decision: Decision) -> list[str]:
    """Return the lines that set the recommended policy in an agent, where it changes something."""
    if not isinstance(decision.policy, RunPolicy) or not decision.is_change:
        return []
    lines = []
    for name in decision.settings:
        field, value = _IN_THE_AGENT.get(name), getattr(decision.policy, name, None)
        if field is None or value is None:
            continue
        if field.endswith("InSeconds"):
            shown = f"{to_milliseconds(value) / 1000:g}"
        elif isinstance(value, str):
            shown = f'"{_short(to_milliseconds(value))}"'
        else:
            shown = str(value).lower()
        lines.append(f"{field}: {shown},")
    return lines


def _short(milliseconds: int) -> str:
    """Write a duration as the platform takes it: a whole number of its largest unit."""
    for unit, size in _UNITS:
        if milliseconds % size == 0 and milliseconds:
            return f"{milliseconds // size}{unit}"
    return f"{milliseconds / 1000:g}s"


def _table(frame: pd.DataFrame) -> _Table:
    return _Table(list(frame.columns), frame.astype(str).to_numpy().tolist())


def _escaped(value: Any) -> Any:  # noqa: ANN401  whatever a template shows
    """Keep text from being read as Markdown."""
    if isinstance(value, str):
        return "".join(f"\\{letter}" if letter in "\\`*_[]<>|#$" else letter for letter in value)
    if isinstance(value, _Table):
        return _Table(_escaped(value.columns), _escaped(value.rows))
    if isinstance(value, (list, tuple)):
        return [_escaped(each) for each in value]
    return value
