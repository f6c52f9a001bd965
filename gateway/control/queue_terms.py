"""What the endpoints of queues share: which queue is meant, what a body says, what is refused.

Owns how a path names a queue and how the engine's refusals are told to a person. Knows no endpoint.
"""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from typing import Final, cast

import orjson

from gateway.control.routing import Refused
from gateway.http.message import Request
from gateway.services.sqs import Queue, SqsError, SqsService
from gateway.services.sqs.errors import (
    KmsDisabled,
    KmsNotFound,
    OverLimit,
    PurgeQueueInProgress,
    QueueDoesNotExist,
    RequestThrottled,
    ResourceNotFound,
)
from gateway.services.sqs.names import resolve_name

__all__ = ["fields_of", "find_queue", "refusing"]

_STATUS: Final[tuple[tuple[type[SqsError], int], ...]] = (
    (QueueDoesNotExist, 404),
    (ResourceNotFound, 404),
    (PurgeQueueInProgress, 409),
    (KmsDisabled, 409),
    (KmsNotFound, 409),
    (OverLimit, 503),
    (RequestThrottled, 503),
)

# AWS's sentences name its parameters; a person gave an option.
_OPTIONS: Final = (
    ("ContentBasedDeduplication", "Give it a deduplication id with --dedup."),
    ("MessageDeduplicationId", "That is the option --dedup, for FIFO queues only."),
    ("MessageGroupId", "That is the option --group."),
    ("DelaySeconds", "That is the option --delay; a FIFO queue delays all its messages alike."),
    ("MaxNumberOfMessagesPerSecond", "That is the option --rate."),
    ("MaxNumberOfMessages", "That is the option --max."),
    ("WaitTimeSeconds", "That is the option --wait."),
    ("VisibilityTimeout", "That is the option --visibility-timeout."),
    ("MessageBody", "Send at least one character."),
    ("message attribute", "That is the option --attribute NAME[:TYPE]=VALUE."),
    ("message (user) attribute", "That is the option --attribute NAME[:TYPE]=VALUE."),
)

_MAX_NEAR: Final = 3


def find_queue(service: SqsService, name: str) -> Queue:
    """Return the queue that a name, a URL or an ARN means.

    Raises:
        Refused: There is none; the names that come nearest are told.
    """
    wanted = resolve_name(name)
    queue = service.queue(wanted)
    if queue is not None:
        return queue
    near = difflib.get_close_matches(wanted, service.names(), n=_MAX_NEAR)
    hint = "See which there are with weir queue list."
    if near:
        hint = f"Did you mean {' or '.join(near)}? {hint}"
    raise Refused(404, QueueDoesNotExist.code, f"there is no queue {name!r:.100}", hint)


def fields_of(
    request: Request, kinds: Mapping[str, type], form: str, required: frozenset[str] = frozenset()
) -> dict[str, object]:
    """Return the fields of a request's JSON object; those that are null are left out.

    Args:
        request: The request.
        kinds: The type of each field that there may be.
        form: What to send instead, in a sentence.
        required: Those that must be there.

    Raises:
        Refused: The body is no JSON object of such fields.
    """

    def refused(message: str) -> Refused:
        return Refused(400, "bad-request", message, form)

    try:
        document: object = orjson.loads(request.body)
    except orjson.JSONDecodeError as fault:
        raise refused(f"the body is no JSON: {fault}") from None
    if not isinstance(document, dict):
        raise refused("the body is no JSON object")
    fields = cast("dict[str, object]", document)
    if unknown := fields.keys() - kinds.keys():
        raise refused(f"the body has the unknown keys {', '.join(sorted(unknown))}"[:200])
    fields = {key: value for key, value in fields.items() if value is not None}
    for key, value in fields.items():
        if type(value) is not kinds[key]:  # true is no number here
            raise refused(f"{key!r} is {type(value).__name__}, not {kinds[key].__name__}")
    if missing := required - fields.keys():
        raise refused(f"{' and '.join(sorted(missing))} is missing")
    return fields


@contextmanager
def refusing() -> Iterator[None]:
    """Tell what the engine refuses to a person, with what to do about it."""
    try:
        yield
    except SqsError as error:
        status = next((status for kind, status in _STATUS if isinstance(error, kind)), 400)
        raise Refused(status, error.code, str(error), error.hint or _hint(error)) from error


def _hint(error: SqsError) -> str:
    if isinstance(error, PurgeQueueInProgress):
        return "Wait a minute, then purge it again."
    if isinstance(error, OverLimit | RequestThrottled):
        return "Try again in a moment."
    if isinstance(error, QueueDoesNotExist):
        return "It was deleted meanwhile; see which there are with weir queue list."
    text = str(error)
    return next((hint for word, hint in _OPTIONS if word in text), "")
