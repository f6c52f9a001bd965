"""Packets that the standard, or a listener, forbids: one row each, with what it is counted under.

They are written byte by byte, not with the codec that they try. Codes are what MQTT 5 answers;
MQTT 3.1.1 closes without a word.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any


@dataclass(frozen=True, slots=True)
class Forbidden:
    """A packet that ends its connection.

    Attributes:
        cause: What it is counted under.
        level: The protocol level of the connection.
        data: The packet.
        code: The reason code of the DISCONNECT (of the CONNACK, if it is the first packet); None:
            closed without a word, because the protocol level is not known.
        first: It is the first packet of the connection.
        before: What is sent, and allowed, before it.
        profile: The listener's.
        settings: Other limits than the defaults.
    """

    cause: str
    level: int
    data: bytes
    code: int | None
    first: bool = False
    before: bytes = b""
    profile: str = "standard"
    settings: dict[str, Any] = field(default_factory=dict)


def text(value: str | bytes) -> bytes:
    """Write a string with its length before it; bytes allow what is no UTF-8."""
    data = value.encode() if isinstance(value, str) else value
    return len(data).to_bytes(2, "big") + data


def packet(first_byte: int, *parts: bytes) -> bytes:
    """Write a packet of any length."""
    rest = b"".join(parts)
    length, digits = len(rest), bytearray()
    while length > 127:
        digits.append(length & 0x7F | 0x80)
        length >>= 7
    return bytes((first_byte, *digits, length)) + rest


def _both(
    cause: str, code: int, first_byte: int, head: bytes, tail: bytes = b"", **more: Any
) -> list[Forbidden]:
    """At both levels; MQTT 5 has its (absent) properties between head and tail."""
    return [
        Forbidden(cause, 4, packet(first_byte, head, tail), code, **more),
        Forbidden(cause, 5, packet(first_byte, head, b"\0", tail), code, **more),
    ]


def _same(cause: str, code: int, data: bytes, **more: Any) -> list[Forbidden]:
    """At both levels in the same bytes."""
    return [Forbidden(cause, level, data, code, **more) for level in (4, 5)]


def _only(level: int, cause: str, code: int, data: bytes, **more: Any) -> list[Forbidden]:
    return [Forbidden(cause, level, data, code, **more)]


def _connect(
    cause: str, code: int | None, flags: int, tail: bytes, levels: tuple[int, ...] = (4, 5)
) -> list[Forbidden]:
    """A CONNECT whose payload is `tail`."""
    return [
        Forbidden(
            cause,
            level,
            packet(0x10, text("MQTT"), bytes((level, flags)), b"\0\0", b"\0" * (level == 5), tail),
            code,
            first=True,
        )
        for level in levels
    ]


def _connect5(cause: str, code: int, properties: bytes, flags: int = 2) -> list[Forbidden]:
    """A CONNECT of MQTT 5 with these properties."""
    length = bytes((len(properties),))
    head = text("MQTT") + bytes((5, flags)) + b"\0\0"
    data = packet(0x10, head, length, properties, text("c"))
    return [Forbidden(cause, 5, data, code, first=True)]


def _will(cause: str, code: int, topic: bytes) -> list[Forbidden]:
    found = []
    for level in (4, 5):
        none = b"\0" * (level == 5)
        head = text("MQTT") + bytes((level, 0x06)) + b"\0\0" + none
        data = packet(0x10, head, text("c"), none, text(topic), text("x"))
        found.append(Forbidden(cause, level, data, code, first=True))
    return found


def _publish5(cause: str, code: int, properties: bytes, topic: str = "a") -> list[Forbidden]:
    length = bytes((len(properties),))
    return _only(5, cause, code, packet(0x30, text(topic), length, properties, b"x"))


def _own_message(level: int, qos: int) -> bytes:
    """Have the client sent a message of its own with packet identifier 1, all at this QoS."""
    none = b"\0" * (level == 5)
    subscribe = packet(0x82, b"\0\1", none, text("own"), bytes((qos,)))
    return subscribe + packet(0x30 | qos << 1, text("own"), b"\0\1", none, b"x")


def _wrong_acknowledgement() -> list[Forbidden]:
    found = []
    for level in (4, 5):
        for qos, first_byte in ((2, 0x40), (1, 0x50), (2, 0x70), (1, 0x70)):
            data = packet(first_byte, b"\0\1")
            before = _own_message(level, qos)
            found.append(Forbidden("wrong-acknowledgement", level, data, 0x82, before=before))
    return found


A = text("a")
ID = b"\0\1"
DEEP = text("/" * 128)
PUBLISHES = ((0x30, b""), (0x31, b""), (0x32, ID), (0x33, ID), (0x34, ID))

# fmt: off
FORBIDDEN: tuple[Forbidden, ...] = (
    # The fixed header.
    *_same("packet-type", 0x81, b"\0\0"),
    *_only(4, "packet-type", 0x81, b"\xf0\0"),
    *(row for first in b"\x11\x21\x41\x51\x60\x71\x80\x91\xa0\xb1\xc1\xd1\xe1"
      for row in _same("fixed-header-flags", 0x81, bytes((first, 2)) + ID)),
    *_only(5, "fixed-header-flags", 0x81, b"\xf1\0"),
    *_same("remaining-length", 0x81, b"\x30\xff\xff\xff\xff"),
    *_same("packet-too-large", 0x95, b"\x30\xff\xff\xff\x7f"),
    *_same("packet-too-large", 0x95, b"\x10\xff\xff\xff\x7f"),
    *_same("held-bytes", 0x97, b"\x30\x80\x80\x08" + bytes(70_000), settings={"max_held_bytes": 1}),
    # CONNECT, and what comes in its place.
    *(Forbidden("connect-first", 4, data, None, first=True)
      for data in (b"\xc0\0", b"\x11\0", b"\0\0", b"GET / HTTP/1.1\r\n", b"\x16\x03\x01\x02\0")),
    Forbidden("connect-first", 5, b"\xf0\0", None, first=True),
    Forbidden("remaining-length", 4, b"\x10\xff\xff\xff\xff", None, first=True),
    Forbidden("packet-too-large", 5, b"\x10\xff\xff\xff\x7f", None, first=True),
    Forbidden("truncated", 4, b"\x10\0", None, first=True),
    Forbidden("truncated", 4, packet(0x10, text("MQTT")), None, first=True),
    *_both("second-connect", 0x82, 0x10, text("MQTT") + b"\4\2\0\0", text("c")),
    *_connect("connect-flags", 0x81, 0x03, text("c")),
    *_connect("connect-flags", 0x81, 0x1E, text("c")),
    *_connect("connect-flags", 0x82, 0x0A, text("c")),
    *_connect("connect-flags", 0x82, 0x22, text("c")),
    *_connect("connect-flags", 0x82, 0x42, text("c") + text("secret"), levels=(4,)),
    *_connect("string-encoding", 0x81, 0x02, text(b"\xff")),
    *_connect("string-encoding", 0x81, 0x02, text(b"\xed\xa0\x80")),
    *_connect("string-null", 0x81, 0x02, text("a\0b")),
    *_connect("string-encoding", 0x81, 0x82, text("c") + text(b"\xc0\x80")),
    *_connect("trailing-bytes", 0x81, 0x02, text("c") + b"x"),
    *_connect("truncated", 0x81, 0x02, b"\0"),
    *_connect("truncated", 0x81, 0x02, b"\0\2c"),
    *_connect("truncated", 0x81, 0xC2, text("c") + text("user")),
    *_will("topic-empty", 0x90, b""),
    *_will("topic-wildcard", 0x90, b"a/+"),
    *_will("topic-encoding", 0x81, b"\xff"),
    *_will("topic-null", 0x81, b"a\0"),
    *_will("topic-levels", 0x90, b"/" * 128),
    *_connect5("authentication-data", 0x82, b"\x16" + text("data")),
    *_connect5("property-not-allowed", 0x81, b"\x7f\0"),
    *_connect5("property-not-allowed", 0x81, b"\x23\0\1"),
    *_connect5("property-twice", 0x82, b"\x21\0\1\x21\0\1"),
    *_connect5("property-value", 0x82, b"\x21\0\0"),
    *_connect5("property-value", 0x82, b"\x27\0\0\0\0"),
    *_connect5("property-value", 0x82, b"\x17\2"),
    *_connect5("truncated", 0x81, b"\x11\0\0"),
    # PUBLISH.
    *_both("publish-qos", 0x81, 0x36, A + ID),
    *_both("publish-dup", 0x82, 0x38, A),
    *(row for first in (0x32, 0x33, 0x3A, 0x34, 0x3C)
      for row in _both("packet-identifier", 0x82, first, A + b"\0\0")),
    *(row for first in (0x30, 0x31, 0x32, 0x34)
      for row in _same("truncated", 0x81, packet(first, b"\0\2a"))),
    *(row for first in (0x32, 0x33, 0x34)
      for row in _same("truncated", 0x81, packet(first, A, b"x"))),
    *_same("truncated", 0x81, b"\x30\0"),
    *_same("truncated", 0x81, b"\x30\1x"),
    *_only(5, "truncated", 0x81, packet(0x30, A)),
    *_only(5, "truncated", 0x81, packet(0x30, A, b"\2\1")),
    *(row for first, more in PUBLISHES for row in (
        *_only(4, "topic-empty", 0x90, packet(first, text(""), more)),
        *_only(5, "topic-empty", 0x82, packet(first, text(""), more, b"\0")),
        *_both("topic-wildcard", 0x90, first, text("a/+") + more),
        *_both("topic-wildcard", 0x90, first, text("#") + more),
        *_both("topic-encoding", 0x81, first, text(b"\xff") + more),
        *_both("topic-null", 0x81, first, text("a\0") + more),
        *_both("topic-levels", 0x90, first, DEEP + more),
        *_both("topic-levels", 0x90, first, text("/" * 8) + more, profile="aws-iot"),
        *_both("topic-too-long", 0x90, first, text("a" * 257) + more, profile="aws-iot"),
        *_both("payload-too-large", 0x97, first, A + more, bytes(131_073), profile="aws-iot"),
    ) if not (row.profile == "aws-iot" and first == 0x34)),
    *_both("qos-not-supported", 0x9B, 0x34, A + ID, settings={"max_qos": 1}),
    *_both("qos-not-supported", 0x9B, 0x32, A + ID, settings={"max_qos": 0}),
    *_both("qos-not-supported", 0x9B, 0x34, A + ID, profile="aws-iot"),
    *_both("not-authorized", 0x87, 0x30, text("$other"), profile="aws-iot"),
    *_only(4, "not-authorized", 0x87, packet(0x32, text("$other"), ID), profile="aws-iot"),
    *_publish5("topic-alias", 0x94, b"\x23\0\0"),
    *_publish5("topic-alias", 0x94, b"\x23\0\x0b"),
    *_publish5("topic-alias-unknown", 0x82, b"\x23\0\1", topic=""),
    *_publish5("topic-wildcard", 0x90, b"\x23\0\1", topic="#"),
    *_publish5("subscription-identifier", 0x82, b"\x0b\1"),
    *_publish5("property-value", 0x82, b"\x0b\0"),
    *_publish5("property-value", 0x82, b"\1\2"),
    *_publish5("property-twice", 0x82, b"\1\0\1\0"),
    *_publish5("property-not-allowed", 0x81, b"\x11\0\0\0\1"),
    *_publish5("response-topic", 0x82, b"\x08" + text("a/#")),
    *_publish5("response-topic", 0x82, b"\x08" + text("")),
    *_publish5("string-encoding", 0x81, b"\3" + text(b"\xff")),
    *_publish5("string-null", 0x81, b"\x26" + text("k") + text("\0")),
    *_publish5("variable-byte-integer", 0x81, b"\x0b\x81\0"),
    *_publish5("variable-byte-integer", 0x81, b"\x0b\xff\xff\xff\xff\1"),
    *_only(5, "variable-byte-integer", 0x81, packet(0x30, A, b"\x80\0")),
    *_only(5, "receive-maximum", 0x93, packet(0x34, A, b"\0\2\0"),
           before=packet(0x34, A, b"\0\1\0"), settings={"receive_maximum": 1}),
    *_only(5, "receive-maximum", 0x93, packet(0x32, A, b"\0\2\0"),
           before=packet(0x34, A, b"\0\1\0"), settings={"receive_maximum": 1}),
    # Acknowledgements.
    *(row for first in (0x40, 0x50, 0x62, 0x70) for row in (
        *_same("packet-identifier", 0x82, packet(first, b"\0\0")),
        *_same("truncated", 0x81, packet(first, b"\0")),
        *_only(4, "trailing-bytes", 0x81, packet(first, ID, b"\0")),
        *_only(5, "trailing-bytes", 0x81, packet(first, ID, b"\0\0x")),
        *_only(5, "reason-code", 0x82, packet(first, ID, b"\x93")),
        *_only(5, "property-not-allowed", 0x81, packet(first, ID, b"\0\2\1\0")),
        *_only(5, "property-twice", 0x82, packet(first, ID, b"\0\6\x1f\0\0\x1f\0\0")),
    )),
    *_wrong_acknowledgement(),
    *(row for first in (0x50, 0x62, 0x70)
      for row in _same("unexpected-packet", 0x82, packet(first, ID), profile="aws-iot")),
    # SUBSCRIBE and UNSUBSCRIBE; what stands before a bad filter does not happen either.
    *_both("subscribe-empty", 0x82, 0x82, ID),
    *_both("unsubscribe-empty", 0x82, 0xA2, ID),
    *_both("packet-identifier", 0x82, 0x82, b"\0\0", A + b"\0"),
    *_both("packet-identifier", 0x82, 0xA2, b"\0\0", A),
    *_only(4, "subscribe-qos", 0x81, packet(0x82, ID, A, b"\0", A, b"\3")),
    *_only(4, "subscribe-qos", 0x81, packet(0x82, ID, A, b"\4")),
    *_only(5, "subscribe-qos", 0x82, packet(0x82, ID, b"\0", A, b"\3")),
    *_only(5, "retain-handling", 0x82, packet(0x82, ID, b"\0", A, b"\x30")),
    *_only(5, "subscription-options", 0x81, packet(0x82, ID, b"\0", A, b"\x40")),
    *_only(5, "shared-no-local", 0x82,
           packet(0x82, ID, b"\0", A, b"\0", text("$share/g/a"), b"\4")),
    *_only(5, "subscription-identifier", 0xA1, packet(0x82, ID, b"\2\x0b\1", A, b"\0"),
           profile="aws-iot"),
    *_only(5, "property-value", 0x82, packet(0x82, ID, b"\2\x0b\0", A, b"\0")),
    *_only(5, "property-twice", 0x82, packet(0x82, ID, b"\4\x0b\1\x0b\2", A, b"\0")),
    *(row for first, options in ((0x82, b"\0"), (0xA2, b"")) for row in (
        *_both("filter-empty", 0x8F, first, ID, A + options + text("") + options),
        *_both("filter-wildcard", 0x8F, first, ID, A + options + text("a#") + options),
        *_both("filter-wildcard", 0x8F, first, ID, A + options + text("#/a") + options),
        *_both("filter-wildcard", 0x8F, first, ID, A + options + text("$share/g/+a") + options),
        *_both("filter-shared", 0x8F, first, ID, A + options + text("$share/g") + options),
        *_both("filter-shared", 0x8F, first, ID, A + options + text("$share//a") + options),
        *_both("filter-shared", 0x8F, first, ID, A + options + text("$share/+/a") + options),
        *_both("string-encoding", 0x81, first, ID, A + options + text(b"\xff") + options),
        *_both("string-null", 0x81, first, ID, A + options + text("\0") + options),
        *_both("truncated", 0x81, first, ID, A + options + b"\0"),
    )),
    *_both("truncated", 0x81, 0x82, ID, A),
    # The rest.
    *_only(4, "trailing-bytes", 0x81, b"\xc0\1\0"),
    *_only(4, "trailing-bytes", 0x81, b"\xe0\1\0"),
    *_only(5, "trailing-bytes", 0x81, b"\xc0\1\0"),
    *_only(5, "trailing-bytes", 0x81, b"\xe0\3\0\0x"),
    *_only(5, "reason-code", 0x82, b"\xe0\1\x01"),
    *_only(5, "reason-code", 0x82, b"\xe0\1\x8b"),
    *_only(5, "property-not-allowed", 0x81, b"\xe0\5\0\3\x21\0\1"),
    *_only(5, "session-expiry", 0x82, b"\xe0\7\0\5\x11\0\0\0\1"),
    *_same("unexpected-packet", 0x82, b"\xd0\0"),
    *_both("unexpected-packet", 0x82, 0x20, b"\0\0"),
    *_both("unexpected-packet", 0x82, 0x90, ID, b"\0"),
    *_both("unexpected-packet", 0x82, 0xB0, ID),
    *_only(5, "unexpected-packet", 0x82, b"\xf0\0"),
    *_only(5, "unexpected-packet", 0x82, packet(0xF0, b"\x18\6\x15", text("SCR"))),
    *_only(5, "authentication-method", 0x82, b"\xf0\2\x18\0"),
    *_only(5, "authentication-data", 0x82, packet(0xF0, b"\x18\4\x16", text("d"))),
    *_only(5, "reason-code", 0x82, b"\xf0\2\x01\0"),
    *_only(5, "truncated", 0x81, b"\xf0\1\x18"),
)
# fmt: on
