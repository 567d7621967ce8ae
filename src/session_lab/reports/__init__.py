"""The report: what the analyses say of some sessions, in one HTML file that needs nothing else."""

from session_lab.reports.writing import report, report_html

__all__ = ["report", "report_html"]


def __dir__() -> list[str]:
    return __all__
