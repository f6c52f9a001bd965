"""What a call of SQS asks permission for: the action, and the queue that it is on.

Owns the mapping of operations to actions. A queue is named here as the engine finds it, by the last
part of its URL or ARN, or a caller could name one queue and reach another.

Source: "Actions, resources, and condition keys for Amazon SQS" in the Service Authorization
Reference, and "Amazon SQS API permissions" in the developer guide.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final, cast

from gateway.aws_api.authorization import Demands
from gateway.services.sqs.names import resolve_name

__all__ = ["sqs_demands"]

# A task takes the messages from one queue and sends them to another.
_MOVE: Final = ("receivemessage", "deletemessage", "getqueueattributes")


def sqs_demands(arn: Callable[[str], str]) -> Demands:
    """Return what SQS's operations ask permission for.

    Args:
        arn: Gives a queue's ARN by its name; by an empty name, that of the account's queues.
    """

    def demands(operation: str, parameters: Mapping[str, object]) -> list[tuple[str, str]]:
        # A batch is so many calls of the operation itself; SQS says all actions in lower case.
        action = operation.removesuffix("Batch").lower()
        resource = arn(_queue_name(parameters))
        found = [(f"sqs:{action}", resource)]
        if operation == "CreateQueue" and parameters.get("tags"):
            found.append(("sqs:tagqueue", resource))
        elif operation == "StartMessageMoveTask":
            found += [(f"sqs:{action}", resource) for action in _MOVE]
            destination = parameters.get("DestinationArn")
            if isinstance(destination, str):
                found.append(("sqs:sendmessage", arn(resolve_name(destination))))
        return found

    return demands


def _queue_name(parameters: Mapping[str, object]) -> str:
    """Return the name of the queue a call is on; empty where it is on none, or on any.

    A TaskHandle names a queue, too, but only as the caller says: the task may be of another.
    """
    for member in ("QueueUrl", "SourceArn"):
        if member in parameters:
            return resolve_name(cast(str, parameters[member]))
    return cast(str, parameters.get("QueueName", ""))
