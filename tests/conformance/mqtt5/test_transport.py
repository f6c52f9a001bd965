"""MQTT 5, section 4.2: network connections."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

from gateway.mqtt.decoding import decode_connack
from gateway.mqtt.encoding import encode_connect, encode_publish, encode_subscribe
from gateway.mqtt.packets import CONNACK, Connect, Publish, Subscribe, SubscriptionRequest
from tests.rig.tcp_client import listening


def test_MQTT_4_2_0_1_tcp_carries_packets_whole_and_in_order_both_ways(
    run: Callable[[Any], None], tmp_path: Path
) -> None:
    async def main() -> None:
        async with listening(tmp_path) as running:
            client = await running.open()
            opening = encode_connect(Connect("MQTT", 5, client_id="c"))
            for at in range(len(opening)):  # packets may be cut anywhere
                await client.send(opening[at : at + 1])
            head = await client.read(2)
            assert head[0] == CONNACK << 4
            accepted = decode_connack(await client.read(head[1]), 5)
            assert accepted.reason_code == 0
            wanted = Subscribe(1, (SubscriptionRequest("t", 0),))
            await client.send(encode_subscribe(wanted, 5))
            assert await client.read(6) == b"\x90\4\0\1\0\0"
            sent = b"".join(
                encode_publish(Publish("t", bytes((number,)) * 2_000), 5) for number in range(20)
            )
            await client.send(sent)
            assert await client.read(len(sent)) == sent

    run(main())
