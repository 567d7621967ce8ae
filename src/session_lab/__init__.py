"""session_lab: wrap, simulate, replay and explain Trigger.dev chat sessions."""

__version__ = "0.1.0"
