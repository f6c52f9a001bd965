"""SQS messages to send: from the wire to what the engine takes, and what their sender is told.

Owns members of messages and their attributes, AWS's digests of them, and what each kind of queue
asks of a message; knows no operation.

Source: SendMessage in the Amazon SQS API reference.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from hashlib import md5
from typing import Final, cast, final

from gateway.services.sqs import NewMessage, QueueAttributes
from gateway.services.sqs.attributes import MAX_DELAY_S
from gateway.services.sqs.bodies import check_body, too_large
from gateway.services.sqs.errors import InvalidParameterValue, UnsupportedOperation
from gateway.services.sqs.fifo.deduplication import content_id
from gateway.services.sqs.fifo.queue import no_group
from gateway.services.sqs.message_attributes import (
    DEDUPLICATION_ID,
    GROUP_ID,
    TRACE_HEADER,
    AttributeValue,
    check_attributes,
    digest,
    encode,
    size_bytes,
)

__all__ = [
    "Outgoing",
    "check_fifo_batch",
    "check_fifo_id",
    "integer",
    "md5_hex",
    "not_for_this_type",
    "read_message",
    "weight_bytes",
]

Members = dict[str, object]

_FIFO_ID: Final = re.compile(r"[A-Za-z0-9!-/:-@\[-`{-~]{1,128}")
# Where AWS says it in other words than of most parameters.
_REASONS: Final = {
    "DelaySeconds": "DelaySeconds must be >= {low} and <= {high}.",
    "WaitTimeSeconds": "Must be >= {low} and <= {high}, if provided.",
}
_WEIGHED: Final = ("DataType", "StringValue", "BinaryValue")


def integer(parameters: Mapping[str, object], name: str, low: int, high: int) -> int | None:
    """Return an integer parameter, None where it is absent.

    Raises:
        InvalidParameterValue: It is out of its range, which the service model leaves open.
    """
    value = cast("int | None", parameters.get(name))
    if value is not None and not low <= value <= high:
        reason = _REASONS.get(name, "Must be between {low} and {high}, if provided.")
        raise InvalidParameterValue(
            f"Value {value} for parameter {name} is invalid. Reason: "
            + reason.format(low=low, high=high)
        )
    return value


def not_for_this_type(name: str, value: object) -> InvalidParameterValue:
    """Return the error for a parameter that queues of this kind do not take."""
    return InvalidParameterValue(
        f"Value {value} for parameter {name} is invalid. Reason: The request include parameter "
        "that is not valid for this queue type."
    )


def check_fifo_id(name: str, value: str) -> str:
    """Return a message group id, a deduplication id or an attempt id that AWS would take.

    Raises:
        InvalidParameterValue: It is too long, empty, or has other characters than AWS allows.
    """
    if _FIFO_ID.fullmatch(value) is None:
        raise InvalidParameterValue(
            f"Value {value[:256]} for parameter {name} is invalid. Reason: {name} can only include "
            "alphanumeric and punctuation characters. 1 to 128 in length."
        )
    return value


def md5_hex(data: bytes) -> str:
    """Return a body's digest as SQS tells it."""
    return md5(data, usedforsecurity=False).hexdigest()


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

    def result(self, message_id: str, sequence_number: str | None) -> Members:
        """Return the members that say what was sent."""
        members: Members = {"MessageId": message_id, "MD5OfMessageBody": md5_hex(self.message.body)}
        if self._attributes:
            members["MD5OfMessageAttributes"] = digest(self._attributes)
        if self._system:
            members["MD5OfMessageSystemAttributes"] = digest(self._system)
        if sequence_number is not None:
            members["SequenceNumber"] = sequence_number
        return members


def read_message(
    parameters: Mapping[str, object], limits: QueueAttributes, sender: str | None
) -> Outgoing:
    """Return the message of a SendMessage or of a batch's entry.

    Args:
        parameters: Its members, checked against the model.
        limits: The queue's attributes.
        sender: The user id of who sends it; None for a rule.

    Raises:
        SqsError: A value is out of its range, too large, not allowed, or not served yet.
    """
    group_id, deduplication_id = _fifo_ids(parameters, limits)
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
    delay_s = integer(parameters, "DelaySeconds", 0, MAX_DELAY_S)
    if limits.fifo:
        if delay_s:  # 0 is what the queue says, or less: AWS takes it
            raise not_for_this_type("DelaySeconds", delay_s)
        deduplication_id = deduplication_id or content_id(body)
    kept = dict(system)
    for name, value in ((GROUP_ID, group_id), (DEDUPLICATION_ID, deduplication_id)):
        if value is not None:
            kept[name] = AttributeValue("String", value)
    message = NewMessage(
        body,
        delay_s=delay_s,
        attributes=encode(attributes, kept),
        sender=sender,
        group_id=group_id or "",
        deduplication_id=deduplication_id,
    )
    return Outgoing(message, attributes, system)


def _fifo_ids(
    parameters: Mapping[str, object], limits: QueueAttributes
) -> tuple[str | None, str | None]:
    """Return a message's group and deduplication id, as its queue's kind asks for them."""
    group_id = cast("str | None", parameters.get(GROUP_ID))
    deduplication_id = cast("str | None", parameters.get(DEDUPLICATION_ID))
    if limits.fifo and group_id is None:
        raise no_group()
    if not limits.fifo and deduplication_id is not None:
        raise not_for_this_type(DEDUPLICATION_ID, deduplication_id[:128])
    if group_id is not None:
        check_fifo_id(GROUP_ID, group_id)
    if deduplication_id is not None:
        check_fifo_id(DEDUPLICATION_ID, deduplication_id)
    elif limits.fifo and not limits.content_based_deduplication:
        raise _no_deduplication()
    return group_id, deduplication_id


def _no_deduplication() -> InvalidParameterValue:
    return InvalidParameterValue(
        "The queue should either have ContentBasedDeduplication enabled or "
        "MessageDeduplicationId provided explicitly"
    )


def check_fifo_batch(entries: Iterable[Mapping[str, object]], limits: QueueAttributes) -> None:
    """Refuse a batch as a whole whose entries lack what a FIFO queue asks of each message.

    Raises:
        InvalidParameterValue: An entry has no group, or none of what tells it apart from others.
    """
    if not limits.fifo:
        return
    for entry in entries:
        if entry.get(GROUP_ID) is None:
            raise InvalidParameterValue(str(no_group()))
        if entry.get(DEDUPLICATION_ID) is None and not limits.content_based_deduplication:
            raise _no_deduplication()


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
    header = system.get(TRACE_HEADER)
    if header is not None and header.data_type != "String":
        raise InvalidParameterValue(
            f"The message system attribute '{TRACE_HEADER}' must be of the type 'String', not "
            f"'{header.data_type[:80]}'."
        )
