"""Classic survival data, small enough to be typed in, with the figures published for them."""

from __future__ import annotations

from typing import NamedTuple

__all__ = ["AML", "AML_CONTROL", "FREIREICH", "FREIREICH_CONTROL", "KAPLAN_MEIER", "RATS", "Data"]


class Data(NamedTuple):
    """Durations, and whether each end was seen."""

    durations: list[float]
    observed: list[int]


def _read(text: str) -> Data:
    """Read durations separated by blanks; a plus marks a censored one."""
    words = text.split()
    durations = [float(word.rstrip("+")) for word in words]
    return Data(durations, [0 if word.endswith("+") else 1 for word in words])


KAPLAN_MEIER = _read("0.8 1.0+ 2.7+ 3.1 5.4 7.0+ 9.2 12.1+")
"""Kaplan and Meier (1958), J. Am. Stat. Assoc. 53, p. 464: the example of section 2."""

FREIREICH = _read("6 6 6 6+ 7 9+ 10 10+ 11+ 13 16 17+ 19+ 20+ 22 23 25+ 32+ 32+ 34+ 35+")
"""Weeks of remission of leukaemia under 6-MP: Freireich et al. (1963), Blood 21; Gehan (1965),
Biometrika 52, table 1."""

FREIREICH_CONTROL = _read("1 1 2 2 3 4 4 5 5 8 8 8 8 11 11 12 12 15 17 22 23")
"""The same under placebo."""

AML = _read("9 13 13+ 18 23 28+ 31 34 45+ 48 161+")
"""Weeks of remission of acute myelogenous leukaemia with maintenance: Embury et al. (1977);
Miller (1981), Survival Analysis, p. 49; ``aml`` in the R package survival."""

AML_CONTROL = _read("5 5 8 8 12 16+ 23 27 30 33 43 45")
"""The same without maintenance."""

RATS = (
    _read("143 164 188 188 190 192 206 209 213 216 216+ 220 227 230 234 244+ 246 265 304"),
    _read("142 156 163 198 204+ 205 232 232 233 233 233 233 239 240 261 280 280 296 296 323 344+"),
)
"""Days to death from vaginal cancer in two groups of rats: Pike (1966), Biometrics 22;
Kalbfleisch and Prentice (2002), table 1.1."""
