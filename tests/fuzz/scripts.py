"""Scripts for the harness: conversations of valid packets, spoiled and cut, or read from bytes."""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from itertools import pairwise
from typing import Any

from hypothesis import Phase, given, seed, settings

from gateway.mqtt.encoding import encode_connect
from gateway.mqtt.packets import (
    CONNACK,
    CONNECT,
    PINGREQ_PACKET,
    SUBACK,
    UNSUBACK,
    Connect,
    Will,
)
from gateway.mqtt.properties import Properties
from tests.fuzz.harness import CLIENTS, Step
from tests.gateway.mqtt.strategies import Wire, wires
from tests.rig.forbidden import FORBIDDEN

ACTIONS = ("send", "send", "send", "send", "send", "settle", "lose", "wait")
PER_KIND = 25  # packets of each kind and level in a pool


# --- made up at random ----------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class Pool:
    """Packets to make scripts of, by protocol level.

    Attributes:
        connects: CONNECT packets.
        packets: What clients send besides.
    """

    connects: dict[int, list[bytes]]
    packets: dict[int, list[bytes]]


@cache
def draw_pool(number: int) -> Pool:
    """Have hypothesis draw packets of every kind, from this seed."""
    pool = Pool({4: [], 5: []}, {4: [], 5: []})
    for wire in wires():
        if wire.kind not in (CONNACK, SUBACK, UNSUBACK):
            into = pool.connects if wire.kind == CONNECT else pool.packets
            into[wire.level] += _draw(wire, number)
    for level in (4, 5):
        pool.packets[level] += [
            row.data for row in FORBIDDEN if row.level == level and len(row.data) < 1000
        ]
        pool.packets[level].append(PINGREQ_PACKET)
    return pool


def _draw(wire: Wire, number: int) -> list[bytes]:
    drawn: list[bytes] = []

    @seed(number)
    @settings(max_examples=PER_KIND, deadline=None, database=None, phases=[Phase.generate])
    @given(wire.packets)
    def draw(packet: Any) -> None:
        drawn.append(wire.encode(packet))

    draw()
    return drawn


def make_script(rng: random.Random, pool: Pool) -> list[Step]:
    """Let up to five connections take turns: their streams spoiled (or not), and cut anywhere."""
    queues = []
    for _ in range(rng.randint(1, 5)):
        level = rng.choice((4, 5))
        packets = [_connect(rng, level) if rng.random() < 0.7 else rng.choice(pool.connects[level])]
        for _ in range(rng.randint(0, 15)):
            familiar = rng.random() < 0.7
            packets.append(_familiar(rng, level) if familiar else rng.choice(pool.packets[level]))
        pieces = _cut(rng, spoil(rng, bytearray(b"".join(packets))))
        queues.append((rng.randrange(CLIENTS), pieces))
    script: list[Step] = []
    while queues:
        client, pieces = rng.choice(queues)
        script += [Step(client, "send", pieces.pop(0)) for _ in pieces[: rng.randint(1, 4)]]
        action = rng.choice(ACTIONS)
        if action != "send":
            seconds = rng.randint(0, 40) if action == "wait" else 0
            script.append(Step(client, action, bytes(seconds)))
        queues = [queue for queue in queues if queue[1]]
    return script


def _connect(rng: random.Random, level: int) -> bytes:
    """A CONNECT of one of few clients, so that sessions are taken over and continued."""
    properties = Properties()
    if level == 5:
        properties = Properties(
            session_expiry_interval_s=rng.choice((None, 5, 0xFFFF_FFFF)),
            receive_maximum=rng.choice((None, 1, 2)),
            topic_alias_maximum=rng.choice((None, 1)),
            maximum_packet_size_bytes=rng.choice((None, 30)),
        )
    will = None
    if rng.random() < 0.3:
        will = Will(rng.choice(("a", "gone")), b"x", rng.randint(0, 2), rng.random() < 0.5)
    clean = rng.random() < 0.5
    keep_alive_s = rng.choice((0, 10))
    client_id = rng.choice(("a", "b"))
    return encode_connect(
        Connect("MQTT", level, clean, keep_alive_s, client_id, will, None, None, properties)
    )


def _familiar(rng: random.Random, level: int) -> bytes:
    """A packet about few topics and identifiers, so that connections meet."""
    none = b"\0" * (level == 5)
    identifier = rng.randint(1, 4).to_bytes(2, "big")
    drawn = rng.random()
    if drawn < 0.4:
        first = rng.choice((0x30, 0x31, 0x32, 0x33, 0x34, 0x35, 0x3C))
        topic = rng.choice((b"a", b"a/b", b"$other/x", b"a/b/c/d"))
        identified = identifier if first & 6 else b""
        payload = rng.choice((b"", b"x", bytes(90)))
        rest = len(topic).to_bytes(2, "big") + topic + identified + none + payload
    elif drawn < 0.6:
        first = 0x82
        wanted = rng.choice((b"a", b"#", b"a/#", b"+/b", b"$share/g/a/#", b"$share/g/a", b"$SYS/#"))
        options = rng.randint(0, 2) | (rng.choice((0, 4, 8, 0x10, 0x20)) if level == 5 else 0)
        rest = identifier + none + len(wanted).to_bytes(2, "big") + wanted + bytes((options,))
    elif drawn < 0.65:
        first, rest = 0xA2, identifier + none + b"\0\1a"
    else:
        first, rest = rng.choice((0x40, 0x50, 0x62, 0x70)), identifier
    return bytes((first, len(rest))) + rest


def spoil(rng: random.Random, data: bytearray) -> bytes:
    """Change, remove, insert or repeat a few bytes, or leave all as it is."""
    for _ in range(rng.choice((0, 0, 0, 1, 2))):
        at = rng.randrange(len(data))
        change = rng.randrange(4)
        if change == 0:
            data[at] = rng.randrange(256)
        elif change == 1:
            del data[at : at + rng.randint(1, 4)]
        elif change == 2:
            data[at:at] = rng.randbytes(rng.randint(1, 4))
        else:
            data[at:at] = data[at : at + rng.randint(1, 30)]
        data = data or bytearray(1)
    return bytes(data)


def _cut(rng: random.Random, data: bytes) -> list[bytes]:
    cuts = sorted(rng.randrange(len(data)) for _ in range(rng.randint(0, 12)))
    return [data[a:b] for a, b in pairwise([0, *cuts, len(data)]) if a < b]


def shrink(script: list[Step], fails: Callable[[list[Step]], bool]) -> list[Step]:
    """Leave steps out of a script for as long as it fails without them."""
    size = max(len(script) // 2, 1)
    while True:
        at = 0
        while at < len(script):
            shorter = script[:at] + script[at + size :]
            if shorter and fails(shorter):
                script = shorter
            else:
                at += size
        if size == 1:
            return script
        size //= 2


# --- from the bytes of a fuzzer -------------------------------------------------------------------
# A step is a byte (client, action), a length in two bytes where it sends, and what is sent.


def encode_script(script: list[Step]) -> bytes:
    """Write a script as the bytes that `decode_script` reads."""
    parts = []
    for step in script:
        head = bytes((ACTIONS.index(step.action) << 2 | step.client,))
        if step.action in ("send", "wait"):
            head += len(step.data).to_bytes(2, "big") + step.data
        parts.append(head)
    return b"".join(parts)


def decode_script(data: bytes, max_steps: int = 100) -> list[Step]:
    """Read any bytes as a script."""
    script: list[Step] = []
    at = 0
    while at < len(data) and len(script) < max_steps:
        action, client = ACTIONS[data[at] >> 2 & 7], data[at] & 3
        at += 1
        content = b""
        if action in ("send", "wait"):
            length = int.from_bytes(data[at : at + 2], "big")
            content = data[at + 2 : at + 2 + length]
            at += 2 + length
        script.append(Step(client, action, content))
    return script


def seeds() -> list[bytes]:
    """Return scripts to begin with: a conversation at each level, and every forbidden packet."""
    found = []
    for row in FORBIDDEN:
        level = row.level
        opening = Connect("MQTT", level, client_id=f"c{level}")
        script = [] if row.first else [Step(0, "send", encode_connect(opening))]
        if row.before:
            script += [Step(0, "send", row.before), Step(0, "settle")]
        client = 3 if row.profile == "aws-iot" else 0
        if len(row.data) < 1000:
            script.append(Step(0, "send", row.data))
            moved = [Step(client, step.action, step.data) for step in script]
            found.append(encode_script(moved))
    found += [encode_script(_conversation(level)) for level in (4, 5)]
    return found


def _conversation(level: int) -> list[Step]:
    none = b"\0" * (level == 5)
    kept = Properties(session_expiry_interval_s=60) if level == 5 else Properties()
    connects = [
        encode_connect(Connect("MQTT", level, False, client_id=name, properties=kept))
        for name in ("a", "b")
    ]
    extra = len(none)
    subscribe = bytes((0x82, 8 + extra)) + b"\0\1" + none + b"\0\3a/#\2"
    publish = bytes((0x35, 8 + extra)) + b"\0\3a/b\0\1" + none + b"x"
    return [
        Step(0, "send", connects[0]),
        Step(1, "send", connects[1]),
        Step(0, "send", subscribe),
        Step(1, "send", publish),
        Step(1, "settle"),
        Step(1, "send", b"\x62\2\0\1"),
        Step(0, "send", b"\x50\2\0\1\x70\2\0\1"),
        Step(0, "lose"),
        Step(1, "send", publish + b"\xc0\0"),
        Step(0, "wait", bytes(10)),
        Step(0, "send", connects[0]),
        Step(0, "send", b"\xe0\0"),
        Step(1, "send", b"\xe0\0"),
    ]
