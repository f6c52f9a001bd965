"""Every packet survives the wire, and wrong bytes are an MqttError and nothing else."""

from __future__ import annotations

import random

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.mqtt.decoding import protocol_level
from gateway.mqtt.errors import CAUSES, MqttError
from gateway.mqtt.packet_types import check_fixed_header
from gateway.mqtt.packets import next_packet
from gateway.mqtt.reason_codes import ReasonCode
from tests.gateway.mqtt.strategies import FEW, Wire, wires

WIRES = wires()
every_wire = pytest.mark.parametrize("wire", WIRES, ids=lambda wire: wire.name)


def body_of(packet: bytes) -> bytes:
    """Take the fixed header off; there must be exactly one packet."""
    bounds = next_packet(packet, 0)
    assert bounds is not None
    body, end = bounds
    assert end == len(packet)
    return packet[body:]


def decode_or_refuse(wire: Wire, first_byte: int, body: bytes) -> None:
    """Decode these bytes; only an MqttError that can be counted and answered may come out."""
    try:
        wire.decode(first_byte, body)
    except MqttError as error:
        assert error.cause in CAUSES
        assert ReasonCode(error.reason_code) >= 0x80
        assert 0 < len(str(error)) < 500


@every_wire
@FEW
@given(st.data())
def test_a_packet_survives_the_wire(wire: Wire, data: st.DataObject) -> None:
    packet = data.draw(wire.packets)
    encoded = wire.encode(packet)
    assert encoded[0] >> 4 == wire.kind
    check_fixed_header(encoded[0], wire.level)
    assert wire.decode(encoded[0], body_of(encoded)) == packet


@every_wire
@settings(FEW, max_examples=25)
@given(st.data())
def test_a_packet_cut_off_anywhere_is_decoded_or_an_mqtt_error(
    wire: Wire, data: st.DataObject
) -> None:
    encoded = wire.encode(data.draw(wire.packets))
    body = body_of(encoded)
    for end in range(len(body)):
        decode_or_refuse(wire, encoded[0], body[:end])


@every_wire
@settings(FEW, max_examples=40)
@given(st.data(), st.randoms(use_true_random=False))
def test_a_mutated_packet_is_decoded_or_an_mqtt_error(
    wire: Wire, data: st.DataObject, rng: random.Random
) -> None:
    encoded = wire.encode(data.draw(wire.packets))
    for _ in range(8):
        body = bytearray(body_of(encoded))
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(body) + 1)
            change = rng.randrange(3)
            if change == 0:
                body[at : at + 1] = rng.randbytes(1)
            elif change == 1:
                del body[at : at + rng.randint(1, 4)]
            else:
                body[at:at] = rng.randbytes(rng.randint(1, 4))
        decode_or_refuse(wire, encoded[0] ^ (1 << rng.randrange(4)), bytes(body))
        decode_or_refuse(wire, encoded[0], bytes(body))


@settings(FEW, max_examples=300)
@given(st.binary(max_size=80))
def test_any_bytes_are_decoded_or_an_mqtt_error(data: bytes) -> None:
    for wire in WIRES:
        decode_or_refuse(wire, wire.kind << 4, data)
    protocol_level(data)
    try:
        bounds = next_packet(data, 0)
    except MqttError as error:
        assert error.cause == "remaining-length"
    else:
        assert bounds is None or 2 <= bounds[0] <= bounds[1]


@FEW
@given(st.data())
def test_what_a_cut_off_stream_ends_with_is_no_packet_yet(data: st.DataObject) -> None:
    wire = data.draw(st.sampled_from(WIRES))
    encoded = wire.encode(data.draw(wire.packets))
    for end in range(len(encoded)):
        bounds = next_packet(encoded[:end], 0)
        assert bounds is None or bounds[1] == len(encoded)
