"""What SQS refuses: AWS's code, the code under the Query protocol, and the HTTP status."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from typing import Any

import pytest
from botocore.exceptions import ClientError

from gateway.services.sqs import receive
from tests.gateway.aws_api.sqs_serving import SqsServing

QUEUE = "http://any.host/123456789012/errors"
NONE = "http://any.host/123456789012/none"
BODY = {"QueueUrl": QUEUE, "MessageBody": "x"}
OLD = "AWS.SimpleQueueService."


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqsServing]:
    with SqsServing(tmp_path_factory.mktemp("sqs")) as serving:
        serving.client().create_queue(QueueName="errors", Attributes={"MaximumMessageSize": "2048"})
        yield serving


def entries(operation: str, *ids: str) -> dict[str, object]:
    members = {"MessageBody": "x"} if operation == "SendMessageBatch" else {"ReceiptHandle": "x"}
    return {"QueueUrl": QUEUE, "Entries": [{"Id": entry_id, **members} for entry_id in ids]}


def attribute(data_type: str, **value: object) -> dict[str, object]:
    return {**BODY, "MessageAttributes": {"a": {"DataType": data_type, **value}}}


def trace(data_type: str, **value: object) -> dict[str, object]:
    return {**BODY, "MessageSystemAttributes": {"AWSTraceHeader": {"DataType": data_type, **value}}}


Refusal = tuple[str, dict[str, object], tuple[str, str, int]]


def create(expected: tuple[str, str, int], **attributes: str) -> Refusal:
    return "CreateQueue", {"QueueName": "x", "Attributes": attributes}, expected


def configure(operation: str, expected: tuple[str, str, int], **members: object) -> Refusal:
    return operation, {"QueueUrl": QUEUE, **members}, expected


def permit(
    expected: tuple[str, str, int],
    label: str = "a",
    accounts: Sequence[str] = ("111111111111",),
    actions: Sequence[str] = ("SendMessage",),
) -> Refusal:
    members = {"Label": label, "AWSAccountIds": list(accounts), "Actions": list(actions)}
    return configure("AddPermission", expected, **members)


def redrive(name: str) -> str:
    arn = f"arn:aws:sqs:us-east-1:000000000000:{name}"
    return json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": 3})


STATEMENT = {"Effect": "Allow", "Principal": "*", "Action": "SQS:*", "Resource": "*"}
MANY_STATEMENTS = json.dumps({"Version": "2012-10-17", "Statement": [STATEMENT] * 21})
ELEVEN = [f"e{n}" for n in range(11)]
LARGE = {
    "QueueUrl": QUEUE,
    "Entries": [{"Id": f"e{n}", "MessageBody": "x" * 300_000} for n in range(4)],
}
HEAVY = {  # the attributes count, a wrong one too
    "QueueUrl": QUEUE,
    "Entries": [
        {
            "Id": f"e{n}",
            "MessageBody": "x",
            "MessageAttributes": {"a": {"DataType": "Text", "StringValue": "x" * 300_000}},
        }
        for n in range(4)
    ],
}
INVALID = ("InvalidParameterValueException", "InvalidParameterValue", 400)
MISSING = ("MissingRequiredParameterException", "MissingParameter", 400)
NO_QUEUE = ("QueueDoesNotExist", OLD + "NonExistentQueue", 400)
UNSUPPORTED = ("UnsupportedOperation", OLD + "UnsupportedOperation", 400)
WRONG_NAME = ("InvalidAttributeName", "InvalidAttributeName", 400)
WRONG_VALUE = ("InvalidAttributeValue", "InvalidAttributeValue", 400)
OVER_LIMIT = ("OverLimit", "OverLimit", 403)
NO_HANDLE = ("ReceiptHandleIsInvalid", "ReceiptHandleIsInvalid", 404)


@pytest.mark.parametrize(
    ("operation", "parameters", "expected"),
    [
        # queues
        ("GetQueueUrl", {"QueueName": "none"}, NO_QUEUE),
        ("GetQueueUrl", {"QueueName": "elsewhere/errors"}, NO_QUEUE),
        ("GetQueueUrl", {"QueueName": QUEUE}, NO_QUEUE),
        ("DeleteQueue", {"QueueUrl": NONE}, NO_QUEUE),
        ("GetQueueAttributes", {"QueueUrl": NONE, "AttributeNames": ["All"]}, NO_QUEUE),
        ("SendMessage", {"QueueUrl": NONE, "MessageBody": "x"}, NO_QUEUE),
        ("ReceiveMessage", {"QueueUrl": NONE}, NO_QUEUE),
        ("DeleteMessage", {"QueueUrl": NONE, "ReceiptHandle": "x"}, NO_QUEUE),
        (
            "SendMessage",
            {"QueueUrl": "/", "MessageBody": "x"},
            ("InvalidAddress", "InvalidAddress", 404),
        ),
        ("SendMessage", {"MessageBody": "x"}, MISSING),
        ("CreateQueue", {}, MISSING),
        ("CreateQueue", {"QueueName": "not a name"}, INVALID),
        ("CreateQueue", {"QueueName": "orders.fifo"}, INVALID),
        create(INVALID, FifoQueue="true"),
        create(WRONG_NAME, FifoQueue="false"),
        create(WRONG_NAME, ContentBasedDeduplication="true"),
        create(WRONG_NAME, SqsManagedSseEnabled="true", KmsMasterKeyId="alias/aws/sqs"),
        create(WRONG_VALUE, KmsDataKeyReusePeriodSeconds="59"),
        create(WRONG_VALUE, Policy="{}"),
        create(INVALID, Policy=MANY_STATEMENTS),  # CreateQueue has no OverLimit
        create(INVALID, RedrivePolicy="{}"),
        create(INVALID, RedrivePolicy=redrive("none")),
        create(INVALID, RedrivePolicy=redrive("errors.fifo")),
        create(WRONG_VALUE, RedriveAllowPolicy="{}"),
        create(INVALID, RedriveAllowPolicy='{"redrivePermission":"byQueue"}'),
        ("CreateQueue", {"QueueName": "x", "tags": {"aws:a": "b"}}, INVALID),
        (
            "CreateQueue",
            {"QueueName": "errors", "Attributes": {"MaximumMessageSize": "1024"}},
            ("QueueNameExists", "QueueAlreadyExists", 400),
        ),
        (
            "CreateQueue",
            {"QueueName": "x", "Attributes": {"VisibilityTimeout": "43201"}},
            ("InvalidAttributeValue", "InvalidAttributeValue", 400),
        ),
        (
            "CreateQueue",
            {"QueueName": "x", "Attributes": {"QueueArn": "a"}},
            ("InvalidAttributeName", "InvalidAttributeName", 400),
        ),
        (
            "GetQueueAttributes",
            {"QueueUrl": QUEUE, "AttributeNames": ["Colour"]},
            ("InvalidAttributeName", "InvalidAttributeName", 400),
        ),
        ("ListQueues", {"MaxResults": 0}, INVALID),
        ("ListQueues", {"MaxResults": 1001}, INVALID),
        ("ListQueues", {"MaxResults": 1, "NextToken": "ä"}, INVALID),
        ("ListQueues", {"MaxResults": 1, "NextToken": "x"}, INVALID),
        ("ListQueues", {"MaxResults": 1, "NextToken": "???"}, INVALID),
        # configuring
        configure("SetQueueAttributes", MISSING, Attributes={}),
        configure("SetQueueAttributes", MISSING),
        configure("SetQueueAttributes", WRONG_NAME, Attributes={"Colour": "red"}),
        configure("SetQueueAttributes", WRONG_NAME, Attributes={"QueueArn": "a"}),
        configure("SetQueueAttributes", WRONG_NAME, Attributes={"FifoQueue": "true"}),
        configure("SetQueueAttributes", WRONG_VALUE, Attributes={"DelaySeconds": "901"}),
        configure("SetQueueAttributes", OVER_LIMIT, Attributes={"Policy": MANY_STATEMENTS}),
        configure("SetQueueAttributes", INVALID, Attributes={"RedrivePolicy": redrive("errors")}),
        configure("TagQueue", MISSING, Tags={}),
        configure("TagQueue", INVALID, Tags={"k": "v" * 257}),
        configure("TagQueue", INVALID, Tags={f"k{n}": "" for n in range(51)}),
        configure("UntagQueue", MISSING, TagKeys=[]),
        configure("UntagQueue", INVALID, TagKeys=[""]),
        permit(INVALID, label="a b"),
        permit(INVALID, accounts=["me"]),
        permit(INVALID, actions=["DeleteQueue"]),
        permit(INVALID, actions=["Dance"]),
        permit(OVER_LIMIT, actions=["SendMessage"] * 8),
        configure("RemovePermission", INVALID, Label="none"),
        configure("ListDeadLetterSourceQueues", INVALID, MaxResults=0),
        configure("ListDeadLetterSourceQueues", INVALID, MaxResults=1, NextToken="x"),
        *(
            (operation, {"QueueUrl": NONE, **parameters}, NO_QUEUE)
            for operation, parameters in [
                ("SetQueueAttributes", {"Attributes": {"DelaySeconds": "1"}}),
                ("PurgeQueue", {}),
                ("TagQueue", {"Tags": {"a": "b"}}),
                ("UntagQueue", {"TagKeys": ["a"]}),
                ("ListQueueTags", {}),
                ("ListDeadLetterSourceQueues", {}),
                ("RemovePermission", {"Label": "none"}),
                ("AddPermission", {"Label": "a", "AWSAccountIds": ["1" * 12], "Actions": ["*"]}),
            ]
        ),
        # sending
        ("SendMessage", {**BODY, "MessageBody": ""}, MISSING),
        ("SendMessage", {**BODY, "MessageBody": "x" * 2049}, INVALID),
        ("SendMessage", {**BODY, "MessageBody": "\x00"}, ("InvalidMessageContents",) * 2 + (400,)),
        ("SendMessage", {**BODY, "DelaySeconds": 901}, INVALID),
        ("SendMessage", {**BODY, "DelaySeconds": -1}, INVALID),
        ("SendMessage", {**BODY, "MessageDeduplicationId": "d"}, INVALID),
        ("SendMessage", attribute("Text", StringValue="x"), INVALID),
        ("SendMessage", attribute("String", StringValue=""), INVALID),
        ("SendMessage", attribute("String", BinaryValue=b"x"), INVALID),
        ("SendMessage", attribute("Binary", BinaryValue=b"x", StringValue="x"), INVALID),
        ("SendMessage", attribute("Number", StringValue="ten"), INVALID),
        ("SendMessage", attribute("String", StringListValues=["x"]), UNSUPPORTED),
        ("SendMessage", {**attribute("String", StringValue="x" * 2042)}, INVALID),
        ("SendMessage", trace("Number", StringValue="1"), INVALID),
        ("SendMessage", trace("Binary", BinaryValue=b"x"), INVALID),
        # receiving
        ("ReceiveMessage", {"QueueUrl": QUEUE, "MaxNumberOfMessages": 0}, INVALID),
        ("ReceiveMessage", {"QueueUrl": QUEUE, "MaxNumberOfMessages": 11}, INVALID),
        ("ReceiveMessage", {"QueueUrl": QUEUE, "WaitTimeSeconds": 21}, INVALID),
        ("ReceiveMessage", {"QueueUrl": QUEUE, "VisibilityTimeout": 43_201}, INVALID),
        ("ReceiveMessage", {"QueueUrl": QUEUE, "ReceiveRequestAttemptId": "x"}, INVALID),
        ("DeleteMessage", {"QueueUrl": QUEUE, "ReceiptHandle": "x"}, NO_HANDLE),
        (
            "ChangeMessageVisibility",
            {"QueueUrl": QUEUE, "ReceiptHandle": "x", "VisibilityTimeout": 1},
            NO_HANDLE,
        ),
        (
            "ChangeMessageVisibility",
            {"QueueUrl": QUEUE, "ReceiptHandle": "x", "VisibilityTimeout": 43_201},
            INVALID,
        ),
        # batches
        *(
            (operation, entries(operation, *ids), (code, OLD + code, 400))
            for operation in (
                "SendMessageBatch",
                "DeleteMessageBatch",
                "ChangeMessageVisibilityBatch",
            )
            for ids, code in [
                ([], "EmptyBatchRequest"),
                (ELEVEN, "TooManyEntriesInBatchRequest"),
                (["a", "a"], "BatchEntryIdsNotDistinct"),
                (["a b"], "InvalidBatchEntryId"),
            ]
        ),
        ("SendMessageBatch", HEAVY, ("BatchRequestTooLong", OLD + "BatchRequestTooLong", 400)),
        ("SendMessageBatch", LARGE, ("BatchRequestTooLong", OLD + "BatchRequestTooLong", 400)),
    ],
)
def test_refusals(
    serving: SqsServing, operation: str, parameters: dict[str, Any], expected: tuple[str, str, int]
) -> None:
    assert _refusal(serving, operation, parameters) == expected
    assert serving.call(serving.service.find(QUEUE).depths).visible == 0, "something was kept"
    assert serving.service.names() == ["errors"]


def test_a_queue_that_was_purged_within_a_minute(serving: SqsServing) -> None:
    sqs = serving.client()
    url = sqs.create_queue(QueueName="purged")["QueueUrl"]
    try:
        sqs.purge_queue(QueueUrl=url)
        expected = ("PurgeQueueInProgress", OLD + "PurgeQueueInProgress", 403)
        assert _refusal(serving, "PurgeQueue", {"QueueUrl": url}) == expected
        with pytest.raises(sqs.exceptions.PurgeQueueInProgress):
            sqs.purge_queue(QueueUrl=url)
    finally:
        sqs.delete_queue(QueueUrl=url)


def test_a_label_that_is_taken(serving: SqsServing) -> None:
    sqs = serving.client()
    url = sqs.create_queue(QueueName="labelled")["QueueUrl"]
    try:
        members = {"Label": "a", "AWSAccountIds": ["111111111111"], "Actions": ["*"]}
        sqs.add_permission(QueueUrl=url, **members)
        assert _refusal(serving, "AddPermission", {"QueueUrl": url, **members}) == INVALID
    finally:
        sqs.delete_queue(QueueUrl=url)


def test_messages_that_are_not_in_flight(serving: SqsServing) -> None:
    sqs = serving.client()
    url = sqs.create_queue(QueueName="flight.fifo", Attributes={"FifoQueue": "true"})["QueueUrl"]
    try:
        ids = {"MessageGroupId": "g", "MessageDeduplicationId": "d"}
        sqs.send_message(QueueUrl=url, MessageBody="x", **ids)
        (message,) = sqs.receive_message(QueueUrl=url, VisibilityTimeout=0)["Messages"]
        change = {
            "QueueUrl": url,
            "ReceiptHandle": message["ReceiptHandle"],
            "VisibilityTimeout": 1,
        }
        assert _refusal(serving, "ChangeMessageVisibility", change) == (
            "MessageNotInflight",
            OLD + "MessageNotInflight",
            400,
        )
        (again,) = sqs.receive_message(QueueUrl=url)["Messages"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=again["ReceiptHandle"])
        assert _refusal(serving, "ChangeMessageVisibility", change) == INVALID
    finally:
        sqs.delete_queue(QueueUrl=url)


def test_too_many_in_flight(serving: SqsServing, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(receive, "MAX_IN_FLIGHT", 1)
    sqs = serving.client()
    url = sqs.create_queue(QueueName="flight")["QueueUrl"]
    try:
        for _ in range(2):
            sqs.send_message(QueueUrl=url, MessageBody="x")
        assert len(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]) == 1
        expected = ("OverLimit", "OverLimit", 403)
        assert _refusal(serving, "ReceiveMessage", {"QueueUrl": url}) == expected
    finally:
        sqs.delete_queue(QueueUrl=url)


def test_a_full_store_is_unavailable_for_sends_and_not_for_receives(serving: SqsServing) -> None:
    sqs = serving.client()
    url = sqs.create_queue(QueueName="full")["QueueUrl"]
    try:
        sqs.send_message(QueueUrl=url, MessageBody="x")
        space = serving.store._space
        # It would find room at the next look, and that may come at any moment.
        serving.call(setattr, space, "assess", lambda *sizes: False)
        serving.call(setattr, space, "full_because", "a test says so")
        send = {"QueueUrl": url, "MessageBody": "x"}
        code, _, status = _refusal(serving, "SendMessage", send)
        assert (code, status) == ("ServiceUnavailable", 503)
        (message,) = sqs.receive_message(QueueUrl=url)["Messages"]
        sqs.delete_message(QueueUrl=url, ReceiptHandle=message["ReceiptHandle"])
        serving.call(delattr, space, "assess")
        serving.call(setattr, space, "full_because", None)
        sqs.send_message(QueueUrl=url, MessageBody="x")
    finally:
        sqs.delete_queue(QueueUrl=url)


def _refusal(
    serving: SqsServing, operation: str, parameters: dict[str, Any]
) -> tuple[str, str, int]:
    """Return code, query code and status of a call that must be refused."""
    with pytest.raises(ClientError) as raised:
        serving.client()._make_api_call(operation, parameters)
    response = raised.value.response
    metadata = response["ResponseMetadata"]
    query_code = metadata["HTTPHeaders"]["x-amzn-query-error"].partition(";")[0]
    code = response["Error"].get("Code")
    if "QueryErrorCode" in response["Error"]:
        code = response["Error"]["QueryErrorCode"]  # botocore keeps the shape's name here
    assert response["Error"]["Message"]
    return code, query_code, metadata["HTTPStatusCode"]
