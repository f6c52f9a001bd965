"""What a statement is evaluated against: the message and its surroundings.

Owns the inputs of an evaluation. Knows nothing of SQL; where messages come from is the caller's.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Final, final

from rules.payload import decode
from rules.values import Value

__all__ = ["Context", "Environment", "Message"]

_NO_MEMBERS: Final[dict[str, Value]] = {}


@final
class Message:
    """One published message, as rules see it; its payload is read once however many rules match.

    Attributes:
        topic: The topic name; for Basic Ingest without `$aws/rules/<name>/`.
        payload: The application message, any bytes.
        client_id: The publisher's MQTT client identifier, or None if it did not use MQTT.
        principal: The publisher's authenticated identity, or None.
        source_ip: The publisher's address, or None.
        document: The payload as a value once `read` was called: Undefined if it is not JSON.
        members: The document's members once `read` was called (none if it is no object); None
            until then.
    """

    __slots__ = ("client_id", "document", "members", "payload", "principal", "source_ip", "topic")

    def __init__(
        self,
        topic: str,
        payload: bytes,
        client_id: str | None = None,
        principal: str | None = None,
        source_ip: str | None = None,
    ) -> None:
        self.topic = topic
        self.payload = payload
        self.client_id = client_id
        self.principal = principal
        self.source_ip = source_ip
        self.document: Value = None
        self.members: dict[str, Value] | None = None

    def read(self) -> dict[str, Value]:
        """Read the payload as JSON, the first time, and return `members`."""
        members = self.members
        if members is None:
            document = self.document = decode(self.payload)
            members = self.members = document if isinstance(document, dict) else _NO_MEMBERS
        return members


@final
class Environment:
    """What an evaluation may ask of the outside; one per engine.

    Attributes:
        now_ms: The clock: milliseconds since 1970-01-01 UTC.
        account: The account number that appears in ARNs.
    """

    __slots__ = ("account", "now_ms")

    def __init__(self, now_ms: Callable[[], int], account: str = "000000000000") -> None:
        self.now_ms = now_ms
        self.account = account


@final
class Context:
    """What one evaluation hands down to its expressions, beside the members that names mean.

    Attributes:
        message: The message.
        environment: The outside.
    """

    __slots__ = ("environment", "message")

    def __init__(self, message: Message, environment: Environment) -> None:
        self.message = message
        self.environment = environment
