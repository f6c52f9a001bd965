"""What one listener asks of its clients: the MQTT standard, or AWS IoT Core where it differs.

Owns the limits and the rules on topics that depend on the listener; knows nothing of sessions.
Sources: OASIS MQTT 3.1.1 and 5.0; AWS IoT Core, "Message broker and protocol limits and quotas",
"MQTT" and "Reserved topics".
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

from gateway.broker.basic_ingest import counted
from gateway.broker.settings import MqttSettings
from gateway.mqtt.errors import InvalidTopic, ProtocolViolation
from gateway.mqtt.reason_codes import ReasonCode
from gateway.mqtt.topics import Dialect, split_shared

__all__ = ["Profile", "aws_iot", "profile_named", "standard"]

# Topics that the gateway itself publishes, and nobody else.
OWN_TOPICS: Final = ("$SYS/", "$aws/events/")

# AWS's topics that clients may publish to (Reserved topics); others that begin with $ are refused.
_AWS_PUBLISH: Final = re.compile(
    r"\$aws/(rules|certificates|provisioning-templates)/"
    r"|\$aws/things/[^/]+/(shadow|jobs|defender|streams)/"
)
_AWS_SUBSCRIBE: Final = (
    "$aws/things/",
    "$aws/events/",
    "$aws/certificates/",
    "$aws/provisioning-templates/",
    "$aws/sitewise/",
)

# Characters of the name in `$share/NAME/FILTER` (AWS IoT Core).
_AWS_SHARE_NAME: Final = 128


@dataclass(frozen=True, slots=True)
class Profile:
    """The rules that one listener follows.

    Attributes:
        name: As in the settings.
        dialect: What wildcards mean.
        max_qos: The highest QoS taken and granted.
        max_topic_bytes: Of a topic name or filter; what AWS does not count of it is left out,
            the prefix of Basic Ingest on every listener.
        max_topic_levels: Likewise.
        max_payload_bytes: Of one message.
        min_keep_alive_s: A shorter keep alive becomes this one; 0: any.
        max_keep_alive_s: A longer one, or none at all, becomes this one; 0: any.
        max_filters: Topic filters in one SUBSCRIBE.
        max_subscriptions: Of one client.
        receive_maximum: QoS 1 and 2 messages a client may send unacknowledged.
        send_maximum: QoS 1 and 2 messages a client is sent unacknowledged.
        topic_alias_maximum: Topic aliases of one connection, each way.
        session_expiry_s: How long a session is kept for an MQTT 3.1.1 client that is away.
        max_session_expiry_s: What an MQTT 5 client may ask for.
        max_client_id_bytes: 0: any.
        subscription_identifiers: Whether clients may use them.
        will_delay: Whether wills may be delayed.
        max_message_expiry_s: A longer message expiry interval becomes this one; 0: any.
        is_aws: AWS IoT Core's own rules on topics hold.
    """

    name: str
    dialect: Dialect
    max_qos: int
    max_topic_bytes: int
    max_topic_levels: int
    max_payload_bytes: int
    min_keep_alive_s: int
    max_keep_alive_s: int
    max_filters: int
    max_subscriptions: int
    receive_maximum: int
    send_maximum: int
    topic_alias_maximum: int
    session_expiry_s: int
    max_session_expiry_s: int
    max_client_id_bytes: int
    subscription_identifiers: bool
    will_delay: bool
    max_message_expiry_s: int
    is_aws: bool

    def keep_alive_s(self, asked_s: int) -> int:
        """Return the keep alive that holds for a client that asks for this one; 0: none."""
        if self.max_keep_alive_s and (not asked_s or asked_s > self.max_keep_alive_s):
            return self.max_keep_alive_s
        return max(asked_s, self.min_keep_alive_s) if asked_s else 0

    def check_topic_name(self, topic: str) -> None:
        """Refuse a topic name that is too long or too deep here.

        Raises:
            InvalidTopic: It is.
        """
        self._check(topic, "topic name", ReasonCode.TOPIC_NAME_INVALID)

    def check_topic_filter(self, topic_filter: str) -> None:
        """Refuse a topic filter that is too long or too deep here.

        Raises:
            InvalidTopic: It is, or the name of its shared subscription is too long.
        """
        shared = split_shared(topic_filter)
        if shared is not None and self.is_aws:
            if len(shared[0]) > _AWS_SHARE_NAME:
                raise InvalidTopic(
                    "filter-shared", f"a share name has more than {_AWS_SHARE_NAME} characters",
                    ReasonCode.TOPIC_FILTER_INVALID,
                )  # fmt: skip
            topic_filter = shared[1]  # AWS does not count $share and the name
        self._check(topic_filter, "topic filter", ReasonCode.TOPIC_FILTER_INVALID)

    def check_payload(self, size_bytes: int) -> None:
        """Refuse a payload that is too large here.

        Raises:
            ProtocolViolation: It is.
        """
        if size_bytes > self.max_payload_bytes:
            raise ProtocolViolation(
                "payload-too-large",
                f"a payload of {size_bytes} bytes; the limit is {self.max_payload_bytes}",
                # AWS IoT Core has no Packet Too Large among its reason codes.
                ReasonCode.QUOTA_EXCEEDED if self.is_aws else ReasonCode.PACKET_TOO_LARGE,
            )

    def may_publish(self, topic: str, retain: bool) -> bool:
        """Tell whether a client may publish to this topic."""
        if not topic.startswith("$"):
            return True
        if topic.startswith(OWN_TOPICS):
            return False
        return not self.is_aws or (_AWS_PUBLISH.match(topic) is not None and not retain)

    def may_subscribe(self, topic_filter: str) -> bool:
        """Tell whether a client may subscribe to this filter (without `$share/…/`)."""
        return (
            not self.is_aws
            or not topic_filter.startswith("$")
            or topic_filter.startswith(_AWS_SUBSCRIBE)
        )

    def _check(self, topic: str, what: str, reason_code: ReasonCode) -> None:
        topic = counted(topic)
        if topic.count("/") >= self.max_topic_levels:
            raise InvalidTopic(
                "topic-levels", f"a {what} has more than {self.max_topic_levels} levels",
                reason_code,
            )  # fmt: skip
        if len(topic) * 4 > self.max_topic_bytes and len(topic.encode()) > self.max_topic_bytes:
            raise InvalidTopic(
                "topic-too-long", f"a {what} has more than {self.max_topic_bytes} bytes",
                reason_code,
            )  # fmt: skip


def standard(settings: MqttSettings) -> Profile:
    """Return the rules of the standard, within the limits of these settings."""
    return Profile(
        name="standard",
        dialect=Dialect.STANDARD,
        max_qos=settings.max_qos,
        max_topic_bytes=65_535,
        max_topic_levels=settings.max_topic_levels,
        max_payload_bytes=settings.max_packet_bytes,
        min_keep_alive_s=0,
        max_keep_alive_s=settings.max_keep_alive_s,
        max_filters=10_000,
        max_subscriptions=settings.max_subscriptions,
        receive_maximum=settings.receive_maximum,
        send_maximum=65_535,
        topic_alias_maximum=settings.topic_alias_maximum,
        session_expiry_s=settings.max_session_expiry_s,
        max_session_expiry_s=settings.max_session_expiry_s,
        max_client_id_bytes=0,
        subscription_identifiers=True,
        will_delay=True,
        max_message_expiry_s=0,
        is_aws=False,
    )


def aws_iot(settings: MqttSettings) -> Profile:
    """Return AWS IoT Core's rules; where the settings are stricter, those."""
    return Profile(
        name="aws-iot",
        dialect=Dialect.AWS,
        max_qos=min(settings.max_qos, 1),
        max_topic_bytes=256,
        max_topic_levels=min(settings.max_topic_levels, 8),
        max_payload_bytes=min(settings.max_packet_bytes, 128 * 1024),
        min_keep_alive_s=30,
        max_keep_alive_s=min(max(settings.max_keep_alive_s or 1200, 30), 1200),
        max_filters=8,
        max_subscriptions=min(settings.max_subscriptions, 50),
        receive_maximum=min(settings.receive_maximum, 100),
        send_maximum=100,
        topic_alias_maximum=min(settings.topic_alias_maximum, 8),
        session_expiry_s=min(settings.max_session_expiry_s, 3600),
        max_session_expiry_s=min(settings.max_session_expiry_s, 7 * 86_400),
        max_client_id_bytes=128,
        subscription_identifiers=False,
        will_delay=False,
        max_message_expiry_s=604_800,
        is_aws=True,
    )


def profile_named(name: str, settings: MqttSettings) -> Profile:
    """Return the rules of a listener with this `profile` setting."""
    return aws_iot(settings) if name == "aws-iot" else standard(settings)
