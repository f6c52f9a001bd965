"""The control socket's endpoints of messages in queues: send one, receive some, delete them.

Owns the form of these requests. What a message may be is judged by the code that judges it for the
AWS API, and what a receive gives is told in AWS's own members.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping
from typing import Final, cast, final

from gateway.aws_api.sqs_messages import integer, read_message
from gateway.aws_api.sqs_received import Wanted
from gateway.aws_api.sqs_receiving import MAX_RECEIVE
from gateway.control.queue_documents import DeletedMessages, ReceivedMessages, SentMessage
from gateway.control.queue_terms import fields_of, find_queue, refusing
from gateway.control.routing import Refused, json_response, query
from gateway.http.message import Request, Response
from gateway.services.sqs import QueueAttributes, SqsService
from gateway.services.sqs.attributes import MAX_VISIBILITY_TIMEOUT_S, MAX_WAIT_TIME_S
from gateway.services.sqs.bodies import check_body

__all__ = ["MessageAnswers"]

# Everything is base64: a body may be no text at all, and JSON would make six bytes of one.
_SEND_FORM: Final = (
    'Send {"body": base64}, and as needed "delay_s", "group_id", "deduplication_id" and '
    '"attributes": [{"name": text, "type": text, "value": base64}, …].'
)
_RECEIVE_FORM: Final = 'Send {"most": number, "wait_s": number, "visibility_timeout_s": number}.'
_DELETE_FORM: Final = 'Send {"receipt_handles": [text, …]}, 1 to 10 of them.'

_ALL: Final = Wanted({"MessageSystemAttributeNames": ["All"], "MessageAttributeNames": ["All"]})


@final
class MessageAnswers:
    """The endpoints.

    Args:
        service: The queues.
    """

    def __init__(self, service: SqsService) -> None:
        self._service = service

    async def send(self, request: Request, name: str) -> Response:
        """Send one message; the answer waits until it is on disk."""
        query(request, set())
        kinds = {
            "body": str,
            "delay_s": int,
            "attributes": list,
            "group_id": str,
            "deduplication_id": str,
        }
        fields = fields_of(request, kinds, _SEND_FORM, frozenset({"body"}))
        queue = find_queue(self._service, name)
        with refusing():
            parameters = _parameters(fields, queue.attributes)
            message = read_message(parameters, queue.attributes, None).message
            (row_id,) = await queue.send_all([message])
        answer: SentMessage = {
            "message_id": queue.message_id(row_id),
            "sequence_number": queue.sequence_number(row_id),
        }
        return json_response({**answer})

    async def receive(self, request: Request, name: str) -> Response:
        """Receive messages, waiting for the first; undone where the caller has hung up."""
        query(request, set())
        kinds = {"most": int, "wait_s": int, "visibility_timeout_s": int}
        fields = fields_of(request, kinds, _RECEIVE_FORM)
        queue = find_queue(self._service, name)
        given = {
            "MaxNumberOfMessages": fields.get("most"),
            "WaitTimeSeconds": fields.get("wait_s"),
            "VisibilityTimeout": fields.get("visibility_timeout_s"),
        }
        with refusing():
            most = integer(given, "MaxNumberOfMessages", 1, MAX_RECEIVE)
            timeout_s = integer(given, "VisibilityTimeout", 0, MAX_VISIBILITY_TIMEOUT_S)
            if timeout_s is None:
                timeout_s = queue.attributes.visibility_timeout_s
            received = await queue.receive(
                most=1 if most is None else most,
                visibility_timeout_s=timeout_s,
                wait_time_s=integer(given, "WaitTimeSeconds", 0, MAX_WAIT_TIME_S),
            )
        if request.disconnected:
            queue.release(received)
            received = []
        account, arn = self._service.account, self._service.arn
        members = (_ALL.members(queue, message, account, arn) for message in received)
        answer: ReceivedMessages = {
            "messages": [_without_bytes(message) for message in members],
            "visible_again_in_s": timeout_s,
        }
        response = json_response({**answer})
        response.undelivered = lambda: queue.release(received)
        return response

    async def delete(self, request: Request, name: str) -> Response:
        """Delete messages by what a receive gave."""
        query(request, set())
        fields = fields_of(
            request, {"receipt_handles": list}, _DELETE_FORM, frozenset({"receipt_handles"})
        )
        handles = cast("list[object]", fields["receipt_handles"])
        if not 1 <= len(handles) <= MAX_RECEIVE or not all(isinstance(h, str) for h in handles):
            raise Refused(400, "bad-request", "these are no receipt handles", _DELETE_FORM)
        queue = find_queue(self._service, name)
        with refusing():
            outcomes = await queue.delete_all(cast("list[str]", handles))
        failed = [str(outcome) for outcome in outcomes if outcome is not None]
        answer: DeletedMessages = {"deleted": len(outcomes) - len(failed), "failed": failed}
        return json_response({**answer})


def _parameters(fields: Mapping[str, object], limits: QueueAttributes) -> dict[str, object]:
    """Return a message as the members of a SendMessage.

    Raises:
        Refused: Something is no base64, or no text where it must be one.
        SqsError: The body is empty, too large, or no UTF-8.
    """
    body = _bytes(fields["body"], "the body")
    check_body(body, limits.max_message_bytes)
    parameters: dict[str, object] = {"MessageBody": body.decode()}
    for key, member in (
        ("delay_s", "DelaySeconds"),
        ("group_id", "MessageGroupId"),
        ("deduplication_id", "MessageDeduplicationId"),
    ):
        if key in fields:
            parameters[member] = fields[key]
    attributes: dict[str, object] = {}
    for given in cast("list[object]", fields.get("attributes", [])):
        name, value = _attribute(given)
        if name in attributes:
            raise Refused(400, "attribute-twice", f"{name!r:.100} comes twice", "Give it once.")
        attributes[name] = value
    if attributes:
        parameters["MessageAttributes"] = attributes
    return parameters


def _attribute(given: object) -> tuple[str, dict[str, object]]:
    texts = cast("dict[str, str]", given) if isinstance(given, dict) else {}
    if texts.keys() != {"name", "type", "value"} or not all(
        isinstance(text, str) for text in texts.values()
    ):
        raise Refused(400, "bad-request", "an attribute is of another form", _SEND_FORM)
    name, data_type = texts["name"], texts["type"]
    value = _bytes(texts["value"], f"the value of {name!r:.100}")
    if data_type.partition(".")[0] == "Binary":
        return name, {"DataType": data_type, "BinaryValue": value}
    try:
        return name, {"DataType": data_type, "StringValue": value.decode()}
    except UnicodeDecodeError:
        raise Refused(
            400,
            "no-text",
            f"the value of the attribute {name!r:.100} is no UTF-8",
            "Give it the type Binary.",
        ) from None


def _bytes(given: object, what: str) -> bytes:
    try:
        return base64.b64decode(cast(str, given), validate=True)
    except (binascii.Error, ValueError):
        raise Refused(400, "bad-request", f"{what} is no base64", _SEND_FORM) from None


def _without_bytes(message: dict[str, object]) -> dict[str, object]:
    """Return a message with its binary values in base64, as AWS's JSON has them."""
    attributes = cast("dict[str, dict[str, object]]", message.get("MessageAttributes", {}))
    for attribute in attributes.values():
        value = attribute.get("BinaryValue")
        if isinstance(value, bytes):
            attribute["BinaryValue"] = base64.b64encode(value).decode("ascii")
    return message
