"""SQS messages received: as the receiver of a ReceiveMessage gets them.

Owns which attributes are told and under which names; knows no operation.

Source: ReceiveMessage in the Amazon SQS API reference.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, cast, final

from gateway.aws_api.sqs_messages import md5_hex
from gateway.services.sqs import Queue, Received
from gateway.services.sqs.message_attributes import (
    DEDUPLICATION_ID,
    GROUP_ID,
    TRACE_HEADER,
    AttributeValue,
    decode,
    digest,
    selected,
)

__all__ = ["Wanted"]

Members = dict[str, object]

_GIVEN_BY_SENDERS: Final = (TRACE_HEADER, GROUP_ID, DEDUPLICATION_ID)


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

    def members(
        self, queue: Queue, received: Received, account: str, arn: Callable[[str], str]
    ) -> Members:
        """Return one message as the receiver gets it.

        Args:
            queue: Where it comes from.
            received: The message.
            account: Who is named as the sender of what a rule sent.
            arn: Gives the ARN of a queue by its name.
        """
        members: Members = {
            "MessageId": queue.message_id_of(received),
            "ReceiptHandle": queue.receipt_handle(received),
            "MD5OfBody": md5_hex(received.body),
            "Body": received.body.decode(),
        }
        attributes, system = decode(received.attributes)
        if self._system:
            known = _system_members(received, system, account)
            number = queue.sequence_number(received.row_id)
            if number is not None:
                known["SequenceNumber"] = number
            if received.moved_from is not None:
                known["DeadLetterQueueSourceArn"] = arn(received.moved_from)
            told = known
            if not self._all_system:
                told = {name: text for name, text in known.items() if name in self._system}
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
    received: Received, system: Mapping[str, AttributeValue], account: str
) -> dict[str, str]:
    known = {
        "SenderId": received.sender or account,
        "SentTimestamp": str(received.sent_wall_ms),
        "ApproximateReceiveCount": str(received.receive_count),
        "ApproximateFirstReceiveTimestamp": str(received.first_received_wall_ms),
    }
    for name in _GIVEN_BY_SENDERS:
        if name in system:
            known[name] = str(system[name].value)
    return known


def _attribute_members(attribute: AttributeValue) -> Members:
    field = "StringValue" if isinstance(attribute.value, str) else "BinaryValue"
    return {"DataType": attribute.data_type, field: attribute.value}
