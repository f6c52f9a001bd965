"""Packet types and reason codes: the tables are the standard's."""

from __future__ import annotations

import ast
from pathlib import Path

import pytest

import gateway.mqtt
from gateway.mqtt.errors import (
    CAUSES,
    InvalidTopic,
    MalformedPacket,
    MqttError,
    ProtocolViolation,
)
from gateway.mqtt.packet_types import PACKET_TYPES, WILL, check_fixed_header, check_reason_code
from gateway.mqtt.reason_codes import ConnectReturnCode, ReasonCode, connect_return_code

# A letter for each packet that may carry the code: C CONNACK, K PUBACK, R PUBREC, L PUBREL,
# P PUBCOMP, S SUBACK, U UNSUBACK, D DISCONNECT, A AUTH.
LETTERS = {2: "C", 4: "K", 5: "R", 6: "L", 7: "P", 9: "S", 11: "U", 14: "D", 15: "A"}
CODES = [
    (0x00, "SUCCESS", "CKRLPSUDA"),
    (0x01, "GRANTED_QOS_1", "S"),
    (0x02, "GRANTED_QOS_2", "S"),
    (0x04, "DISCONNECT_WITH_WILL_MESSAGE", "D"),
    (0x10, "NO_MATCHING_SUBSCRIBERS", "KR"),
    (0x11, "NO_SUBSCRIPTION_EXISTED", "U"),
    (0x18, "CONTINUE_AUTHENTICATION", "A"),
    (0x19, "RE_AUTHENTICATE", "A"),
    (0x80, "UNSPECIFIED_ERROR", "CKRSUD"),
    (0x81, "MALFORMED_PACKET", "CD"),
    (0x82, "PROTOCOL_ERROR", "CD"),
    (0x83, "IMPLEMENTATION_SPECIFIC_ERROR", "CKRSUD"),
    (0x84, "UNSUPPORTED_PROTOCOL_VERSION", "C"),
    (0x85, "CLIENT_IDENTIFIER_NOT_VALID", "C"),
    (0x86, "BAD_USER_NAME_OR_PASSWORD", "C"),
    (0x87, "NOT_AUTHORIZED", "CKRSUD"),
    (0x88, "SERVER_UNAVAILABLE", "C"),
    (0x89, "SERVER_BUSY", "CD"),
    (0x8A, "BANNED", "C"),
    (0x8B, "SERVER_SHUTTING_DOWN", "D"),
    (0x8C, "BAD_AUTHENTICATION_METHOD", "C"),
    (0x8D, "KEEP_ALIVE_TIMEOUT", "D"),
    (0x8E, "SESSION_TAKEN_OVER", "D"),
    (0x8F, "TOPIC_FILTER_INVALID", "SUD"),
    (0x90, "TOPIC_NAME_INVALID", "CKRD"),
    (0x91, "PACKET_IDENTIFIER_IN_USE", "KRSU"),
    (0x92, "PACKET_IDENTIFIER_NOT_FOUND", "LP"),
    (0x93, "RECEIVE_MAXIMUM_EXCEEDED", "D"),
    (0x94, "TOPIC_ALIAS_INVALID", "D"),
    (0x95, "PACKET_TOO_LARGE", "CD"),
    (0x96, "MESSAGE_RATE_TOO_HIGH", "D"),
    (0x97, "QUOTA_EXCEEDED", "CKRSD"),
    (0x98, "ADMINISTRATIVE_ACTION", "D"),
    (0x99, "PAYLOAD_FORMAT_INVALID", "CKRD"),
    (0x9A, "RETAIN_NOT_SUPPORTED", "CD"),
    (0x9B, "QOS_NOT_SUPPORTED", "CD"),
    (0x9C, "USE_ANOTHER_SERVER", "CD"),
    (0x9D, "SERVER_MOVED", "CD"),
    (0x9E, "SHARED_SUBSCRIPTIONS_NOT_SUPPORTED", "SD"),
    (0x9F, "CONNECTION_RATE_EXCEEDED", "CD"),
    (0xA0, "MAXIMUM_CONNECT_TIME", "D"),
    (0xA1, "SUBSCRIPTION_IDENTIFIERS_NOT_SUPPORTED", "SD"),
    (0xA2, "WILDCARD_SUBSCRIPTIONS_NOT_SUPPORTED", "SD"),
]


@pytest.mark.parametrize(("code", "name", "packets"), CODES)
def test_a_reason_code_is_allowed_where_the_standard_lists_it(
    code: int, name: str, packets: str
) -> None:
    assert ReasonCode(code).name == name
    for packet, letter in LETTERS.items():
        if letter in packets:
            check_reason_code(packet, code)
        else:
            with pytest.raises(ProtocolViolation) as refusal:
                check_reason_code(packet, code)
            assert (refusal.value.cause, refusal.value.reason_code) == ("reason-code", 0x82)


def test_there_are_no_other_reason_codes() -> None:
    assert [int(code) for code in ReasonCode] == [code for code, _, _ in CODES]
    assert [ReasonCode["NORMAL_DISCONNECTION"], ReasonCode["GRANTED_QOS_0"]] == [0, 0]
    known = {code for code, _, _ in CODES}
    for packet in LETTERS:
        for code in set(range(256)) - known:
            with pytest.raises(ProtocolViolation):
                check_reason_code(packet, code)


@pytest.mark.parametrize("level", [4, 5])
def test_a_first_byte_is_taken_if_its_type_and_flags_are_the_standard_s(level: int) -> None:
    taken = {0x10, 0x20, *range(0x30, 0x40), 0x40, 0x50, 0x62, 0x70, 0x82, 0x90, 0xA2, 0xB0}
    taken |= {0xC0, 0xD0, 0xE0} | ({0xF0} if level == 5 else set())
    for first_byte in range(256):
        if first_byte in taken:
            check_fixed_header(first_byte, level)
            continue
        with pytest.raises(MalformedPacket) as refusal:
            check_fixed_header(first_byte, level)
        reserved = first_byte < 0x10 or (first_byte >= 0xF0 and level == 4)
        assert refusal.value.cause == ("packet-type" if reserved else "fixed-header-flags")
        assert refusal.value.reason_code == 0x81


def test_the_types_are_named_as_the_standard_names_them() -> None:
    names = "CONNECT CONNACK PUBLISH PUBACK PUBREC PUBREL PUBCOMP SUBSCRIBE SUBACK UNSUBSCRIBE "
    names += "UNSUBACK PINGREQ PINGRESP DISCONNECT AUTH"
    assert [PACKET_TYPES[kind].name for kind in range(1, 16)] == names.split()
    assert PACKET_TYPES[WILL].name == "Will"
    assert WILL > 15  # no packet on the wire can have it


@pytest.mark.parametrize(
    ("reason_code", "return_code"),
    [
        (0x00, ConnectReturnCode.ACCEPTED),
        (0x84, ConnectReturnCode.UNACCEPTABLE_PROTOCOL_VERSION),
        (0x85, ConnectReturnCode.IDENTIFIER_REJECTED),
        (0x88, ConnectReturnCode.SERVER_UNAVAILABLE),
        (0x89, ConnectReturnCode.SERVER_UNAVAILABLE),
        (0x97, ConnectReturnCode.SERVER_UNAVAILABLE),
        (0x86, ConnectReturnCode.BAD_USER_NAME_OR_PASSWORD),
        (0x87, ConnectReturnCode.NOT_AUTHORIZED),
        (0x8A, ConnectReturnCode.NOT_AUTHORIZED),
        (0x81, None),
        (0x82, None),
        (0x90, None),
    ],
)
def test_a_refused_connect_is_told_to_an_old_client_in_its_own_words(
    reason_code: int, return_code: ConnectReturnCode | None
) -> None:
    assert connect_return_code(reason_code) == return_code


def test_an_error_carries_its_class_s_reason_code_unless_it_has_its_own() -> None:
    assert MqttError("x", "y").reason_code == 0x80
    assert MalformedPacket("x", "y").reason_code == 0x81
    assert ProtocolViolation("x", "y").reason_code == 0x82
    assert InvalidTopic("x", "y").reason_code == 0x90
    own = ProtocolViolation("x", "y", ReasonCode.RECEIVE_MAXIMUM_EXCEEDED)
    assert (own.cause, str(own), own.reason_code) == ("x", "y", 0x93)


def test_every_cause_that_is_raised_is_listed_and_none_besides() -> None:
    raised = set()
    errors = {"MalformedPacket", "ProtocolViolation", "InvalidTopic", "_invalid_filter"}
    for path in Path(gateway.mqtt.__path__[0]).glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and isinstance(node.func, ast.Name):
                first = node.args[0] if node.args else None
                if node.func.id in errors and isinstance(first, ast.Constant):
                    raised.add(first.value)
    raised |= {"topic-alias", "property-value"}  # named in the table of properties
    assert raised == set(CAUSES)
    assert all(cause.replace("-", "").isalpha() and cause.islower() for cause in CAUSES)
