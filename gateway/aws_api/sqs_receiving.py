"""Receiving, and what follows it: deleting, changing visibility, one message or a batch.

Owns the ranges that the service model leaves open, and that a receive whose answer reaches nobody
is undone.

Source: the Amazon SQS API reference.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from typing import Final, cast, final

from gateway.aws_api.service import Call, Handler
from gateway.aws_api.sqs_messages import check_fifo_id, integer, not_for_this_type
from gateway.aws_api.sqs_received import Wanted
from gateway.aws_api.sqs_terms import (
    Entry,
    Members,
    batch_result,
    entries_of,
    failed_entry,
    queue_of,
)
from gateway.services.sqs import Queue, SqsError, SqsService
from gateway.services.sqs.attributes import MAX_VISIBILITY_TIMEOUT_S, MAX_WAIT_TIME_S
from gateway.services.sqs.errors import MissingParameter

__all__ = ["receiving_operations"]

MAX_RECEIVE: Final = 10

_ATTEMPT_ID: Final = "ReceiveRequestAttemptId"


def receiving_operations(service: SqsService) -> dict[str, Handler]:
    """Return the handlers of the operations that receive, delete and change visibility, by name."""
    operations = _Operations(service)
    return {
        "ChangeMessageVisibility": operations.change_message_visibility,
        "ChangeMessageVisibilityBatch": operations.change_message_visibility_batch,
        "DeleteMessage": operations.delete_message,
        "DeleteMessageBatch": operations.delete_message_batch,
        "ReceiveMessage": operations.receive_message,
    }


@final
class _Operations:
    """The handlers. Parameters are checked against the model already."""

    def __init__(self, service: SqsService) -> None:
        self._service = service

    async def receive_message(self, parameters: Members, call: Call) -> Members:
        queue = queue_of(self._service, parameters)
        attempt_id = cast("str | None", parameters.get(_ATTEMPT_ID))
        if attempt_id is not None:
            if not queue.attributes.fifo:
                raise not_for_this_type(_ATTEMPT_ID, attempt_id[:128])
            check_fifo_id(_ATTEMPT_ID, attempt_id)
        most = integer(parameters, "MaxNumberOfMessages", 1, MAX_RECEIVE)
        received = await queue.receive(
            most=1 if most is None else most,
            visibility_timeout_s=_visibility_timeout(parameters),
            wait_time_s=integer(parameters, "WaitTimeSeconds", 0, MAX_WAIT_TIME_S),
            attempt_id=attempt_id,
        )
        if not received:
            return {}
        if call.peer_disconnected():
            queue.release(received)
            return {}
        call.if_undelivered = lambda: queue.release(received)
        wanted = Wanted(parameters)
        account, arn = self._service.account, self._service.arn
        return {"Messages": [wanted.members(queue, message, account, arn) for message in received]}

    async def delete_message(self, parameters: Members, call: Call) -> Members:
        handle = cast(str, parameters["ReceiptHandle"])
        (error,) = await queue_of(self._service, parameters).delete_all([handle])
        if error is not None:
            raise error
        return {}

    async def delete_message_batch(self, parameters: Members, call: Call) -> Members:
        queue = queue_of(self._service, parameters)
        entries = entries_of(parameters, "DeleteMessageBatchRequestEntry")
        outcomes: list[SqsError | None] = []
        handles: dict[int, str] = {}
        for index, entry in enumerate(entries):
            handle = cast(str, entry["ReceiptHandle"])
            outcomes.append(None)
            try:
                queue.check_handle(handle)
            except SqsError as error:
                outcomes[index] = error
            else:
                handles[index] = handle
        if handles:
            deleted = await queue.delete_all(list(handles.values()))
            for index, outcome in zip(handles, deleted, strict=True):
                outcomes[index] = outcome
        return _batch_result(entries, outcomes)

    async def change_message_visibility(self, parameters: Members, call: Call) -> Members:
        await self._change_visibility(queue_of(self._service, parameters), parameters)
        return {}

    async def change_message_visibility_batch(self, parameters: Members, call: Call) -> Members:
        queue = queue_of(self._service, parameters)
        entries = entries_of(parameters, "ChangeMessageVisibilityBatchRequestEntry")
        outcomes = await asyncio.gather(
            *(self._change_visibility(queue, entry) for entry in entries), return_exceptions=True
        )
        for outcome in outcomes:
            if outcome is not None and not isinstance(outcome, SqsError):
                raise outcome
        return _batch_result(entries, cast("list[SqsError | None]", outcomes))

    async def _change_visibility(self, queue: Queue, parameters: Entry) -> None:
        timeout_s = _visibility_timeout(parameters)
        if timeout_s is None:  # the model requires it for one, and leaves it open in batches
            raise MissingParameter("The request must contain the parameter VisibilityTimeout.")
        await queue.change_visibility(cast(str, parameters["ReceiptHandle"]), timeout_s)


def _visibility_timeout(parameters: Entry) -> int | None:
    return integer(parameters, "VisibilityTimeout", 0, MAX_VISIBILITY_TIMEOUT_S)


def _batch_result(entries: Sequence[Entry], outcomes: Sequence[SqsError | None]) -> Members:
    """Return what became of each entry of a batch."""
    successful: list[Members] = []
    failed: list[Members] = []
    for entry, error in zip(entries, outcomes, strict=True):
        if error is None:
            successful.append({"Id": entry["Id"]})
        else:
            failed.append(failed_entry(entry, error))
    return batch_result(successful, failed)
