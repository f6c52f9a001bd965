"""Counters and gauges by name."""

from __future__ import annotations

from gateway.metrics import Metrics


def test_a_name_is_one_counter_whoever_asks() -> None:
    metrics = Metrics()
    counter = metrics.counter("mqtt.received", "packets")
    assert metrics.counter("mqtt.received") is counter
    assert (counter.name, counter.help, counter.value) == ("mqtt.received", "packets", 0)
    counter.value += 3
    assert metrics.counter("mqtt.received").value == 3
    assert metrics.counter("mqtt.sent") is not counter


def test_a_snapshot_has_everything_as_it_is_now_in_order() -> None:
    metrics = Metrics()
    size = 1.0
    metrics.gauge("store.size", lambda: size)
    metrics.counter("z").value = 2
    metrics.counter("a")
    assert list(metrics.snapshot().items()) == [("a", 0), ("store.size", 1.0), ("z", 2)]
    size = 5.0
    metrics.counter("a").value += 1
    assert metrics.snapshot() == {"a": 1, "store.size": 5.0, "z": 2}


def test_a_gauge_registered_again_is_replaced() -> None:
    metrics = Metrics()
    metrics.gauge("queue.depth", lambda: 1)
    metrics.gauge("queue.depth", lambda: 2)
    assert metrics.snapshot() == {"queue.depth": 2}
