"""Bytes as they come: in any pieces, damaged, oversized; only the one connection suffers."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from itertools import pairwise
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.broker import MqttSettings
from gateway.message import Message
from gateway.mqtt.encoding import (
    encode_acknowledgement,
    encode_connect,
    encode_disconnect,
    encode_publish,
    encode_subscribe,
    encode_unsubscribe,
)
from gateway.mqtt.packets import (
    CONNACK,
    PUBACK,
    PUBREL,
    Acknowledgement,
    Connect,
    Disconnect,
    Publish,
    Subscribe,
    SubscriptionRequest,
    Unsubscribe,
    Will,
)
from gateway.mqtt.properties import Properties
from gateway.mqtt.reason_codes import ReasonCode
from gateway.mqtt.wire import encode_variable_byte_integer
from tests.rig.mqtt_bench import (
    PINGREQ,
    Bench,
    open_bench,
    puback,
    split,
)

Run = Callable[[Any], None]
FEW = settings(max_examples=20, derandomize=True, deadline=None, database=None)
BOTH = pytest.mark.parametrize("level", [4, 5])


def connect(level: int, will: Will | None = None) -> bytes:
    return encode_connect(Connect("MQTT", level, client_id="c", will=will))


def conversation(level: int) -> list[bytes]:
    """What one client says from CONNECT to DISCONNECT, all kinds of packets among it."""
    named = Properties(topic_alias=1, user_properties=(("k", "v"),)) if level == 5 else Properties()
    alias = Properties(topic_alias=1) if level == 5 else Properties()
    told = Properties(subscription_identifiers=(300,)) if level == 5 else Properties()
    requests = (SubscriptionRequest("a/#", 2), SubscriptionRequest("b", 0))
    return [
        connect(level),
        encode_subscribe(Subscribe(1, requests, told), level),
        encode_publish(Publish("a/b", b"0", properties=named), level),
        encode_publish(Publish("a/b", b"x" * 200, 1, packet_identifier=2), level),
        encode_publish(Publish("b", b"dup", 1, False, True, 3), level),
        encode_publish(Publish("b", b"retained", 0, True), level),
        encode_acknowledgement(PUBACK, Acknowledgement(1), level),
        PINGREQ,
        encode_publish(Publish("elsewhere", b"y" * 20_000, 1, packet_identifier=4), level),
        encode_publish(Publish("a/c", b"twice", 2, packet_identifier=5), level),
        encode_publish(Publish("a/c", b"twice", 2, False, True, 5), level),
        encode_acknowledgement(PUBREL, Acknowledgement(5), level),
        encode_unsubscribe(Unsubscribe(6, ("a/#",)), level),
        encode_publish(Publish("" if level == 5 else "a/b", b"", 1, False, False, 7, alias), level),
        encode_publish(Publish("b", b"", 0, True), level),  # nothing stays retained
        encode_disconnect(Disconnect(), level),
    ]


Answers = tuple[bytes, list[tuple[str, bytes]], str]


def answers(bench: Bench, chunks: list[bytes]) -> Answers:
    """Talk to the broker in these chunks; return all that it did."""
    heard: list[tuple[str, bytes]] = []

    def hear(message: Message) -> None:
        heard.append((message.topic, message.payload))

    subscriber = bench.broker.router.subscribe_local("b/#", hear)
    client = bench.raw()
    for chunk in chunks:
        client.hand_over(chunk)
    client.lost()
    bench.broker.router.unsubscribe_local(subscriber)
    return client.written(), heard, client.error.cause if client.error else ""


def chunked(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if a < b]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> dict[int, Answers]:
    """What becomes of each conversation that comes in one piece."""
    found: dict[int, Answers] = {}

    async def main() -> None:
        async with open_bench(tmp_path_factory.mktemp("whole")) as bench:
            for level in (4, 5):
                found[level] = answers(bench, [b"".join(conversation(level))])

    asyncio.run(main())
    for level, (out, heard, cause) in found.items():
        kinds = [packet[0] >> 4 for packet in split(out)]
        assert kinds[0] == CONNACK
        # The message at QoS 2 is answered twice and delivered once; at last only `b` comes back.
        assert kinds[1:] == [9, 3, 3, 4, 3, 4, 3, 13, 4, 3, 5, 5, 7, 11, 4, 3], level
        assert [payload for _, payload in heard] == [b"dup", b"retained", b""]
        assert cause == ""
    return found


@BOTH
def test_packets_cut_at_every_byte_are_understood_alike(
    run: Run, tmp_path: Path, whole: dict[int, Answers], level: int
) -> None:
    packets = conversation(level)
    data = b"".join(packets)

    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            assert answers(bench, [data[at : at + 1] for at in range(len(data))]) == whole[level]
            assert answers(bench, packets) == whole[level]

    run(main())


@FEW
@given(st.lists(st.lists(st.integers(0, 30_000), max_size=30), min_size=1, max_size=8))
def test_packets_in_any_pieces_are_understood_alike(
    whole: dict[int, Answers],
    tmp_path_factory: pytest.TempPathFactory,
    many_cuts: list[list[int]],
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path_factory.mktemp("pieces")) as bench:
            for cuts in many_cuts:
                for level in (4, 5):
                    pieces = chunked(b"".join(conversation(level)), cuts)
                    assert answers(bench, pieces) == whole[level]

    asyncio.run(main())


@BOTH
def test_two_pieces_cut_anywhere_are_understood_alike(
    run: Run, tmp_path: Path, whole: dict[int, Answers], level: int
) -> None:
    """Every place at which a packet, a length or a topic can be cut in two."""
    data = b"".join(conversation(level))
    cuts = [*range(1, 480), *range(len(data) - 140, len(data))]

    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            for cut in cuts:
                assert answers(bench, [data[:cut], data[cut:]]) == whole[level]
            assert bench.broker.connection_count == 0
            assert bench.count("mqtt.protocol_errors") == 0

    run(main())


@BOTH
def test_a_packet_of_exactly_the_limit_is_taken_and_one_more_byte_is_not(
    run: Run, tmp_path: Path, level: int
) -> None:
    async def main() -> None:
        for limit in (1000, 20_000):
            folder = tmp_path / str(limit)
            folder.mkdir()
            async with open_bench(folder, MqttSettings(max_packet_bytes=limit)) as bench:
                client, other = await bench.client("c", level=level), await bench.client("other")
                await other.subscribe(("t", 0))
                overhead = 1 + len(encode_variable_byte_integer(limit)) + level - 1
                packet = encode_publish(Publish("t", b"x" * (limit - overhead)), level)
                assert len(packet) == limit
                await client.send(packet)
                assert not client.closed
                (message,) = await other.messages()
                assert len(message.payload) == limit - overhead
                # Its length is enough: nobody waits for the bytes.
                larger = encode_publish(Publish("t", b"x" * (limit - overhead + 1)), level)
                answer = await client.send(larger[:6])
                assert client.closed
                too_large = encode_disconnect(Disconnect(ReasonCode.PACKET_TOO_LARGE), 5)
                assert answer == (too_large if level == 5 else b"")
                assert bench.count("mqtt.protocol_errors.packet-too-large") == 1
                assert await other.messages() == []

    run(main())


def test_an_error_inside_the_gateway_is_not_called_the_client_s(run: Run, tmp_path: Path) -> None:
    def broken(message: Message) -> None:
        raise LookupError("a subscriber's own mistake")

    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            bench.broker.router.subscribe_local("t", broken)
            for level in (4, 5):
                client = await bench.client("c", level=level)
                with pytest.raises(LookupError):
                    await client.publish("t", b"", qos=1)
            assert bench.count("mqtt.protocol_errors") == 0

    run(main())


def mutated(rng: random.Random, level: int) -> bytes:
    """A stream of valid packets, some of them damaged."""
    stream = b""
    for packet in rng.sample(conversation(level)[1:-1], rng.randint(1, 6)):
        data = bytearray(packet)
        for _ in range(rng.choice([0, 1, 1, 3])):
            at = rng.randrange(min(len(data), 40))
            match rng.randrange(4):
                case 0:
                    data[at] = rng.randrange(256)
                case 1:
                    data[at] ^= 1 << rng.randrange(8)
                case 2:
                    del data[at]
                case _:
                    data[at:at] = rng.randbytes(rng.randint(1, 3))
            if not data:
                break
        stream += data
    return stream


@BOTH
def test_damaged_packets_harm_nobody_else(run: Run, tmp_path: Path, level: int) -> None:
    greeting = connect(level, Will("w", b"gone", 0, False))

    async def main() -> None:
        rng = random.Random(20_261_101 + level)
        async with open_bench(tmp_path) as bench:
            other = await bench.client("other", level=level)
            await other.subscribe(("private", 1))
            closed = 0
            for number in range(1500):
                client = bench.raw()
                data = mutated(rng, level) if number % 3 else rng.randbytes(rng.randint(1, 60))
                stream = greeting + data
                if number % 10 == 9:
                    at = rng.randrange(len(greeting))
                    stream = stream[:at] + rng.randbytes(1) + stream[at + 1 :]
                for piece in chunked(stream, [rng.randrange(100) for _ in range(3)]):
                    client.hand_over(piece)
                if number % 10 == 0:
                    await bench.settle()
                closed += client.closed
                client.lost()
                if number % 10 == 0:
                    payload = b"%d" % number
                    answer = split(await other.publish("private", payload, qos=1, identifier=1))
                    assert puback(1) in answer and len(answer) == 2
                    session = bench.broker.sessions["other"]
                    for identifier in list(session.outgoing.in_flight):
                        await other.send(b"\x40\x02" + identifier)
            assert not other.closed
            assert 300 < closed < 1500
            assert bench.broker.connection_count == 1
            assert len(bench.broker.sessions) < 10  # few of the damaged ones are kept
            assert bench.count("mqtt.dropped.qos1") == 0

    run(main())


def test_unfinished_packets_of_all_connections_together_have_a_limit(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        limits = MqttSettings(max_held_bytes=300_000)
        whole = encode_publish(Publish("a", b"x" * 150_000), 5)
        async with open_bench(tmp_path, limits) as bench:
            small = await bench.client("small")
            await small.send(whole[:60_000])
            first = await bench.client("first")
            await first.send(whole[:140_000])
            second = await bench.client("second")
            await second.send(whole[:90_000])
            assert bench.count("mqtt.held_bytes") == 290_000
            assert not second.closed
            answer = await second.send(whole[90_000:110_000])
            assert second.closed and second.error is not None
            assert second.error.cause == "held-bytes"
            assert answer == encode_disconnect(Disconnect(ReasonCode.QUOTA_EXCEEDED), 5)
            second.lost()
            assert bench.count("mqtt.held_bytes") == 200_000
            # The others go on, the small one and the large one.
            await small.send(whole[60_000:])
            await first.send(whole[140_000:])
            assert not small.closed and not first.closed
            assert bench.count("mqtt.held_bytes") == 0
            assert bench.count("mqtt.publish.received") == 2

    run(main())


def test_an_overlong_remaining_length_is_understood_and_not_passed_on(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            subscriber = await bench.client("s", level=4)
            publisher = await bench.client("p", level=4)
            await subscriber.subscribe(("a", 1))
            await publisher.send(b"\x30\x84\x00\x00\x01ax")
            assert await subscriber.out() == b"\x30\x04\x00\x01ax"
            answer = await publisher.send(b"\x32\x86\x80\x00\x00\x01a\x00\x07x")
            assert answer == puback(7)
            assert await subscriber.out() == b"\x32\x06\x00\x01a\x00\x01x"
            in_flight = bench.broker.sessions["s"].outgoing.in_flight
            assert len(in_flight) == 1
            await subscriber.send(b"\x40\x82\x00\x00\x01")
            assert not in_flight

    run(main())
