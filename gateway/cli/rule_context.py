"""What surrounds a message in a test: its publisher, the time, MQTT 5 properties, fixtures.

Owns reading them from JSON, by the documented names and by other spellings, each fault a sentence.
What the fixtures answer is `rule_fixtures`'s, the forms of properties are `rule_properties`'s.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, TypeVar

import rules
from gateway.cli import raw_json
from gateway.cli.rule_fixtures import Fixtures
from gateway.cli.rule_input import WrongInput, known_members, members_of, text_of, understood
from gateway.cli.rule_properties import PROPERTY_KEYS, UNSEEN_PROPERTIES, properties_of
from rules.message import MqttProperties
from rules.outside import NOTHING_OUTSIDE

__all__ = [
    "Surroundings",
    "check_ms",
    "now_ms",
    "read_properties",
    "read_surroundings",
]

_Read = TypeVar("_Read")

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


def read_surroundings(text: str) -> Surroundings:
    """Read the `context` of a case.

    Raises:
        WrongInput: It cannot be used.
    """
    members = known_members(members_of(text, "context"), "context", _CONTEXT_KEYS)
    return Surroundings(
        client_id=text_of(members, "clientid"),
        principal=text_of(members, "principal"),
        source_ip=text_of(members, "sourceip"),
        trace_id=text_of(members, "traceid"),
        account=_account(members),
        timestamp_ms=_unless_null(members, "timestamp", _timestamp_ms),
        properties=_unless_null(members, "mqtt5", read_properties),
        fixtures=_unless_null(members, "fixtures", Fixtures.read),
    )


def read_properties(text: str) -> MqttProperties:
    """Read MQTT 5 properties, a JSON object.

    Raises:
        WrongInput: They cannot be used.
    """
    members = members_of(text, "mqtt5")
    return properties_of(known_members(members, "mqtt5", PROPERTY_KEYS, UNSEEN_PROPERTIES))


def _unless_null(
    members: Mapping[str, str], key: str, read: Callable[[str], _Read]
) -> _Read | None:
    text = members.get(key, "null")
    return None if text == "null" else read(text)


def _timestamp_ms(text: str) -> int:
    value = understood("timestamp cannot be read", raw_json.value, text)
    return check_ms(value, "timestamp")


def _account(members: Mapping[str, str]) -> str:
    text = members.get("account", "null")
    if _ACCOUNT_DIGITS.fullmatch(text):
        return text.zfill(12)  # a number loses the zeros in front
    if text[0] != '"' and text != "null":
        raise WrongInput("account is neither a string nor a number of at most 12 digits")
    return text_of(members, "account") or _ACCOUNT
