"""What one client may ask for at once: unreleased messages, filters, wills, what waited for it."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.broker import MqttSettings
from gateway.broker.incoming import MAX_UNRELEASED
from gateway.broker.outlet import HELPING_BYTES
from gateway.broker.wills import WILL_BYTES
from gateway.mqtt.decoding import decode_publish, decode_suback
from gateway.mqtt.encoding import encode_connect, encode_publish, encode_subscribe
from gateway.mqtt.packets import (
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    Connect,
    Publish,
    Subscribe,
    SubscriptionRequest,
    Will,
)
from gateway.mqtt.properties import Properties
from tests.rig.mqtt_bench import Bench, WireClient, body, open_bench, puback, split
from tests.rig.mqtt_disk import ROOMY, compare, rows
from tests.rig.mqtt_keeper import KEPT, away, keeper

Run = Callable[[Any], None]
LARGE = 100_000


def numbered(first: int, count: int, *, level: int, qos: int = 2) -> bytes:
    """PUBLISH packets with these packet identifiers."""
    return b"".join(
        encode_publish(Publish("t/1", b"x", qos, False, False, number), level)
        for number in range(first, first + count)
    )


def kinds(data: bytes) -> list[int]:
    return [packet[0] >> 4 for packet in split(data)]


# --- QoS 2 without PUBREL ----------------------------------------------------------------------


def test_receive_maximum_counts_anew_on_each_connection(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(receive_maximum=3)) as bench:
            for first in (1, 11):
                client = await keeper(bench)
                assert kinds(await client.send(numbered(first, 3, level=5))) == [PUBREC] * 3
                client.lost()
            client = await keeper(bench)
            assert await client.publish("t/1", b"y", qos=1, identifier=21) == puback(21)
            # Those of before that it sends again are its own; one more is one too many.
            assert kinds(await client.send(numbered(1, 3, level=5))) == [PUBREC] * 3
            assert kinds(await client.send(numbered(1, 3, level=5))) == [PUBREC] * 3
            assert kinds(await client.acknowledge(2, PUBREL)) == [PUBCOMP]
            assert kinds(await client.send(numbered(11, 1, level=5))) == [PUBREC]
            assert not client.closed
            assert await client.send(numbered(12, 1, level=5)) == b"\xe0\x01\x93"
            assert client.closed
            assert bench.count("mqtt.protocol_errors.receive-maximum") == 1
            assert bench.broker.sessions["keeper"].received == {1, 3, 11, 12, 13}
            await compare(bench)

    run(main())


@pytest.mark.parametrize("level", [4, 5])
def test_a_session_has_an_end_of_what_it_leaves_unreleased(
    run: Run, tmp_path: Path, level: int
) -> None:
    async def main() -> None:
        settings = MqttSettings(receive_maximum=MAX_UNRELEASED + 10)
        async with open_bench(tmp_path, settings) as bench:
            client = await keeper(bench, level=level)
            await client.send(numbered(1, MAX_UNRELEASED - 1, level=level))
            client.lost()
            client = await keeper(bench, level=level)
            packets = numbered(MAX_UNRELEASED, 1, level=level) + numbered(1, 1, level=level)
            assert kinds(await client.send(packets)) == [PUBREC] * 2
            assert not client.closed
            client.hand_over(numbered(MAX_UNRELEASED + 1, 1, level=level))
            assert client.closed
            assert client.error is not None
            assert client.error.cause == "receive-maximum"
            assert len(bench.broker.sessions["keeper"].received) == MAX_UNRELEASED
            client.lost()
            client = await keeper(bench, level=level)  # a PUBREL makes room again
            assert kinds(await client.acknowledge(5, PUBREL)) == [PUBCOMP]
            packets = numbered(MAX_UNRELEASED + 1, 1, level=level)
            assert kinds(await client.send(packets)) == [PUBREC]
            assert rows(bench) == {"mqtt_session": 1, "mqtt_received": MAX_UNRELEASED}

    run(main())


# --- one SUBSCRIBE -----------------------------------------------------------------------------


async def subscribe(client: WireClient, filters: list[str]) -> bytes:
    """Return the codes of the SUBACK, which is all that is written."""
    requests = tuple(SubscriptionRequest(one, 0) for one in filters)
    packet = encode_subscribe(Subscribe(1, requests, Properties()), client.level)
    return decode_suback(body(await client.send(packet)), client.level).reason_codes


@pytest.mark.parametrize("level", [4, 5])
def test_too_many_filters_in_one_packet_are_all_refused(
    run: Run, tmp_path: Path, level: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = await bench.client(level=level)
            refused = b"\x97" if level == 5 else b"\x80"
            assert await subscribe(client, ["t"] * 10_001) == refused * 10_001
            assert bench.broker.sessions["c"].subscriptions == {}
            assert bench.count("mqtt.subscribe.refused") == 10_001
            assert bench.count("mqtt.subscribe.refused.quota_exceeded") == 10_001
            assert await subscribe(client, ["t"] * 10_000) == bytes(10_000)
            assert bench.count("mqtt.subscribe.refused") == 10_001
            assert not client.closed

    run(main())


async def retain(bench: Bench, *topics: str) -> None:
    publisher = await bench.client("publisher")
    for topic in topics:
        await publisher.publish(topic, b"x", retain=True)


@pytest.mark.parametrize("level", [4, 5])
def test_filters_beyond_the_work_of_one_packet_are_refused(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, level: int
) -> None:
    # The root, "r" and its three topics make five branches for each filter.
    monkeypatch.setattr("gateway.broker.subscribing.MAX_LOOKED_AT", 10)

    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await retain(bench, "r/0", "r/1", "r/2")
            client = await bench.client(level=level)
            codes = await client.subscribe(
                ("r/+", 0), ("+/+", 1), ("+/1", 1), ("r/1", 1), ("#", 1), ("$share/g/r/#", 1)
            )
            no = 0x97 if level == 5 else 0x80
            assert codes == bytes([0, 1, no, 1, no, 1])
            assert len(await client.messages()) == 3 + 3 + 1
            assert set(bench.broker.sessions["c"].subscriptions) == {
                "r/+", "+/+", "r/1", "$share/g/r/#",
            }  # fmt: skip
            assert bench.count("mqtt.subscribe.refused") == 2
            assert bench.count("mqtt.subscribe.refused.quota_exceeded") == 2
            assert await client.subscribe(("+/1", 1)) == b"\x01"  # the next packet begins anew
            assert len(await client.messages()) == 1

    run(main())


def test_one_filter_may_use_up_the_work_without_hurting_the_next(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.broker.subscribing.MAX_LOOKED_AT", 20)

    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await retain(bench, *(f"r/{number}" for number in range(50)))
            client = await bench.client()
            assert await client.subscribe(("#", 1), ("r/1", 1), ("s/+", 1)) == b"\x97\x01\x01"
            assert [m.topic for m in await client.messages()] == ["r/1"]
            late = SubscriptionRequest("r/#", 1, retain_handling=2)  # looks at none of them
            assert await client.subscribe(late) == b"\x01"

    run(main())


def test_a_client_is_owed_so_many_retained_messages_at_once(
    run: Run, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("gateway.broker.subscribing.MAX_OWED", 3)

    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await retain(bench, "r/0", "r/1", "r/2")
            client = await bench.client()
            assert await client.subscribe(("r/+", 1), ("+/1", 1), ("s/+", 1)) == b"\x01\x97\x01"
            assert bench.count("mqtt.subscribe.refused") == 1
            assert bench.count("mqtt.subscribe.refused.quota_exceeded") == 1
            assert len(await client.messages()) == 3
            assert await client.subscribe(("+/1", 1)) == b"\x01"  # they have been sent
            assert len(await client.messages()) == 1

    run(main())


# --- helpings ----------------------------------------------------------------------------------


async def helpings(client: WireClient) -> list[list[bytes]]:
    """Take what is to be written, one write of the listener after the other."""
    await client.bench.settle()
    outlet = client.connection.outlet
    taken = []
    while outlet.out:
        taken.append(list(outlet.out))
        outlet.take()
        if outlet.more:
            outlet.more = False
            assert client.connection.session is not None
            client.connection.session.outgoing.drain()
    return taken


def check(taken: list[list[bytes]], expected: list[bytes]) -> None:
    """Everything is there once, and no helping is much too large."""
    sizes = [sum(map(len, out)) for out in taken]
    assert max(sizes) <= HELPING_BYTES + LARGE + 1000, sizes
    assert len(sizes) >= len(expected) * LARGE // (HELPING_BYTES + LARGE + 1000)
    packets = split(b"".join(b"".join(out) for out in taken))
    messages = [decode_publish(p[0], body(p), 5) for p in packets if p[0] >> 4 == PUBLISH]
    assert sorted(message.payload for message in messages) == expected


def large(count: int) -> list[bytes]:
    return [b"%05d" % number + bytes(LARGE - 5) for number in range(count)]


def test_what_waited_on_disk_comes_in_helpings(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        settings = MqttSettings(max_inflight=100)
        async with open_bench(tmp_path, settings, store_settings=ROOMY) as bench:
            await away(bench)
            publisher = await bench.client("publisher", level=4)
            for payload in large(100):
                publisher.hand_over(encode_publish(Publish("t/1", payload, 1, False, False, 1), 4))
            await publisher.out()
            connect = Connect("MQTT", 5, False, client_id="keeper", properties=KEPT)
            for _ in range(2):  # the second time all of them are sent again
                client = bench.raw()
                client.hand_over(encode_connect(connect))
                check(await helpings(client), large(100))
                client.lost()
            await compare(bench)

    run(main())


def test_what_waited_in_memory_comes_in_helpings(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            client = await bench.client("slow")
            await client.subscribe(("t/#", 1))
            client.connection.outlet.writable = False
            publisher = await bench.client("publisher", level=5)
            for payload in large(50):
                await publisher.publish("t/1", payload, qos=1)
            assert client.written() == b""
            client.connection.outlet.writable = True
            assert client.connection.session is not None
            client.connection.session.outgoing.drain()
            check(await helpings(client), large(50))
            assert bench.count("mqtt.queued_bytes") == 0

    run(main())


@pytest.mark.parametrize("kept", [False, True])
@pytest.mark.parametrize(
    "filters", [("r/#",), tuple(f"r/{number:02d}" for number in range(30))], ids=["one", "many"]
)
def test_retained_messages_come_in_helpings(
    run: Run, tmp_path: Path, filters: tuple[str, ...], kept: bool
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, store_settings=ROOMY) as bench:
            publisher = await bench.client("publisher")
            expected = large(30)
            for number, payload in enumerate(expected):
                packet = Publish(f"r/{number:02d}", payload, 1, True, False, 1)
                publisher.hand_over(encode_publish(packet, 5))
            await publisher.out()
            client = await (keeper(bench) if kept else bench.client("new"))
            wanted = tuple(SubscriptionRequest(one, 1) for one in filters)
            client.hand_over(encode_subscribe(Subscribe(1, wanted, Properties()), 5))
            check(await helpings(client), expected)

    run(main())


# --- wills -------------------------------------------------------------------------------------


def will(size_bytes: int, **properties: Any) -> Will:
    """A will that weighs so much, with what it costs beside its bytes."""
    return Will("w", bytes(size_bytes - WILL_BYTES - 1), 0, False, Properties(**properties))


async def connect(bench: Bench, client_id: str, size_bytes: int, level: int = 5) -> WireClient:
    packet = Connect("MQTT", level, client_id=client_id, will=will(size_bytes))
    client = bench.raw()
    client.level = level
    client.hand_over(encode_connect(packet))
    await bench.settle()
    return client


@pytest.mark.parametrize("level", [4, 5])
def test_a_will_beyond_what_all_may_weigh_is_refused(run: Run, tmp_path: Path, level: int) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(max_will_total_bytes=3000)) as bench:
            first = await connect(bench, "first", 1600)
            refused = await connect(bench, "second", 1401, level)
            assert refused.written()[3:4] == (b"\x97" if level == 5 else b"\x03")
            assert refused.closed
            assert "second" not in bench.broker.sessions
            assert bench.count("mqtt.connect.refused") == 1
            assert bench.count("mqtt.connect.refused.quota_exceeded") == 1
            assert not (await connect(bench, "third", 1400, level)).closed  # just fits
            # One that replaces its own counts by the difference.
            first = await connect(bench, "first", 1600, level)
            assert first.written()[3:4] == b"\x00"
            assert (await connect(bench, "first", 1601, level)).closed
            assert not first.closed  # a refused CONNECT takes nothing over
            await bench.client("no will", level=level)

    run(main())


def test_a_will_that_is_gone_makes_room(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(max_will_total_bytes=3000)) as bench:
            client = await connect(bench, "graceful", 3000)
            await client.disconnect()
            client = await connect(bench, "vanishes", 3000)
            client.lost()
            delayed = will(3000, will_delay_interval_s=10)
            (await keeper(bench, will=delayed)).lost()
            assert (await connect(bench, "next", 600)).closed
            bench.time.advance(10)
            await bench.tick()
            assert not (await connect(bench, "next", 3000)).closed
            assert bench.count("mqtt.connect.refused") == 1

    run(main())


def test_wills_count_after_a_restart_too(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(max_will_total_bytes=3000)) as bench:
            delayed = will(2000, will_delay_interval_s=10)
            (await keeper(bench, will=delayed)).lost()
            await bench.restart()
            assert (await connect(bench, "next", 1001)).closed
            assert not (await connect(bench, "next", 1000)).closed
            bench.time.advance(10)
            await bench.tick()
            assert not (await connect(bench, "after", 2000)).closed

    run(main())
