"""Every call of the API as a pure function: arguments in, :class:`Operation` out."""

from session_lab.client.operations import channels, query, raw_request, runs, sessions

__all__ = ["channels", "query", "raw_request", "runs", "sessions"]
