"""What fuzzing holds the codec to: bytes are an error, or a packet that can be written again."""

from __future__ import annotations

from gateway.mqtt.errors import CAUSES, MalformedPacket, MqttError
from gateway.mqtt.packet_types import check_fixed_header
from gateway.mqtt.packets import CONNECT, next_packet
from tests.gateway.mqtt.strategies import wires
from tests.rig.forbidden import FORBIDDEN

WIRES = {(wire.kind, wire.level): wire for wire in wires()}


def check_codec(data: bytes) -> int:
    """Decode bytes as a stream of packets, at both protocol levels; return how many were packets.

    Raises:
        AssertionError: An error has no known cause, or a packet changes on its way.
        Exception: Something else than MqttError escaped.
    """
    found = 0
    for level in (4, 5):
        at = 0
        while at < len(data):
            try:
                bounds = next_packet(data, at)
            except MalformedPacket as error:
                assert error.cause == "remaining-length"
                break
            if bounds is None or bounds[1] > len(data):
                break
            found += _check_packet(data[at], data[bounds[0] : bounds[1]], level)
            at = bounds[1]
    return found


def seeds() -> list[bytes]:
    """Return streams to begin with."""
    return [row.data for row in FORBIDDEN if len(row.data) < 1000]


def _check_packet(first: int, content: bytes, level: int) -> bool:
    try:
        check_fixed_header(first, level)
        wire = WIRES.get((first >> 4, level))
        if wire is None:
            return False  # PINGREQ and PINGRESP have no body
        packet = wire.decode(first, content)
    except MqttError as error:
        assert error.cause in CAUSES, error.cause
        assert error.reason_code >= 0x80, error.reason_code
        return False
    if wire.kind == CONNECT and (packet.protocol_name, packet.protocol_level) != ("MQTT", level):
        return False  # of another level, of which the codec reads no more, or checked at its own
    encoded = wire.encode(packet)
    bounds = next_packet(encoded, 0)
    assert bounds is not None and bounds[1] == len(encoded)
    again = wire.decode(encoded[0], encoded[bounds[0] :])
    assert again == packet, f"{packet} is {again} when it is read again"
    assert encoded[0] == first
    return True
