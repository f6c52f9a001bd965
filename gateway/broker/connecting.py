"""CONNECT and CONNACK: who is let in, and what is agreed on.

Owns the checks of a CONNECT and what the CONNACK says; sessions are the broker's.
Source: MQTT 3.1.1 and 5.0, sections 3.1 and 3.2.
"""

from __future__ import annotations

import secrets
from dataclasses import dataclass
from typing import Final

from gateway.broker.incoming import forwarded_properties
from gateway.broker.profile import Profile
from gateway.broker.session import NEVER_EXPIRES_S
from gateway.broker.session_records import StoredWill
from gateway.broker.settings import MqttSettings
from gateway.mqtt.encoding import encode_connack
from gateway.mqtt.packets import Connack, Connect
from gateway.mqtt.properties import EMPTY, Properties
from gateway.mqtt.reason_codes import ReasonCode, connect_return_code

__all__ = [
    "Agreement",
    "agree",
    "encode_acceptance",
    "encode_refusal",
    "refusal",
    "session_expiry_s",
    "stored_will",
]

# A protocol without a version of its own words is answered in those of MQTT 3.1.1.
LEVEL_311: Final = 4


@dataclass(frozen=True, slots=True)
class Agreement:
    """What client and broker have agreed on for one connection.

    Attributes:
        client_id: The client's own, or the one it is assigned.
        assigned: Whether it is assigned.
        expiry_s: How long the session is kept once the client is away; 0: it ends with it.
        keep_alive_s: Silence allowed; 0: any.
        receive_maximum: QoS 1 and 2 messages the client takes at once.
        max_packet_bytes: The largest packet the client takes; 0: any.
        max_aliases: Topic aliases that may be used towards the client.
    """

    client_id: str
    assigned: bool
    expiry_s: int
    keep_alive_s: int
    receive_maximum: int
    max_packet_bytes: int
    max_aliases: int


def refusal(packet: Connect, profile: Profile) -> ReasonCode | None:
    """Say why a CONNECT is refused, or None if it may go on."""
    if packet.protocol_name != "MQTT" or packet.protocol_level not in (4, 5):
        return ReasonCode.UNSUPPORTED_PROTOCOL_VERSION
    client_id = packet.client_id
    if not client_id and packet.protocol_level == LEVEL_311 and not packet.clean_start:
        return ReasonCode.CLIENT_IDENTIFIER_NOT_VALID  # 3.1.1 [MQTT-3.1.3-8]
    if profile.max_client_id_bytes and (
        client_id.startswith("$") or len(client_id.encode()) > profile.max_client_id_bytes
    ):
        return ReasonCode.CLIENT_IDENTIFIER_NOT_VALID
    if packet.will is not None and packet.will.qos > profile.max_qos:
        return ReasonCode.QOS_NOT_SUPPORTED  # [MQTT-3.2.2-12]
    return None


def agree(packet: Connect, profile: Profile) -> Agreement:
    """Settle what the CONNECT leaves to the broker."""
    properties = packet.properties
    if packet.protocol_level == LEVEL_311:
        expiry_s = 0 if packet.clean_start else profile.session_expiry_s
    else:
        expiry_s = session_expiry_s(properties.session_expiry_interval_s or 0, profile)
    aliases = properties.topic_alias_maximum or 0
    return Agreement(
        packet.client_id or f"auto-{secrets.token_hex(10)}",
        not packet.client_id,
        expiry_s,
        profile.keep_alive_s(packet.keep_alive_s),
        min(properties.receive_maximum or 65_535, profile.send_maximum),
        properties.maximum_packet_size_bytes or 0,
        min(aliases, profile.topic_alias_maximum),
    )


def session_expiry_s(asked_s: int, profile: Profile) -> int:
    """Return how long a session is kept that an MQTT 5 client asks to be kept so long."""
    if asked_s == NEVER_EXPIRES_S and profile.max_session_expiry_s == NEVER_EXPIRES_S:
        return NEVER_EXPIRES_S
    return min(asked_s, profile.max_session_expiry_s)


def encode_acceptance(
    packet: Connect,
    agreement: Agreement,
    profile: Profile,
    settings: MqttSettings,
    *,
    session_present: bool,
) -> bytes:
    """Encode the CONNACK of a connection that is accepted; only what differs is said."""
    if packet.protocol_level == LEVEL_311:
        return encode_connack(Connack(session_present, ReasonCode.SUCCESS), LEVEL_311)
    asked_s = packet.properties.session_expiry_interval_s or 0
    said = Properties(
        session_expiry_interval_s=agreement.expiry_s if agreement.expiry_s != asked_s else None,
        assigned_client_identifier=agreement.client_id if agreement.assigned else None,
        server_keep_alive_s=(
            agreement.keep_alive_s if agreement.keep_alive_s != packet.keep_alive_s else None
        ),
        receive_maximum=profile.receive_maximum if profile.receive_maximum < 65_535 else None,
        topic_alias_maximum=profile.topic_alias_maximum or None,
        maximum_qos=profile.max_qos if profile.max_qos < 2 else None,
        maximum_packet_size_bytes=settings.max_packet_bytes,
        subscription_identifiers_available=None if profile.subscription_identifiers else False,
    )
    return encode_connack(Connack(session_present, ReasonCode.SUCCESS, said), 5)


def encode_refusal(reason_code: ReasonCode, level: int) -> bytes:
    """Encode the CONNACK of a refused connection; nothing where 3.1.1 has no word for it."""
    if level == 5:
        return encode_connack(Connack(False, reason_code, EMPTY), 5)
    return_code = connect_return_code(reason_code)
    return b"" if return_code is None else encode_connack(Connack(False, return_code), LEVEL_311)


def stored_will(
    packet: Connect,
    agreement: Agreement,
    profile: Profile,
    principal: str | None,
    source_ip: str | None,
) -> StoredWill | None:
    """Return the will of a CONNECT as it is kept."""
    will = packet.will
    if will is None:
        return None
    properties = will.properties
    delay_s = (properties.will_delay_interval_s or 0) if profile.will_delay else 0
    expiry_s = properties.message_expiry_interval_s
    if expiry_s is not None and profile.max_message_expiry_s:
        expiry_s = min(max(expiry_s, 1), profile.max_message_expiry_s)
    return StoredWill(
        agreement.client_id,
        None,
        delay_s,
        will.topic,
        will.payload,
        will.qos,
        will.retain,
        forwarded_properties(properties),
        expiry_s,
        principal,
        source_ip,
    )
