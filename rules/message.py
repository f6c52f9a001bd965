"""What a statement is evaluated against: the message and its surroundings.

Owns the inputs of an evaluation. Knows nothing of SQL; where messages come from is the caller's.
"""

from __future__ import annotations

import random as _random
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

from rules.errors import BudgetSpent
from rules.membership import Membership
from rules.outside import NOTHING_OUTSIDE, Outside
from rules.payload import decode
from rules.values import MAX_TEXT_CHARACTERS, Value

__all__ = [
    "LONG_CHARACTERS",
    "MAX_CHARACTERS",
    "MAX_STEPS",
    "STEPS_PER_SECOND",
    "Context",
    "Environment",
    "Message",
    "MqttProperties",
]

_NO_MEMBERS: Final[dict[str, Value]] = {}

# What an evaluation may do, in steps of some fifty nanoseconds on a desktop: visiting an item of a
# nested SELECT, an operator there, a part of a function. A payload of 128 KB has at most 64 K of
# items.
MAX_STEPS: Final = 1_000_000
STEPS_PER_SECOND: Final = 20_000_000

# What an evaluation may make of long texts and of the results of nested SELECTs: four of the
# largest results.
MAX_CHARACTERS: Final = 4 * MAX_TEXT_CHARACTERS

# Shorter texts are not counted: a statement can make only so many of them.
LONG_CHARACTERS: Final = 256


@final
@dataclass(frozen=True, slots=True)
class MqttProperties:
    """The MQTT 5 properties of a PUBLISH that rules can see. None: absent.

    Attributes:
        payload_format_indicator: 0 for unspecified bytes, 1 for UTF-8 text.
        content_type: The content type.
        response_topic: The response topic.
        correlation_data: The correlation data, raw.
        user_properties: Names and values in order; a name may occur more than once.
    """

    payload_format_indicator: int | None = None
    content_type: str | None = None
    response_topic: str | None = None
    correlation_data: bytes | None = None
    user_properties: tuple[tuple[str, str], ...] = ()


@final
class Message:
    """One published message, as rules see it; its payload is read once however many rules match.

    Args:
        properties: Its MQTT 5 properties, or what reads them when a rule first asks.

    Attributes:
        topic: The topic name; for Basic Ingest without `$aws/rules/<name>/`.
        payload: The application message, any bytes.
        client_id: The publisher's MQTT client identifier, or None if it did not use MQTT.
        principal: The publisher's authenticated identity, or None.
        source_ip: The publisher's address, or None.
        trace_id: The UUID of the message; None until a rule asks for it.
        document: The payload as a value once `read` was called: Undefined if it is not JSON.
        members: The document's members once `read` was called (none if it is no object); None
            until then.
    """

    __slots__ = (
        "_properties",
        "client_id",
        "document",
        "members",
        "payload",
        "principal",
        "source_ip",
        "topic",
        "trace_id",
    )

    def __init__(
        self,
        topic: str,
        payload: bytes,
        client_id: str | None = None,
        principal: str | None = None,
        source_ip: str | None = None,
        *,
        trace_id: str | None = None,
        properties: MqttProperties | Callable[[], MqttProperties] | None = None,
    ) -> None:
        self.topic = topic
        self.payload = payload
        self.client_id = client_id
        self.principal = principal
        self.source_ip = source_ip
        self.trace_id = trace_id
        self._properties = properties
        self.document: Value = None
        self.members: dict[str, Value] | None = None

    @property
    def properties(self) -> MqttProperties | None:
        """Its MQTT 5 properties, or None."""
        found = self._properties
        if callable(found):
            found = self._properties = found()
        return found

    def read(self) -> dict[str, Value]:
        """Read the payload as JSON, the first time, and return `members`."""
        members = self.members
        if members is None:
            document = self.document = decode(self.payload)
            members = self.members = document if isinstance(document, dict) else _NO_MEMBERS
        return members

    def forget(self) -> None:
        """Let go of what the payload was read into; it is read again when it is needed."""
        self.document = None
        self.members = None


def _new_uuid() -> str:
    return str(uuid.uuid4())


@final
class Environment:
    """What an evaluation may ask of the outside; one per engine.

    Attributes:
        now_ms: The clock: milliseconds since 1970-01-01 UTC.
        account: The account number that appears in ARNs.
        outside: Who answers the functions that reach out; by default each of them fails.
        random: Gives a number from 0.0 to below 1.0, for `rand()`.
        new_uuid: Gives a new UUID, for `newuuid()` and `traceid()`.
    """

    __slots__ = ("account", "new_uuid", "now_ms", "outside", "random")

    def __init__(
        self,
        now_ms: Callable[[], int],
        account: str = "000000000000",
        *,
        outside: Outside = NOTHING_OUTSIDE,
        random: Callable[[], float] = _random.random,
        new_uuid: Callable[[], str] = _new_uuid,
    ) -> None:
        self.now_ms = now_ms
        self.account = account
        self.outside = outside
        self.random = random
        self.new_uuid = new_uuid


@final
class Context:
    """One evaluation: what it hands down to its expressions, beside the members that names mean.

    A statement and the templates of its rule that are evaluated in the same context see the same
    variables.

    Attributes:
        message: The message.
        environment: The outside.
        variables: The values of SET, in order, as far as they are computed.
        steps_left: How many steps it may still take.
        characters_left: How many characters may still be made, short texts apart.
        memberships: The arrays that IN has searched and that stay as they are, by their identity;
            the variables hold them. None until the first.
        dynamodb_calls: How often `get_dynamodb` was called; once is allowed.
    """

    __slots__ = (
        "characters_left",
        "dynamodb_calls",
        "environment",
        "memberships",
        "message",
        "steps_left",
        "variables",
    )

    def __init__(self, message: Message, environment: Environment) -> None:
        self.message = message
        self.environment = environment
        self.variables: list[Value] = []
        self.steps_left = MAX_STEPS
        self.characters_left = MAX_CHARACTERS
        self.dynamodb_calls = 0
        self.memberships: dict[int, Membership] | None = None

    def spend_steps(self, steps: int) -> None:
        """Count steps before they are taken.

        Raises:
            BudgetSpent: They are too many.
        """
        self.steps_left -= steps
        if self.steps_left < 0:
            raise BudgetSpent(
                f"the statement takes more than {MAX_STEPS} steps for this message",
                hint="let WHERE of the nested SELECT ask less of each item, or send fewer items",
            )

    def spend_characters(self, characters: int) -> None:
        """Count characters that are made.

        Raises:
            BudgetSpent: They are too many.
        """
        self.characters_left -= characters
        if self.characters_left < 0:
            raise BudgetSpent(
                f"the statement makes texts of more than {MAX_CHARACTERS} characters in all",
                hint="select less, or split the rule",
            )

    def keep(self, value: Value) -> Value:
        """Return a text or array that an expression made, having counted it if it is long.

        Raises:
            BudgetSpent: It is one too many.
        """
        if isinstance(value, (str, list)) and len(value) > LONG_CHARACTERS:
            self.spend_characters(len(value))
        return value
