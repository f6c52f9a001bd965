"""SQS messages on the wire: one to send as the engine takes it, one received as clients get it.

Owns members of messages and their attributes, and AWS's digests of them; knows no operation.

Source: SendMessage and ReceiveMessage in the Amazon SQS API reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from hashlib import md5
from typing import Final, cast, final

from gateway.services.sqs import NewMessage, Queue, QueueAttributes, Received
from gateway.services.sqs.attributes import MAX_DELAY_S
from gateway.services.sqs.bodies import check_body, too_large
from gateway.services.sqs.errors import InvalidParameterValue, UnsupportedOperation
from gateway.services.sqs.message_attributes import (
    AttributeValue,
    check_attributes,
    decode,
    digest,
    encode,
    selected,
    size_bytes,
)

__all__ = ["Outgoing", "Wanted", "integer", "only_for_fifo", "read_message", "weight_bytes"]

Members = dict[str, object]

_TRACE_HEADER: Final = "AWSTraceHeader"
_WEIGHED: Final = ("DataType", "StringValue", "BinaryValue")


def integer(parameters: Mapping[str, object], name: str, low: int, high: int) -> int | None:
    """Return an integer parameter, None where it is absent.

    Raises:
        InvalidParameterValue: It is out of its range, which the service model leaves open.
    """
    value = cast("int | None", parameters.get(name))
    if value is not None and not low <= value <= high:
        raise InvalidParameterValue(
            f"Value {value} for parameter {name} is invalid. Reason: Must be between {low} and "
            f"{high}, if provided."
        )
    return value


def only_for_fifo(name: str) -> InvalidParameterValue:
    """Return the error for a parameter that standard queues do not take."""
    return InvalidParameterValue(
        f"Value for parameter {name} is invalid. Reason: The request include parameter that is not "
        "valid for this queue type."
    )


@final
class Outgoing:
    """A message to send, and what its sender will be told.

    Attributes:
        message: As the engine takes it.
    """

    __slots__ = ("_attributes", "_system", "message")

    def __init__(
        self,
        message: NewMessage,
        attributes: Mapping[str, AttributeValue],
        system: Mapping[str, AttributeValue],
    ) -> None:
        self.message = message
        self._attributes = attributes
        self._system = system

    def result(self, message_id: str) -> Members:
        """Return the members that say what was sent."""
        members: Members = {"MessageId": message_id, "MD5OfMessageBody": _md5(self.message.body)}
        if self._attributes:
            members["MD5OfMessageAttributes"] = digest(self._attributes)
        if self._system:
            members["MD5OfMessageSystemAttributes"] = digest(self._system)
        return members


def read_message(
    parameters: Mapping[str, object], limits: QueueAttributes, sender: str | None
) -> Outgoing:
    """Return the message of a SendMessage or of a batch's entry.

    Args:
        parameters: Its members, checked against the model.
        limits: The queue's attributes.
        sender: The access key that sends it.

    Raises:
        SqsError: A value is out of its range, too large, not allowed, or not served yet.
    """
    if "MessageDeduplicationId" in parameters:
        raise only_for_fifo("MessageDeduplicationId")
    if "MessageGroupId" in parameters:
        raise UnsupportedOperation(
            "Fair queues are not there yet: send to this queue without MessageGroupId."
        )
    body = cast(str, parameters["MessageBody"]).encode()
    check_body(body, limits.max_message_bytes)
    attributes = _attributes(parameters.get("MessageAttributes"))
    system = _attributes(parameters.get("MessageSystemAttributes"))
    if attributes or system:
        check_attributes(attributes)
        check_attributes(system)
        _check_trace_header(system)
        if len(body) + size_bytes(attributes) > limits.max_message_bytes:
            raise too_large(limits.max_message_bytes)
    message = NewMessage(
        body,
        delay_s=integer(parameters, "DelaySeconds", 0, MAX_DELAY_S),
        attributes=encode(attributes, system),
        sender=sender,
    )
    return Outgoing(message, attributes, system)


def weight_bytes(entry: Mapping[str, object]) -> int:
    """Return what a batch's entry weighs against the largest batch."""
    members = cast("Mapping[str, Members]", entry.get("MessageAttributes") or {})
    # Weighed as they came: a wrong attribute is the entry's own fault, found when it is read.
    return len(cast(str, entry["MessageBody"]).encode()) + sum(
        len(name.encode()) + sum(_length(member.get(part)) for part in _WEIGHED)
        for name, member in members.items()
    )


def _length(value: object) -> int:
    if isinstance(value, str):
        return len(value.encode())
    return len(value) if isinstance(value, bytes) else 0


def _attributes(members: object) -> dict[str, AttributeValue]:
    if not members:
        return {}
    found = {}
    for name, member in cast("dict[str, dict[str, object]]", members).items():
        if member.get("StringListValues") or member.get("BinaryListValues"):
            raise UnsupportedOperation(
                f"Message attribute list values are not supported (attribute '{name}')."
            )
        data_type = cast(str, member["DataType"])
        own, other = "StringValue", "BinaryValue"
        if data_type.partition(".")[0] == "Binary":
            own, other = other, own
        value = member.get(own)
        if value is None or other in member:
            raise InvalidParameterValue(
                f"The message (user) attribute '{name}' with type '{data_type}' must use the field "
                f"'{own}', and no other."
            )
        found[name] = AttributeValue(data_type, cast("str | bytes", value))
    return found


def _check_trace_header(system: Mapping[str, AttributeValue]) -> None:
    header = system.get(_TRACE_HEADER)
    if header is not None and header.data_type != "String":
        raise InvalidParameterValue(
            f"The message system attribute '{_TRACE_HEADER}' must be of the type 'String', not "
            f"'{header.data_type[:80]}'."
        )


@final
class Wanted:
    """What a ReceiveMessage wants to know of each message.

    Args:
        parameters: The request's.
    """

    __slots__ = ("_all_system", "_attributes", "_system")

    def __init__(self, parameters: Mapping[str, object]) -> None:
        system = {
            *cast("list[str]", parameters.get("MessageSystemAttributeNames", ())),
            *cast("list[str]", parameters.get("AttributeNames", ())),
        }
        self._system = system
        self._all_system = "All" in system
        self._attributes = cast("list[str]", parameters.get("MessageAttributeNames", ()))

    def members(self, queue: Queue, received: Received, account: str) -> Members:
        """Return one message as the receiver gets it.

        Args:
            queue: Where it comes from.
            received: The message.
            account: Who is named as the sender of what a rule sent.
        """
        members: Members = {
            "MessageId": queue.message_id(received.row_id),
            "ReceiptHandle": queue.receipt_handle(received),
            "MD5OfBody": _md5(received.body),
            "Body": received.body.decode(),
        }
        attributes, system = decode(received.attributes)
        if self._system:
            told = self._system_members(received, system, account)
            if told:
                members["Attributes"] = told
        chosen = selected(attributes, self._attributes) if attributes else {}
        if chosen:
            members["MD5OfMessageAttributes"] = digest(chosen)
            members["MessageAttributes"] = {
                name: _attribute_members(value) for name, value in chosen.items()
            }
        return members

    def _system_members(
        self, received: Received, system: Mapping[str, AttributeValue], account: str
    ) -> dict[str, str]:
        known = {
            "SenderId": received.sender or account,
            "SentTimestamp": str(received.sent_wall_ms),
            "ApproximateReceiveCount": str(received.receive_count),
            "ApproximateFirstReceiveTimestamp": str(received.first_received_wall_ms),
        }
        if _TRACE_HEADER in system:
            known[_TRACE_HEADER] = str(system[_TRACE_HEADER].value)
        if self._all_system:
            return known
        return {name: text for name, text in known.items() if name in self._system}


def _attribute_members(attribute: AttributeValue) -> Members:
    field = "StringValue" if isinstance(attribute.value, str) else "BinaryValue"
    return {"DataType": attribute.data_type, field: attribute.value}


def _md5(data: bytes) -> str:
    return md5(data, usedforsecurity=False).hexdigest()
