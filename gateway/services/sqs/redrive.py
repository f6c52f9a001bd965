"""Which queues are the dead-letter queues of which: asked where all queues are known.

Owns what AWS asks of a RedrivePolicy beyond its form: that the target exists, is of the same kind,
and takes this queue's messages. The form is `redrive_policy`'s business.

Source: "Using dead-letter queues in Amazon SQS", Amazon SQS Developer Guide.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping

from gateway.services.sqs.names import is_fifo_name
from gateway.services.sqs.queue import Queue
from gateway.services.sqs.redrive_policy import (
    RedrivePolicy,
    invalid_redrive_policy,
    parse_redrive_allow_policy,
)

__all__ = ["check_redrive", "sources_of"]


def check_redrive(name: str, policy: RedrivePolicy, queues: Mapping[str, Queue]) -> None:
    """Refuse a dead-letter queue that this queue cannot have.

    Args:
        name: The queue.
        policy: What it is told; account and region of the ARN make no difference.
        queues: All queues by name.

    Raises:
        InvalidParameterValue: There is no such queue, it is of the other kind, it is the queue
            itself, or it does not let this queue name it.
    """
    target = queues.get(policy.target)
    text = policy.text()
    if is_fifo_name(policy.target) != is_fifo_name(name):
        raise invalid_redrive_policy(
            text, "Dead-letter queue must be same type of queue as the source."
        )
    if policy.target == name:
        raise invalid_redrive_policy(text, "Dead-letter queue must be another queue.")
    if target is None:
        raise invalid_redrive_policy(text, "Dead letter target does not exist.")
    if not parse_redrive_allow_policy(target.attributes.redrive_allow_policy).allows(name):
        raise invalid_redrive_policy(
            text,
            f"The redrive allow policy of {policy.target} does not let {name} use it as its "
            "dead-letter queue.",
        )


def sources_of(name: str, queues: Iterable[Queue]) -> list[str]:
    """Return the names of the queues whose dead-letter queue this is, in order."""
    found = []
    for queue in queues:
        policy = queue.attributes.redrive
        if policy is not None and policy.target == name:
            found.append(queue.record.name)
    return sorted(found)
