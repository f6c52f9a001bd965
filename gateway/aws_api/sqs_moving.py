"""Message move tasks: from checked parameters to the mover, and back to members.

Owns handles and ARNs; what a task does is the engine's business.

Source: StartMessageMoveTask, ListMessageMoveTasks and CancelMessageMoveTask in the Amazon SQS API
reference.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from typing import Final, cast, final

import orjson

from gateway.aws_api.errors import SQS_QUERY_ERRORS
from gateway.aws_api.service import Call, Handler
from gateway.aws_api.sqs_messages import integer
from gateway.aws_api.sqs_terms import Members
from gateway.services.sqs import SqsService
from gateway.services.sqs.errors import InvalidParameterValue
from gateway.services.sqs.moving.checks import no_queue
from gateway.services.sqs.moving.rows import MAX_LISTED, RUNNING, MoveTask
from gateway.services.sqs.names import resolve_name

__all__ = ["moving_operations"]

_MAX_HANDLE: Final = 1024


def moving_operations(service: SqsService) -> dict[str, Handler]:
    """Return the handlers of the operations of message move tasks, by name."""
    operations = _Operations(service)
    return {
        "CancelMessageMoveTask": operations.cancel_message_move_task,
        "ListMessageMoveTasks": operations.list_message_move_tasks,
        "StartMessageMoveTask": operations.start_message_move_task,
    }


@final
class _Operations:
    """The handlers. Parameters are checked against the model already."""

    def __init__(self, service: SqsService) -> None:
        self._service = service

    async def start_message_move_task(self, parameters: Members, call: Call) -> Members:
        destination = cast("str | None", parameters.get("DestinationArn"))
        task = await self._service.mover.start(
            resolve_name(cast(str, parameters["SourceArn"])),
            None if destination is None else resolve_name(destination),
            cast("int | None", parameters.get("MaxNumberOfMessagesPerSecond")),
        )
        return {"TaskHandle": self._handle(task)}

    async def list_message_move_tasks(self, parameters: Members, call: Call) -> Members:
        most = integer(parameters, "MaxResults", 1, MAX_LISTED)
        name = resolve_name(cast(str, parameters["SourceArn"]))
        tasks = self._service.mover.list_tasks(name, 1 if most is None else most)
        return {"Results": [self._members(task) for task in tasks]}

    async def cancel_message_move_task(self, parameters: Members, call: Call) -> Members:
        uid, source = _task_of(cast(str, parameters["TaskHandle"]))
        if self._service.queue(resolve_name(source)) is None:
            raise no_queue("SourceArn")
        return {"ApproximateNumberOfMessagesMoved": await self._service.mover.cancel(uid)}

    def _members(self, task: MoveTask) -> Members:
        arn = self._service.arn
        return {
            "TaskHandle": self._handle(task) if task.status == RUNNING else None,
            "Status": task.status,
            "SourceArn": arn(task.source),
            "DestinationArn": None if task.destination is None else arn(task.destination),
            "MaxNumberOfMessagesPerSecond": task.max_per_s,
            "ApproximateNumberOfMessagesMoved": task.moved,
            "ApproximateNumberOfMessagesToMove": task.to_move,
            "FailureReason": None if task.failure is None else _reason(task.failure),
            "StartedTimestamp": task.started_wall_ms,
        }

    def _handle(self, task: MoveTask) -> str:
        document = {"taskId": task.uid, "sourceArn": self._service.arn(task.source)}
        return urlsafe_b64encode(orjson.dumps(document)).decode("ascii")


def _reason(failure: str) -> str:
    """Return why a task failed as AWS says it: an error's code is the Query protocol's."""
    return SQS_QUERY_ERRORS.get(failure, (failure, 0))[0]


def _task_of(handle: str) -> tuple[str, str]:
    """Return what a handle names: the task's uid, and the ARN of its source."""
    try:
        document = orjson.loads(urlsafe_b64decode(handle)) if len(handle) <= _MAX_HANDLE else None
    except ValueError:  # no base64, no JSON, or not ASCII
        document = None
    named = document if isinstance(document, dict) else {}
    uid, source = named.get("taskId"), named.get("sourceArn")
    if not isinstance(uid, str) or not isinstance(source, str):
        raise InvalidParameterValue("Value for parameter TaskHandle is invalid.")
    return uid, source
