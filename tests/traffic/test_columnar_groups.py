"""What comes of groups of sessions adds up what the columns say of each."""

from __future__ import annotations

from typing import TYPE_CHECKING

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from session_lab.traffic.columnar import GroupedLog, SweptLog
from tests.traffic.test_columnar import random_case

if TYPE_CHECKING:
    from tests.traffic.test_columnar import Case


@given(st.integers(0, 2**64).map(random_case), st.integers(1, 5), st.sampled_from([0, 700, 2**40]))
def test_groups_have_what_the_columns_say_of_their_sessions(case: Case, n: int, waits_from: int):
    log, timings = GroupedLog.of(case.log), case.log.timings
    block = np.arange(len(log.created_by)) * 7 % n
    edges = np.concatenate([[0], np.bincount(block, minlength=n).cumsum()])
    swept = SweptLog(log).arranged(np.argsort(block, kind="stable"))
    made = swept.by_groups(timings, edges, waits_from=waits_from)
    played = log.play(timings, workers=1)
    served = np.flatnonzero(played.start_kind >= 0)
    for group in range(n):
        runs = block[played.owner] == group
        turns = served[block[played.session[served]] == group]
        waits = played.waited[turns]
        kinds = np.bincount(played.start_kind[turns], minlength=made.kinds.shape[1])
        assert made.kinds[group].tolist() == kinds.tolist()
        assert made.runs[group] == runs.sum()
        assert made.billed[group] == (played.active + played.idle)[runs].sum()
        assert made.waited[group] == waits.sum()
        listed = np.sort(made.waits[made.group == group]).tolist()
        assert listed == np.sort(waits[waits >= waits_from]).tolist()
