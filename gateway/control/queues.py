"""The control socket's endpoints of queues: which there are, how they are doing, emptying them.

Owns the documents of queues and of message move tasks under `/v1/queues`. Messages themselves are
`queue_messages`' business, and what may be done with a queue is the engine's.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Final, cast, final

from gateway.control.queue_documents import (
    MoveTaskLine,
    MoveTaskList,
    QueueLine,
    QueueList,
    ShownQueue,
)
from gateway.control.queue_messages import MessageAnswers
from gateway.control.queue_terms import fields_of, find_queue, refusing
from gateway.control.routing import Endpoints, Refused, json_response, query
from gateway.http.message import Request, Response
from gateway.services.sqs import Queue, QueueAttributes, SqsService
from gateway.services.sqs.moving.rows import CANCELLING, MAX_LISTED, RUNNING, MoveTask

__all__ = ["queue_endpoints"]

_REDRIVE_FORM: Final = 'Send {"destination": queue, "max_per_s": number}, or without one of them.'


def queue_endpoints(service: SqsService) -> Endpoints:
    """Return the endpoints under `/v1/queues`.

    Args:
        service: The queues.
    """
    answers = _Answers(service)
    messages = MessageAnswers(service)
    return {
        "/v1/queues": ("GET", answers.every),
        "/v1/queues/{name}": ("GET", answers.one),
        "/v1/queues/{name}/purge": ("POST", answers.purge),
        "/v1/queues/{name}/move-tasks": ("GET", answers.move_tasks),
        "/v1/queues/{name}/redrive": ("POST", answers.redrive),
        "/v1/queues/{name}/cancel-redrive": ("POST", answers.cancel_redrive),
        "/v1/queues/{name}/send": ("POST", messages.send),
        "/v1/queues/{name}/receive": ("POST", messages.receive),
        "/v1/queues/{name}/delete-messages": ("POST", messages.delete),
    }


@final
class _Answers:
    def __init__(self, service: SqsService) -> None:
        self._service = service

    async def every(self, request: Request) -> Response:
        query(request, set())
        queues = self._every_queue()
        sources = _sources(queues)
        answer: QueueList = {"queues": [self._line(queue, sources) for queue in queues]}
        return json_response({**answer})

    async def one(self, request: Request, name: str) -> Response:
        query(request, set())
        return self._shown(find_queue(self._service, name))

    async def purge(self, request: Request, name: str) -> Response:
        query(request, set())
        queue = find_queue(self._service, name)
        with refusing():
            await self._service.purge(queue)
        return self._shown(queue)

    async def move_tasks(self, request: Request, name: str) -> Response:
        query(request, set())
        answer: MoveTaskList = {"move_tasks": self._tasks(find_queue(self._service, name))}
        return json_response({**answer})

    async def redrive(self, request: Request, name: str) -> Response:
        query(request, set())
        fields = fields_of(request, {"destination": str, "max_per_s": int}, _REDRIVE_FORM)
        source = self._dead_letter_queue(name)
        given = cast("str | None", fields.get("destination"))
        target = None if given is None else find_queue(self._service, given).record.name
        name = source.record.name
        under_way = self._under_way(source)
        if under_way is not None and under_way.status == CANCELLING:
            raise Refused(
                409,
                "redrive-under-way",
                f"what was moving messages of {name} is just being cancelled",
                "Try again in a moment.",
            )
        if under_way is not None:
            raise Refused(
                409,
                "redrive-under-way",
                f"messages of {name} are being moved already",
                f"Look with weir queue redrive {name} --watch, or cancel that first with --cancel.",
            )
        with refusing():
            task = await self._service.mover.start(
                name, target, cast("int | None", fields.get("max_per_s"))
            )
        return json_response({**_task(task)})

    async def cancel_redrive(self, request: Request, name: str) -> Response:
        query(request, set())
        queue = find_queue(self._service, name)
        task = self._under_way(queue)
        if task is None or task.status == CANCELLING:
            raise Refused(
                409,
                "no-redrive",
                f"no messages of {queue.record.name} are being moved",
                f"See what came of the last time with weir queue show {queue.record.name}.",
            )
        with refusing():
            moved = await self._service.mover.cancel(task.uid)
        # Asked for, and acknowledged: it ends by itself with its next step.
        answer: MoveTaskLine = {**_task(task), "status": CANCELLING, "moved": moved}
        return json_response({**answer})

    # --- inside ----------------------------------------------------------------------------------

    def _every_queue(self) -> list[Queue]:
        found = (self._service.queue(name) for name in self._service.names())
        return [queue for queue in found if queue is not None]

    def _shown(self, queue: Queue) -> Response:
        record = queue.record
        sources = {record.name: self._service.dead_letter_sources(queue)}
        answer: ShownQueue = {
            **self._line(queue, sources),
            "arn": self._service.arn(record.name),
            "created_ms": record.created_wall_ms,
            "modified_ms": record.modified_wall_ms,
            "attributes": record.attributes.texts(),
            "tags": dict(record.tags),
            "move_tasks": self._tasks(queue),
        }
        return json_response({**answer})

    def _line(self, queue: Queue, sources: Mapping[str, list[str]]) -> QueueLine:
        attributes, name = queue.attributes, queue.record.name
        depths, policy = queue.depths(), attributes.redrive
        target = None if policy is None else policy.target
        return {
            "name": name,
            "fifo": attributes.fifo,
            "visible": depths.visible,
            "in_flight": depths.in_flight,
            "delayed": depths.delayed,
            "oldest_age_s": queue.oldest_age_s(),
            "encryption": _encryption(attributes),
            "encryption_problem": queue.bodies.problem(),
            "dead_letter_queue": target,
            "dead_letter_queue_missing": target is not None and self._service.queue(target) is None,
            "max_receive_count": None if policy is None else policy.max_receive_count,
            "dead_letter_sources": sources.get(name, []),
        }

    def _tasks(self, queue: Queue) -> list[MoveTaskLine]:
        tasks = self._service.mover.list_tasks(queue.record.name, MAX_LISTED)
        return [_task(task) for task in tasks]

    def _under_way(self, queue: Queue) -> MoveTask | None:
        tasks = self._service.mover.list_tasks(queue.record.name, MAX_LISTED)
        return next((task for task in tasks if task.status in (RUNNING, CANCELLING)), None)

    def _dead_letter_queue(self, name: str) -> Queue:
        queue = find_queue(self._service, name)
        if self._service.dead_letter_sources(queue):
            return queue
        others = sorted(_sources(self._every_queue()))
        there = [other for other in others if self._service.queue(other) is not None]
        raise Refused(
            409,
            "no-dead-letter-queue",
            f"{queue.record.name} is no queue's dead-letter queue, so nothing can be moved back",
            f"Dead-letter queues are {', '.join(there)}." if there else "There is none here.",
        )


def _sources(queues: Iterable[Queue]) -> dict[str, list[str]]:
    """Return the names of the queues that each dead-letter queue is there for."""
    found: dict[str, list[str]] = {}
    for queue in queues:
        policy = queue.attributes.redrive
        if policy is not None:
            found.setdefault(policy.target, []).append(queue.record.name)
    return found


def _encryption(attributes: QueueAttributes) -> str:
    if attributes.kms_master_key_id:
        return "SSE-KMS"
    return "SSE-SQS" if attributes.managed_sse else ""


def _task(task: MoveTask) -> MoveTaskLine:
    return {
        "source": task.source,
        "destination": task.destination,
        "status": task.status,
        "moved": task.moved,
        "to_move": task.to_move,
        "max_per_s": task.max_per_s,
        "started_ms": task.started_wall_ms,
        "failure": task.failure,
    }
