"""The MQTT 5 properties of a message to test with.

Owns the names of the properties and the forms in which people and other tools write them, each
fault a sentence. Knows nothing of the rest that surrounds a message.

Source: MQTT 5.0, sections 1.5.4 (strings) and 3.3.2.3 (properties of PUBLISH).
"""

from __future__ import annotations

import base64
from collections.abc import Mapping
from typing import Final

from gateway.cli import raw_json
from gateway.cli.rule_input import WrongInput, check_text, text_of, understood
from rules.message import MqttProperties

__all__ = ["PROPERTY_KEYS", "UNSEEN_PROPERTIES", "properties_of"]

# The documented names, each with the spellings that other tools have for it.
PROPERTY_KEYS: Final = {
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
UNSEEN_PROPERTIES: Final = (
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


def properties_of(members: Mapping[str, str]) -> MqttProperties:
    """Return MQTT 5 properties.

    Args:
        members: The JSON text of each, by the names in `PROPERTY_KEYS`.

    Raises:
        WrongInput: They cannot be used.
    """
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
            members = understood("a user property is no JSON object", raw_json.members, entry)
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
    return understood("user_properties cannot be read", raw_json.items, text)


def _repeated(name: str, values: str) -> list[tuple[str, str]]:
    return [(name, _property_text(value, "value")) for value in _items_of(values)]


def _property_text(text: str, what: str) -> str:
    if what == "value" and text[0] in "-0123456789":
        return text  # MQTT knows strings only, and this is how the number was written
    value = understood(f"the {what} of a user property cannot be read", raw_json.value, text)
    if not isinstance(value, str):
        raise WrongInput(f"a user property has a {what} that is no string")
    return check_text(value, "a user property")
