"""How requests travel: the one place that knows httpx, within a deadline and a size."""

from session_lab.client.transport.sender import AsyncSender, AsyncTransport, Sender, Transport

__all__ = ["AsyncSender", "AsyncTransport", "Sender", "Transport"]
