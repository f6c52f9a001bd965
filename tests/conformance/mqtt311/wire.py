"""MQTT 3.1.1 packets as bytes, built and read here, so that nothing of Weir's own codec is trusted.

What a builder is given goes out as it is, allowed or not.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import NamedTuple

from tests.rig.mqtt_bench import Bench, WireClient

OnBench = Callable[..., None]

# Connect flags.
CLEAN = 0x02
WILL = 0x04
WILL_QOS_1 = 0x08
WILL_QOS_2 = 0x10
WILL_RETAIN = 0x20
PASSWORD = 0x40
USER_NAME = 0x80

ACCEPTED = b"\x20\x02\x00\x00"
RESUMED = b"\x20\x02\x01\x00"
WRONG_LEVEL = b"\x20\x02\x00\x01"
IDENTIFIER_REJECTED = b"\x20\x02\x00\x02"
PINGREQ = b"\xc0\x00"
PINGRESP = b"\xd0\x00"
DISCONNECT = b"\xe0\x00"

Text = str | bytes

# What is no UTF-8: a lone byte, a cut character, a surrogate, a character in too many bytes.
NOT_UTF_8 = (b"\xff", b"a/\xc3", b"\xed\xa0\x80", b"\xc0\x80")


class Heard(NamedTuple):
    """A PUBLISH that the broker sent; identifier 0 where it has none."""

    topic: str
    payload: bytes
    qos: int
    retain: bool
    dup: bool
    identifier: int


# --- building -------------------------------------------------------------------------------------


def text(value: Text) -> bytes:
    """A string as it travels; bytes allow what is no UTF-8."""
    data = value.encode() if isinstance(value, str) else value
    return len(data).to_bytes(2, "big") + data


def packet(first_byte: int, *parts: bytes) -> bytes:
    """A packet with its remaining length."""
    body = b"".join(parts)
    length, rest = bytearray(), len(body)
    while rest >= 0x80:
        length.append(rest & 0x7F | 0x80)
        rest >>= 7
    length.append(rest)
    return bytes((first_byte,)) + bytes(length) + body


def connect(
    *fields: Text, flags: int = CLEAN, keep_alive_s: int = 0, name: str = "MQTT", level: int = 4
) -> bytes:
    """A CONNECT with these strings as its payload, whatever the flags say."""
    head = text(name) + bytes((level, flags)) + keep_alive_s.to_bytes(2, "big")
    return packet(0x10, head, *(text(field) for field in fields))


def publish(
    topic: Text,
    payload: bytes = b"",
    qos: int = 0,
    identifier: int = 1,
    *,
    retain: bool = False,
    dup: bool = False,
) -> bytes:
    """A PUBLISH; the identifier goes in above QoS 0."""
    first_byte = 0x30 | dup << 3 | qos << 1 | retain
    return packet(first_byte, text(topic), two(identifier) if qos else b"", payload)


def subscribe(identifier: int, *wanted: tuple[Text, int]) -> bytes:
    """A SUBSCRIBE of filters, each with its QoS byte."""
    pairs = (text(topic_filter) + bytes((qos,)) for topic_filter, qos in wanted)
    return packet(0x82, two(identifier), *pairs)


def unsubscribe(identifier: int, *filters: Text) -> bytes:
    return packet(0xA2, two(identifier), *(text(topic_filter) for topic_filter in filters))


def puback(identifier: int) -> bytes:
    return b"\x40\x02" + two(identifier)


def pubrec(identifier: int) -> bytes:
    return b"\x50\x02" + two(identifier)


def pubrel(identifier: int) -> bytes:
    return b"\x62\x02" + two(identifier)


def pubcomp(identifier: int) -> bytes:
    return b"\x70\x02" + two(identifier)


def suback(identifier: int, *return_codes: int) -> bytes:
    return packet(0x90, two(identifier), bytes(return_codes))


def unsuback(identifier: int) -> bytes:
    return b"\xb0\x02" + two(identifier)


def two(number: int) -> bytes:
    return number.to_bytes(2, "big")


# --- reading --------------------------------------------------------------------------------------


def split(data: bytes) -> list[bytes]:
    """Cut a stream into its packets; it must end with a whole one."""
    found, at = [], 0
    while at < len(data):
        length, shift, body = 0, 0, at + 1
        while True:
            digit = data[body]
            length |= (digit & 0x7F) << shift
            shift += 7
            body += 1
            if not digit & 0x80:
                break
        assert body + length <= len(data), f"a packet is cut: {data[at:].hex(' ')}"
        found.append(data[at : body + length])
        at = body + length
    return found


def heard(packets: Iterable[bytes]) -> list[Heard]:
    """Read PUBLISH packets; nothing else may be among them."""
    return [_heard(one) for one in packets]


def _heard(one: bytes) -> Heard:
    assert one[0] >> 4 == 3, f"not a PUBLISH: {one.hex(' ')}"
    at = 1
    while one[at] & 0x80:
        at += 1
    topic_at = at + 3
    topic_end = topic_at + int.from_bytes(one[at + 1 : topic_at], "big")
    qos = one[0] >> 1 & 3
    payload_at = topic_end + (2 if qos else 0)
    return Heard(
        one[topic_at:topic_end].decode(),
        one[payload_at:],
        qos,
        bool(one[0] & 1),
        bool(one[0] & 8),
        int.from_bytes(one[topic_end:payload_at], "big"),
    )


# --- talking --------------------------------------------------------------------------------------


async def connected(bench: Bench, client_id: str = "c", *, clean: bool = True) -> WireClient:
    """A client that is new to the broker."""
    client = bench.raw()
    assert await client.send(connect(client_id, flags=CLEAN if clean else 0)) == ACCEPTED
    return client


async def returned(bench: Bench, client_id: str = "c") -> tuple[WireClient, list[bytes]]:
    """A client that comes back to its stored session, and what the broker sent with it at once."""
    client = bench.raw()
    answer = split(await client.send(connect(client_id, flags=0)))
    assert answer[0] == RESUMED
    return client, answer[1:] + await client.packets()


async def listening(bench: Bench, *wanted: tuple[str, int], client_id: str = "l") -> WireClient:
    """A client with a clean session and subscriptions, each granted as wanted."""
    client = await connected(bench, client_id)
    answer = await client.send(subscribe(9, *wanted))
    assert answer == suback(9, *(qos for _, qos in wanted))
    return client


async def subscribed(client: WireClient, *wanted: tuple[str, int]) -> list[Heard]:
    """Subscribe, each filter granted as wanted; return the retained messages that come with it.

    They may go out before the SUBACK or after it.
    """
    packets = split(await client.send(subscribe(1, *wanted)))
    packets.remove(suback(1, *(qos for _, qos in wanted)))
    return heard(packets)


async def away(bench: Bench, *wanted: tuple[str, int], client_id: str = "c") -> None:
    """Store a session with subscriptions for a client that is not connected now."""
    client = await connected(bench, client_id, clean=False)
    answer = await client.send(subscribe(9, *wanted))
    assert answer == suback(9, *(qos for _, qos in wanted))
    await leave(client)


async def say(
    client: WireClient,
    topic: str,
    payload: bytes = b"",
    qos: int = 0,
    identifier: int = 1,
    *,
    retain: bool = False,
) -> None:
    """Publish and complete the exchange, whenever the broker passes the message on."""
    answer = await client.send(publish(topic, payload, qos, identifier, retain=retain))
    if qos == 2:
        assert answer == pubrec(identifier)
        assert await client.send(pubrel(identifier)) == pubcomp(identifier)
    else:
        assert answer == (puback(identifier) if qos else b"")


async def leave(client: WireClient) -> None:
    """Send DISCONNECT and close."""
    await client.send(DISCONNECT)
    client.lost()


async def closes(client: WireClient, data: bytes) -> bytes:
    """Send what has to end the connection; return what the broker said before."""
    answer = await client.send(data)
    assert client.closed, f"the connection outlived {data[:40].hex(' ')}"
    client.lost()
    return answer


async def alive(client: WireClient) -> bool:
    """Whether the broker still answers this client."""
    return not client.closed and await client.send(PINGREQ) == PINGRESP
