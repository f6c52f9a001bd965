"""What surrounds a message in a test: its publisher, the time, MQTT 5 properties, fixtures.

Owns reading them from JSON, each fault a sentence. What the fixtures answer is `rule_fixtures`'s.
"""

from __future__ import annotations

import base64
import re
import time
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Final

import rules
from gateway.cli import raw_json
from gateway.cli.rule_fixtures import Fixtures, WrongInput
from rules.fields import nearest
from rules.message import MqttProperties
from rules.outside import NOTHING_OUTSIDE

__all__ = [
    "Surroundings",
    "WrongInput",
    "check_ms",
    "check_text",
    "decode_base64",
    "known_members",
    "members_of",
    "now_ms",
    "read_properties",
    "read_surroundings",
    "text_of",
]

# The documented names, each with the spellings that other tools have for it.
_CONTEXT_KEYS: Final = {
    "clientid": ("client_id", "clientId"),
    "principal": (),
    "account": ("accountid", "account_id", "accountId"),
    "timestamp": (),
    "traceid": ("trace_id", "traceId"),
    "sourceip": ("source_ip", "sourceIp"),
    "mqtt5": (),
    "fixtures": (),
}
_PROPERTY_KEYS: Final = {
    "content_type": ("contentType",),
    "response_topic": ("responseTopic",),
    "correlation_data": ("correlationData",),
    "format_indicator": (
        "formatIndicator",
        "payload_format_indicator",
        "payloadFormatIndicator",
    ),
    "user_properties": ("userProperties",),
}
# Properties of a PUBLISH that rules cannot see.
_UNSEEN_PROPERTIES: Final = (
    "message_expiry",
    "message_expiry_interval",
    "messageExpiry",
    "messageExpiryInterval",
    "topic_alias",
    "topicAlias",
    "subscription_identifier",
    "subscription_identifiers",
    "subscriptionIdentifier",
    "subscriptionIdentifiers",
)
_FORMAT_INDICATORS: Final = {
    "0": 0,
    "1": 1,
    '"UNSPECIFIED_BYTES"': 0,
    '"UTF8_DATA"': 1,
    "false": 0,
    "true": 1,
}
# What one user property looks like where its name and value have names themselves.
_PAIR_KEYS: Final = ({"key", "value"}, {"name", "value"})

_ACCOUNT: Final = "000000000000"
# Milliseconds since 1970 up to here; the year 318857 is late enough.
_MAX_MS: Final = 10**16
_ACCOUNT_DIGITS: Final = re.compile("[0-9]{1,12}")
_WHOLE: Final = re.compile("-?[0-9]{1,17}")


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a rule can learn beside topic and payload.

    Attributes:
        client_id: The publisher's MQTT client identifier, or None.
        principal: Its authenticated identity, or None.
        source_ip: Its address, or None.
        trace_id: The message's UUID; None: a new one, once asked for.
        account: The account number.
        timestamp_ms: Milliseconds since 1970; None: now.
        properties: The message's MQTT 5 properties, or None.
        fixtures: What the functions that reach out are told; None: nothing.
    """

    client_id: str | None = None
    principal: str | None = None
    source_ip: str | None = None
    trace_id: str | None = None
    account: str = _ACCOUNT
    timestamp_ms: int | None = None
    properties: MqttProperties | None = None
    fixtures: Fixtures | None = None

    def context(self, topic: str, payload: bytes) -> rules.Context:
        """Return the context of one evaluation; its clock stands still."""
        message = rules.Message(
            topic,
            payload,
            self.client_id,
            self.principal,
            self.source_ip,
            trace_id=self.trace_id,
            properties=self.properties,
        )
        at_ms = now_ms() if self.timestamp_ms is None else self.timestamp_ms
        outside = NOTHING_OUTSIDE if self.fixtures is None else self.fixtures
        environment = rules.Environment(lambda: at_ms, self.account, outside=outside)
        return rules.Context(message, environment)


def now_ms() -> int:
    """Return the wall clock's milliseconds since 1970."""
    return time.time_ns() // 1_000_000


def check_text(text: str, what: str) -> str:
    """Return a text that UTF-8 can say.

    Raises:
        WrongInput: It holds bytes that are no UTF-8, or half of a surrogate pair.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise WrongInput(f"{what} cannot be written in UTF-8") from None
    return text


def check_ms(value: object, what: str) -> int:
    """Return a time in milliseconds since 1970: a whole number, or a string of its digits.

    Raises:
        WrongInput: It is no whole number, or far too large.
    """
    if isinstance(value, str) and _WHOLE.fullmatch(value):
        value = int(value)
    if isinstance(value, float) and value.is_integer():
        value = int(value)
    if type(value) is not int or abs(value) >= _MAX_MS:
        raise WrongInput(f"{what} is no whole number of milliseconds since 1970")
    return value


def decode_base64(text: str, what: str) -> bytes:
    """Return the bytes of a text in base64.

    Raises:
        WrongInput: It is no base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise WrongInput(f"{what} is no base64") from None


def members_of(text: str, what: str) -> dict[str, str]:
    """Return the members of an object, with their texts.

    Args:
        text: JSON.
        what: How to call it.

    Raises:
        WrongInput: It is no object.
    """
    try:
        return raw_json.members(text)
    except ValueError as error:
        raise WrongInput(f"{what} is no JSON object: {error}") from None


def known_members(
    members: Mapping[str, str],
    what: str,
    known: Mapping[str, Iterable[str]],
    ignored: Iterable[str] = (),
) -> dict[str, str]:
    """Return the members that have a meaning, by their documented names.

    Args:
        members: Keys as they were written, and the texts of their values.
        what: How to call the object.
        known: The documented names, with other spellings.
        ignored: What may stand there without a meaning.

    Raises:
        WrongInput: There is another key, or one thing has two values.
    """
    names = {name: name for name in known}
    names |= {spelling: name for name, spellings in known.items() for spelling in spellings}
    passed_over = frozenset(ignored)
    found: dict[str, str] = {}
    for key, text in members.items():
        name = names.get(key)
        if name is None:
            if key in passed_over:
                continue
            near = nearest(key, (*names, *passed_over))
            remedy = f" (did you mean {near!r}?)" if near else ""
            raise WrongInput(
                f"{what} has an unknown key {key!r}{remedy}; known keys: {', '.join(known)}"
            )
        if found.get(name, "null") == "null":
            found[name] = text
        elif text != "null":
            raise WrongInput(f"{what} has {name} twice; one of them is spelled {key!r}")
    return found


def text_of(members: Mapping[str, str], key: str) -> str | None:
    """Return a string member; None where it is missing or null.

    Raises:
        WrongInput: It is something else.
    """
    text = members.get(key)
    if text is None or text == "null":
        return None
    value = _value(text, key)
    if not isinstance(value, str):
        raise WrongInput(f"{key} is no string")
    return check_text(value, key)


def read_surroundings(text: str) -> Surroundings:
    """Read the `context` of a case.

    Raises:
        WrongInput: It cannot be used.
    """
    members = known_members(members_of(text, "context"), "context", _CONTEXT_KEYS)
    timestamp = members.get("timestamp", "null")
    mqtt5 = members.get("mqtt5", "null")
    fixtures = members.get("fixtures", "null")
    return Surroundings(
        client_id=text_of(members, "clientid"),
        principal=text_of(members, "principal"),
        source_ip=text_of(members, "sourceip"),
        trace_id=text_of(members, "traceid"),
        account=_account(members),
        timestamp_ms=None
        if timestamp == "null"
        else check_ms(_value(timestamp, "timestamp"), "timestamp"),
        properties=None if mqtt5 == "null" else read_properties(mqtt5),
        fixtures=None if fixtures == "null" else Fixtures.read(fixtures),
    )


def _account(members: Mapping[str, str]) -> str:
    text = members.get("account", "null")
    if _ACCOUNT_DIGITS.fullmatch(text):
        return text.zfill(12)  # a number loses the zeros in front
    if text[0] != '"' and text != "null":
        raise WrongInput("account is neither a string nor a number of at most 12 digits")
    return text_of(members, "account") or _ACCOUNT


def read_properties(text: str) -> MqttProperties:
    """Read MQTT 5 properties, a JSON object.

    Raises:
        WrongInput: They cannot be used.
    """
    members = known_members(members_of(text, "mqtt5"), "mqtt5", _PROPERTY_KEYS, _UNSEEN_PROPERTIES)
    indicator = members.get("format_indicator", "null")
    if indicator != "null" and indicator not in _FORMAT_INDICATORS:
        known = " or ".join(_FORMAT_INDICATORS)
        raise WrongInput(f"format_indicator is {indicator[:40]}, not {known}")
    return MqttProperties(
        payload_format_indicator=_FORMAT_INDICATORS.get(indicator),
        content_type=text_of(members, "content_type"),
        response_topic=text_of(members, "response_topic"),
        correlation_data=_correlation_data(text_of(members, "correlation_data")),
        user_properties=tuple(_user_properties(members.get("user_properties", "null"))),
    )


def _correlation_data(text: str | None) -> bytes | None:
    if text is None:
        return None
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        return text.encode()


def _value(text: str, what: str) -> object:
    try:
        return raw_json.value(text)
    except ValueError as error:
        raise WrongInput(f"{what} cannot be read: {error}") from None


def _user_properties(text: str) -> list[tuple[str, str]]:
    """Return user properties, in order.

    A list of objects `{name: value, …}`, pairs `[name, value]` and objects with the keys `key` (or
    `name`) and `value`; or one such object alone. A list of values repeats the name.
    """
    found: list[tuple[str, str]] = []
    for entry in [] if text == "null" else _items_of(text):
        if entry[0] == "[":
            pair = _items_of(entry)
            if len(pair) != 2:
                raise WrongInput("a user property is a list, but not of a name and a value")
            found += _repeated(_property_text(pair[0], "name"), pair[1])
        elif entry[0] == "{":
            members = members_of(entry, "a user property")
            if members.keys() in _PAIR_KEYS:
                name, value = (members[key] for key in sorted(members))
                found += _repeated(_property_text(name, "name"), value)
            else:
                for name, value in members.items():
                    found += _repeated(check_text(name, "a user property"), value)
        else:
            raise WrongInput("a user property is neither an object nor a pair of strings")
    return found


def _items_of(text: str) -> list[str]:
    """Return the items of a list; anything else is its own only item."""
    if text[0] != "[":
        return [text]
    try:
        return raw_json.items(text)
    except ValueError as error:
        raise WrongInput(f"user_properties cannot be read: {error}") from None


def _repeated(name: str, values: str) -> list[tuple[str, str]]:
    return [(name, _property_text(value, "value")) for value in _items_of(values)]


def _property_text(text: str, what: str) -> str:
    if what == "value" and text[0] in "-0123456789":
        return text  # MQTT knows strings only, and this is how the number was written
    value = _value(text, f"the {what} of a user property")
    if not isinstance(value, str):
        raise WrongInput(f"a user property has a {what} that is no string")
    return check_text(value, "a user property")
