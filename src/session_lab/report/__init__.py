"""The report: what the analyses say of some sessions, in one HTML file that needs nothing else."""

from session_lab.report.writing import report_html, write_report

__all__ = ["report_html", "write_report"]


def __dir__() -> list[str]:
    return __all__
