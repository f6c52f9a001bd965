"""Packets: what is encoded is decoded alike, and wrong bytes are an MqttError and nothing else."""

from __future__ import annotations

import random
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.mqtt import packets
from gateway.mqtt.errors import InvalidTopic, MalformedPacket, MqttError, ProtocolViolation
from gateway.mqtt.packets import Connect, Publish, Subscribe, Unsubscribe, Will, next_packet

FEW = settings(max_examples=150, derandomize=True, deadline=None, database=None)

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=40)
topics = st.text(
    st.characters(exclude_characters="\0+#", exclude_categories=["Cs"]), min_size=1, max_size=40
)
levels = st.one_of(st.just("+"), texts.filter(lambda t: not set("+#/") & set(t)))
filters = st.builds(
    lambda middle, last: "/".join([*middle, last]) or "/",
    st.lists(levels, max_size=4),
    st.one_of(st.just("#"), levels),
)
payloads = st.binary(max_size=300)
identifiers = st.integers(1, 65_535)
wills = st.builds(Will, topics, payloads, st.integers(0, 2), st.booleans())
users = st.one_of(
    st.just((None, None)), st.tuples(texts, st.none()), st.tuples(texts, st.binary(max_size=40))
)
connects = st.builds(
    lambda clean, keep_alive_s, client_id, will, user: Connect(
        "MQTT", 4, clean, keep_alive_s, client_id, will, *user
    ),
    st.booleans(),
    st.integers(0, 65_535),
    texts,
    st.one_of(st.none(), wills),
    users,
)
publishes = st.one_of(
    st.builds(Publish, topics, payloads, st.just(0), st.booleans()),
    st.builds(
        Publish, topics, payloads, st.integers(1, 2), st.booleans(), st.booleans(), identifiers
    ),
)
subscribes = st.builds(
    lambda identifier, wanted: Subscribe(identifier, tuple(wanted)),
    identifiers,
    st.lists(st.tuples(filters, st.integers(0, 2)), min_size=1, max_size=5),
)
unsubscribes = st.builds(
    lambda identifier, wanted: Unsubscribe(identifier, tuple(wanted)),
    identifiers,
    st.lists(filters, min_size=1, max_size=5),
)


def body_of(packet: bytes, first_byte: int) -> bytes:
    """Take the fixed header off; the packet must be exactly one."""
    assert packet[0] == first_byte
    bounds = next_packet(packet, 0)
    assert bounds is not None
    body, end = bounds
    assert end == len(packet)
    return packet[body:end]


@FEW
@given(connects)
def test_a_connect_survives_the_wire(packet: Connect) -> None:
    assert packets.decode_connect(body_of(packets.encode_connect(packet), 0x10)) == packet


@FEW
@given(publishes)
def test_a_publish_survives_the_wire(packet: Publish) -> None:
    data = packets.encode_publish(packet)
    assert data[0] >> 4 == packets.PUBLISH
    assert packets.decode_publish(data[0], body_of(data, data[0])) == packet


@FEW
@given(subscribes)
def test_a_subscribe_survives_the_wire(packet: Subscribe) -> None:
    assert packets.decode_subscribe(body_of(packets.encode_subscribe(packet), 0x82)) == packet


@FEW
@given(unsubscribes)
def test_an_unsubscribe_survives_the_wire(packet: Unsubscribe) -> None:
    assert packets.decode_unsubscribe(body_of(packets.encode_unsubscribe(packet), 0xA2)) == packet


def test_the_bytes_of_small_packets_are_the_standard_s() -> None:
    will = Will("w", b"gone", 1, True)
    connect = Connect("MQTT", 4, True, 60, "c", will, "u", b"p")
    assert packets.encode_connect(connect) == bytes.fromhex(
        "101c 0004 4d515454 04 ee 003c 0001 63 0001 77 0004 676f6e65 0001 75 0001 70"
    )
    assert packets.encode_connack(0) == bytes.fromhex("20020000")
    assert packets.encode_connack(2, session_present=True) == bytes.fromhex("20020102")
    assert packets.encode_publish(Publish("a/b", b"hi")) == bytes.fromhex("3007 0003 612f62 6869")
    qos1 = Publish("a", b"", 1, True, True, 258)
    assert packets.encode_publish(qos1) == bytes.fromhex("3b05 0001 61 0102")
    assert packets.encode_suback(10, b"\x01\x80") == bytes.fromhex("9004 000a 01 80")
    assert packets.encode_unsuback(10) == bytes.fromhex("b002 000a")
    subscribe = Subscribe(10, (("a/#", 1), ("b", 0)))
    assert packets.encode_subscribe(subscribe) == bytes.fromhex(
        "820c 000a 0003 612f23 01 0001 62 00"
    )
    assert packets.encode_unsubscribe(Unsubscribe(1, ("a",))) == bytes.fromhex("a205 0001 0001 61")
    assert packets.decode_packet_identifier(b"\x01\x02", "PUBACK") == 258


@pytest.mark.parametrize(
    ("length", "encoded"),
    [
        (0, "00"),
        (127, "7f"),
        (128, "8001"),
        (16_383, "ff7f"),
        (16_384, "808001"),
        (2_097_151, "ffff7f"),
        (2_097_152, "80808001"),
        (packets.MAX_REMAINING_LENGTH, "ffffff7f"),
    ],
)
def test_remaining_lengths_are_the_standard_s(length: int, encoded: str) -> None:
    data = packets.encode_remaining_length(length)
    assert data == bytes.fromhex(encoded)
    assert next_packet(b"\x30" + data, 0) == (1 + len(data), 1 + len(data) + length)
    for end in range(1 + len(data)):
        assert next_packet((b"\x30" + data)[:end], 0) is None
    assert next_packet(b"??\x30" + data, 2) == (3 + len(data), 3 + len(data) + length)


def test_a_remaining_length_of_five_bytes_is_malformed() -> None:
    with pytest.raises(MalformedPacket, match="four bytes"):
        next_packet(bytes.fromhex("30ffffffff"), 0)
    assert next_packet(bytes.fromhex("30ffffff"), 0) is None


def connect_body(flags: int, tail: str = "0001 63") -> bytes:
    return bytes.fromhex("0004 4d515454 04") + bytes((flags,)) + bytes.fromhex("003c" + tail)


@pytest.mark.parametrize(
    ("body", "kind", "cause"),
    [
        (connect_body(0x03), ProtocolViolation, "connect-flags"),  # the reserved flag
        (connect_body(0x0A), ProtocolViolation, "connect-flags"),  # will QoS without a will
        (connect_body(0x22), ProtocolViolation, "connect-flags"),  # will retain without a will
        (connect_body(0x1E, "0001 63 0001 77 0000"), ProtocolViolation, "connect-flags"),  # QoS 3
        (connect_body(0x42, "0001 63 0001 70"), ProtocolViolation, "connect-flags"),  # no user
        (connect_body(0x06, "0001 63 0001 2b 0000"), InvalidTopic, "topic-wildcard"),
        (connect_body(0x06, "0001 63 0000 0000"), InvalidTopic, "topic-empty"),
        (connect_body(0x02) + b"x", MalformedPacket, "trailing-bytes"),
        (connect_body(0x02, "0002 63"), MalformedPacket, "truncated"),
        (connect_body(0x02, "0001 ff"), MalformedPacket, "string-encoding"),
        (connect_body(0x02, "0003 eda080"), MalformedPacket, "string-encoding"),  # a surrogate
        (connect_body(0x02, "0001 00"), MalformedPacket, "string-null"),
        (b"", MalformedPacket, "truncated"),
    ],
)
def test_wrong_connects_are_named(body: bytes, kind: type[MqttError], cause: str) -> None:
    with pytest.raises(kind) as refusal:
        packets.decode_connect(body)
    assert refusal.value.cause == cause


def test_of_another_protocol_only_name_and_level_are_read() -> None:
    for name, level in (("MQIsdp", 3), ("MQTT", 5), ("MQTT", 3), ("HTTP", 4)):
        head = packets.encode_string(name) + bytes((level,))
        assert packets.decode_connect(head + b"\xff whatever") == Connect(name, level)


@pytest.mark.parametrize(
    ("first", "body", "kind", "cause"),
    [
        (0x36, "0001 61 0001", MalformedPacket, "publish-qos"),
        (0x38, "0001 61", ProtocolViolation, "publish-dup"),
        (0x32, "0001 61 0000", ProtocolViolation, "packet-identifier"),
        (0x32, "0001 61 01", MalformedPacket, "truncated"),
        (0x30, "00", MalformedPacket, "truncated"),
        (0x30, "0002 61", MalformedPacket, "truncated"),
        (0x30, "0000", InvalidTopic, "topic-empty"),
        (0x30, "0001 23", InvalidTopic, "topic-wildcard"),
        (0x30, "0001 00", InvalidTopic, "topic-null"),
        (0x30, "0001 ff", InvalidTopic, "topic-encoding"),
    ],
)
def test_wrong_publishes_are_named(
    first: int, body: str, kind: type[MqttError], cause: str
) -> None:
    with pytest.raises(kind) as refusal:
        packets.decode_publish(first, bytes.fromhex(body))
    assert refusal.value.cause == cause


@pytest.mark.parametrize(
    ("decode", "body", "kind", "cause"),
    [
        (packets.decode_subscribe, "0001", ProtocolViolation, "subscribe-empty"),
        (packets.decode_subscribe, "0000 0001 61 00", ProtocolViolation, "packet-identifier"),
        (packets.decode_subscribe, "0001 0001 61", MalformedPacket, "truncated"),
        (packets.decode_subscribe, "0001 0001 61 03", MalformedPacket, "subscribe-qos"),
        (packets.decode_subscribe, "0001 0001 61 81", MalformedPacket, "subscribe-qos"),
        (packets.decode_subscribe, "0001 0000 00", InvalidTopic, "filter-empty"),
        (packets.decode_subscribe, "0001 0002 6123 00", InvalidTopic, "filter-wildcard"),
        (packets.decode_unsubscribe, "0001", ProtocolViolation, "unsubscribe-empty"),
        (packets.decode_unsubscribe, "0001 0003 232f61", InvalidTopic, "filter-wildcard"),
        (packets.decode_unsubscribe, "00", MalformedPacket, "truncated"),
    ],
)
def test_wrong_subscriptions_are_named(
    decode: Callable[[bytes], object], body: str, kind: type[MqttError], cause: str
) -> None:
    with pytest.raises(kind) as refusal:
        decode(bytes.fromhex(body))
    assert refusal.value.cause == cause


@pytest.mark.parametrize(
    ("body", "kind"),
    [("", MalformedPacket), ("01", MalformedPacket), ("000100", MalformedPacket)]
    + [("0000", ProtocolViolation)],
)
def test_wrong_acknowledgements_are_named(body: str, kind: type[MqttError]) -> None:
    with pytest.raises(kind):
        packets.decode_packet_identifier(bytes.fromhex(body), "PUBACK")


def decode_or_refuse(data: bytes) -> None:
    """Give these bytes to everything that decodes; only an MqttError may come out."""
    decoders: list[Callable[[], object]] = [
        lambda: next_packet(data, 0),
        lambda: packets.decode_connect(data),
        lambda: packets.decode_publish(data[0] if data else 0, data[1:]),
        lambda: packets.decode_subscribe(data),
        lambda: packets.decode_unsubscribe(data),
        lambda: packets.decode_packet_identifier(data, "PUBACK"),
    ]
    for decode in decoders:
        try:
            decode()
        except MqttError as error:
            assert error.cause.replace("-", "").isalpha()
            assert str(error)


@settings(FEW, max_examples=400)
@given(st.binary(max_size=80))
def test_any_bytes_are_decoded_or_an_mqtt_error(data: bytes) -> None:
    decode_or_refuse(data)


@FEW
@given(
    st.one_of(
        connects.map(packets.encode_connect),
        publishes.map(packets.encode_publish),
        subscribes.map(packets.encode_subscribe),
        unsubscribes.map(packets.encode_unsubscribe),
    ),
    st.randoms(use_true_random=False),
)
def test_mutated_packets_are_decoded_or_an_mqtt_error(packet: bytes, rng: random.Random) -> None:
    bounds = next_packet(packet, 0)
    assert bounds is not None
    for _ in range(8):
        mutated = bytearray(packet)
        for _ in range(rng.randint(1, 3)):
            at = rng.randrange(len(mutated))
            change = rng.randrange(3)
            if change == 0:
                mutated[at] = rng.randrange(256)
            elif change == 1:
                del mutated[at:]
                mutated += b"\x00"
            else:
                mutated[at:at] = rng.randbytes(rng.randint(1, 4))
        decode_or_refuse(bytes(mutated))
        decode_or_refuse(bytes(mutated)[bounds[0] :])
