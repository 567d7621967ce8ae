"""Fitting the run model to what was recorded of an environment."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING, Any, ClassVar

import numpy as np

from session_lab.analysis.display import read_duration
from session_lab.analysis.results import Result
from session_lab.frames import NAT
from session_lab.mistyped import answer_mistyped
from session_lab.numbers import check_level
from session_lab.replays.environment.caveat import Caveat, texts_of
from session_lab.replays.environment.fitting import platforms
from session_lab.replays.environment.fitting.choices import choices
from session_lab.replays.environment.fitting.constants import SPARE
from session_lab.replays.environment.fitting.evidence import Evidence, durations_of
from session_lab.replays.environment.fitting.parameters import (
    Parameter,
    of_sample,
    table,
    with_texts,
)
from session_lab.replays.environment.fitting.policies import Period, held, periods
from session_lab.replays.environment.fitting.samples import LEAST_SESSIONS, Sample, share_bound
from session_lab.replays.environment.fitting.tasks import by_task, differences, tasks_of
from session_lab.replays.environment.fitting.times import (
    BOOTED,
    ENDED,
    WOKEN,
    boots,
    resumes,
    turn_durations,
)
from session_lab.replays.environment.recording import check_recording
from session_lab.simulator import Platform, RandomStream, RunPolicy
from session_lab.simulator.model.randomness import to_seed
from session_lab.timing import instant_text

if TYPE_CHECKING:
    from collections.abc import Sequence

    import pandas as pd
    from numpy.typing import NDArray

    from session_lab.replays.environment.recording import Recording

__all__ = ["Fit", "fit"]

_TIMES = ("boot_time", "resume_time", "turn_duration")
_QUEUED = 1_000
"""Milliseconds in the queue from which on it is worth a word."""
_SHOWN = ("idle_timeout", "turn_timeout", "max_turns", "on_deploy")
"""Choices whose default stands in where the data do not identify them."""


@dataclass(frozen=True, repr=False, eq=False)
class Fit(Result):
    """The run model fitted to a recording.

    Attributes
    ----------
    rows : tuple of Parameter
        What was found of each parameter.
    policy : RunPolicy or dict of str to RunPolicy
        What the team has chosen, as it holds at the end; of several agents, that of each task.
        Defaults stand in for what is not identified; ``notes`` names them.
    platform : Platform
        What the environment does; zeros stand in for what is not identified.
    periods : tuple of Period
        The policies in order of time; more than one where they were changed meanwhile.
    samples : dict of str to Sample
        What boot time, resume time and turn duration were estimated from.
    few : dict of str to Sample
        Those of them that too few sessions tell for a number: nothing was estimated from these.
    crashes : tuple of int
        How many turns crashed their run, and how many ended and might have.
    sessions, runs : int
        How many were looked at.
    caveats : tuple of Caveat
        What to bear in mind: ``about``, which is what parameter or what else, and ``text``.
    level : float
        Of the intervals that express an error of sampling.
    """

    rows: tuple[Parameter, ...]
    policy: RunPolicy | dict[str, RunPolicy]
    platform: Platform
    periods: tuple[Period, ...]
    samples: dict[str, Sample]
    few: dict[str, Sample]
    crashes: tuple[int, int]
    sessions: int
    runs: int
    caveats: tuple[Caveat, ...]
    level: float

    title: ClassVar[str] = "Run model fitted to a recording"
    formula: ClassVar[str] = (
        "times: Kaplan-Meier, means by the bootstrap-t and quantiles by ranks over sessions; what a "
        "team sets: the values that all observations allow; crash rate: mid-p interval"
    )

    @property
    def notes(self) -> tuple[str, ...]:
        """What to bear in mind, and why what is missing was not identified."""
        return texts_of(self.caveats)

    @cached_property
    def parameters(self) -> pd.DataFrame:
        """All that was found, one row for each number.

        ``parameter``, ``task`` (NA for all), ``statistic`` (of times that differ: mean, p50, p95;
        of deploys: the version), ``since`` (where it was changed), ``value``, ``lower``, ``upper``
        (NA where the data do not tell), ``unit``, ``observations``, ``at_least`` (how many tell
        only a lower bound), ``source``, ``note``.
        """
        return table(self.rows)

    @property
    def prices(self) -> dict[str, float]:
        """Dollars for a billed second by machine, as the platform charged them."""
        found = {
            row.parameter.removeprefix("price_"): row.value
            for row in self.rows
            if row.unit == "$/s" and row.value is not None
        }
        return {machine: float(price) for machine, price in found.items()}

    @property
    def per_run(self) -> float | None:
        """Dollars for the trigger of a run; None where that is not known."""
        return next((row.value for row in self.rows if row.parameter == "price_per_run"), None)

    def to_frame(self) -> pd.DataFrame:
        """Return :attr:`parameters`."""
        return self.parameters.copy()

    def summary(self) -> pd.DataFrame:
        """Return the parameters as they are read: values with their units, intervals as text."""
        return with_texts(self.rows)

    def overview(self) -> pd.DataFrame:
        """Return what was identified, without where it came from."""
        known = [row for row in self.rows if row.value is not None]
        return with_texts(known).drop(columns="from")

    def draws(
        self, n: int, seed: int = 0
    ) -> list[tuple[RunPolicy | dict[str, RunPolicy], Platform]]:
        """Draw policies and platforms that the data would bear as well.

        Times are those of resamples of the sessions, of each kind by itself, with three sessions
        fewer, so that they vary as Student's distribution does; the crash rate is drawn from its
        confidence distribution; what a team has set lies anywhere in its interval. What is not identified stays at what stands in for it.

        Parameters
        ----------
        n : int
            How many.
        seed : int
            What the draws depend on.

        Returns
        -------
        list of (RunPolicy or dict, Platform)
            To be replayed or swept, as ``policy`` and ``platform`` are.
        """
        seed = to_seed(seed)
        drawn = {
            name: sample.resamples(n, seed=seed, name=f"fit-{name}")
            for name, sample in self.samples.items()
        }
        levels = RandomStream(seed, "fit-crashes").uniforms(n).tolist()
        places = iter(RandomStream(seed, "fit-choices").uniforms(n * len(self.rows)).tolist())
        made: list[tuple[RunPolicy | dict[str, RunPolicy], Platform]] = []
        for number in range(n):
            rows = [_moved(row, next(places)) for row in self.rows]
            policy = periods(rows, self._tasks, ())[-1].policy
            times = {name: several[number] for name, several in drawn.items()}
            rate = _rate(*self.crashes, levels[number])
            platform = Platform(**times, crash_rate=rate, deploys=self.platform.deploys)
            made.append((policy, platform))
        return made

    @property
    def _tasks(self) -> Sequence[str | None]:
        return (None,) if isinstance(self.policy, RunPolicy) else tuple(self.policy)


@answer_mistyped
def fit(recording: Recording, *, level: float = 0.95, seed: int = 0) -> Fit:
    """Fit policy and platform to a recording of an environment.

    Parameters
    ----------
    recording : Recording
        What ``sl.record``, ``session-lab pull`` or ``sl.read_recording`` gave.
    level : float
        Of the intervals that express an error of sampling. What a team has set is not sampled: its
        interval is what the observations allow.
    seed : int
        What the resamples depend on.

    Returns
    -------
    Fit
        Policy, platform, and where every number comes from. What the data do not identify has no
        number.

    Raises
    ------
    DataError
        This is not a recording, or a column of its frames holds something else than it should.

    Examples
    --------
    >>> import session_lab as sl
    >>> events = sl.traffic.read(sl.traffic.sample_path("chats.ndjson"))
    >>> truth = sl.RunPolicy(idle_timeout="45s"), sl.Platform(resume_time="800ms")
    >>> recording = sl.Recording.of_replay(sl.replay(events, *truth), events)
    >>> found = sl.fit(recording)
    >>> found.policy.idle_timeout, found.platform.resume_time
    ('45 s', '800 ms')
    """
    check_recording(recording, source="fit")
    check_level(level)
    evidence, seed = Evidence.of(recording), to_seed(seed)
    tasks = tasks_of(evidence)
    live = platforms.deploys(evidence)
    rows: list[Parameter] = []
    for task, mine in tasks.items():
        rows += choices(evidence, task, mine)
        rows.append(platforms.on_deploy(evidence, live, task, mine))
    samples, few, times, caveats = _times(evidence, recording, tasks, level=level, seed=seed)
    crashing = platforms.crash_rate(evidence, None, None, level=level)
    single = by_task(evidence, recording, level=level, seed=seed)
    rows += [*times, crashing, *single, *live, *platforms.prices(evidence)]
    known = evidence.runs.triggered[evidence.runs.triggered != NAT]
    history = periods(rows, tuple(tasks), known)
    platform = Platform(
        **{name: sample.distribution() for name, sample in samples.items()},
        crash_rate=crashing.value or 0.0,
        deploys=[instant_text(round(row.value)) for row in live if row.value is not None],
    )
    return Fit(
        rows=tuple(rows),
        policy=history[-1].policy,
        platform=platform,
        periods=history,
        samples=samples,
        few=few,
        crashes=platforms.crashes(evidence),
        sessions=int(evidence.runs.session.max(initial=-1)) + 1,
        runs=len(evidence.runs.session),
        caveats=(
            *caveats,
            *differences(single),
            *_stand_ins(rows),
            *_own(rows),
            *_changes(history),
            *(Caveat("recording", note) for note in recording.notes),
        ),
        level=level,
    )


def _times(
    evidence: Evidence,
    recording: Recording,
    tasks: dict[str | None, NDArray[Any] | None],
    *,
    level: float,
    seed: int,
) -> tuple[dict[str, Sample], dict[str, Sample], list[Parameter], list[Caveat]]:
    durations, estimated = turn_durations(evidence, None)
    caveats = []
    if evidence.lost_turns:
        told = f"{evidence.lost_turns:,} turns of runs that are not recorded are left out"
        caveats.append(Caveat("turns", told))
    if estimated:
        told = (
            f"the ends of {estimated:,} turns are estimates, since their traces are gone; "
            "turn_duration is of the others, or of these where there are no others"
        )
        caveats.append(Caveat("turn_duration", told))
    queued = durations_of(recording.runs, "queued", "runs")
    queued = queued[queued != NAT]
    if len(queued) and (waited := int(np.quantile(queued, 0.95))) >= _QUEUED:
        told = f"one run in twenty waited {read_duration(waited)} or more in the queue"
        caveats.append(Caveat("boot_time", f"{told}, which boot_time contains"))
    found: list[tuple[str, str | None, Sample, tuple[str, str]]] = [
        ("boot_time", None, boots(evidence, None), BOOTED),
        ("resume_time", None, resumes(evidence, recording, None), WOKEN),
        ("turn_duration", None, durations, ENDED),
    ]
    samples: dict[str, Sample] = {}
    few: dict[str, Sample] = {}
    for name, _, one, _ in found:
        (few if one.sessions < LEAST_SESSIONS else samples)[name] = one
    caveats += [
        Caveat(
            name,
            f"the longest {sample.unseen:.1%} of {name} were not seen to their end; as long as "
            "they were seen stands in for them",
        )
        for name, sample in samples.items()
        if sample.unseen > 0
    ]
    caveats += [
        Caveat(
            name,
            f"{sample.negative:,} of {len(sample.times):,} observations of {name} end before they "
            "begin, as clocks differ: they count as 0 s, and it is too short",
        )
        for name, sample in samples.items()
        if sample.negative > SPARE * len(sample.times)
    ]
    if len(tasks) > 1:
        found += [
            ("turn_duration", task, turn_durations(evidence, mine)[0], ENDED)
            for task, mine in tasks.items()
        ]
    rows = [
        row
        for name, task, sample, (source, nothing) in found
        for row in of_sample(
            name,
            sample,
            task=task,
            source=source,
            nothing=nothing,
            seed=seed,
            level=level,
        )
    ]
    return samples, few, rows, caveats


def _stand_ins(rows: list[Parameter]) -> list[Caveat]:
    """Return a sentence for each number that stands in for one that was not identified."""
    told = []
    for row in rows:
        whose = "" if row.task is None else f" of {row.task}"
        if row.value is not None:
            continue
        if row.parameter in _TIMES and row.task is None:
            text = f"{row.parameter} is {row.note}; 0 s stands in for it"
        elif row.parameter in _SHOWN:
            value = held(row)
            shown = getattr(RunPolicy(), row.parameter) if value is None else value
            text = f"{row.parameter}{whose} is {row.note}; {shown} stands in for it"
        else:
            continue
        told.append(Caveat(row.parameter, text))
    return told


def _own(rows: list[Parameter]) -> list[Caveat]:
    """Return a sentence for each choice that single sessions seem to make for themselves."""
    return [
        Caveat(
            row.parameter,
            f"{row.parameter}{'' if row.task is None else f' of {row.task}'}: {row.note}; all "
            "sessions are replayed alike",
        )
        for row in rows
        if row.is_own
    ]


def _changes(history: tuple[Period, ...]) -> list[Caveat]:
    if len(history) == 1:
        return []
    times = ", ".join(str(one.since) for one in history[1:])
    told = (
        f"the policy was changed meanwhile, at the latest at {times}; .policy is the last one, and "
        ".periods has all; calibrate each on its own part of the recording (Recording.between)"
    )
    return [Caveat("policy", told)]


def _moved(row: Parameter, place: float) -> Parameter:
    """Return a choice at a place of its interval, from 0 to 1."""
    if row.value is None or row.lower is None or row.upper is None or row.lower == row.upper:
        return row
    return row._replace(value=row.lower + place * (row.upper - row.lower))


def _rate(crashed: int, tried: int, place: float) -> float:
    """Draw a crash rate: its bound at the level that a number from 0 to 1 stands for."""
    if not tried:
        return 0.0
    return share_bound(crashed, tried, min(max(place, 1e-9), 1 - 1e-9))
