"""Packets of both protocol levels, as hypothesis draws them."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from hypothesis import settings
from hypothesis import strategies as st

from gateway.mqtt.decoding import (
    decode_acknowledgement,
    decode_auth,
    decode_connack,
    decode_connect,
    decode_disconnect,
    decode_publish,
    decode_suback,
    decode_subscribe,
    decode_unsuback,
    decode_unsubscribe,
)
from gateway.mqtt.encoding import (
    encode_acknowledgement,
    encode_auth,
    encode_connack,
    encode_connect,
    encode_disconnect,
    encode_publish,
    encode_suback,
    encode_subscribe,
    encode_unsuback,
    encode_unsubscribe,
)
from gateway.mqtt.packet_types import PACKET_TYPES, WILL
from gateway.mqtt.packets import (
    AUTH,
    CONNACK,
    CONNECT,
    DISCONNECT,
    PUBACK,
    PUBCOMP,
    PUBLISH,
    PUBREC,
    PUBREL,
    SUBACK,
    SUBSCRIBE,
    UNSUBACK,
    UNSUBSCRIBE,
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
)
from gateway.mqtt.properties import EMPTY, PROPERTIES, Properties

FEW = settings(max_examples=60, derandomize=True, deadline=None, database=None)

ACKNOWLEDGEMENTS = (PUBACK, PUBREC, PUBREL, PUBCOMP)

texts = st.text(st.characters(exclude_characters="\0", exclude_categories=["Cs"]), max_size=20)
topics = st.text(
    st.characters(exclude_characters="\0+#", exclude_categories=["Cs"]), min_size=1, max_size=20
)
topic_levels = st.one_of(st.just("+"), texts.filter(lambda t: not set("+#/") & set(t)))
plain_filters = st.builds(
    lambda middle, last: "/".join([*middle, last]) or "/",
    st.lists(topic_levels, max_size=3),
    st.one_of(st.just("#"), topic_levels),
)
filters = st.one_of(
    plain_filters,
    st.builds(
        lambda name, rest: f"$share/{name}/{rest}",
        topics.filter(lambda name: "/" not in name),
        plain_filters,
    ),
)
payloads = st.binary(max_size=200)
identifiers = st.integers(1, 65_535)

_BY_KIND: dict[str, st.SearchStrategy[Any]] = {
    "byte": st.integers(0, 1),
    "byte, 0 or 1": st.booleans(),
    "two byte integer": st.integers(1, 65_535),
    "four byte integer": st.integers(1, 2**32 - 1),
    "variable byte integer": st.integers(1, 268_435_455),
    "binary data": st.binary(max_size=40),
    "UTF-8 string": texts,
    "UTF-8 string, a topic name": topics,
    "UTF-8 string pair": st.tuples(texts, texts),
}


def properties_of(packet: int) -> st.SearchStrategy[Properties]:
    """Properties that this packet may carry: none, some or all."""
    fields = {}
    for row in PROPERTIES:
        if packet in row.packets:
            value = _BY_KIND[row.kind.name]
            if row.gathers:
                most = 3 if packet in row.repeats else 1
                fields[row.field] = st.lists(value, max_size=most).map(tuple)
            else:
                fields[row.field] = st.one_of(st.none(), value)
    whole = st.builds(Properties, **fields).map(_with_method)
    return st.one_of(st.just(EMPTY), whole)


def _with_method(properties: Properties) -> Properties:
    """Authentication data may not stand alone."""
    if properties.authentication_data is None or properties.authentication_method is not None:
        return properties
    return replace(properties, authentication_method="m")


@dataclass(frozen=True)
class Wire:
    """How one kind of packet is drawn, encoded and decoded at one level."""

    kind: int
    level: int
    packets: st.SearchStrategy[Any]
    encode: Callable[[Any], bytes]
    decode: Callable[[int, bytes], Any]

    @property
    def name(self) -> str:
        return f"{PACKET_TYPES[self.kind].name}-{self.level}"


def wires() -> list[Wire]:
    """Every kind of packet that has a body, at every level that has it."""
    found = [wire for level in (4, 5) for wire in _wires_of(level)]
    found.append(
        Wire(AUTH, 5, _auths(), encode_auth, lambda _, body: decode_auth(body)),
    )
    return found


def _wires_of(level: int) -> list[Wire]:
    def draw(packet: int) -> st.SearchStrategy[Properties]:
        return properties_of(packet) if level == 5 else st.just(EMPTY)

    def codes(packet: int, at_level_4: Sequence[int]) -> st.SearchStrategy[int]:
        return st.sampled_from(
            sorted(PACKET_TYPES[packet].reason_codes) if level == 5 else list(at_level_4)
        )

    found = [
        Wire(
            CONNECT,
            level,
            _connects(level, draw(CONNECT), draw(WILL)),
            encode_connect,
            lambda _, body: decode_connect(body),
        ),
        Wire(
            CONNACK,
            level,
            st.one_of(
                st.builds(Connack, st.booleans(), st.just(0), draw(CONNACK)),
                st.builds(Connack, st.just(False), codes(CONNACK, range(6)), draw(CONNACK)),
            ),
            lambda packet: encode_connack(packet, level),
            lambda _, body: decode_connack(body, level),
        ),
        Wire(
            PUBLISH,
            level,
            _publishes(level, draw(PUBLISH)),
            lambda packet: encode_publish(packet, level),
            lambda first, body: decode_publish(first, body, level),
        ),
        Wire(
            SUBSCRIBE,
            level,
            st.builds(Subscribe, identifiers, _requests(level), draw(SUBSCRIBE)),
            lambda packet: encode_subscribe(packet, level),
            lambda _, body: decode_subscribe(body, level),
        ),
        Wire(
            SUBACK,
            level,
            st.builds(
                Suback,
                identifiers,
                st.lists(codes(SUBACK, (0, 1, 2, 0x80)), min_size=1, max_size=5).map(bytes),
                draw(SUBACK),
            ),
            lambda packet: encode_suback(packet, level),
            lambda _, body: decode_suback(body, level),
        ),
        Wire(
            UNSUBSCRIBE,
            level,
            st.builds(
                Unsubscribe,
                identifiers,
                st.lists(filters, min_size=1, max_size=4).map(tuple),
                draw(UNSUBSCRIBE),
            ),
            lambda packet: encode_unsubscribe(packet, level),
            lambda _, body: decode_unsubscribe(body, level),
        ),
        Wire(
            UNSUBACK,
            level,
            st.builds(
                Unsuback,
                identifiers,
                st.lists(codes(UNSUBACK, (0,)), min_size=1, max_size=5).map(bytes),
                draw(UNSUBACK),
            )
            if level == 5
            else st.builds(Unsuback, identifiers),
            lambda packet: encode_unsuback(packet, level),
            lambda _, body: decode_unsuback(body, level),
        ),
        Wire(
            DISCONNECT,
            level,
            st.builds(Disconnect, codes(DISCONNECT, (0,)), draw(DISCONNECT)),
            lambda packet: encode_disconnect(packet, level),
            lambda _, body: decode_disconnect(body, level),
        ),
    ]
    for kind in ACKNOWLEDGEMENTS:
        packets = st.builds(Acknowledgement, identifiers, codes(kind, (0,)), draw(kind))
        found.append(_acknowledgement(kind, level, packets))
    return found


def _acknowledgement(kind: int, level: int, packets: st.SearchStrategy[Acknowledgement]) -> Wire:
    return Wire(
        kind,
        level,
        packets,
        lambda packet: encode_acknowledgement(kind, packet, level),
        lambda _, body: decode_acknowledgement(kind, body, level),
    )


def _connects(
    level: int, properties: st.SearchStrategy[Properties], of_will: st.SearchStrategy[Properties]
) -> st.SearchStrategy[Connect]:
    passwords = st.binary(max_size=20)
    users = [st.just((None, None)), st.tuples(texts, st.none()), st.tuples(texts, passwords)]
    if level == 5:  # a password may stand alone there
        users.append(st.tuples(st.none(), passwords))
    wills = st.builds(Will, topics, payloads, st.integers(0, 2), st.booleans(), of_will)
    return st.builds(
        lambda clean, keep_alive_s, client_id, will, user, properties: Connect(
            "MQTT", level, clean, keep_alive_s, client_id, will, user[0], user[1], properties
        ),
        st.booleans(),
        st.integers(0, 65_535),
        texts,
        st.one_of(st.none(), wills),
        st.one_of(users),
        properties,
    )


def _publishes(level: int, properties: st.SearchStrategy[Properties]) -> st.SearchStrategy[Publish]:
    plain = st.builds(Publish, topics, payloads, st.just(0), st.booleans(), properties=properties)
    promised = st.builds(
        Publish,
        topics,
        payloads,
        st.integers(1, 2),
        st.booleans(),
        st.booleans(),
        identifiers,
        properties,
    )
    if level == 4:
        return st.one_of(plain, promised)
    by_alias = plain.map(
        lambda packet: replace(
            packet, topic="", properties=replace(packet.properties, topic_alias=7)
        )
    )
    return st.one_of(plain, promised, by_alias)


def _requests(level: int) -> st.SearchStrategy[tuple[SubscriptionRequest, ...]]:
    if level == 4:
        one = st.builds(SubscriptionRequest, filters, st.integers(0, 2))
    else:
        one = st.builds(
            SubscriptionRequest,
            filters,
            st.integers(0, 2),
            st.booleans(),
            st.booleans(),
            st.integers(0, 2),
        )
    return st.lists(one, min_size=1, max_size=4).map(tuple)


def _auths() -> st.SearchStrategy[Auth]:
    with_method = properties_of(AUTH).map(
        lambda properties: replace(properties, authentication_method="SCRAM")
    )
    return st.one_of(
        st.just(Auth()), st.builds(Auth, st.sampled_from((0x00, 0x18, 0x19)), with_method)
    )
