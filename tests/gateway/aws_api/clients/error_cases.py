"""What provokes each error that SQS's model lists for an operation.

A table: operation, error, and the members of a call that gets it. What cannot occur here is in
docs/compatibility.md, with the reason; no pair may be missing in both.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from dataclasses import dataclass
from typing import Any
from unittest import mock

from gateway.services.sqs import receive
from gateway.services.sqs.moving import mover
from tests.gateway.aws_api.sqs_serving import ACCOUNT, SqsServing

Members = dict[str, Any]
Prepare = Callable[["Site"], Members]

PLAIN, DEAD = "plain", "dead"
STATEMENT = {"Effect": "Allow", "Principal": "*", "Action": "SQS:*", "Resource": "*"}
TOO_MANY = json.dumps({"Version": "2012-10-17", "Statement": [STATEMENT] * 21})
LIST_VALUE = {"a": {"DataType": "String", "StringListValues": ["x"]}}


class Site:
    """A gateway with the queues that the cases are about.

    Attributes:
        serving: The gateway.
        sqs: A client that sets the scene.
    """

    def __init__(self, serving: SqsServing) -> None:
        self.serving = serving
        self.sqs = serving.client()
        self.sqs.create_queue(QueueName=DEAD)
        redrive = {"deadLetterTargetArn": self.arn(DEAD), "maxReceiveCount": 3}
        self.sqs.create_queue(
            QueueName=PLAIN, Attributes={"RedrivePolicy": json.dumps(redrive), "DelaySeconds": "0"}
        )
        self._count = 0

    def url(self, name: str) -> str:
        return f"http://{self.serving.address}/{ACCOUNT}/{name}"

    def arn(self, name: str) -> str:
        return f"arn:aws:sqs:us-east-1:{ACCOUNT}:{name}"

    def fresh(self, **attributes: str) -> str:
        """Return the URL of a new queue."""
        name = self.new_name()
        url: str = self.sqs.create_queue(QueueName=name, Attributes=attributes)["QueueUrl"]
        return url

    def new_name(self) -> str:
        self._count += 1
        return f"fresh-{self._count}"

    def state(self) -> list[object]:
        """Return what can be seen of all queues."""
        service = self.serving.service

        def look() -> list[object]:
            queues = [(told, service.queue(told.name)) for told in service.status()]
            return [(told, queue and queue.record) for told, queue in queues]

        found: list[object] = self.serving.call(look)
        return found

    def sealed(self, name: str) -> str:
        """Return the URL of a queue that is sealed with a new key, and holds two messages."""
        self.serving.call(self.serving.keys.create, name)
        url = self.fresh(KmsMasterKeyId=f"alias/{name}")
        for _ in range(2):
            self.sqs.send_message(QueueUrl=url, MessageBody="x")
        return url


@dataclass(frozen=True, slots=True)
class Case:
    """One call that must be refused.

    Attributes:
        operation: The operation.
        error: The error shape's name in the model.
        members: Sets the scene and returns the members of the call.
        while_: What holds during the call.
        in_entry: Whether the error is told of a batch's entry, not of the call.
    """

    operation: str
    error: str
    members: Prepare
    while_: Callable[[Site], AbstractContextManager[object]] = lambda site: nullcontext()
    in_entry: bool = False

    def __str__(self) -> str:
        return f"{self.operation}-{self.error}"


# --- errors that many operations have -------------------------------------------------------------

# By operation: what a call on a queue needs beside its URL.
ON_A_QUEUE: dict[str, Members] = {
    "AddPermission": {"Label": "a", "AWSAccountIds": ["1" * 12], "Actions": ["*"]},
    "ChangeMessageVisibility": {"ReceiptHandle": "x", "VisibilityTimeout": 1},
    "ChangeMessageVisibilityBatch": {
        "Entries": [{"Id": "a", "ReceiptHandle": "x", "VisibilityTimeout": 1}]
    },
    "DeleteMessage": {"ReceiptHandle": "x"},
    "DeleteMessageBatch": {"Entries": [{"Id": "a", "ReceiptHandle": "x"}]},
    "DeleteQueue": {},
    "GetQueueAttributes": {"AttributeNames": ["All"]},
    "ListDeadLetterSourceQueues": {},
    "ListQueueTags": {},
    "PurgeQueue": {},
    "ReceiveMessage": {},
    "RemovePermission": {"Label": "a"},
    "SendMessage": {"MessageBody": "x"},
    "SendMessageBatch": {"Entries": [{"Id": "a", "MessageBody": "x"}]},
    "SetQueueAttributes": {"Attributes": {"DelaySeconds": "1"}},
    "TagQueue": {"Tags": {"a": "b"}},
    "UntagQueue": {"TagKeys": ["a"]},
}


def on(name: str, **members: Any) -> Prepare:
    return lambda site: {"QueueUrl": site.url(name), **members}


def nowhere(members: Members) -> Prepare:
    """Name the endpoint itself in the place of a queue: a common mistake."""
    return lambda site: {"QueueUrl": f"http://{site.serving.address}/", **members}


SHARED = [
    *(
        Case(operation, "QueueDoesNotExist", on("none", **members))
        for operation, members in ON_A_QUEUE.items()
    ),
    Case("GetQueueUrl", "QueueDoesNotExist", lambda site: {"QueueName": "none"}),
    *(
        Case(operation, "InvalidAddress", nowhere(members))
        for operation, members in ON_A_QUEUE.items()
    ),
]

# --- batches --------------------------------------------------------------------------------------


def batch(operation: str, *ids: str, text: str = "x") -> Prepare:
    (sample,) = ON_A_QUEUE[operation]["Entries"]
    entries = [{**sample, "Id": entry_id} for entry_id in ids]
    if operation == "SendMessageBatch":
        entries = [{**entry, "MessageBody": text} for entry in entries]
    return on(PLAIN, Entries=entries)


BATCHES = [
    Case(operation, error, batch(operation, *ids))
    for operation in ("ChangeMessageVisibilityBatch", "DeleteMessageBatch", "SendMessageBatch")
    for error, ids in [
        ("EmptyBatchRequest", []),
        ("TooManyEntriesInBatchRequest", [f"e{n}" for n in range(11)]),
        ("BatchEntryIdsNotDistinct", ["a", "b", "a"]),
        ("InvalidBatchEntryId", ["a", "b c"]),
    ]
]

# --- each its own ---------------------------------------------------------------------------------


def in_flight(site: Site) -> Members:
    """Receive one message of two."""
    url = site.fresh()
    for _ in range(2):
        site.sqs.send_message(QueueUrl=url, MessageBody="x")
    assert len(site.sqs.receive_message(QueueUrl=url)["Messages"]) == 1
    return {"QueueUrl": url}


def visible_again(site: Site) -> Members:
    name = f"{site.new_name()}.fifo"
    url = site.sqs.create_queue(QueueName=name, Attributes={"FifoQueue": "true"})["QueueUrl"]
    ids = {"MessageGroupId": "g", "MessageDeduplicationId": "d"}
    site.sqs.send_message(QueueUrl=url, MessageBody="x", **ids)
    (message,) = site.sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"]
    return {"QueueUrl": url, "ReceiptHandle": message["ReceiptHandle"], "VisibilityTimeout": 1}


def just_purged(site: Site) -> Members:
    url = site.fresh()
    site.sqs.purge_queue(QueueUrl=url)
    return {"QueueUrl": url}


@contextmanager
def nobody_may_wait(site: Site) -> Iterator[None]:
    limit = site.serving.service._parts.wait_limit
    most, limit.most = limit.most, 0
    try:
        yield
    finally:
        limit.most = most


def disabled(site: Site) -> Members:
    name = site.new_name()
    url = site.sealed(name)
    site.serving.call(site.serving.keys.disable, f"alias/{name}")
    return {"QueueUrl": url}


def no_key(members: Members) -> Prepare:
    return lambda site: {"QueueUrl": site.fresh(KmsMasterKeyId="alias/none"), **members}


def handle(task: str, arn: str) -> str:
    document = {"taskId": task, "sourceArn": arn}
    return urlsafe_b64encode(json.dumps(document).encode()).decode()


def sends(prepare: Prepare, operation: str) -> Prepare:
    return lambda site: {**prepare(site), **ON_A_QUEUE[operation]}


OWN = [
    # queues
    Case(
        "CreateQueue",
        "QueueNameExists",
        lambda site: {"QueueName": PLAIN, "Attributes": {"DelaySeconds": "9"}},
    ),
    Case(
        "CreateQueue",
        "InvalidAttributeName",
        lambda site: {"QueueName": "new", "Attributes": {"Colour": "red"}},
    ),
    Case(
        "CreateQueue",
        "InvalidAttributeValue",
        lambda site: {"QueueName": "new", "Attributes": {"DelaySeconds": "901"}},
    ),
    Case("GetQueueAttributes", "InvalidAttributeName", on(PLAIN, AttributeNames=["Colour"])),
    Case("SetQueueAttributes", "InvalidAttributeName", on(PLAIN, Attributes={"Colour": "red"})),
    Case(
        "SetQueueAttributes", "InvalidAttributeValue", on(PLAIN, Attributes={"DelaySeconds": "x"})
    ),
    Case("SetQueueAttributes", "OverLimit", on(PLAIN, Attributes={"Policy": TOO_MANY})),
    Case(
        "AddPermission",
        "OverLimit",
        on(PLAIN, Label="a", AWSAccountIds=["1" * 12], Actions=["SendMessage"] * 8),
    ),
    Case("PurgeQueue", "PurgeQueueInProgress", just_purged),
    # sending
    Case("SendMessage", "InvalidMessageContents", on(PLAIN, MessageBody="a\x08b")),
    Case(
        "SendMessage",
        "UnsupportedOperation",
        on(PLAIN, MessageBody="x", MessageAttributes=LIST_VALUE),
    ),
    Case(
        "SendMessageBatch",
        "UnsupportedOperation",
        on(PLAIN, Entries=[{"Id": "a", "MessageBody": "x", "MessageAttributes": LIST_VALUE}]),
        in_entry=True,
    ),
    Case(
        "SendMessageBatch",
        "BatchRequestTooLong",
        batch("SendMessageBatch", "a", "b", text="x" * 524_289),
    ),
    # receiving
    Case("DeleteMessage", "ReceiptHandleIsInvalid", on(PLAIN, ReceiptHandle="nonsense")),
    Case(
        "ChangeMessageVisibility",
        "ReceiptHandleIsInvalid",
        on(PLAIN, ReceiptHandle="nonsense", VisibilityTimeout=1),
    ),
    Case("ChangeMessageVisibility", "MessageNotInflight", visible_again),
    Case(
        "ReceiveMessage",
        "OverLimit",
        in_flight,
        lambda site: mock.patch.object(receive, "MAX_IN_FLIGHT", 1),
    ),
    Case("ReceiveMessage", "RequestThrottled", on(PLAIN, WaitTimeSeconds=1), nobody_may_wait),
    # message move tasks
    Case(
        "StartMessageMoveTask",
        "ResourceNotFoundException",
        lambda site: {"SourceArn": site.arn("none")},
    ),
    Case(
        "StartMessageMoveTask",
        "RequestThrottled",
        lambda site: {"SourceArn": site.arn(DEAD)},
        lambda site: mock.patch.object(mover, "_MAX_TASKS", 0),
    ),
    Case(
        "ListMessageMoveTasks",
        "ResourceNotFoundException",
        lambda site: {"SourceArn": site.arn("none")},
    ),
    Case(
        "CancelMessageMoveTask",
        "ResourceNotFoundException",
        lambda site: {"TaskHandle": handle("none", site.arn(DEAD))},
    ),
    # keys
    Case("ReceiveMessage", "KmsDisabled", disabled),
    *(
        case
        for operation in ("SendMessage", "SendMessageBatch")
        for case in (
            Case(operation, "KmsDisabled", sends(disabled, operation)),
            Case(operation, "KmsNotFound", no_key(ON_A_QUEUE[operation])),
        )
    ),
]

CASES = [*SHARED, *BATCHES, *OWN]
