"""Faults that strike requests, and the rate limit."""
