"""Ages as a slider needs them."""

from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from session_lab.timing import to_milliseconds
from session_lab.widgets.data.lifetime_counts import suggested_resolution


def lifetimes(n: int, longest: str) -> pd.DataFrame:
    ages = np.linspace(0, to_milliseconds(longest), n).astype(np.int64)
    return pd.DataFrame({"lifetime": ages.view("timedelta64[ms]")})


@pytest.mark.parametrize(
    ("longest", "resolution"), [("5m", "1s"), ("10h", "1m"), ("3d", "10m"), ("9000d", "1d")]
)
def test_many_lifetimes_are_rounded_so_far_that_a_picture_can_show_their_steps(
    longest: str, resolution: str
):
    assert suggested_resolution(lifetimes(5_000, longest)) == resolution


@pytest.mark.parametrize(
    "frame",
    [
        lifetimes(100, "3d"),
        pd.DataFrame({"status": ["ACTIVE"] * 5_000}),
        pd.DataFrame({"lifetime": pd.Series([pd.NaT] * 5_000, dtype="timedelta64[ms]")}),
        pd.DataFrame({"lifetime": range(5_000)}),
    ],
)
def test_few_or_unusable_lifetimes_are_left_as_they_are(frame: pd.DataFrame):
    assert suggested_resolution(frame) is None
