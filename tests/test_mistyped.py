"""A name or a keyword that is mistyped is answered with what is meant."""

from __future__ import annotations

import pickle
from typing import TYPE_CHECKING, Any

import pandas as pd
import pyarrow as pa
import pytest

import session_lab as sl
from session_lab.mistyped import AnswersMistyped

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
        (lambda: sl.tags.drift(FRAME, tops=3), "top"),
        (lambda: sl.lifetimes.cox(FRAME, "x", leval=0.9), "level"),
        (lambda: sl.churn.cost(FRAME, pries={}), "prices"),
        (lambda: sl.conflicts.summary(FRAME, in_fligt="1s"), "in_flight"),
        (lambda: sl.traffic.from_messages(FRAME, colums={}), "columns"),
        (lambda: sl.read_sessions("a.csv", observed="x"), "observed_at"),
        (lambda: sl.Simulator(sede=3), "seed"),
        (lambda: sl.LocalServer(sede=3), "seed"),
        (lambda: sl.Simulator().client().sessions.list(staus="CLOSED"), "status"),
        (lambda: sl.tags.distribution(FRAME).plot(figsise=(7, 3)), "figsize"),
        (lambda: sl.explore(FRAME)["Tags"].export(knd="csv"), "kind"),
        (lambda: sl.Simulator().explain(repli=None), "reply"),
    ],
)
def test_a_mistyped_keyword(call: Callable[[], Any], meant: str):
    with pytest.raises(TypeError, match=f"unexpected keyword argument .*did you mean '{meant}'"):
        call()


@pytest.mark.parametrize(
    ("ask", "meant"),
    [
        (lambda: sl.tags.distribution(FRAME).to_dataframe(), "to_frame"),
        (lambda: sl.tags.distribution(FRAME).plt(), "plot"),
        (lambda: sl.explore(FRAME)["Tags"].stat, "state"),
        (lambda: sl.explore(FRAME)["Tags"].state.vew, "view"),
        (lambda: sl.explore(FRAME).explorer, "explorers"),
        (lambda: sl.Simulator().snapshto(), "snapshot"),
        (lambda: sl.Simulator().client().sesions, "sessions"),
        (lambda: sl.Simulator().client().sessions.retreive("chat-1"), "retrieve"),
    ],
)
def test_a_mistyped_attribute(ask: Callable[[], Any], meant: str):
    with pytest.raises(AttributeError, match=f"did you mean '{meant}'"):
        ask()


class Broken(AnswersMistyped):
    @property
    def broken(self) -> str:
        raise AttributeError("the reason")


def test_what_a_property_raises_is_not_taken_for_a_mistyped_name():
    with pytest.raises(AttributeError, match=r"^the reason$"):
        _ = Broken().broken


def test_a_value_is_answered_in_any_case_and_a_column_too():
    sessions = pd.DataFrame({"tags": [["vip"]], "status": ["CLOSED"]})
    with pytest.raises(sl.DataError, match="did you mean 'CLOSED'"):
        sl.select(sessions, status="closed")
    with pytest.raises(sl.DataError, match="did you mean 'status'"):
        sl.tags.by_status(sessions, column="statuss")


@pytest.mark.parametrize(
    ("call", "problem"),
    [
        (lambda log: sl.replay(log, until=5), "until: 5 is a number; write an instant"),
        (lambda log: sl.replay(log).compare(log.columns), "Index is not a Replay"),
        (lambda log: sl.replay(log).cost("small-1x"), "'small-1x' is not a mapping"),
        (lambda _: sl.tags.drift(FRAME, top="5"), "top: '5' tags show nothing"),
        (lambda _: sl.tags.distribution(FRAME).plot(figsize=3), "a width and a height"),
        (lambda _: sl.record("tr_dev"), "client: str is not a Client"),
        (lambda _: sl.LocalServer(port="x"), "port: 'x' is not the number of a port"),
        (lambda _: sl.report("a.pdf", FRAME), r"end the name in \.html"),
        (lambda _: sl.explore(FRAME, policy="30s"), "policy: '30s' is not a RunPolicy"),
        (lambda _: sl.read_sessions(FRAME), "path: DataFrame is not a path"),
        (lambda log: sl.replay(log.set_index("at")), r"it is the index, and \.reset_index\(\)"),
        (
            lambda _: sl.tags.drift(FRAME.assign(created_at=pd.NaT).set_index("created_at"), "1d"),
            r"\.reset_index\(\)",
        ),
        (
            lambda _: sl.explore(pa.table({"tags": [[]]})),
            r"pyarrow\.Table is .*its \.to_pandas\(\)",
        ),
        (lambda _: sl.traffic.from_messages(FRAME), r"columns=\{\"at\": 'tags'\}"),
    ],
)
def test_what_is_of_another_kind_is_told_what_to_do(call: Callable[[Any], Any], problem: str):
    log = sl.traffic.generate(sl.ChatWorkload(duration="10m"), seed=1)
    with pytest.raises(sl.DataError, match=problem):
        call(log)


def test_an_unknown_keyword_that_is_near_to_none_is_answered_with_all():
    with pytest.raises(TypeError, match="it takes idle_timeout, turn_timeout"):
        sl.RunPolicy(zzz="3s")  # type: ignore[call-arg]


def test_what_is_answered_pickles_and_keeps_its_signature():
    assert pickle.loads(pickle.dumps(sl.RunPolicy(max_turns=3))) == sl.RunPolicy(max_turns=3)  # noqa: S301
    assert pickle.loads(pickle.dumps(sl.replay)) is sl.replay  # noqa: S301
    assert not hasattr(sl.tags, "__path__x")
