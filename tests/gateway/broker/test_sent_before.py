"""What an earlier process may have sent already, and what it had not: DUP and expiry."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.broker import MqttSettings
from gateway.mqtt.encoding import encode_publish
from gateway.mqtt.packets import PUBACK, PUBCOMP, PUBLISH, PUBREC, Publish
from gateway.mqtt.properties import Properties
from gateway.store import StoreSettings
from tests.rig.mqtt_bench import open_bench
from tests.rig.mqtt_disk import MIB, compare, cut_power
from tests.rig.mqtt_keeper import keeper, publish

Run = Callable[[Any], None]
MINUTE = StoreSettings(commit_interval_ms=60_000, reserve_bytes=8 * MIB)


def numbered(count: int) -> list[bytes]:
    return [b"%d" % number for number in range(count)]


@pytest.mark.parametrize("qos", [1, 2])
def test_after_a_restart_all_that_may_have_been_sent_has_dup(
    run: Run, tmp_path: Path, qos: int
) -> None:
    """Nobody knows how far it had come; at QoS 2 what may have been sent does not expire either."""

    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(max_inflight=2)) as bench:
            client = await keeper(bench)
            await client.subscribe(("t/#", qos))
            publisher = await bench.client("publisher")
            for number in range(6):
                expiry = Properties(message_expiry_interval_s=10 if number in (2, 4) else None)
                message = Publish("t/1", b"%d" % number, qos, False, False, number + 1, expiry)
                publisher.hand_over(encode_publish(message, 5))
            assert [(m.payload, m.dup) for m in await client.messages()] == [
                (b"0", False), (b"1", False),
            ]  # fmt: skip
            await bench.restart()
            bench.time.advance(1000)
            client = await keeper(bench)
            got = await client.messages()
            assert [(m.payload, m.dup) for m in got] == [(b"0", True), (b"1", True)]
            for message in got:
                identifier = message.packet_identifier.to_bytes(2, "big")
                for kind in (PUBACK,) if qos == 1 else (PUBREC, PUBCOMP):
                    client.hand_over(bytes([kind << 4, 2]) + identifier)
            late = [p for p in await client.packets() if p[0] >> 4 == PUBLISH]
            expected = [b"3", b"5"] if qos == 1 else [b"2", b"3"]
            assert [(p[0] >> 3 & 1, p[-1:]) for p in late] == [(1, one) for one in expected]
            assert bench.count("mqtt.expired") == (2 if qos == 1 else 0)
            await compare(bench)

    run(main())


def test_after_a_power_cut_what_was_sent_has_dup_though_earlier_ones_come_again(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(
            tmp_path, MqttSettings(max_inflight=2), store_settings=MINUTE
        ) as bench:
            client = await keeper(bench)
            await client.subscribe(("t/#", 1))
            await publish(bench, *numbered(4))
            assert [m.payload for m in await client.messages()] == numbered(2)
            for identifier in (1, 2):
                client.hand_over(b"\x40\x02\x00" + bytes([identifier]))
            assert client.written().count(b"t/1") == 2  # the third and fourth are sent
            await cut_power(bench, tmp_path / "after")
            client = await keeper(bench)
            first = await client.messages()
            for message in first:
                client.hand_over(b"\x40\x02" + message.packet_identifier.to_bytes(2, "big"))
            sent = [(m.payload, m.dup) for m in first + await client.messages()]
            assert sent == [(payload, True) for payload in numbered(4)]

    run(main())
