"""A name or a keyword that is mistyped is answered with what is meant."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pandas as pd
import pytest

import session_lab as sl

if TYPE_CHECKING:
    from collections.abc import Callable

FRAME = pd.DataFrame({"tags": [["vip"]]})


@pytest.mark.parametrize(
    ("ask", "meant"),
    [
        (lambda: sl.explor, "explore"),  # type: ignore[attr-defined]
        (lambda: sl.tags.distributon, "distribution"),  # type: ignore[attr-defined]
        (lambda: sl.churn.gap, "gaps"),  # type: ignore[attr-defined]
        (lambda: sl.lifetimes.survivl, "survival"),  # type: ignore[attr-defined]
        (lambda: sl.conflicts.sumary, "summary"),  # type: ignore[attr-defined]
        (lambda: sl.traffic.reed, "read"),  # type: ignore[attr-defined]
        (lambda: sl.widgets.TagExplorr, "TagExplorer"),  # type: ignore[attr-defined]
    ],
)
def test_a_mistyped_name(ask: Callable[[], Any], meant: str):
    with pytest.raises(AttributeError, match=f"did you mean '{meant}'"):
        ask()


@pytest.mark.parametrize(
    ("call", "meant"),
    [
        (lambda: sl.explore(FRAME, run=FRAME), "runs"),
        (lambda: sl.lifetimes.survival(FRAME, expires="censors"), "expiry"),
        (lambda: sl.RunPolicy(idle_timout="3s"), "idle_timeout"),
        (lambda: sl.Platform(bot_time="3s"), "boot_time"),
        (lambda: sl.ChatWorkload(durations="3d"), "duration"),
        (lambda: sl.select(FRAME, tag="vip"), "tags"),
        (lambda: sl.sweep(FRAME, {}, platfrom=None), "platform"),
        (lambda: sl.replay(FRAME, polcy=None), "policy"),
    ],
)
def test_a_mistyped_keyword(call: Callable[[], Any], meant: str):
    with pytest.raises(TypeError, match=f"unexpected keyword argument .*did you mean '{meant}'"):
        call()


def test_an_unknown_keyword_that_is_near_to_none_is_answered_with_all():
    with pytest.raises(TypeError, match="it takes idle_timeout, turn_timeout"):
        sl.RunPolicy(zzz="3s")  # type: ignore[call-arg]


def test_what_is_answered_pickles_and_keeps_its_signature():
    assert pickle.loads(pickle.dumps(sl.RunPolicy(max_turns=3))) == sl.RunPolicy(max_turns=3)  # noqa: S301
    assert pickle.loads(pickle.dumps(sl.replay)) is sl.replay  # noqa: S301
    assert not hasattr(sl.tags, "__path__x")
