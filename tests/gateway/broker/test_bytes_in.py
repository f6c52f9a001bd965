"""Bytes as they come: in any pieces, malformed, oversized; only the one connection suffers."""

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
from gateway.mqtt.packets import (
    Connect,
    Publish,
    Subscribe,
    Unsubscribe,
    Will,
    encode_connect,
    encode_publish,
    encode_remaining_length,
    encode_subscribe,
    encode_unsubscribe,
)
from tests.rig.wire_client import ACCEPTED, PINGREQ, PINGRESP, WireClient, open_bench, puback

Run = Callable[[Any], None]
FEW = settings(max_examples=30, derandomize=True, deadline=None, database=None)

CONNECT = encode_connect(Connect("MQTT", 4, client_id="c", will=Will("w", b"gone", 0, False)))
CONVERSATION = [
    CONNECT,
    encode_subscribe(Subscribe(1, (("a/#", 1), ("b", 0)))),
    encode_publish(Publish("a/b", b"0")),
    encode_publish(Publish("a/b", b"x" * 200, 1, packet_identifier=2)),
    encode_publish(Publish("b", b"dup", 1, False, True, 3)),
    encode_publish(Publish("b", b"retained", 0, True)),
    puback(1),
    PINGREQ,
    encode_publish(Publish("elsewhere", b"y" * 20_000, 1, packet_identifier=4)),
    encode_unsubscribe(Unsubscribe(5, ("a/#",))),
    encode_publish(Publish("a/b", b"", 1, packet_identifier=6)),
    b"\xe0\x00",
]


async def answers(folder: Path, chunks: list[bytes]) -> tuple[bytes, list[tuple[str, bytes]], str]:
    """Talk to a new broker in these chunks; return all that it did."""
    async with open_bench(folder) as bench:
        heard: list[tuple[str, bytes]] = []

        def hear(message: Message) -> None:
            heard.append((message.topic, message.payload))

        bench.broker.router.subscribe_local("b/#", hear)
        client = WireClient(bench)
        out = b"".join([client.send(chunk) for chunk in chunks])
        return out, heard, client.error.cause if client.error else ""


def chunked(data: bytes, cuts: list[int]) -> list[bytes]:
    edges = [0, *sorted({cut % (len(data) + 1) for cut in cuts}), len(data)]
    return [data[a:b] for a, b in pairwise(edges) if a < b]


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> tuple[bytes, list[tuple[str, bytes]], str]:
    data = b"".join(CONVERSATION)
    found = asyncio.run(answers(tmp_path_factory.mktemp("whole"), [data]))
    assert found[0].startswith(ACCEPTED)
    assert len(found[1]) == 2 and found[2] == ""
    return found


def test_packets_cut_at_every_byte_are_understood_alike(
    run: Run, tmp_path: Path, whole: object
) -> None:
    data = b"".join(CONVERSATION)

    async def main() -> None:
        assert await answers(tmp_path, [data[at : at + 1] for at in range(len(data))]) == whole
        assert await answers(tmp_path, CONVERSATION) == whole

    run(main())


@FEW
@given(st.lists(st.integers(0, 30_000), max_size=30))
def test_packets_in_any_pieces_are_understood_alike(
    whole: object, tmp_path_factory: pytest.TempPathFactory, cuts: list[int]
) -> None:
    pieces = chunked(b"".join(CONVERSATION), cuts)
    assert asyncio.run(answers(tmp_path_factory.mktemp("pieces"), pieces)) == whole


def test_two_pieces_cut_anywhere_are_understood_alike(
    run: Run, tmp_path: Path, whole: object
) -> None:
    """Every place at which a packet, a length or a topic can be cut in two."""
    data = b"".join(CONVERSATION)
    start = len(data) - 120
    cuts = [*range(1, 420), *range(start, len(data))]

    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            for cut in cuts:
                client = WireClient(bench)
                out = client.send(data[:cut]) + client.send(data[cut:])
                assert out == whole[0]  # type: ignore[index]
                client.lost()
            assert bench.broker.connection_count == 0
            assert bench.count("mqtt.protocol_errors") == 0

    run(main())


@pytest.mark.parametrize(
    ("packet", "cause"),
    [
        (b"\x00\x00", "unexpected-packet"),
        (b"\xf0\x00", "unexpected-packet"),
        (b"\x20\x02\x00\x00", "unexpected-packet"),  # CONNACK
        (b"\x90\x03\x00\x01\x00", "unexpected-packet"),  # SUBACK
        (b"\xb0\x02\x00\x01", "unexpected-packet"),  # UNSUBACK
        (b"\xd0\x00", "unexpected-packet"),  # PINGRESP
        (b"\x50\x02\x00\x01", "unexpected-packet"),  # PUBREC
        (b"\x70\x02\x00\x01", "unexpected-packet"),  # PUBCOMP
        (b"\x62\x02\x00\x01", "unexpected-packet"),  # PUBREL
        (b"\x60\x02\x00\x01", "fixed-header-flags"),
        (b"\x80\x06\x00\x01\x00\x01a\x00", "fixed-header-flags"),
        (b"\xa0\x05\x00\x01\x00\x01a", "fixed-header-flags"),
        (b"\xc1\x00", "fixed-header-flags"),
        (b"\xe1\x00", "fixed-header-flags"),
        (b"\x41\x02\x00\x01", "fixed-header-flags"),
        (b"\xc0\x01x", "trailing-bytes"),
        (b"\xe0\x01x", "trailing-bytes"),
        (b"\x40\x03\x00\x01x", "trailing-bytes"),
        (b"\x40\x01x", "truncated"),
        (b"\x40\x82\x00\x00\x00", "packet-identifier"),  # a length in more bytes than needed
        (b"\x30\x00", "truncated"),
        (b"\x30\x01\x00", "truncated"),
        (b"\x30\x03\x00\x02a", "truncated"),
        (b"\x32\x03\x00\x01a", "truncated"),
        (b"\x32\x04\x00\x01a\x01", "truncated"),
        (b"\x33\x01\x00", "truncated"),
        (b"\x33\x03\x00\x02a", "truncated"),
        (b"\x33\x04\x00\x01a\x01", "truncated"),
        (b"\x32\x05\x00\x01a\x00\x00", "packet-identifier"),
        (b"\x3a\x05\x00\x01a\x00\x00", "packet-identifier"),
        (b"\x30\x02\x00\x00", "topic-empty"),
        (b"\x30\x03\x00\x01+", "topic-wildcard"),
        (b"\x31\x03\x00\x01#", "topic-wildcard"),
        (b"\x30\x03\x00\x01\x00", "topic-null"),
        (b"\x30\x03\x00\x01\xff", "topic-encoding"),
        (b"\x34\x05\x00\x01a\x00\x01", "qos2-unsupported"),
        (b"\x36\x05\x00\x01a\x00\x01", "publish-qos"),
        (b"\x38\x03\x00\x01a", "publish-dup"),
        (b"\x82\x02\x00\x01", "subscribe-empty"),
        (b"\x82\x06\x00\x00\x00\x01a\x00", "packet-identifier"),
        (b"\x82\x07\x00\x01\x00\x02a#\x00", "filter-wildcard"),
        (b"\x82\x06\x00\x01\x00\x01a\x03", "subscribe-qos"),
        (b"\xa2\x02\x00\x01", "unsubscribe-empty"),
        (b"\x30\xff\xff\xff\xff", "remaining-length"),
        (b"\x30\xff\xff\xff\x7f", "packet-too-large"),
    ],
)
def test_what_the_standard_forbids_closes_this_connection_only(
    run: Run, tmp_path: Path, packet: bytes, cause: str
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            other, client = bench.client("other"), bench.client("c")
            other.subscribe(("#", 1))
            # What stands before it is still answered, what stands behind it is not looked at.
            assert client.send(PINGREQ + packet + PINGREQ) == PINGRESP
            assert client.closed and client.closes == 1
            assert client.error is not None and client.error.cause == cause
            assert bench.count("mqtt.protocol_errors") == 1
            assert bench.count(f"mqtt.protocol_errors.{cause}") == 1
            assert other.messages() == []
            client.lost()
            assert other.publish("t", b"as before", 1, 3).endswith(puback(3))
            assert not other.closed

    run(main())


def test_a_packet_of_exactly_the_limit_is_taken_and_one_more_byte_is_not(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        for limit in (200, 20_000):
            async with open_bench(tmp_path, MqttSettings(max_packet_bytes=limit)) as bench:
                client, other = bench.client("c"), bench.client("other")
                other.subscribe(("t", 0))
                head = encode_publish(Publish("t", b"x" * limit))
                overhead = 1 + len(encode_remaining_length(limit)) + 3
                assert len(head) == limit + overhead
                client.publish("t", b"x" * (limit - overhead))
                assert not client.closed
                (message,) = other.messages()
                assert len(message.payload) == limit - overhead
                # Its length is enough: nobody waits for the bytes.
                client.send(encode_publish(Publish("t", b"x" * (limit - overhead + 1)))[:6])
                assert client.closed
                assert bench.count("mqtt.protocol_errors.packet-too-large") == 1
                assert other.messages() == []

    run(main())


def test_an_error_inside_the_gateway_is_not_called_the_client_s(run: Run, tmp_path: Path) -> None:
    def broken(message: Message) -> None:
        raise LookupError("a subscriber's own mistake")

    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            bench.broker.router.subscribe_local("t", broken)
            client = bench.client("c")
            with pytest.raises(LookupError):
                client.publish("t", b"", 1)
            assert bench.count("mqtt.protocol_errors") == 0

    run(main())


def mutated(rng: random.Random) -> bytes:
    """A stream of valid packets, some of them damaged."""
    stream = b""
    for packet in rng.sample(CONVERSATION[1:-1], rng.randint(1, 6)):
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


def test_damaged_packets_harm_nobody_else(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        rng = random.Random(20_261_101)
        async with open_bench(tmp_path) as bench:
            other = bench.client("other")
            other.subscribe(("private", 1))
            closed = 0
            for number in range(1500):
                client = WireClient(bench)
                data = mutated(rng) if number % 3 else rng.randbytes(rng.randint(1, 60))
                stream = CONNECT + data
                if number % 10 == 9:
                    at = rng.randrange(len(CONNECT))
                    stream = stream[:at] + rng.randbytes(1) + stream[at + 1 :]
                for piece in chunked(stream, [rng.randrange(100) for _ in range(3)]):
                    client.send(piece)
                closed += client.closed
                client.lost()
                if number % 10 == 0:
                    assert other.publish("private", b"%d" % number, 1, 1).endswith(puback(1))
                    other.out()
                    (session,) = bench.broker.sessions()
                    assert session.client_id == "other"
                    for identifier in list(session.in_flight):
                        other.send(b"\x40\x02" + identifier)
            assert not other.closed
            assert 300 < closed < 1500
            assert bench.broker.connection_count == 1
            assert bench.count("mqtt.dropped.qos1") == 0

    run(main())


def test_unfinished_packets_of_all_connections_together_have_a_limit(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        limits = MqttSettings(max_held_bytes=300_000)
        whole = encode_publish(Publish("a", b"x" * 150_000))
        async with open_bench(tmp_path, limits) as bench:
            small = bench.client("small")
            small.send(whole[:60_000])
            first = bench.client("first")
            first.send(whole[:140_000])
            second = bench.client("second")
            second.send(whole[:90_000])
            assert bench.count("mqtt.held_bytes") == 290_000
            assert not second.closed
            second.send(whole[90_000:110_000])
            assert second.closed and second.error is not None
            assert second.error.cause == "held-bytes"
            second.lost()
            assert bench.count("mqtt.held_bytes") == 200_000
            # The others go on, the small one and the large one.
            small.send(whole[60_000:])
            first.send(whole[140_000:])
            assert not small.closed and not first.closed
            assert bench.count("mqtt.held_bytes") == 0
            assert bench.count("mqtt.publish.received") == 2

    run(main())


def test_an_overlong_remaining_length_is_understood_and_not_passed_on(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            subscriber, publisher = bench.client("s"), bench.client("p")
            subscriber.subscribe(("a", 1))
            publisher.send(b"\x30\x84\x00\x00\x01ax")
            assert subscriber.out() == b"\x30\x04\x00\x01ax"
            assert publisher.send(b"\x32\x86\x80\x00\x00\x01a\x00\x07x") == puback(7)
            assert subscriber.out() == b"\x32\x06\x00\x01a\x00\x01x"
            (session,) = [s for s in bench.broker.sessions() if s.client_id == "s"]
            assert len(session.in_flight) == 1
            subscriber.send(b"\x40\x82\x00\x00\x01")
            assert not session.in_flight

    run(main())
