"""One walk through every operation of SQS, for any client that can name operation and members."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable
from typing import Any

from tests.gateway.aws_api.sqs_serving import ACCOUNT

Call = Callable[..., dict[str, Any]]
"""Takes an operation's name and its members, and returns the members of the answer."""

BODY = "grün \U0001f331 <b>&\"' % =\t"
ATTRIBUTES = {
    "unit": {"DataType": "String", "StringValue": "°C & mehr"},
    "celsius": {"DataType": "Number.float", "StringValue": "31.50"},
}
MOST_MOVES = 10


def md5(text: str) -> str:
    return hashlib.md5(text.encode()).hexdigest()


def md5_of_attributes() -> str:
    digest = hashlib.md5()
    for name, value in sorted(ATTRIBUTES.items()):
        for part in (name, value["DataType"]):
            digest.update(len(part.encode()).to_bytes(4, "big") + part.encode())
        content = value["StringValue"].encode()
        digest.update(b"\x01" + len(content).to_bytes(4, "big") + content)
    return digest.hexdigest()


def walk(call: Call, name: str) -> None:
    """Call every operation at least once, and look at what comes back.

    Args:
        call: The client.
        name: What the names of its queues begin with; no other client's do.
    """
    url, dead = _make_queues(call, name)
    _configure(call, url)
    _send_and_receive(call, url)
    _send_and_receive_fifo(call, f"{name}-walk.fifo")
    _move(call, url, dead)
    assert call("PurgeQueue", QueueUrl=dead) == {}
    for queue in (url, dead):
        assert call("DeleteQueue", QueueUrl=queue) == {}
    assert call("ListQueues", QueueNamePrefix=f"{name}-walk") == {}


def arn(url: str) -> str:
    return f"arn:aws:sqs:us-east-1:{ACCOUNT}:{url.rpartition('/')[2]}"


def _make_queues(call: Call, name: str) -> tuple[str, str]:
    dead = call("CreateQueue", QueueName=f"{name}-walk-dead", tags={"site": "north"})["QueueUrl"]
    attributes = {
        "VisibilityTimeout": "7",
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": arn(dead), "maxReceiveCount": 5}),
    }
    url = call("CreateQueue", QueueName=f"{name}-walk", Attributes=attributes)["QueueUrl"]
    assert call("GetQueueUrl", QueueName=f"{name}-walk") == {"QueueUrl": url}
    listed = call("ListQueues", QueueNamePrefix=f"{name}-walk", MaxResults=10)
    assert listed["QueueUrls"] == [url, dead]
    sources = call("ListDeadLetterSourceQueues", QueueUrl=dead, MaxResults=10)
    assert sources["queueUrls"] == [url]
    return url, dead


def _configure(call: Call, url: str) -> None:
    assert call("SetQueueAttributes", QueueUrl=url, Attributes={"VisibilityTimeout": "90"}) == {}
    permission = {"Label": "l", "AWSAccountIds": ["111111111111"], "Actions": ["SendMessage"]}
    assert call("AddPermission", QueueUrl=url, **permission) == {}
    told = call("GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])["Attributes"]
    assert told["QueueArn"] == arn(url)
    assert told["VisibilityTimeout"] == "90"
    assert json.loads(told["RedrivePolicy"])["maxReceiveCount"] == 5
    (statement,) = json.loads(told["Policy"])["Statement"]
    assert (statement["Sid"], statement["Action"]) == ("l", "SQS:SendMessage")
    assert call("RemovePermission", QueueUrl=url, Label="l") == {}
    assert call("TagQueue", QueueUrl=url, Tags={"a": "1", "b": "zwei"}) == {}
    assert call("UntagQueue", QueueUrl=url, TagKeys=["a"]) == {}
    assert call("ListQueueTags", QueueUrl=url) == {"Tags": {"b": "zwei"}}


def _send_and_receive(call: Call, url: str) -> None:
    sent = call("SendMessage", QueueUrl=url, MessageBody=BODY, MessageAttributes=ATTRIBUTES)
    assert sent["MD5OfMessageBody"] == md5(BODY)
    assert sent["MD5OfMessageAttributes"] == md5_of_attributes()
    entries = [{"Id": f"e{n}", "MessageBody": f"m{n}"} for n in range(2)]
    batch = call("SendMessageBatch", QueueUrl=url, Entries=entries)["Successful"]
    assert [entry["Id"] for entry in batch] == ["e0", "e1"]
    assert [entry["MD5OfMessageBody"] for entry in batch] == [md5("m0"), md5("m1")]
    received = call(
        "ReceiveMessage",
        QueueUrl=url,
        MaxNumberOfMessages=10,
        WaitTimeSeconds=1,
        AttributeNames=["All"],
        MessageAttributeNames=["All"],
    )["Messages"]
    ids = [message["MessageId"] for message in received]
    assert ids == [sent["MessageId"], *(entry["MessageId"] for entry in batch)]
    first = received[0]
    assert (first["Body"], first["MD5OfBody"]) == (BODY, md5(BODY))
    assert first["MessageAttributes"] == ATTRIBUTES
    assert first["MD5OfMessageAttributes"] == md5_of_attributes()
    assert first["Attributes"]["ApproximateReceiveCount"] == "1"
    handles = [message["ReceiptHandle"] for message in received]
    hidden = {"ReceiptHandle": handles[0], "VisibilityTimeout": 600}
    assert call("ChangeMessageVisibility", QueueUrl=url, **hidden) == {}
    entries = [
        {"Id": "a", "ReceiptHandle": handles[1], "VisibilityTimeout": 600},
        {"Id": "b", "ReceiptHandle": "nonsense", "VisibilityTimeout": 600},
    ]
    changed = call("ChangeMessageVisibilityBatch", QueueUrl=url, Entries=entries)
    assert changed["Successful"] == [{"Id": "a"}]
    (failed,) = changed["Failed"]
    assert (failed["Id"], failed["Code"]) == ("b", "ReceiptHandleIsInvalid")
    assert failed["SenderFault"] is True
    assert call("DeleteMessage", QueueUrl=url, ReceiptHandle=handles[0]) == {}
    entries = [{"Id": f"d{n}", "ReceiptHandle": handles[n]} for n in (1, 2)]
    deleted = call("DeleteMessageBatch", QueueUrl=url, Entries=entries)
    assert deleted == {"Successful": [{"Id": "d1"}, {"Id": "d2"}]}


def _send_and_receive_fifo(call: Call, name: str) -> None:
    attributes = {"FifoQueue": "true", "ContentBasedDeduplication": "true"}
    url = call("CreateQueue", QueueName=name, Attributes=attributes)["QueueUrl"]
    message = {"QueueUrl": url, "MessageBody": "once", "MessageGroupId": "pump-1"}
    sent = call("SendMessage", **message)
    assert len(sent["SequenceNumber"]) == 20
    again = call("SendMessage", **message)
    assert again["MessageId"] == sent["MessageId"]
    assert again["SequenceNumber"] == sent["SequenceNumber"]
    receive = {"QueueUrl": url, "MaxNumberOfMessages": 10, "AttributeNames": ["All"]}
    (got,) = call("ReceiveMessage", ReceiveRequestAttemptId="try-1", **receive)["Messages"]
    assert got["Attributes"]["MessageGroupId"] == "pump-1"
    assert got["Attributes"]["SequenceNumber"] == sent["SequenceNumber"]
    assert call("DeleteQueue", QueueUrl=url) == {}


def _move(call: Call, url: str, dead: str) -> None:
    entries = [{"Id": str(n), "MessageBody": f"dead {n}"} for n in range(MOST_MOVES)]
    call("SendMessageBatch", QueueUrl=dead, Entries=entries)
    # One a second: it is under way for as long as the next two calls take.
    pace = {"DestinationArn": arn(url), "MaxNumberOfMessagesPerSecond": 1}
    handle = call("StartMessageMoveTask", SourceArn=arn(dead), **pace)["TaskHandle"]
    (task,) = call("ListMessageMoveTasks", SourceArn=arn(dead), MaxResults=1)["Results"]
    assert (task["TaskHandle"], task["Status"]) == (handle, "RUNNING")
    assert (task["SourceArn"], task["DestinationArn"]) == (arn(dead), arn(url))
    assert (task["MaxNumberOfMessagesPerSecond"], task["ApproximateNumberOfMessagesToMove"]) == (
        1,
        MOST_MOVES,
    )
    assert task["StartedTimestamp"] > 1_600_000_000_000
    cancelled = call("CancelMessageMoveTask", TaskHandle=handle)
    assert 0 <= cancelled["ApproximateNumberOfMessagesMoved"] < MOST_MOVES
    (task,) = call("ListMessageMoveTasks", SourceArn=arn(dead))["Results"]
    assert task["Status"] in ("CANCELLING", "CANCELLED")
    assert "TaskHandle" not in task
