"""Encoding: the bytes of every packet at both levels are the standard's, and decode to the same."""

from __future__ import annotations

import pytest

from gateway.mqtt import decoding, encoding
from gateway.mqtt.packets import (
    PINGREQ_PACKET,
    PINGRESP_PACKET,
    PUBACK,
    PUBCOMP,
    PUBREC,
    PUBREL,
    Acknowledgement,
    Auth,
    Connack,
    Connect,
    Disconnect,
    Publish,
    Suback,
    Subscribe,
    SubscriptionRequest,
    Unsuback,
    Unsubscribe,
    Will,
    next_packet,
)
from gateway.mqtt.properties import Properties

WHY = Properties(reason_string="x")  # 1f 0001 78
PAIR = Properties(user_properties=(("a", "b"),))  # 26 0001 61 0001 62
WILL = Will("w", b"gone", 1, True)


CONNECTS = [
    (Connect("MQTT", 4), "100c 0004 4d515454 04 02 0000 0000"),
    (
        Connect("MQTT", 4, True, 60, "c", WILL, "u", b"p"),
        "101c 0004 4d515454 04 ee 003c 0001 63 0001 77 0004 676f6e65 0001 75 0001 70",
    ),
    (Connect("MQTT", 4, False, 65_535, "c"), "100d 0004 4d515454 04 00 ffff 0001 63"),
    (Connect("MQTT", 5), "100d 0004 4d515454 05 02 0000 00 0000"),
    (
        Connect(
            "MQTT",
            5,
            False,
            60,
            "c",
            Will("w", b"", 2, False, Properties(will_delay_interval_s=1)),
            None,
            b"p",
            Properties(session_expiry_interval_s=2, receive_maximum=3),
        ),
        "1024 0004 4d515454 05 54 003c 08 11 00000002 21 0003 0001 63"
        "05 18 00000001 0001 77 0000 0001 70",
    ),
]


@pytest.mark.parametrize(("packet", "encoded"), CONNECTS)
def test_a_connect_has_the_bytes_of_the_standard(packet: Connect, encoded: str) -> None:
    data = bytes.fromhex(encoded)
    assert encoding.encode_connect(packet) == data
    assert decoding.decode_connect(data[2:]) == packet
    assert decoding.protocol_level(data[2:]) == packet.protocol_level


@pytest.mark.parametrize(
    ("packet", "level", "encoded"),
    [
        (Connack(False, 0), 4, "2002 00 00"),
        (Connack(True, 0), 4, "2002 01 00"),
        (Connack(False, 5), 4, "2002 00 05"),
        (Connack(True, 0), 5, "2003 01 00 00"),
        (Connack(False, 0x87, WHY), 5, "2007 00 87 04 1f 0001 78"),
        (Connack(False, 0, Properties(server_keep_alive_s=5)), 5, "2006 00 00 03 13 0005"),
    ],
)
def test_a_connack_has_the_bytes_of_the_standard(packet: Connack, level: int, encoded: str) -> None:
    data = bytes.fromhex(encoded)
    assert encoding.encode_connack(packet, level) == data
    assert decoding.decode_connack(data[2:], level) == packet


@pytest.mark.parametrize(
    ("packet", "level", "encoded"),
    [
        (Publish("a/b", b"hi"), 4, "3007 0003 612f62 6869"),
        (Publish("a", b""), 4, "3003 0001 61"),
        (Publish("a", b"", 1, True, True, 258), 4, "3b05 0001 61 0102"),
        (Publish("a", b"x", 2, False, False, 65_535), 4, "3406 0001 61 ffff 78"),
        (Publish("a", b"x", retain=True), 5, "3105 0001 61 00 78"),
        (
            Publish("a", b"x", 2, False, True, 1, PAIR),
            5,
            "3c0e 0001 61 0001 07 26 0001 61 0001 62 78",
        ),
        (Publish("", b"x", properties=Properties(topic_alias=2)), 5, "3007 0000 03 23 0002 78"),
        (
            Publish("a", b"", properties=Properties(subscription_identifiers=(1, 128))),
            5,
            "3009 0001 61 05 0b 01 0b 8001",
        ),
    ],
)
def test_a_publish_has_the_bytes_of_the_standard(packet: Publish, level: int, encoded: str) -> None:
    data = bytes.fromhex(encoded)
    assert encoding.encode_publish(packet, level) == data
    assert decoding.decode_publish(data[0], data[2:], level) == packet


def test_a_long_publish_has_a_long_remaining_length() -> None:
    for level in (4, 5):
        packet = Publish("a", b"x" * 200_000)
        data = encoding.encode_publish(packet, level)
        bounds = next_packet(data, 0)
        assert bounds == (4, len(data))
        assert decoding.decode_publish(data[0], data[4:], level) == packet


@pytest.mark.parametrize(
    ("kind", "first"), [(PUBACK, "40"), (PUBREC, "50"), (PUBREL, "62"), (PUBCOMP, "70")]
)
def test_acknowledgements_have_the_bytes_of_the_standard(kind: int, first: str) -> None:
    failure = 0x92 if kind in (PUBREL, PUBCOMP) else 0x97
    for packet, level, rest in (
        (Acknowledgement(258), 4, "02 0102"),
        (Acknowledgement(258), 5, "02 0102"),
        (Acknowledgement(258, failure), 5, f"03 0102 {failure:02x}"),
        (Acknowledgement(258, 0, WHY), 5, "08 0102 00 04 1f 0001 78"),
        (Acknowledgement(258, failure, WHY), 5, f"08 0102 {failure:02x} 04 1f 0001 78"),
    ):
        data = bytes.fromhex(first + rest)
        assert encoding.encode_acknowledgement(kind, packet, level) == data
        assert decoding.decode_acknowledgement(kind, data[2:], level) == packet
    # A peer may write what could be left out.
    for long in ("0102 00", "0102 00 00"):
        decoded = decoding.decode_acknowledgement(kind, bytes.fromhex(long), 5)
        assert decoded == Acknowledgement(258)


REQUESTS = (SubscriptionRequest("a/#", 1), SubscriptionRequest("b"))


@pytest.mark.parametrize(
    ("packet", "level", "encoded"),
    [
        (Subscribe(10, REQUESTS), 4, "820c 000a 0003 612f23 01 0001 62 00"),
        (Subscribe(10, REQUESTS), 5, "820d 000a 00 0003 612f23 01 0001 62 00"),
        (
            Subscribe(1, REQUESTS[1:], Properties(subscription_identifiers=(128,))),
            5,
            "820a 0001 03 0b 8001 0001 62 00",
        ),
        (Subscribe(1, (SubscriptionRequest("b", 2, True),)), 5, "8207 0001 00 0001 62 06"),
        (
            Subscribe(1, (SubscriptionRequest("b", 0, False, True),)),
            5,
            "8207 0001 00 0001 62 08",
        ),
        (
            Subscribe(1, (SubscriptionRequest("b", 1, True, True, 2),)),
            5,
            "8207 0001 00 0001 62 2d",
        ),
        (
            Subscribe(1, (SubscriptionRequest("$share/g/b", retain_handling=1),)),
            5,
            "8210 0001 00 000a 2473686172652f672f62 10",
        ),
    ],
)
def test_a_subscribe_has_the_bytes_of_the_standard(
    packet: Subscribe, level: int, encoded: str
) -> None:
    data = bytes.fromhex(encoded)
    assert encoding.encode_subscribe(packet, level) == data
    assert decoding.decode_subscribe(data[2:], level) == packet


@pytest.mark.parametrize(
    ("packet", "level", "encoded"),
    [
        (Suback(10, b"\x01\x80"), 4, "9004 000a 01 80"),
        (Suback(10, b"\x02\xa2"), 5, "9005 000a 00 02 a2"),
        (Suback(10, b"\x00", WHY), 5, "9008 000a 04 1f 0001 78 00"),
    ],
)
def test_a_suback_has_the_bytes_of_the_standard(packet: Suback, level: int, encoded: str) -> None:
    data = bytes.fromhex(encoded)
    assert encoding.encode_suback(packet, level) == data
    assert decoding.decode_suback(data[2:], level) == packet


@pytest.mark.parametrize(
    ("packet", "level", "encoded"),
    [
        (Unsubscribe(1, ("a", "+/b")), 4, "a20a 0001 0001 61 0003 2b2f62"),
        (Unsubscribe(1, ("a",)), 5, "a206 0001 00 0001 61"),
        (Unsubscribe(1, ("a",), PAIR), 5, "a20d 0001 07 26 0001 61 0001 62 0001 61"),
    ],
)
def test_an_unsubscribe_has_the_bytes_of_the_standard(
    packet: Unsubscribe, level: int, encoded: str
) -> None:
    data = bytes.fromhex(encoded)
    assert encoding.encode_unsubscribe(packet, level) == data
    assert decoding.decode_unsubscribe(data[2:], level) == packet


@pytest.mark.parametrize(
    ("packet", "level", "encoded"),
    [
        (Unsuback(10), 4, "b002 000a"),
        (Unsuback(10, b"\x00\x11"), 5, "b005 000a 00 00 11"),
        (Unsuback(10, b"\x87", WHY), 5, "b008 000a 04 1f 0001 78 87"),
    ],
)
def test_an_unsuback_has_the_bytes_of_the_standard(
    packet: Unsuback, level: int, encoded: str
) -> None:
    data = bytes.fromhex(encoded)
    assert encoding.encode_unsuback(packet, level) == data
    assert decoding.decode_unsuback(data[2:], level) == packet


@pytest.mark.parametrize(
    ("packet", "level", "encoded"),
    [
        (Disconnect(), 4, "e000"),
        (Disconnect(), 5, "e000"),
        (Disconnect(0x8E), 5, "e001 8e"),
        (Disconnect(0x04, WHY), 5, "e006 04 04 1f 0001 78"),
        (Disconnect(0, Properties(session_expiry_interval_s=0)), 5, "e007 00 05 11 00000000"),
    ],
)
def test_a_disconnect_has_the_bytes_of_the_standard(
    packet: Disconnect, level: int, encoded: str
) -> None:
    data = bytes.fromhex(encoded)
    assert encoding.encode_disconnect(packet, level) == data
    assert decoding.decode_disconnect(data[2:], level) == packet
    for long in ("00", "00 00"):  # a peer may write what could be left out
        assert decoding.decode_disconnect(bytes.fromhex(long), 5) == Disconnect()


@pytest.mark.parametrize(
    ("packet", "encoded"),
    [
        (Auth(), "f000"),
        (Auth(0x18, Properties(authentication_method="m")), "f006 18 04 15 0001 6d"),
        (Auth(0, Properties(authentication_method="m")), "f006 00 04 15 0001 6d"),
        (
            Auth(0x19, Properties(authentication_method="m", authentication_data=b"d")),
            "f00a 19 08 15 0001 6d 16 0001 64",
        ),
    ],
)
def test_an_auth_has_the_bytes_of_the_standard(packet: Auth, encoded: str) -> None:
    data = bytes.fromhex(encoded)
    assert encoding.encode_auth(packet) == data
    assert decoding.decode_auth(data[2:]) == packet


def test_pings_have_the_bytes_of_the_standard() -> None:
    assert PINGREQ_PACKET.hex() == "c000"
    assert PINGRESP_PACKET.hex() == "d000"


def test_what_level_4_cannot_say_is_left_out() -> None:
    assert encoding.encode_publish(Publish("a", b"x", properties=PAIR)) == encoding.encode_publish(
        Publish("a", b"x")
    )
    refused = Acknowledgement(1, 0x97, WHY)
    assert encoding.encode_acknowledgement(PUBACK, refused) == b"\x40\x02\0\1"
    assert encoding.encode_disconnect(Disconnect(0x8E, WHY)) == b"\xe0\0"
    assert encoding.encode_unsuback(Unsuback(1, b"\x11", WHY), 4) == b"\xb0\x02\0\1"
    request = SubscriptionRequest("a", 1, True, True, 2)
    plain = Subscribe(1, (SubscriptionRequest("a", 1),))
    assert encoding.encode_subscribe(Subscribe(1, (request,), PAIR)) == encoding.encode_subscribe(
        plain
    )


def test_a_property_that_the_packet_may_not_carry_is_not_encoded() -> None:
    with pytest.raises(ValueError, match="a PUBLISH has no Reason String"):
        encoding.encode_publish(Publish("a", b"", properties=WHY), 5)
    with pytest.raises(ValueError, match="a CONNECT has no Will Delay Interval"):
        encoding.encode_connect(Connect("MQTT", 5, properties=Properties(will_delay_interval_s=1)))
