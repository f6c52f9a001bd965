"""Clients slower than what they subscribed to: window, queue, limits, policies, counters."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.broker import MqttSettings
from gateway.broker.session import QUEUED_OVERHEAD_BYTES, Outlet, Session, SessionCounters
from gateway.metrics import Metrics
from tests.rig.wire_client import open_bench, puback

Run = Callable[[Any], None]
HEAD = b"\x32\x00"  # what stands before the packet identifier; its content plays no part here


def make_session(settings: MqttSettings) -> tuple[Session, Outlet, Metrics]:
    metrics = Metrics()
    session = Session("c", settings, SessionCounters(metrics))
    session.outlet = Outlet(lambda: None)
    return session, session.outlet, metrics


def sent(outlet: Outlet) -> list[tuple[int, bytes]]:
    """Take what was written: (packet identifier, payload)."""
    parts, outlet.out = outlet.out, []
    assert parts[::3] == [HEAD] * (len(parts) // 3)
    return [(int.from_bytes(i, "big"), p) for i, p in zip(parts[1::3], parts[2::3], strict=True)]


def test_no_more_in_flight_than_the_window(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(max_inflight=3)) as bench:
            publisher, subscriber = bench.client("p"), bench.client("s")
            subscriber.subscribe(("t", 1))
            for number in range(8):
                publisher.publish("t", b"%d" % number, 1)
            first = subscriber.messages()
            assert [m.payload for m in first] == [b"0", b"1", b"2"]
            assert len({m.packet_identifier for m in first}) == 3
            (session,) = [s for s in bench.broker.sessions() if s.client_id == "s"]
            assert (len(session.in_flight), session.queued) == (3, 5)
            assert subscriber.send(puback(first[1].packet_identifier)) != b""
            assert (len(session.in_flight), session.queued) == (3, 4)
            for wrong in (puback(999), puback(first[1].packet_identifier + 500), b"\x40\x02\0\0"):
                assert subscriber.send(wrong) == b""
            assert (len(session.in_flight), session.queued) == (3, 4)
            assert not subscriber.closed

    run(main())


def test_a_window_that_is_acknowledged_lets_everything_through(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(max_inflight=2)) as bench:
            publisher, subscriber = bench.client("p"), bench.client("s")
            subscriber.subscribe(("t", 1))
            for number in range(50):
                publisher.publish("t", b"%d" % number, 1)
            found: list[bytes] = []
            while messages := subscriber.messages():
                for message in messages:
                    found.append(message.payload)
                for message in messages:
                    subscriber.connection.receive(puback(message.packet_identifier), 0.0)
            assert found == [b"%d" % number for number in range(50)]
            (session,) = [s for s in bench.broker.sessions() if s.client_id == "s"]
            assert not session.in_flight and not session.queued

    run(main())


def test_a_slow_reader_loses_qos_0_and_keeps_qos_1(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            publisher, slow, quick = bench.client("p"), bench.client("slow"), bench.client("quick")
            slow.subscribe(("t", 1))
            quick.subscribe(("t", 1))
            slow.connection.outlet.writable = False
            publisher.publish("t", b"lost")
            publisher.publish("t", b"kept", 1)
            publisher.publish("t", b"lost too")
            assert slow.messages() == []
            assert [m.payload for m in quick.messages()] == [b"lost", b"kept", b"lost too"]
            (session,) = [s for s in bench.broker.sessions() if s.client_id == "slow"]
            assert session.dropped == 2
            assert bench.count("mqtt.dropped.qos0") == 2
            assert bench.count("mqtt.dropped.qos1") == 0

            slow.connection.outlet.writable = True
            session.drain()
            assert [m.payload for m in slow.messages()] == [b"kept"]
            publisher.publish("t", b"again")
            assert [m.payload for m in slow.messages()] == [b"again"]

            for sweep in range(5):
                bench.broker.sweep(float(sweep))
            slow.connection.outlet.writable = False
            publisher.publish("t", b"lost")
            bench.broker.sweep(6.0)

    run(main())
    assert caplog.text.count("are being dropped") == 2  # once per burst


@pytest.mark.parametrize("overflow", ["drop_new", "drop_oldest"])
def test_a_full_queue_gives_up_what_its_policy_says(overflow: str) -> None:
    each = len(HEAD) + 10 + QUEUED_OVERHEAD_BYTES
    limits = MqttSettings(max_inflight=1, max_queued_bytes=3 * each, overflow=overflow)
    session, outlet, metrics = make_session(limits)
    for number in range(8):
        session.deliver_qos1(HEAD, b"%010d" % number)
    assert session.queued == 3
    assert session.dropped == metrics.snapshot()["mqtt.dropped.qos1"] == 4
    found = []
    while written := sent(outlet):
        for identifier, payload in written:
            found.append(int(payload))
            session.acknowledge(identifier.to_bytes(2, "big"))
    assert found == ([0, 1, 2, 3] if overflow == "drop_new" else [0, 5, 6, 7])


def test_a_message_larger_than_the_whole_queue_throws_nothing_else_out() -> None:
    limits = MqttSettings(max_inflight=1, max_queued_bytes=1000, overflow="drop_oldest")
    session, _, _ = make_session(limits)
    for payload in (b"in flight", b"waits", b"x" * 1000):
        session.deliver_qos1(HEAD, payload)
    assert (session.queued, session.dropped) == (1, 1)


def test_many_small_messages_count_for_what_they_cost() -> None:
    session, _, _ = make_session(MqttSettings(max_queued_bytes=100_000))
    for _ in range(10_000):
        session.deliver_qos1(HEAD, b"")
    assert session.queued < 1000


@settings(max_examples=150, derandomize=True, deadline=None, database=None)
@given(
    st.lists(
        st.one_of(
            st.tuples(st.just("message"), st.integers(0, 60)),
            st.tuples(st.just("acknowledge"), st.integers(0, 5)),
            st.tuples(st.just("writable"), st.booleans()),
        ),
        max_size=80,
    ),
    st.integers(1, 4),
    st.sampled_from(["drop_new", "drop_oldest"]),
)
def test_sent_queued_and_dropped_are_all_there_ever_was(
    events: list[tuple[str, int]], window: int, overflow: str
) -> None:
    limits = MqttSettings(max_inflight=window, max_queued_bytes=600, overflow=overflow)
    session, outlet, metrics = make_session(limits)
    delivered: list[int] = []
    unacknowledged: deque[int] = deque()
    count = 0
    for event, value in events:
        if event == "message":
            session.deliver_qos1(HEAD, b"%04d" % count + b"x" * value)
            count += 1
        elif event == "acknowledge" and unacknowledged:
            unacknowledged.rotate(value)
            session.acknowledge(unacknowledged.popleft().to_bytes(2, "big"))
        elif event == "writable":
            outlet.writable = bool(value)
            if outlet.writable:
                session.drain()
        for identifier, payload in sent(outlet):
            assert identifier not in unacknowledged
            assert 1 <= identifier <= window
            unacknowledged.append(identifier)
            delivered.append(int(payload[:4]))
        assert len(session.in_flight) == len(unacknowledged) <= window
        assert session.queued * QUEUED_OVERHEAD_BYTES <= limits.max_queued_bytes
        assert len(delivered) + session.queued + session.dropped == count
    assert delivered == sorted(set(delivered))
    assert metrics.snapshot()["mqtt.publish.sent"] == len(delivered)


@pytest.mark.parametrize(
    ("changed", "problem"),
    [
        ({"overflow": "drop_all"}, "overflow"),
        ({"max_inflight": 0}, "max_inflight"),
        ({"max_inflight": 65_536}, "max_inflight"),
        ({"max_packet_bytes": 1}, "max_packet_bytes"),
        ({"connect_timeout_s": 0}, "connect_timeout_s"),
    ],
)
def test_settings_that_cannot_be_used_are_named(changed: dict[str, Any], problem: str) -> None:
    assert MqttSettings().problems() == []
    (text,) = replace(MqttSettings(), **changed).problems()
    assert problem in text


@pytest.mark.parametrize("overflow", ["drop_new", "drop_oldest"])
def test_the_queues_of_all_clients_together_have_a_limit(overflow: str) -> None:
    each = 100 + len(HEAD) + QUEUED_OVERHEAD_BYTES
    limits = MqttSettings(max_inflight=1, max_queued_total_bytes=4 * each, overflow=overflow)
    metrics = Metrics()
    counters = SessionCounters(metrics)
    greedy, modest = Session("greedy", limits, counters), Session("modest", limits, counters)
    for session in (greedy, modest):
        session.outlet = Outlet(lambda: None)
        session.deliver_qos1(HEAD, b"in flight")
    modest.deliver_qos1(HEAD, b"m" * 100)
    for number in range(6):
        greedy.deliver_qos1(HEAD, b"%d" % number * 100)
    assert (greedy.queued, modest.queued) == (3, 1)
    assert metrics.snapshot()["mqtt.dropped.qos1"] == 3
    assert metrics.snapshot()["mqtt.queued_bytes"] == 4 * each
    first = b"0" if overflow == "drop_new" else b"3"
    assert greedy.outlet is not None
    greedy.outlet.out.clear()
    greedy.acknowledge(b"\0\1")
    assert sent(greedy.outlet) == [(1, first * 100)]
    greedy.abandon()
    assert metrics.snapshot()["mqtt.queued_bytes"] == each
    modest.deliver_qos1(HEAD, b"n" * 100)
    assert modest.queued == 2
