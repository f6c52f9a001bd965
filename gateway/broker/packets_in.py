"""The packets of a connected client other than PUBLISH: what each of them does.

Owns the reaction to acknowledgements, subscriptions, PINGREQ, DISCONNECT and AUTH; knows nothing of
how packets are cut out of a stream. Source: MQTT 3.1.1 and 5.0, chapter 3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.broker.acknowledgements import Waiting
from gateway.broker.connecting import session_expiry_s
from gateway.broker.lifecycle import DisconnectReason
from gateway.broker.session import Session
from gateway.mqtt.decoding import (
    decode_acknowledgement,
    decode_auth,
    decode_disconnect,
    decode_subscribe,
    decode_unsubscribe,
)
from gateway.mqtt.encoding import encode_acknowledgement, encode_suback, encode_unsuback
from gateway.mqtt.errors import ProtocolViolation
from gateway.mqtt.packet_types import PACKET_TYPES, check_fixed_header
from gateway.mqtt.packets import (
    AUTH,
    CONNECT,
    DISCONNECT,
    PINGREQ,
    PINGRESP_PACKET,
    PUBACK,
    PUBCOMP,
    PUBREC,
    PUBREL,
    SUBSCRIBE,
    UNSUBSCRIBE,
    Acknowledgement,
    Suback,
    Unsuback,
    next_packet,
)
from gateway.mqtt.reason_codes import ReasonCode
from gateway.mqtt.wire import expect_end

if TYPE_CHECKING:
    from gateway.broker.connection import Connection

__all__ = ["handle_packet", "refused_packets"]

FAILURE: Final = 0x80

# Reason codes of a DISCONNECT that only a server sends (MQTT 5.0, 3.14.2.1).
_SERVERS_ONLY: Final = frozenset(
    (0x87, 0x89, 0x8B, 0x8D, 0x8E, 0x8F, 0x9A, 0x9B, 0x9C, 0x9D, 0x9E, 0x9F, 0xA0, 0xA1, 0xA2)
)


def handle_packet(connection: Connection, first: int, body: bytes) -> None:
    """Handle one packet that is not a PUBLISH.

    Raises:
        MqttError: It is malformed, or not allowed here.
    """
    session, level = connection.session, connection.level
    assert session is not None  # noqa: S101 - receive() comes here after CONNECT only
    check_fixed_header(first, level)
    kind = first >> 4
    connection.broker.counters.packets.value += 1
    if kind in (PUBACK, PUBREC, PUBREL, PUBCOMP):
        _acknowledgement(connection, session, kind, decode_acknowledgement(kind, body, level))
    elif kind == SUBSCRIBE:
        _subscribe(connection, session, body)
    elif kind == UNSUBSCRIBE:
        unwanted = decode_unsubscribe(body, level)
        joined = connection.broker.store.joined
        codes = connection.broker.subscribing.unsubscribe(session, unwanted, connection.profile)
        packet = encode_unsuback(Unsuback(unwanted.packet_identifier, codes), level)
        connection.acknowledgements.answer(packet, joined)
        connection.broker.lifecycle.unsubscribed(
            connection.publisher, connection.session_identifier, unwanted.topic_filters
        )
    elif kind == PINGREQ:
        expect_end(body, 0, "PINGREQ")
        connection.acknowledgements.in_turn(PINGRESP_PACKET)
    elif kind == DISCONNECT:
        _disconnect(connection, session, body)
    elif kind == AUTH:
        decode_auth(body)
        # Nobody began an extended authentication with its CONNECT [MQTT-4.12.0-7].
        raise ProtocolViolation("unexpected-packet", "an AUTH without extended authentication")
    elif kind == CONNECT:
        raise ProtocolViolation("second-connect", "a second CONNECT [MQTT-3.1.0-2]")
    else:
        name = PACKET_TYPES[kind].name
        raise ProtocolViolation("unexpected-packet", f"a {name} from a client")


def _acknowledgement(
    connection: Connection, session: Session, kind: int, packet: Acknowledgement
) -> None:
    outgoing = session.outgoing
    identifier = packet.packet_identifier.to_bytes(2, "big")
    if packet.reason_code:
        connection.broker.note(session, "in", PACKET_TYPES[kind].name, packet.reason_code)
    if connection.profile.is_aws and kind != PUBACK:
        # There is no QoS 2, but in a session that was begun on a listener which has it.
        known = session.received if kind == PUBREL else outgoing.in_flight
        if (packet.packet_identifier if kind == PUBREL else identifier) not in known:
            name = PACKET_TYPES[kind].name
            raise ProtocolViolation("unexpected-packet", f"a {name}, where there is no QoS 2")
    if kind == PUBACK:
        outgoing.acknowledge(identifier)
    elif kind == PUBCOMP:
        outgoing.completed(identifier)
    elif kind == PUBREL:
        assert connection.incoming is not None  # noqa: S101 - set with the session
        connection.incoming.release(packet)
    else:
        joined = connection.broker.store.joined
        reason_code = ReasonCode.SUCCESS
        if identifier in outgoing.in_flight:
            if not outgoing.received(identifier, packet.reason_code >= FAILURE):
                return
        elif packet.reason_code >= FAILURE:
            return
        elif connection.level == 5:
            reason_code = ReasonCode.PACKET_IDENTIFIER_NOT_FOUND
        answer = Acknowledgement(packet.packet_identifier, reason_code)
        released = encode_acknowledgement(PUBREL, answer, connection.level)
        connection.acknowledgements.answer(released, joined)


def _subscribe(connection: Connection, session: Session, body: bytes) -> None:
    broker = connection.broker
    wanted = decode_subscribe(body, connection.level)
    joined = broker.store.joined
    codes, then = broker.subscribing.subscribe(
        session, wanted, connection.profile, connection.access, connection.identity
    )
    packet = encode_suback(Suback(wanted.packet_identifier, codes), connection.level)
    connection.acknowledgements.answer(packet, joined)
    for action in then:
        connection.acknowledgements.then(action)
    granted = [
        request.topic_filter
        for request, code in zip(wanted.subscriptions, codes, strict=True)
        if code < FAILURE
    ]
    broker.note(session, "out", "SUBACK", max(codes))
    if granted:
        broker.lifecycle.subscribed(connection.publisher, connection.session_identifier, granted)


def _disconnect(connection: Connection, session: Session, body: bytes) -> None:
    packet = decode_disconnect(body, connection.level)
    reason_code = packet.reason_code
    if reason_code in _SERVERS_ONLY:
        raise ProtocolViolation("reason-code", f"a DISCONNECT from a client with {reason_code:#x}")
    expiry_s = packet.properties.session_expiry_interval_s
    if expiry_s is not None:
        if expiry_s and not session.expiry_s:
            raise ProtocolViolation(  # [MQTT-3.14.2-2] and 3.14.2.2.2
                "session-expiry", "a DISCONNECT that wants a session kept that was not to be"
            )
        session.expiry_s = session_expiry_s(expiry_s, connection.profile)
    connection.broker.note(session, "in", "DISCONNECT", reason_code)
    connection.graceful = reason_code == ReasonCode.NORMAL_DISCONNECTION  # [MQTT-3.14.4-3]
    connection.end(DisconnectReason.CLIENT_INITIATED_DISCONNECT)


def refused_packets(connection: Connection, lost: list[Waiting]) -> bytes | None:
    """Return what to say instead of answers whose batch failed; None: close the connection.

    MQTT 5 can refuse with a PUBACK or PUBREC (0x97). Everything else, and MQTT 3.1.1, has no word
    for it: the client comes back and does it again.
    """
    session = connection.session
    refusals: list[bytes] | None = []
    for waiting in lost:
        data, at = bytes(waiting.packets), 0
        while at < len(data):
            bounds = next_packet(data, at)
            assert bounds is not None  # noqa: S101 - whole packets
            begin, (body_at, at) = at, bounds
            kind = data[begin] >> 4
            holds = begin in waiting.in_turn
            if kind == PUBREC and session is not None and not holds:
                identifier = int.from_bytes(data[body_at : body_at + 2], "big")
                # The records have forgotten what came with the batch: this one came before it.
                holds = session.persistent and identifier in session.received
                if not holds and connection.incoming is not None:
                    connection.incoming.forget(identifier)  # it will be sent again, as new
            if connection.level < 5 or not (holds or kind in (PUBACK, PUBREC)):
                refusals = None
            elif refusals is not None and holds:
                refusals.append(data[begin:at])
            elif refusals is not None:
                identifier = int.from_bytes(data[body_at : body_at + 2], "big")
                answer = Acknowledgement(identifier, ReasonCode.QUOTA_EXCEEDED)
                refusals.append(encode_acknowledgement(kind, answer, 5))
    return None if refusals is None else b"".join(refusals)
