"""What a client publishes: from PUBLISH to PUBACK, and the receiving side of QoS 2.

Owns topic aliases from the client, the limits on what it may publish, and which answer each PUBLISH
gets. The everyday packets of MQTT 3.1.1 take a shorter way in `connection`; all others come here.
Source: MQTT 3.1.1 and 5.0, sections 3.3 to 3.7 and 4.3.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final, final

from gateway.broker.acknowledgements import PUBACK_HEAD, Acknowledgements
from gateway.broker.route import Route
from gateway.errors import StoreError
from gateway.message import Message, Publisher
from gateway.mqtt.decoding import read_publish
from gateway.mqtt.encoding import encode_acknowledgement
from gateway.mqtt.errors import ProtocolViolation
from gateway.mqtt.packets import PUBACK, PUBCOMP, PUBLISH, PUBREC, Acknowledgement
from gateway.mqtt.properties import EMPTY, Properties, encode_properties
from gateway.mqtt.reason_codes import ReasonCode
from gateway.mqtt.topics import decode_topic_name

if TYPE_CHECKING:
    from gateway.broker.broker import Broker
    from gateway.broker.profile import Profile
    from gateway.broker.session import Session

__all__ = ["Incoming", "forwarded_properties"]


@final
class Incoming:
    """The receiving side of one connection.

    Args:
        broker: Where routes, sessions and limits are.
        session: The client's.
        profile: The rules of the listener.
        publisher: Who publishes.
        acknowledgements: Where answers go.
    """

    __slots__ = (
        "_acknowledgements",
        "_aliases",
        "_broker",
        "_profile",
        "_publisher",
        "_routes",
        "_session",
        "_unreleased",
    )

    def __init__(
        self,
        broker: Broker,
        session: Session,
        profile: Profile,
        publisher: Publisher,
        acknowledgements: Acknowledgements,
    ) -> None:
        self._broker = broker
        self._session = session
        self._profile = profile
        self._publisher = publisher
        self._acknowledgements = acknowledgements
        self._routes = broker.router.allowed(profile)
        self._aliases: dict[int, bytes] = {}
        # QoS 2 messages of this connection, for Receive Maximum counts anew with each.
        self._unreleased: set[int] = set()

    def publish(self, first: int, body: bytes) -> StoreError | None:
        """Take a PUBLISH.

        Returns:
            Why it could not be kept, where MQTT 3.1.1 has no answer but to close the connection.

        Raises:
            MqttError: It is malformed or not allowed; nothing of it has happened.
        """
        profile, broker = self._profile, self._broker
        topic_bytes, identifier, properties, at = read_publish(first, body, self._session.level)
        qos = first >> 1 & 3
        retain = bool(first & 0x01)
        if qos > profile.max_qos:
            raise ProtocolViolation(
                "qos-not-supported",
                f"a PUBLISH at QoS {qos}; the highest here is {profile.max_qos}",
                ReasonCode.QOS_NOT_SUPPORTED,
            )
        profile.check_payload(len(body) - at)
        if properties is not EMPTY:
            topic_bytes = self._topic(topic_bytes, properties)
        route = self._routes.get(topic_bytes)
        if route is None:
            route = broker.router.find_for(profile, topic_bytes)
        return self.take(route, qos, retain, identifier, body[at:], properties)

    def take(
        self,
        route: Route,
        qos: int,
        retain: bool,
        identifier: int,
        payload: bytes,
        properties: Properties = EMPTY,
    ) -> StoreError | None:
        """Take a PUBLISH whose parts are known to be allowed here.

        Returns:
            Why it could not be kept, where MQTT 3.1.1 has no answer but to close the connection.

        Raises:
            ProtocolViolation: It is one too many.
        """
        session, profile, broker = self._session, self._profile, self._broker
        if qos and session.level == 5 and identifier not in self._unreleased:
            self.count_unanswered()
        sent_again = qos == 2 and identifier in session.received
        if qos == 2 and not sent_again and len(session.received) >= MAX_UNRELEASED:
            raise ProtocolViolation(
                "receive-maximum", f"more than {MAX_UNRELEASED} messages without a PUBREL"
            )
        broker.counters.received.value += 1
        if sent_again:  # it has been delivered already [MQTT-4.3.3-10]
            self._unreleased.add(identifier)
            self._answer(PUBREC, identifier, broker.store.joined)
            return None
        if route.refused or (retain and not profile.may_publish(route.topic, True)):
            self._refuse(route.topic, qos, identifier)
            return None
        message = Message(route.topic, payload, qos, retain, self._publisher)
        if properties is not EMPTY:
            message.properties = forwarded_properties(properties)
            if properties.message_expiry_interval_s is not None:
                message.expires_at_ms = self._expires_at_ms(properties.message_expiry_interval_s)
        return self._deliver(route, message, identifier)

    def release(self, packet: Acknowledgement) -> None:
        """Take a PUBREL: the packet identifier may be used again once PUBCOMP has come."""
        session = self._session
        joined = self._broker.store.joined
        identifier = packet.packet_identifier
        reason_code = ReasonCode.SUCCESS
        if identifier in session.received:
            self.forget(identifier)
            self._broker.records.received(session, identifier)
        elif session.level == 5:
            reason_code = ReasonCode.PACKET_IDENTIFIER_NOT_FOUND
        self._answer(PUBCOMP, identifier, joined, reason_code)

    def forget(self, identifier: int) -> None:
        """A QoS 2 message is complete, or was not taken: its identifier may be used again."""
        self._session.received.discard(identifier)
        self._unreleased.discard(identifier)

    # --- inside ----------------------------------------------------------------------------------

    def _topic(self, topic_bytes: bytes, properties: Properties) -> bytes:
        """Return the topic name, which an alias may stand for (MQTT 5.0, 3.3.2.3.4)."""
        if properties.subscription_identifiers:
            raise ProtocolViolation(  # [MQTT-3.3.4-6]
                "subscription-identifier", "a PUBLISH from a client has a subscription identifier"
            )
        alias = properties.topic_alias
        if alias is None:
            return topic_bytes
        if alias > self._profile.topic_alias_maximum:
            raise ProtocolViolation(
                "topic-alias",
                f"topic alias {alias}; the highest is {self._profile.topic_alias_maximum}",
                ReasonCode.TOPIC_ALIAS_INVALID,
            )
        if topic_bytes:
            decode_topic_name(topic_bytes)  # an alias for what may not be published to is none
            self._aliases[alias] = topic_bytes
            return topic_bytes
        known = self._aliases.get(alias)
        if known is None:
            raise ProtocolViolation(
                "topic-alias-unknown", f"topic alias {alias} stands for nothing"
            )
        return known

    def count_unanswered(self) -> None:
        """Hold an MQTT 5 client to our Receive Maximum [MQTT-3.3.4-7, 3.3.4-9]."""
        unanswered = self._acknowledgements.publishes + len(self._unreleased)
        if unanswered >= self._profile.receive_maximum:
            raise ProtocolViolation(
                "receive-maximum",
                f"more than {self._profile.receive_maximum} messages before their acknowledgement",
                ReasonCode.RECEIVE_MAXIMUM_EXCEEDED,
            )

    def _deliver(self, route: Route, message: Message, identifier: int) -> StoreError | None:
        broker, session = self._broker, self._session
        joined = broker.store.joined
        qos = message.qos
        if qos == 2:  # first, so that the router sees that the PUBREC hangs on the batch
            session.received.add(identifier)
            self._unreleased.add(identifier)
            broker.records.received(session, identifier)
        try:
            broker.router.deliver(
                route, message, durable=broker.store.joined != joined, may_lose=not qos
            )
        except StoreError as error:
            if qos == 2:
                self.forget(identifier)
                broker.records.received(session, identifier)
            return self.store_refused(qos, identifier, error)
        if qos == 1:
            self._answer(PUBACK, identifier, joined)
        elif qos:
            self._answer(PUBREC, identifier, joined)
        return None

    def _expires_at_ms(self, interval_s: int) -> int:
        longest_s = self._profile.max_message_expiry_s
        if longest_s:
            interval_s = min(max(interval_s, 1), longest_s)
        return self._broker.now_ms() + interval_s * 1000

    def _answer(
        self, kind: int, identifier: int, joined: int, reason_code: int = ReasonCode.SUCCESS
    ) -> None:
        """Answer in turn; after the commit if something joined it since."""
        if reason_code:
            answer = Acknowledgement(identifier, reason_code)
            packet = encode_acknowledgement(kind, answer, self._session.level)
        else:
            packet = _HEADS[kind] + identifier.to_bytes(2, "big")
        # QoS 2 counts as long as it is unreleased.
        self._acknowledgements.answer(packet, joined, publishes=int(kind == PUBACK))
        if reason_code:
            self._broker.note(self._session, "out", _NAMES[kind], reason_code)

    def _refuse(self, topic: str, qos: int, identifier: int) -> None:
        """Say no to a PUBLISH that is well-formed; nothing of it goes anywhere."""
        broker = self._broker
        broker.counters.not_authorized.value += 1
        if self._profile.is_aws and (self._session.level < 5 or not qos):
            raise ProtocolViolation(
                "not-authorized", f"a PUBLISH to {topic[:200]!r}", ReasonCode.NOT_AUTHORIZED
            )
        if not qos:
            return
        # MQTT 3.1.1 has no word for it: the packet is answered, and counted as not taken.
        kind = PUBACK if qos == 1 else PUBREC
        code = ReasonCode.NOT_AUTHORIZED if self._session.level == 5 else ReasonCode.SUCCESS
        self._answer(kind, identifier, broker.store.joined, code)

    def store_refused(self, qos: int, identifier: int, error: StoreError) -> StoreError | None:
        """Refuse a PUBLISH that could not be kept; return the error where only closing is left."""
        if self._session.level < 5:
            return error
        self._broker.reports.refused(error)
        kind = PUBACK if qos == 1 else PUBREC
        joined = self._broker.store.joined
        self._answer(kind, identifier, joined, ReasonCode.QUOTA_EXCEEDED)
        return None


# Of one session, over all its connections: a client that never sends PUBREL must have an end.
MAX_UNRELEASED: Final = 4096

_NAMES: Final = {PUBACK: "PUBACK", PUBREC: "PUBREC", PUBCOMP: "PUBCOMP"}

# Successful answers up to their packet identifier, the same at both protocol levels.
_HEADS: Final = {PUBACK: PUBACK_HEAD, PUBREC: b"\x50\x02", PUBCOMP: b"\x70\x02"}


def forwarded_properties(properties: Properties) -> bytes:
    """Encode what is passed on of a PUBLISH's or a will's properties, without their length.

    That is all of them but message expiry, which shrinks while the message waits, topic alias and
    subscription identifiers, which belong to one connection (MQTT 5.0, 3.3.2.3).
    """
    encoded = encode_properties(
        Properties(
            payload_format_indicator=properties.payload_format_indicator,
            content_type=properties.content_type,
            response_topic=properties.response_topic,
            correlation_data=properties.correlation_data,
            user_properties=properties.user_properties,
        ),
        PUBLISH,
    )
    at = 0
    while encoded[at] & 0x80:
        at += 1
    return encoded[at + 1 :]
