"""Deciding on a policy from what was recorded, with how sure the choice is."""

from __future__ import annotations

import math
from functools import partial
from typing import TYPE_CHECKING, Any

import numpy as np
from tqdm import tqdm

from session_lab.analysis.display import read_duration
from session_lab.errors import DataError
from session_lab.frames import instants
from session_lab.mistyped import answer_mistyped
from session_lab.replays.chats import Chats
from session_lab.replays.environment.calibration import calibrate
from session_lab.replays.environment.caveat import Caveat
from session_lab.replays.environment.deciding.decision import Decision, Recorded
from session_lab.replays.environment.deciding.outcomes import halves, picked
from session_lab.replays.environment.deciding.peaks import peaks_of
from session_lab.replays.environment.deciding.pricing import pricing_of
from session_lab.replays.environment.deciding.question import question_of
from session_lab.replays.environment.deciding.settings import candidates
from session_lab.replays.environment.deciding.stand_ins import FittedModel, with_stand_ins
from session_lab.replays.environment.deciding.study import Study
from session_lab.replays.environment.deciding.tables import (
    expected,
    sensitivity,
    shares_of,
    table_of,
    unknown_of,
)
from session_lab.replays.environment.deciding.variations import variations
from session_lab.replays.environment.fitting import fit as fit_recording
from session_lab.replays.environment.fitting.samples import STUDENT, block_draws, normals
from session_lab.replays.environment.recording import check_recording
from session_lab.simulator.model.randomness import to_seed
from session_lab.timing import instant_text, to_instant

if TYPE_CHECKING:
    from collections.abc import Mapping

    import pandas as pd
    from numpy.typing import NDArray

    from session_lab.analysis.churn.prices import PriceList
    from session_lab.frames.files.sources import Place
    from session_lab.replays.environment.recording import Recording
    from session_lab.replays.grid import Grid
    from session_lab.timing import Duration

__all__ = ["decide"]

_MONTH = 365.25 / 12 * 86_400_000
_LEAST_SAMPLES, _MOST_SAMPLES = 100, 1_000_000
_LEAST_CHATS = 2
_LONG = 0.25
_MANY_CHATS = 20_000
"""What another platform changes is told by so many chats: the difference is taken chat by chat."""


@answer_mistyped
def decide(
    recording: Recording,
    grid: Grid | None = None,
    fit: FittedModel | None = None,
    *,
    events: pd.DataFrame | Place | None = None,
    at_most: Duration | float | None = None,
    budget: float | None = None,
    waited_second: float | None = None,
    wait: str = "wait_p95",
    prices: PriceList | Mapping[str, float] | None = None,
    resamples: int = 400,
    draws: int = 20,
    calibrated: bool = True,
    seed: int = 0,
    scheduler: Any = None,  # noqa: ANN401 (dask is optional, and its client has no types)
    progress: bool = False,
) -> Decision:
    """Choose a policy for an environment from what was recorded in it.

    The recorded events are replayed under every policy of the grid on the fitted platform; or all
    that were logged elsewhere, of which only some chats were recorded. What is
    chosen depends on the question: the cheapest policy that waits at most so long (``at_most``),
    the one that waits least for at most so many dollars a month (``budget``), the one with the
    smallest sum of cost and waiting at a price of a waited second (``waited_second``), or, without
    any of these, the knee of the front between waiting and cost.

    How sure that is, is the share of samples in which the same policy wins: samples of the recorded
    chats, drawn with replacement, each with what a platform changes that the fit would bear as well.
    Samples have three chats fewer, so that they vary as Student's distribution does. Where hardly
    any turn woke a run, it is what holds whatever waking one takes, or not known.

    Parameters
    ----------
    recording : Recording
        What ``sl.record``, ``session-lab pull`` or ``sl.read_recording`` gave.
    grid : mapping of str to list, optional
        Values to try for fields of :class:`RunPolicy`, and ``expiry``, as in ``sl.sweep``; what
        holds today is tried too. By default seven idle timeouts and four turn timeouts.
    fit : Fit, optional
        What ``sl.fit`` made of the recording; it is fitted here by default.
    events : DataFrame, path or URL, optional
        What to play in place of the recorded events, which then tell of platform, prices and today's
        policy alone: an events frame, or a folder of Parquet shards, each with all events of its
        sessions, as ``sl.traffic.shard`` leaves them. Shards are read several times, as many at a
        time as there are processors; beside them some 40 bytes a chat are taken at first, and a
        megabyte a policy. The decision is that of the same events in memory, to the bit.
    at_most : str, timedelta or float, optional
        The longest wait that will do; of shares, a number.
    budget : float, optional
        The most dollars a month.
    waited_second : float, optional
        What a second that someone waits is worth, in dollars.
    wait : str
        What waiting is measured by: ``wait_mean``, ``wait_p50``, ``wait_p95``, ``wait_p99``,
        ``cold_starts`` or ``resumed``.
    prices : PriceList or mapping of str to float, optional
        Dollars for a billed second on machine presets; by default what the platform charged for the
        recorded runs. Several are weighed by the billed time of the recorded runs on each machine.
    resamples : int
        How many samples; at least 100.
    draws : int
        On how many platforms they are played; at least 1.
    calibrated : bool
        Whether to look how well the model reproduces what was recorded; see ``sl.calibrate``.
    seed : int
        What samples, crashes and random times draw on.
    scheduler : dask.distributed.Client, optional
        Play on its workers instead of threads, as in ``sl.sweep``.
    progress : bool
        Show progress on standard error.

    Returns
    -------
    Decision
        The recommendation, how sure it is, and what to expect; ``.report(path)`` writes a page.

    Raises
    ------
    DataError
        This is not a recording, or it holds fewer than two chats; more than one question; a grid
        that names an assumption; or a question in money where no price is known.

    Examples
    --------
    >>> import session_lab as sl
    >>> events = sl.traffic.read(sl.traffic.sample_path("chats.ndjson"))
    >>> today, platform = sl.RunPolicy(), sl.Platform(boot_time="3s", resume_time="1s")
    >>> recording = sl.Recording.of_replay(sl.replay(events, today, platform), events)
    >>> grid = {"idle_timeout": ["10s", "30s", "2m"]}
    >>> decision = sl.decide(recording, grid, at_most="1s", wait="wait_mean", draws=2)
    >>> decision.settings, decision.is_met
    ({'idle_timeout': '2 min'}, True)
    """
    check_recording(recording, source="decide")
    seed = to_seed(seed)
    _check_samples(resamples, draws)
    pricing = pricing_of(recording.runs, prices)
    question = question_of(
        wait,
        at_most=at_most,
        budget=budget,
        waited_second=waited_second,
        is_priced=pricing.is_known,
    )
    model: object = fit_recording(recording, seed=seed) if fit is None else fit
    if not isinstance(model, FittedModel):
        raise DataError(f"{type(model).__name__} is not a Fit; sl.fit(recording) makes one")
    model = with_stand_ins(model)
    parts: tuple[float, ...] = getattr(model, "parts", ())
    # As many draws of each part.
    kinds = max(len(parts), 1)
    tried = candidates(grid, model.policy)
    logged = recording.events if events is None else events
    chats = Chats.of(logged, model.policy, seed=seed, scheduler=scheduler)
    if chats.sessions < _LEAST_CHATS:
        message = f"{chats.sessions} chats are too few to decide on; record for longer"
        source = "recording" if events is None else "events"
        raise DataError(message, source=source, column="external_id")
    begin, end = _period(recording) if events is None else map(instant_text, chats.created)
    span = max(to_instant(end) - to_instant(begin), 1)
    varied = variations(model.platform)
    everything = tuple(range(len(tried.settings)))
    n = len(everything) * (3 + draws + len(varied))
    with tqdm(total=n, unit=" policies", desc="decide", delay=1, disable=not progress) as bar:
        study = Study(chats, tried, question, pricing, _MONTH / span, seed, bar.update)
        policy, platform = model.policy, model.platform
        # Shards are read once for both.
        jobs: list[partial[tuple[Any, ...]]] = [
            partial(halves, play) for play in study.plays(policy, platform)
        ]
        jobs.append(partial(picked, _MANY_CHATS))
        *by_halves, (some_chats,) = chats.add_up(jobs, progress=bar.update)
        wholes = [earlier + later for earlier, later in by_halves]
        point = study.told(wholes, sessions=chats.sessions, tells_all=everything)
        kept = point.kept
        chosen = int(study.chosen(point, kept)[0])
        both = chosen, tried.today
        samples = block_draws(chats.blocks, resamples, seed, "chats", spared=STUDENT)
        counts = _counts(resamples, chats.sessions, seed)
        by_chats = study.in_samples(
            policy, platform, wholes, samples, counts=counts, tells_all=both
        )
        few = study.on(chats.joined(some_chats))
        base = few.told(few.played(policy, platform), tells_all=everything)
        drawn = [
            few.told(few.played(*place), tells_all=both)
            for place in model.draws(-(-draws // kinds) * kinds, seed)
        ]
        by_parameters, by_both = (found.moved(base, drawn) for found in (point, by_chats))
        elsewhere = {
            name: few.told(few.played(policy, other), tells_all=everything)
            for name, other in varied.items()
        }
        others = {name: point.moved(base, [there]) for name, there in elsewhere.items()}
    if min(chats.halves) >= _LEAST_CHATS:
        for words, number, some in zip(
            ("earlier", "later"), chats.halves, zip(*by_halves, strict=True), strict=True
        ):
            others[f"only the {words} half of the chats counts"] = study.told(
                some, sessions=number, tells_all=everything, told=[question.wait]
            )
    proposed = tried.policies(model.policy)[chosen][0]
    good = study.as_good(by_both, kept)
    return Decision(
        policies=table_of(study, point).assign(
            wins_chats=shares_of(study.wins(by_chats, kept)),
            wins_parameters=shares_of(study.wins(by_parameters, kept), len(parts)),
            wins=shares_of(study.wins(by_both, kept), len(parts)),
            as_good=shares_of(good, len(parts)),
        ),
        chosen=chosen,
        today=tried.today,
        unknown=unknown_of(study, good, chosen, parts),
        wait=question.wait,
        question=question.text,
        rule=question.rule,
        limit=question.limit_text,
        is_met=question.on_samples.is_met(point.wait[0, chosen], point.cost[0, chosen]),
        expected=expected(study, point, by_both, chosen),
        sensitivity=sensitivity(study, others, chosen),
        policy_today=model.policy,
        policy=proposed,
        platform=model.platform,
        peaks=peaks_of(chats, model.policy, proposed, model.platform, seed=seed),
        cost_unit=pricing.unit,
        edges=tried.edges(chosen),
        recorded=Recorded(
            begin,
            end,
            span / 86_400_000,
            chats.sessions,
            len(recording.turns) if events is None else wholes[tried.today].turns,
            resamples,
            draws,
        ),
        caveats=(
            *pricing.caveats,
            *_quiet(begin, chats.created[0], span),
            *getattr(model, "caveats", ()),
        ),
        calibration=_calibration(recording, model, seed) if calibrated else "",
    )


def _check_samples(resamples: int, draws: int) -> None:
    if resamples < _LEAST_SAMPLES:
        message = f"{resamples} resamples are too few; take {_LEAST_SAMPLES} or more"
        raise DataError(message, column="resamples")
    if resamples > _MOST_SAMPLES:
        message = f"{resamples} resamples are more than {_MOST_SAMPLES:,}, which tell no more"
        raise DataError(message, column="resamples")
    if not 1 <= draws <= resamples:
        message = f"{draws} draws are not between 1 and the number of resamples"
        raise DataError(message, column="draws")


def _counts(n: int, chats: int, seed: int) -> NDArray[np.float64]:
    """Draw how many chats there might have been, by how many there were: they come as by chance.

    The normal approximation of a Poisson number.
    """
    return np.maximum(1 + normals(n, seed, "counts") / math.sqrt(chats), 0.0)


def _period(recording: Recording) -> tuple[str, str]:
    """Return from when until when sessions were recorded; without a period, the first to the last."""
    created = instants(recording.sessions, "created_at", source="sessions")
    first, last = recording.period
    return (
        instant_text(int(created.min())) if first is None else first,
        instant_text(int(created.max())) if last is None else last,
    )


def _quiet(begin: str, first: int, span: int) -> list[Caveat]:
    """Return a sentence where the first session came long after the recorded time began."""
    late = first - to_instant(begin)
    if late < _LONG * span:
        return []
    told = f"the first session came {read_duration(late)} after the recorded time began"
    times = f"{span / max(span - late, 1):.3g} times as much"
    told = f"{told}: if nothing was there before, a month comes to {times}"
    return [Caveat("period", told)]


def _calibration(recording: Recording, model: FittedModel, seed: int) -> str:
    """Return how well the model reproduces what was recorded, in a sentence."""
    found = calibrate(recording, model.policy, model.platform, seed=seed)
    return f"The replayed beside the recorded: {found.sentence}"
