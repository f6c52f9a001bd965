"""MQTT 3.1.1, section 7: no extensions needed, and a transport that keeps every byte."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from tests.conformance.mqtt311.wire import (
    ACCEPTED,
    OnBench,
    connect,
    puback,
    publish,
    suback,
    subscribe,
)
from tests.rig.mqtt_bench import Bench
from tests.rig.tcp_client import listening as listening_on_tcp

Run = Callable[[Any], None]


def test_MQTT_7_1_1_1_tcp_carries_every_byte_in_order(run: Run, tmp_path: Path) -> None:
    payloads = [bytes([number]) * (number * 1000) for number in range(30)]

    async def main() -> None:
        async with listening_on_tcp(tmp_path) as running:
            subscriber = await running.open()
            for byte in connect("subscriber") + subscribe(1, ("a", 0)):
                await subscriber.send(bytes((byte,)))
            assert await subscriber.read(9) == ACCEPTED + suback(1, 0)
            publisher = await running.open()
            await publisher.send(connect("publisher"))
            assert await publisher.read(4) == ACCEPTED
            for number, payload in enumerate(payloads, start=1):
                sent = publish("a", payload, 1, number)
                middle = len(sent) // 2
                await publisher.send(sent[:middle])
                await publisher.send(sent[middle:])
                expected = publish("a", payload)
                assert await subscriber.read(len(expected)) == expected
            assert await publisher.read(4 * len(payloads)) == b"".join(
                puback(number) for number in range(1, len(payloads) + 1)
            )

    run(main())


def test_MQTT_7_0_0_2_bare_packets_of_the_specification_are_all_it_takes(
    on_bench: OnBench,
) -> None:
    async def talk(bench: Bench) -> None:
        client = bench.raw()
        said = [
            (b"\x10\x0d\x00\x04MQTT\x04\x02\x00\x3c\x00\x01c", b"\x20\x02\x00\x00"),
            (b"\x82\x06\x00\x01\x00\x01a\x02", b"\x90\x03\x00\x01\x02"),
            (b"\x30\x04\x00\x01a0", b"\x30\x04\x00\x01a0"),
            (b"\x32\x06\x00\x01b\x00\x021", b"\x40\x02\x00\x02"),
            (b"\x34\x06\x00\x01b\x00\x032", b"\x50\x02\x00\x03"),
            (b"\x62\x02\x00\x03", b"\x70\x02\x00\x03"),
            (b"\xa2\x05\x00\x04\x00\x01a", b"\xb0\x02\x00\x04"),
            (b"\xc0\x00", b"\xd0\x00"),
            (b"\xe0\x00", b""),
        ]
        for request, answer in said:
            assert await client.send(request) == answer
        assert client.closed

    on_bench(talk)
