"""Analysis: pure functions from frames to frozen results."""
