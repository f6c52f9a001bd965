"""What AWS has been seen to answer, where its documentation leaves it open.

Each is what boto3 got from AWS for the same call; names and sizes aside, it gets the same here.
"""

from __future__ import annotations

import json
from base64 import urlsafe_b64encode
from collections.abc import Iterator
from typing import Any

import pytest
from botocore.exceptions import ClientError

from tests.gateway.aws_api.sqs_serving import ACCOUNT, SqsServing

SCOPE = f"arn:aws:sqs:us-east-1:{ACCOUNT}:"


@pytest.fixture(scope="module")
def sqs(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Any]:
    with SqsServing(tmp_path_factory.mktemp("sqs")) as serving:
        yield serving.client()


@pytest.fixture(scope="module")
def plain(sqs: Any) -> str:
    return sqs.create_queue(QueueName="plain", Attributes={"VisibilityTimeout": "0"})["QueueUrl"]


@pytest.fixture(scope="module")
def fifo(sqs: Any) -> str:
    return sqs.create_queue(QueueName="plain.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]


def refused(call: Any, **members: Any) -> tuple[str, str]:
    with pytest.raises(ClientError) as caught:
        call(**members)
    error = caught.value.response["Error"]
    return error["Code"], error["Message"]


@pytest.mark.parametrize(
    ("names", "told"),
    [
        ([], []),
        (["All"], ["General", "Hello", "Help.Me"]),
        (["*"], ["General", "Hello", "Help.Me"]),
        ([".*"], ["General", "Hello", "Help.Me"]),
        (["Foo", "Help"], []),
        (["Foo", "Hello"], ["Hello"]),
        (["Hel.*"], ["Hello", "Help.Me"]),
        (["AWS."], []),
        (["..foo"], []),
    ],
)
def test_names_of_message_attributes(
    sqs: Any, plain: str, names: list[str], told: list[str]
) -> None:
    sqs.send_message(
        QueueUrl=plain,
        MessageBody="msg",
        MessageAttributes={
            name: {"DataType": "String", "StringValue": "x"}
            for name in ("Help.Me", "Hello", "General")
        },
    )
    (message,) = sqs.receive_message(QueueUrl=plain, MessageAttributeNames=names)["Messages"]
    sqs.delete_message(QueueUrl=plain, ReceiptHandle=message["ReceiptHandle"])
    assert sorted(message.get("MessageAttributes", {})) == told
    assert ("MD5OfMessageAttributes" in message) == bool(told)


@pytest.mark.parametrize(
    ("name", "value", "reason"),
    [
        ("MaxNumberOfMessages", 11, "Must be between 1 and 10, if provided."),
        ("WaitTimeSeconds", 21, "Must be >= 0 and <= 20, if provided."),
        ("WaitTimeSeconds", -1, "Must be >= 0 and <= 20, if provided."),
        ("DelaySeconds", 901, "DelaySeconds must be >= 0 and <= 900."),
    ],
)
def test_numbers_out_of_range(sqs: Any, plain: str, name: str, value: int, reason: str) -> None:
    sending = name == "DelaySeconds"
    more = {"MessageBody": "x"} if sending else {}
    call = sqs.send_message if sending else sqs.receive_message
    assert refused(call, QueueUrl=plain, **{name: value}, **more) == (
        "InvalidParameterValue",
        f"Value {value} for parameter {name} is invalid. Reason: {reason}",
    )


@pytest.mark.parametrize(
    ("lacking", "said"),
    [
        ("MessageGroupId", "The request must contain the parameter MessageGroupId."),
        (
            "MessageDeduplicationId",
            "The queue should either have ContentBasedDeduplication enabled or "
            "MessageDeduplicationId provided explicitly",
        ),
    ],
)
def test_a_batch_of_which_one_message_lacks_what_a_fifo_queue_asks_for(
    sqs: Any, fifo: str, lacking: str, said: str
) -> None:
    whole = {"MessageBody": "x", "MessageGroupId": "g", "MessageDeduplicationId": lacking}
    part = {name: value for name, value in whole.items() if name != lacking}
    entries = [{"Id": "whole", **whole}, {"Id": "part", **part}]
    found = refused(sqs.send_message_batch, QueueUrl=fifo, Entries=entries)
    assert found == ("InvalidParameterValue", said)
    assert "Messages" not in sqs.receive_message(QueueUrl=fifo)


def test_one_message_without_a_group(sqs: Any, fifo: str) -> None:
    found = refused(sqs.send_message, QueueUrl=fifo, MessageBody="x")
    assert found == (
        "MissingParameter",
        "The request must contain the parameter MessageGroupId.",
    )


def test_a_handle_whose_time_is_over_deletes_nothing_from_a_fifo_queue(sqs: Any, fifo: str) -> None:
    sqs.send_message(
        QueueUrl=fifo, MessageBody="x", MessageGroupId="late", MessageDeduplicationId="late"
    )
    (message,) = sqs.receive_message(QueueUrl=fifo, VisibilityTimeout=0)["Messages"]
    handle = message["ReceiptHandle"]
    assert refused(sqs.delete_message, QueueUrl=fifo, ReceiptHandle=handle) == (
        "InvalidParameterValue",
        f"Value {handle} for parameter ReceiptHandle is invalid. Reason: The receipt handle has "
        "expired.",
    )


@pytest.mark.parametrize("value", ["", "a" * 129, "group 123"])
def test_ids_of_groups(sqs: Any, plain: str, value: str) -> None:
    found = refused(sqs.send_message, QueueUrl=plain, MessageBody="x", MessageGroupId=value)
    assert found == (
        "InvalidParameterValue",
        f"Value {value} for parameter MessageGroupId is invalid. Reason: MessageGroupId can only "
        "include alphanumeric and punctuation characters. 1 to 128 in length.",
    )


def test_an_attribute_without_a_value(sqs: Any, plain: str) -> None:
    attributes = {"ErrorDetails": {"DataType": "String", "StringValue": ""}}
    found = refused(sqs.send_message, QueueUrl=plain, MessageBody="x", MessageAttributes=attributes)
    assert found == (
        "InvalidParameterValue",
        "Message (user) attribute 'ErrorDetails' must contain a non-empty value of type 'String'.",
    )


def test_texts_that_are_no_handles(sqs: Any, plain: str) -> None:
    assert refused(sqs.delete_message, QueueUrl=plain, ReceiptHandle="garbage") == (
        "ReceiptHandleIsInvalid",
        'The input receipt handle "garbage" is not a valid receipt handle.',
    )


def test_the_visibility_of_a_message_that_was_deleted(sqs: Any, plain: str) -> None:
    sqs.send_message(QueueUrl=plain, MessageBody="x")
    (message,) = sqs.receive_message(QueueUrl=plain, VisibilityTimeout=30)["Messages"]
    held = {"QueueUrl": plain, "ReceiptHandle": message["ReceiptHandle"]}
    sqs.change_message_visibility(VisibilityTimeout=42, **held)
    for _ in range(3):  # deleting what is deleted is no error
        sqs.delete_message(**held)
    found = refused(sqs.change_message_visibility, VisibilityTimeout=42, **held)
    assert found == (
        "InvalidParameterValue",
        f"Value {held['ReceiptHandle']} for parameter ReceiptHandle is invalid. Reason: Message "
        "does not exist or is not available for visibility timeout change.",
    )


@pytest.mark.parametrize(
    ("attributes", "digest"),
    [
        (
            {
                "Help.Me": {"DataType": "String", "StringValue": "Me"},
                "Hello": {"DataType": "String", "StringValue": "There"},
                "General": {"DataType": "String", "StringValue": "Kenobi"},
            },
            "4c360f3fdafd970e05fae2f149d997f5",
        ),
        (
            {"timestamp": {"DataType": "Number", "StringValue": "1493147359900"}},
            "235c5c510d26fb653d073faed50ae77c",
        ),
        (
            {
                "attr1": {
                    "DataType": "Binary",
                    "BinaryValue": b"traceparent\x1e00-774062d6c37081a5a0b9b5b88e30627c-"
                    b"2d2482211f6489da-01",
                }
            },
            "8cbe4db156db8a94db8b801b7addb984",
        ),
    ],
)
def test_digests_of_attributes(sqs: Any, attributes: dict[str, Any], digest: str) -> None:
    url = sqs.create_queue(QueueName="digests")["QueueUrl"]
    trace = "Root=1-5759e988-bd862e3fe1be46a994272793;Parent=53995c3f42cd8ad8;Sampled=1"
    system = {"AWSTraceHeader": {"DataType": "String", "StringValue": trace}}
    sent = sqs.send_message(
        QueueUrl=url,
        MessageBody="test",
        MessageAttributes=attributes,
        MessageSystemAttributes=system,
    )
    assert sent["MD5OfMessageBody"] == "098f6bcd4621d373cade4e832627b4f6"
    assert sent["MD5OfMessageAttributes"] == digest
    assert sent["MD5OfMessageSystemAttributes"] == "5ae4d5d7636402d80f4eb6d213245a88"


@pytest.mark.parametrize("name", ["attr.1øßä", "Hel-lo_9"])
def test_names_that_are_taken(sqs: Any, plain: str, name: str) -> None:
    attributes = {name: {"DataType": "String", "StringValue": "x"}}
    assert sqs.send_message(QueueUrl=plain, MessageBody="x", MessageAttributes=attributes)
    sqs.receive_message(QueueUrl=plain, VisibilityTimeout=43_200)


@pytest.mark.parametrize("character", ["!", '"', "§", "(", "?"])
def test_names_that_are_not_taken(sqs: Any, plain: str, character: str) -> None:
    attributes = {f"Invalid-{character}-attr": {"DataType": "String", "StringValue": "x"}}
    code, _ = refused(
        sqs.send_message, QueueUrl=plain, MessageBody="x", MessageAttributes=attributes
    )
    assert code == "InvalidParameterValue"


def test_characters_that_no_attribute_may_have(sqs: Any, plain: str) -> None:
    attributes = {"attr1": {"DataType": "String", "StringValue": "Invalid-\x08,\x0b"}}
    code, _ = refused(
        sqs.send_message, QueueUrl=plain, MessageBody="x", MessageAttributes=attributes
    )
    assert code == "InvalidParameterValue"


def test_labels_and_dead_letter_targets(sqs: Any, plain: str) -> None:
    label = {"QueueUrl": plain, "Label": "l"}
    assert refused(sqs.remove_permission, **label) == (
        "InvalidParameterValue",
        "Value l for parameter Label is invalid. Reason: can't find label.",
    )
    policy = json.dumps({"deadLetterTargetArn": "dummy", "maxReceiveCount": 42})
    found = refused(sqs.set_queue_attributes, QueueUrl=plain, Attributes={"RedrivePolicy": policy})
    assert found == (
        "InvalidParameterValue",
        f"Value {policy} for parameter RedrivePolicy is invalid. Reason: Invalid value for "
        "deadLetterTargetArn.",
    )


def test_handles_of_tasks(sqs: Any, plain: str) -> None:
    def handle(source: str) -> str:
        document = {"taskId": "none", "sourceArn": SCOPE + source}
        return urlsafe_b64encode(json.dumps(document).encode()).decode()

    cancel = sqs.cancel_message_move_task
    assert refused(cancel, TaskHandle="foobared") == (
        "InvalidParameterValue",
        "Value for parameter TaskHandle is invalid.",
    )
    assert refused(cancel, TaskHandle=handle("none")) == (
        "ResourceNotFoundException",
        "The resource that you specified for the SourceArn parameter doesn't exist.",
    )
    assert refused(cancel, TaskHandle=handle("plain")) == (
        "ResourceNotFoundException",
        "Task does not exist.",
    )


def test_a_task_whose_destination_is_deleted_meanwhile(sqs: Any) -> None:
    dead = sqs.create_queue(QueueName="task-dead")["QueueUrl"]
    away = sqs.create_queue(QueueName="task-away")["QueueUrl"]
    policy = json.dumps({"deadLetterTargetArn": f"{SCOPE}task-dead", "maxReceiveCount": 1})
    sqs.create_queue(QueueName="task-source", Attributes={"RedrivePolicy": policy})
    for _ in range(2):
        entries = [{"Id": str(n), "MessageBody": "x"} for n in range(10)]
        sqs.send_message_batch(QueueUrl=dead, Entries=entries)
    sqs.start_message_move_task(
        SourceArn=f"{SCOPE}task-dead",
        DestinationArn=f"{SCOPE}task-away",
        MaxNumberOfMessagesPerSecond=5,
    )
    sqs.delete_queue(QueueUrl=away)
    for _ in range(1000):
        (task,) = sqs.list_message_move_tasks(SourceArn=f"{SCOPE}task-dead")["Results"]
        if task["Status"] != "RUNNING":
            break
        sqs.receive_message(QueueUrl=dead, WaitTimeSeconds=1, VisibilityTimeout=0)
    assert task["Status"] == "FAILED"
    assert task["FailureReason"] == "AWS.SimpleQueueService.NonExistentQueue"
    assert "TaskHandle" not in task
