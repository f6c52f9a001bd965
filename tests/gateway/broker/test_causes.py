"""Whatever is wrong with a packet: what its sender is told, what is counted, and who notices."""

from __future__ import annotations

import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pytest

from gateway.message import Message
from gateway.mqtt.decoding import decode_connack, decode_disconnect
from gateway.mqtt.errors import CAUSES
from gateway.mqtt.packets import CONNACK, DISCONNECT
from tests.rig.aws_listener import OnBench
from tests.rig.forbidden import FORBIDDEN, Forbidden, packet, text
from tests.rig.mqtt_bench import Bench, WireClient, body, split

ROOT = Path(__file__).parents[3]

# Only clients decode a CONNACK.
NOT_FROM_A_CLIENT = {"connack-flags"}

# MQTT 3.1.1 has no properties, reason codes, aliases and options, and no AUTH.
MQTT_5_ONLY = {
    "authentication-data",
    "authentication-method",
    "property-not-allowed",
    "property-twice",
    "property-value",
    "reason-code",
    "receive-maximum",
    "response-topic",
    "retain-handling",
    "session-expiry",
    "shared-no-local",
    "subscription-identifier",
    "subscription-options",
    "topic-alias",
    "topic-alias-unknown",
    "variable-byte-integer",
}


def test_every_cause_there_is_has_a_packet_at_every_level_that_can_have_it() -> None:
    raised = set(CAUSES) - NOT_FROM_A_CLIENT
    for path in (ROOT / "gateway" / "broker").glob("*.py"):
        source = path.read_text(encoding="utf-8")
        raised |= set(re.findall(r'(?:Violation|Packet|Topic)\([^"()]*"([a-z-]+)"', source))
    assert {"held-bytes", "not-authorized", "wrong-acknowledgement"} <= raised
    assert {row.cause for row in FORBIDDEN if row.level == 5} == raised
    assert {row.cause for row in FORBIDDEN if row.level == 4} == raised - MQTT_5_ONLY


def test_no_packet_is_there_twice() -> None:
    keys = [(row.level, row.first, row.before, row.data, row.profile) for row in FORBIDDEN]
    assert len(set(keys)) == len(keys)


CAUSES_HERE = sorted({row.cause for row in FORBIDDEN})


@pytest.mark.parametrize("cause", CAUSES_HERE)
def test_a_forbidden_packet_ends_its_connection_and_nothing_else(
    on_bench: OnBench, cause: str
) -> None:
    for settings, rows in by_settings([row for row in FORBIDDEN if row.cause == cause]):

        async def talk(bench: Bench, rows: list[Forbidden] = rows) -> None:
            heard: list[Message] = []
            for topic_filter in ("#", "$other"):
                bench.broker.router.subscribe_local(topic_filter, heard.append)
            others = {level: await bench.client(f"other{level}", level=level) for level in (4, 5)}
            for other in others.values():
                await other.subscribe(("#", 0))
            for row in rows:
                client = await opened(bench, row)
                heard.clear()
                for other in others.values():
                    await other.out()
                errors = bench.count("mqtt.protocol_errors")
                check_told(client, row, await client.send(row.data))
                assert bench.count("mqtt.protocol_errors") == errors + 1, row
                assert bench.count(f"mqtt.protocol_errors.{cause}") == errors + 1, row
                client.lost()
                assert heard == [], row
                assert await others[row.level].messages() == [], row
                assert set(bench.broker.sessions) == {"other4", "other5"}, row
                assert bench.count("mqtt.subscriptions") == 2, row
                assert bench.count("mqtt.held_bytes") == 0, row
                await check_works(bench, others[row.level])

        on_bench(talk, **settings)


def test_packets_before_a_forbidden_one_are_handled_and_those_behind_it_are_not(
    on_bench: OnBench,
) -> None:
    for settings, rows in by_settings(FORBIDDEN):

        async def talk(bench: Bench, rows: list[Forbidden] = rows) -> None:
            heard: list[bytes] = []
            bench.broker.router.subscribe_local("t", lambda message: heard.append(message.payload))
            for row in rows:
                before, behind = (
                    packet(0x30, text("t"), b"\0" * (row.level == 5), name) for name in (b"1", b"2")
                )
                client = await opened(bench, row)
                heard.clear()
                client.hand_over(row.data + behind if row.first else before + row.data + behind)
                assert client.closed, row
                client.hand_over(behind)
                assert heard == ([] if row.first else [b"1"]), row
                client.lost()

        on_bench(talk, **settings)


def by_settings(rows: Iterable[Forbidden]) -> list[tuple[dict[str, Any], list[Forbidden]]]:
    """Put the rows together that may share a broker."""
    found: dict[str, tuple[dict[str, Any], list[Forbidden]]] = {}
    for row in rows:
        found.setdefault(repr(row.settings), (row.settings, []))[1].append(row)
    return list(found.values())


async def opened(bench: Bench, row: Forbidden) -> WireClient:
    """Open the row's connection and send what comes before its packet."""
    if row.first:
        return bench.raw(row.profile)
    client = await bench.client("c", level=row.level, profile=row.profile)
    await client.send(row.before)
    return client


def check_told(client: WireClient, row: Forbidden, answer: bytes) -> None:
    assert client.closed and client.closes == 1, row
    assert client.error is not None and client.error.cause == row.cause, row
    if row.level == 4 or row.code is None:
        assert answer == b"", row
        return
    (said,) = split(answer)
    assert said[0] >> 4 == (CONNACK if row.first else DISCONNECT), row
    decode = decode_connack if row.first else decode_disconnect
    assert decode(body(said), 5).reason_code == row.code, row


async def check_works(bench: Bench, other: WireClient) -> None:
    """Who was there before is still served, and so is who comes next."""
    new = await bench.client("new", level=4)
    await new.publish("works", b"yes", qos=min(1, bench.settings.max_qos))
    (message,) = await other.messages()
    assert (message.topic, message.payload) == ("works", b"yes")
    await new.disconnect()
