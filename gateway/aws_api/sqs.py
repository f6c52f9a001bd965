"""SQS's operations: from checked parameters to the engine, and from its results to members.

Owns the ranges that the service model leaves open, batches with partial failure, and URLs. The
engine in `gateway.services.sqs` knows none of it; what it refuses becomes AWS's error here.

Source: the Amazon SQS API reference.
"""

from __future__ import annotations

import asyncio
from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Awaitable, Callable, Mapping, Sequence
from typing import Final, cast, final

from gateway.aws_api import sqs_messages
from gateway.aws_api.errors import CORAL, SQS_QUERY_ERRORS, AwsError
from gateway.aws_api.model import load_model
from gateway.aws_api.service import Call, Handler, Service
from gateway.aws_api.sqs_messages import integer
from gateway.aws_api.violations import SqsViolations
from gateway.services.sqs import Queue, SqsError, SqsService
from gateway.services.sqs.attributes import (
    MAX_MESSAGE_BYTES,
    MAX_VISIBILITY_TIMEOUT_S,
    MAX_WAIT_TIME_S,
)
from gateway.services.sqs.batches import check_batch
from gateway.services.sqs.errors import (
    BatchRequestTooLong,
    InvalidAddress,
    InvalidParameterValue,
    MissingParameter,
    QueueDoesNotExist,
    UnsupportedOperation,
)

__all__ = ["sqs_operations", "sqs_service"]

MAX_RECEIVE: Final = 10
MAX_LISTED: Final = 1000

Members = dict[str, object]
Entry = Mapping[str, object]

_CORAL_CODES: Final[Mapping[str, str]] = {
    # Errors that AWS's request front raises -> their code under the Query protocol.
    "InvalidParameterValueException": "InvalidParameterValue",
    "MissingRequiredParameterException": "MissingParameter",
}


def sqs_service(service: SqsService) -> Service:
    """Return SQS as the front serves it: its model, its operations, its way with errors."""
    return Service(
        "sqs",
        load_model("sqs"),
        sqs_operations(service),
        violations=SqsViolations(),
        namespace="com.amazonaws.sqs",
        query_errors=SQS_QUERY_ERRORS,
    )


def sqs_operations(service: SqsService) -> dict[str, Handler]:
    """Return the handlers of the operations that are served, by name."""
    operations = _Operations(service)
    table: dict[str, Callable[[Members, Call], Awaitable[Members]]] = {
        "ChangeMessageVisibility": operations.change_message_visibility,
        "ChangeMessageVisibilityBatch": operations.change_message_visibility_batch,
        "CreateQueue": operations.create_queue,
        "DeleteMessage": operations.delete_message,
        "DeleteMessageBatch": operations.delete_message_batch,
        "DeleteQueue": operations.delete_queue,
        "GetQueueAttributes": operations.get_queue_attributes,
        "GetQueueUrl": operations.get_queue_url,
        "ListQueues": operations.list_queues,
        "ReceiveMessage": operations.receive_message,
        "SendMessage": operations.send_message,
        "SendMessageBatch": operations.send_message_batch,
    }
    return {name: _in_aws_terms(handler) for name, handler in table.items()}


def _in_aws_terms(handler: Callable[[Members, Call], Awaitable[Members]]) -> Handler:
    async def answer(parameters: Members, call: Call) -> Members:
        try:
            return await handler(parameters, call)
        except SqsError as error:
            query_code = _CORAL_CODES.get(error.code)
            raise AwsError(
                error.code,
                f"{error} {error.hint}".strip(),
                query_code=query_code,
                namespace=None if query_code is None else CORAL,
            ) from error

    return answer


def _failed(entry: Entry, error: SqsError) -> Members:
    """Return what a refused batch entry gets: codes are the Query protocol's."""
    code = _CORAL_CODES.get(error.code) or SQS_QUERY_ERRORS.get(error.code, (error.code, 0))[0]
    return {"Id": entry["Id"], "SenderFault": True, "Code": code, "Message": str(error)}


def _outcome(successful: list[Members], failed: list[Members]) -> Members:
    """Return a batch's lists; an empty one is absent, or the Java SDK's `hasFailed()` is true."""
    return {"Successful": successful or None, "Failed": failed or None}


@final
class _Operations:
    """The handlers. Parameters are checked against the model already."""

    def __init__(self, service: SqsService) -> None:
        self._service = service

    # --- queues ----------------------------------------------------------------------------------

    async def create_queue(self, parameters: Members, call: Call) -> Members:
        if parameters.get("tags"):
            raise UnsupportedOperation("Tags are not there yet: create the queue without them.")
        attributes = cast("dict[str, str]", parameters.get("Attributes", {}))
        name = cast(str, parameters["QueueName"])
        queue = await self._service.create(name, attributes)
        return {"QueueUrl": self._url(queue.record.name, call)}

    async def get_queue_url(self, parameters: Members, call: Call) -> Members:
        queue = self._service.queue(cast(str, parameters["QueueName"]))
        if queue is None:
            raise QueueDoesNotExist
        return {"QueueUrl": self._url(queue.record.name, call)}

    async def list_queues(self, parameters: Members, call: Call) -> Members:
        most = integer(parameters, "MaxResults", 1, MAX_LISTED)
        token = cast("str | None", parameters.get("NextToken"))
        prefix = cast(str, parameters.get("QueueNamePrefix", ""))
        names = self._service.names(prefix, "" if token is None else _name_of_token(token))
        page = names[: most or MAX_LISTED]
        members: Members = {}
        if page:
            members["QueueUrls"] = [self._url(name, call) for name in page]
        if most is not None and len(names) > most:
            members["NextToken"] = urlsafe_b64encode(page[-1].encode()).decode()
        return members

    async def delete_queue(self, parameters: Members, call: Call) -> Members:
        await self._service.delete(self._queue(parameters))
        return {}

    async def get_queue_attributes(self, parameters: Members, call: Call) -> Members:
        queue = self._queue(parameters)
        names = cast("list[str]", parameters.get("AttributeNames", []))
        if not names:
            return {}
        depths = queue.depths()
        record = queue.record
        texts = {
            **queue.attributes.texts(),
            "ApproximateNumberOfMessages": str(depths.visible),
            "ApproximateNumberOfMessagesNotVisible": str(depths.in_flight),
            "ApproximateNumberOfMessagesDelayed": str(depths.delayed),
            "CreatedTimestamp": str(record.created_wall_ms // 1000),
            "LastModifiedTimestamp": str(record.modified_wall_ms // 1000),
            "QueueArn": self._service.arn(record.name),
        }
        if "All" not in names:
            texts = {name: texts[name] for name in names if name in texts}
        return {"Attributes": texts} if texts else {}

    # --- sending ---------------------------------------------------------------------------------

    async def send_message(self, parameters: Members, call: Call) -> Members:
        queue = self._queue(parameters)
        outgoing = sqs_messages.read_message(parameters, queue.attributes, _sender(call))
        (row_id,) = await queue.send_all([outgoing.message])
        return outgoing.result(queue.message_id(row_id))

    async def send_message_batch(self, parameters: Members, call: Call) -> Members:
        queue = self._queue(parameters)
        entries = _entries(parameters, "SendMessageBatchRequestEntry")
        total_bytes = sum(sqs_messages.weight_bytes(entry) for entry in entries)
        if total_bytes > MAX_MESSAGE_BYTES:
            raise BatchRequestTooLong(
                f"Batch requests cannot be longer than {MAX_MESSAGE_BYTES} bytes. You have sent "
                f"{total_bytes} bytes."
            )
        accepted: list[tuple[object, sqs_messages.Outgoing]] = []
        failed: list[Members] = []
        for entry in entries:
            try:
                outgoing = sqs_messages.read_message(entry, queue.attributes, _sender(call))
            except SqsError as error:
                failed.append(_failed(entry, error))
            else:
                accepted.append((entry["Id"], outgoing))
        rows = await queue.send_all([outgoing.message for _, outgoing in accepted])
        successful: list[Members] = [
            {"Id": entry_id, **outgoing.result(queue.message_id(row_id))}
            for (entry_id, outgoing), row_id in zip(accepted, rows, strict=True)
        ]
        return _outcome(successful, failed)

    # --- receiving -------------------------------------------------------------------------------

    async def receive_message(self, parameters: Members, call: Call) -> Members:
        queue = self._queue(parameters)
        if "ReceiveRequestAttemptId" in parameters:
            raise sqs_messages.only_for_fifo("ReceiveRequestAttemptId")
        most = integer(parameters, "MaxNumberOfMessages", 1, MAX_RECEIVE)
        received = await queue.receive(
            most=1 if most is None else most,
            visibility_timeout_s=_visibility_timeout(parameters),
            wait_time_s=integer(parameters, "WaitTimeSeconds", 0, MAX_WAIT_TIME_S),
        )
        if not received:
            return {}
        if call.peer_disconnected():
            queue.release(received)
            return {}
        call.if_undelivered = lambda: queue.release(received)
        wanted = sqs_messages.Wanted(parameters)
        account = self._service.account
        return {"Messages": [wanted.members(queue, message, account) for message in received]}

    async def delete_message(self, parameters: Members, call: Call) -> Members:
        handle = cast(str, parameters["ReceiptHandle"])
        await self._queue(parameters).delete_all([handle])
        return {}

    async def delete_message_batch(self, parameters: Members, call: Call) -> Members:
        queue = self._queue(parameters)
        entries = _entries(parameters, "DeleteMessageBatchRequestEntry")
        handles: list[str] = []
        successful: list[Members] = []
        failed: list[Members] = []
        for entry in entries:
            handle = cast(str, entry["ReceiptHandle"])
            try:
                queue.check_handle(handle)
            except SqsError as error:
                failed.append(_failed(entry, error))
            else:
                handles.append(handle)
                successful.append({"Id": entry["Id"]})
        if handles:
            await queue.delete_all(handles)
        return _outcome(successful, failed)

    async def change_message_visibility(self, parameters: Members, call: Call) -> Members:
        await self._change_visibility(self._queue(parameters), parameters)
        return {}

    async def change_message_visibility_batch(self, parameters: Members, call: Call) -> Members:
        queue = self._queue(parameters)
        entries = _entries(parameters, "ChangeMessageVisibilityBatchRequestEntry")
        outcomes = await asyncio.gather(
            *(self._change_visibility(queue, entry) for entry in entries), return_exceptions=True
        )
        successful: list[Members] = []
        failed: list[Members] = []
        for entry, outcome in zip(entries, outcomes, strict=True):
            if outcome is None:
                successful.append({"Id": entry["Id"]})
            elif isinstance(outcome, SqsError):
                failed.append(_failed(entry, outcome))
            else:
                raise outcome
        return _outcome(successful, failed)

    async def _change_visibility(self, queue: Queue, parameters: Entry) -> None:
        timeout_s = _visibility_timeout(parameters)
        if timeout_s is None:  # the model requires it for one, and leaves it open in batches
            raise MissingParameter("The request must contain the parameter VisibilityTimeout.")
        await queue.change_visibility(cast(str, parameters["ReceiptHandle"]), timeout_s)

    # --- addresses -------------------------------------------------------------------------------

    def _url(self, name: str, call: Call) -> str:
        return f"http://{call.host or 'localhost'}/{self._service.account}/{name}"

    def _queue(self, parameters: Members) -> Queue:
        url = cast(str, parameters["QueueUrl"])
        if not url.strip("/"):
            raise InvalidAddress(f"The address {url} is not valid for this endpoint.")
        return self._service.find(url)


def _sender(call: Call) -> str | None:
    return call.caller.access_key_id or None


def _visibility_timeout(parameters: Entry) -> int | None:
    return integer(parameters, "VisibilityTimeout", 0, MAX_VISIBILITY_TIMEOUT_S)


def _entries(parameters: Members, shape: str) -> Sequence[Entry]:
    entries = cast("list[Entry]", parameters["Entries"])
    check_batch([cast(str, entry["Id"]) for entry in entries], shape)
    return entries


def _name_of_token(token: str) -> str:
    try:
        name = urlsafe_b64decode(token)
        if urlsafe_b64encode(name).decode() == token:  # decoding passes over what is not base64
            return name.decode("ascii")
    except ValueError:
        pass
    raise InvalidParameterValue("Invalid or expired next token.")
