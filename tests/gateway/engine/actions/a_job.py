"""A job of the outbox, as slow actions get it."""

from __future__ import annotations

from gateway.engine.outbox import NewJob


def a_job(rule: str = "r", topic: str = "bench/a", trace_id: str = "trace-1") -> NewJob:
    """A job for one message of a rule."""
    return NewJob(rule, topic, "sensor-1", trace_id, 0, b"", b"", None)
