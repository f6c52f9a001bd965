"""The control packet types: one row each, with its name, flags and reason codes.

Source: OASIS MQTT 5.0, sections 2.1 and 2.4, and the reason code tables of chapter 3.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from types import MappingProxyType

from gateway.mqtt.errors import MalformedPacket, ProtocolViolation
from gateway.mqtt.reason_codes import ReasonCode

__all__ = [
    "AUTH",
    "CONNACK",
    "CONNECT",
    "DISCONNECT",
    "PACKET_TYPES",
    "PINGREQ",
    "PINGRESP",
    "PUBACK",
    "PUBCOMP",
    "PUBLISH",
    "PUBREC",
    "PUBREL",
    "SUBACK",
    "SUBSCRIBE",
    "UNSUBACK",
    "UNSUBSCRIBE",
    "WILL",
    "PacketType",
    "check_fixed_header",
    "check_reason_code",
]

CONNECT, CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 1, 2, 3, 4, 5, 6, 7
SUBSCRIBE, SUBACK, UNSUBSCRIBE, UNSUBACK, PINGREQ, PINGRESP, DISCONNECT = 8, 9, 10, 11, 12, 13, 14
AUTH = 15

# No packet: it stands for the will within a CONNECT, which has properties of its own.
WILL = 16


@dataclass(frozen=True, slots=True)
class PacketType:
    """A control packet type.

    Attributes:
        name: As the standard writes it.
        flags: What the low four bits of the first byte must be; None where they have a meaning.
        reason_codes: What it may say in MQTT 5; empty where it has no reason codes.
        first_level: The protocol level that introduced it.
    """

    name: str
    flags: int | None = 0
    reason_codes: frozenset[int] = frozenset()
    first_level: int = 4


def _codes(*codes: int) -> frozenset[int]:
    return frozenset(ReasonCode(code) for code in codes)


_PUBLISH_CODES = _codes(0x00, 0x10, 0x80, 0x83, 0x87, 0x90, 0x91, 0x97, 0x99)
_RELEASE_CODES = _codes(0x00, 0x92)

# fmt: off
PACKET_TYPES: Mapping[int, PacketType] = MappingProxyType(
    {
        CONNECT: PacketType("CONNECT"),
        CONNACK: PacketType("CONNACK", reason_codes=_codes(
            0x00, *range(0x80, 0x8B), 0x8C, 0x90, 0x95, 0x97, *range(0x99, 0x9E), 0x9F)),
        PUBLISH: PacketType("PUBLISH", flags=None),
        PUBACK: PacketType("PUBACK", reason_codes=_PUBLISH_CODES),
        PUBREC: PacketType("PUBREC", reason_codes=_PUBLISH_CODES),
        PUBREL: PacketType("PUBREL", 2, _RELEASE_CODES),
        PUBCOMP: PacketType("PUBCOMP", reason_codes=_RELEASE_CODES),
        SUBSCRIBE: PacketType("SUBSCRIBE", 2),
        SUBACK: PacketType("SUBACK", reason_codes=_codes(
            0x00, 0x01, 0x02, 0x80, 0x83, 0x87, 0x8F, 0x91, 0x97, 0x9E, 0xA1, 0xA2)),
        UNSUBSCRIBE: PacketType("UNSUBSCRIBE", 2),
        UNSUBACK: PacketType("UNSUBACK", reason_codes=_codes(
            0x00, 0x11, 0x80, 0x83, 0x87, 0x8F, 0x91)),
        PINGREQ: PacketType("PINGREQ"),
        PINGRESP: PacketType("PINGRESP"),
        DISCONNECT: PacketType("DISCONNECT", reason_codes=_codes(
            0x00, 0x04, 0x80, 0x81, 0x82, 0x83, 0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x90,
            *range(0x93, 0xA3))),
        AUTH: PacketType("AUTH", reason_codes=_codes(0x00, 0x18, 0x19), first_level=5),
        WILL: PacketType("Will", flags=None),
    }
)
# fmt: on


def check_fixed_header(first_byte: int, level: int) -> None:
    """Refuse a first byte that no packet of this protocol level has.

    The flags of a PUBLISH have a meaning; decode_publish looks at them.

    Raises:
        MalformedPacket: The type is reserved, or its flags are not as they must be
            (3.1.1 [MQTT-2.2.2-2]; 5.0 [MQTT-2.1.3-1]).
    """
    row = PACKET_TYPES.get(first_byte >> 4)
    if row is None or row.first_level > level:
        raise MalformedPacket("packet-type", f"packet type {first_byte >> 4} is reserved")
    if row.flags is not None and first_byte & 0x0F != row.flags:
        raise MalformedPacket(
            "fixed-header-flags", f"a {row.name} has the flags {first_byte & 0x0F:#x}"
        )


def check_reason_code(packet: int, reason_code: int) -> None:
    """Refuse a reason code that this packet may not carry in MQTT 5.

    Raises:
        ProtocolViolation: It is not in the packet's table.
    """
    row = PACKET_TYPES[packet]
    if reason_code not in row.reason_codes:
        raise ProtocolViolation("reason-code", f"a {row.name} has reason code {reason_code:#04x}")
