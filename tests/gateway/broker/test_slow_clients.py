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
from gateway.broker.memory_queue import QUEUED_OVERHEAD_BYTES
from gateway.broker.outgoing import Outgoing
from gateway.broker.outlet import OutgoingContext, Outlet
from gateway.metrics import Metrics
from gateway.mqtt.packets import PUBCOMP, PUBREC
from gateway.mqtt.properties import Properties
from tests.rig.mqtt_bench import open_bench, puback

Run = Callable[[Any], None]
HEAD = b"\x32\x00"  # what stands before the packet identifier; its content plays no part here
BOTH = pytest.mark.parametrize("level", [4, 5])


def make_outgoing(settings: MqttSettings) -> tuple[Outgoing, Outlet, Metrics]:
    metrics = Metrics()
    outgoing = Outgoing("c", OutgoingContext(settings, metrics, lambda: 0))
    outlet = Outlet(lambda: None)
    outgoing.attach(outlet)
    return outgoing, outlet, metrics


def sent(outlet: Outlet) -> list[tuple[int, bytes]]:
    """Take what was written: (packet identifier, payload)."""
    data, found = outlet.take(), []
    for packet in data.split(HEAD)[1:]:
        found.append((int.from_bytes(packet[:2], "big"), packet[2:]))
    return found


@BOTH
def test_no_more_in_flight_than_the_window(run: Run, tmp_path: Path, level: int) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(max_inflight=3)) as bench:
            publisher = await bench.client("p")
            subscriber = await bench.client("s", level=level)
            await subscriber.subscribe(("t", 1))
            for number in range(8):
                await publisher.publish("t", b"%d" % number, qos=1)
            first = await subscriber.messages()
            assert [m.payload for m in first] == [b"0", b"1", b"2"]
            assert len({m.packet_identifier for m in first}) == 3
            outgoing = bench.broker.sessions["s"].outgoing
            assert (len(outgoing.in_flight), outgoing.queued) == (3, 5)
            assert await subscriber.send(puback(first[1].packet_identifier)) != b""
            assert (len(outgoing.in_flight), outgoing.queued) == (3, 4)
            for wrong in (999, first[1].packet_identifier, 65_535):
                assert await subscriber.send(puback(wrong)) == b""
            assert (len(outgoing.in_flight), outgoing.queued) == (3, 4)
            assert not subscriber.closed

    run(main())


def test_the_receive_maximum_of_a_client_makes_its_window_smaller(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(max_inflight=3)) as bench:
            publisher = await bench.client("p")
            for receive_maximum, window in ((2, 2), (3, 3), (500, 3)):
                told = Properties(receive_maximum=receive_maximum)
                subscriber = await bench.client("s", properties=told)
                await subscriber.subscribe(("t", 2))
                for number in range(5):
                    await publisher.publish("t", b"%d" % number, qos=1 + number % 2, identifier=9)
                    await publisher.send(b"\x62\x02\0\x09")  # PUBREL, where it was QoS 2
                assert len(await subscriber.messages()) == window
                await publisher.out()

    run(main())


@BOTH
@pytest.mark.parametrize("qos", [1, 2])
def test_a_window_that_is_acknowledged_lets_everything_through(
    run: Run, tmp_path: Path, qos: int, level: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(max_inflight=2)) as bench:
            publisher = await bench.client("p")
            subscriber = await bench.client("s", level=level)
            await subscriber.subscribe(("t", qos))
            for number in range(1, 21):
                await publisher.publish("t", b"%d" % number, qos=qos, identifier=number)
            found: list[bytes] = []
            while messages := await subscriber.messages():
                found += [message.payload for message in messages]
                identifiers = [message.packet_identifier for message in messages]
                if qos == 2:
                    for identifier in identifiers:
                        released = await subscriber.acknowledge(identifier, PUBREC)
                        assert released == b"\x62\x02" + identifier.to_bytes(2, "big")
                for identifier in identifiers:
                    subscriber.hand_over(
                        puback(identifier)
                        if qos == 1
                        else bytes((PUBCOMP << 4, 2)) + identifier.to_bytes(2, "big")
                    )
            assert found == [b"%d" % number for number in range(1, 21)]
            outgoing = bench.broker.sessions["s"].outgoing
            assert not outgoing.in_flight and not outgoing.queued

    run(main())


@BOTH
def test_a_slow_reader_loses_qos_0_and_keeps_the_rest(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture, level: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            publisher = await bench.client("p")
            slow = await bench.client("slow", level=level)
            quick = await bench.client("quick", level=level)
            await slow.subscribe(("t", 2))
            await quick.subscribe(("t", 2))
            slow.connection.outlet.writable = False
            await publisher.publish("t", b"lost")
            await publisher.publish("t", b"kept", qos=1)
            await publisher.publish("t", b"kept, too", qos=2, identifier=2)
            await publisher.publish("t", b"lost too")
            assert await slow.messages() == []
            everything = [b"lost", b"kept", b"kept, too", b"lost too"]
            assert [m.payload for m in await quick.messages()] == everything
            outgoing = bench.broker.sessions["slow"].outgoing
            assert (outgoing.queued, outgoing.dropped) == (2, 2)
            assert bench.count("mqtt.dropped.qos0") == 2
            assert bench.count("mqtt.dropped.qos1") == 0

            slow.connection.outlet.writable = True
            outgoing.drain()
            assert [m.payload for m in await slow.messages()] == [b"kept", b"kept, too"]
            await publisher.publish("t", b"again")
            assert [m.payload for m in await slow.messages()] == [b"again"]

            for _ in range(5):
                await bench.tick()
            slow.connection.outlet.writable = False
            await publisher.publish("t", b"lost")
            await bench.tick()

    run(main())
    assert caplog.text.count("are being dropped") == 2  # once per burst


@pytest.mark.parametrize("overflow", ["drop_new", "drop_oldest"])
def test_a_full_queue_gives_up_what_its_policy_says(overflow: str) -> None:
    each = len(HEAD) + 10 + QUEUED_OVERHEAD_BYTES
    limits = MqttSettings(max_inflight=1, max_queued_bytes=3 * each, overflow=overflow)
    outgoing, outlet, metrics = make_outgoing(limits)
    for number in range(8):
        outgoing.deliver_qos1(HEAD, b"%010d" % number)
    assert outgoing.queued == 3
    assert outgoing.dropped == metrics.snapshot()["mqtt.dropped.qos1"] == 4
    found = []
    while written := sent(outlet):
        for identifier, payload in written:
            found.append(int(payload))
            outgoing.acknowledge(identifier.to_bytes(2, "big"))
    assert found == ([0, 1, 2, 3] if overflow == "drop_new" else [0, 5, 6, 7])


def test_a_message_larger_than_the_whole_queue_throws_nothing_else_out() -> None:
    limits = MqttSettings(max_inflight=1, max_queued_bytes=1000, overflow="drop_oldest")
    outgoing, _, _ = make_outgoing(limits)
    for payload in (b"in flight", b"waits", b"x" * 1000):
        outgoing.deliver_qos1(HEAD, payload)
    assert (outgoing.queued, outgoing.dropped) == (1, 1)


def test_many_small_messages_count_for_what_they_cost() -> None:
    outgoing, _, _ = make_outgoing(MqttSettings(max_queued_bytes=100_000))
    for _ in range(10_000):
        outgoing.deliver_qos1(HEAD, b"")
    assert outgoing.queued < 1000


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
    outgoing, outlet, metrics = make_outgoing(limits)
    delivered: list[int] = []
    unacknowledged: deque[int] = deque()
    count = 0
    for event, value in events:
        if event == "message":
            outgoing.deliver_qos1(HEAD, b"%04d" % count + b"x" * value)
            count += 1
        elif event == "acknowledge" and unacknowledged:
            unacknowledged.rotate(value)
            outgoing.acknowledge(unacknowledged.popleft().to_bytes(2, "big"))
        elif event == "writable":
            outlet.writable = bool(value)
            if outlet.writable:
                outgoing.drain()
        for identifier, payload in sent(outlet):
            assert identifier not in unacknowledged
            assert identifier == len(delivered) + 1  # they go round all of them
            unacknowledged.append(identifier)
            delivered.append(int(payload[:4]))
        assert len(outgoing.in_flight) == len(unacknowledged) <= window
        assert outgoing.queued * QUEUED_OVERHEAD_BYTES <= limits.max_queued_bytes
        assert len(delivered) + outgoing.queued + outgoing.dropped == count
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
        ({"receive_maximum": 0}, "receive_maximum"),
        ({"receive_maximum": 65_536}, "receive_maximum"),
        ({"max_qos": 3}, "max_qos"),
        ({"topic_alias_maximum": -1}, "topic_alias_maximum"),
        ({"topic_alias_maximum": 65_536}, "topic_alias_maximum"),
        ({"max_keep_alive_s": 65_536}, "max_keep_alive_s"),
        ({"max_session_expiry_s": 2**32}, "max_session_expiry_s"),
        ({"sys_interval_s": -1}, "sys_interval_s"),
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
    context = OutgoingContext(limits, metrics, lambda: 0)
    greedy, modest = Outgoing("greedy", context), Outgoing("modest", context)
    for outgoing in (greedy, modest):
        outgoing.attach(Outlet(lambda: None))
        outgoing.deliver_qos1(HEAD, b"in flight")
    modest.deliver_qos1(HEAD, b"m" * 100)
    for number in range(6):
        greedy.deliver_qos1(HEAD, b"%d" % number * 100)
    assert (greedy.queued, modest.queued) == (3, 1)
    assert metrics.snapshot()["mqtt.dropped.qos1"] == 3
    assert metrics.snapshot()["mqtt.queued_bytes"] == 4 * each
    first = b"0" if overflow == "drop_new" else b"3"
    assert greedy.outlet is not None
    greedy.outlet.take()
    greedy.acknowledge(b"\0\1")
    assert sent(greedy.outlet) == [(2, first * 100)]
    greedy.abandon()
    assert metrics.snapshot()["mqtt.queued_bytes"] == each
    modest.deliver_qos1(HEAD, b"n" * 100)
    assert modest.queued == 2
