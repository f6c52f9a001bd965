"""SendMessage and its batch: from checked parameters to the engine, and what became of each.

Owns nothing of a message but that it is sent: members are `sqs_messages`' business.

Source: the Amazon SQS API reference.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import final

from gateway.aws_api import sqs_messages
from gateway.aws_api.service import Call, Handler
from gateway.aws_api.sqs_terms import Members, batch_result, entries_of, failed_entry, queue_of
from gateway.services.sqs import SqsError, SqsService
from gateway.services.sqs.attributes import MAX_MESSAGE_BYTES
from gateway.services.sqs.errors import BatchRequestTooLong

__all__ = ["sending_operations"]


def sending_operations(service: SqsService, user_id: Callable[[str], str]) -> dict[str, Handler]:
    """Return the handlers of the operations that send, by name.

    Args:
        service: The engine.
        user_id: Gives the user id that belongs to an access key.
    """
    operations = _Operations(service, user_id)
    return {
        "SendMessage": operations.send_message,
        "SendMessageBatch": operations.send_message_batch,
    }


@final
class _Operations:
    """The handlers. Parameters are checked against the model already."""

    def __init__(self, service: SqsService, user_id: Callable[[str], str]) -> None:
        self._service = service
        self._user_id = user_id

    async def send_message(self, parameters: Members, call: Call) -> Members:
        queue = queue_of(self._service, parameters)
        outgoing = sqs_messages.read_message(parameters, queue.attributes, self._sender(call))
        (row_id,) = await queue.send_all([outgoing.message])
        return outgoing.result(queue.message_id(row_id), queue.sequence_number(row_id))

    async def send_message_batch(self, parameters: Members, call: Call) -> Members:
        queue = queue_of(self._service, parameters)
        entries = entries_of(parameters, "SendMessageBatchRequestEntry")
        total_bytes = sum(sqs_messages.weight_bytes(entry) for entry in entries)
        if total_bytes > MAX_MESSAGE_BYTES:
            raise BatchRequestTooLong(
                f"Batch requests cannot be longer than {MAX_MESSAGE_BYTES} bytes. You have sent "
                f"{total_bytes} bytes."
            )
        sqs_messages.check_fifo_batch(entries, queue.attributes)
        accepted: list[tuple[object, sqs_messages.Outgoing]] = []
        failed: list[Members] = []
        for entry in entries:
            try:
                outgoing = sqs_messages.read_message(entry, queue.attributes, self._sender(call))
            except SqsError as error:
                failed.append(failed_entry(entry, error))
            else:
                accepted.append((entry["Id"], outgoing))
        rows = await queue.send_all([outgoing.message for _, outgoing in accepted])
        successful: list[Members] = [
            {
                "Id": entry_id,
                **outgoing.result(queue.message_id(row_id), queue.sequence_number(row_id)),
            }
            for (entry_id, outgoing), row_id in zip(accepted, rows, strict=True)
        ]
        return batch_result(successful, failed)

    def _sender(self, call: Call) -> str | None:
        access_key_id = call.caller.access_key_id
        return self._user_id(access_key_id) if access_key_id else None
