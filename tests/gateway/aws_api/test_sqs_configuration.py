"""Attributes, tags, permissions, purging and dead-letter queues' sources, by boto3 over TCP."""

from __future__ import annotations

import json
import uuid
from collections.abc import Iterator
from typing import Any

import pytest

from tests.gateway.aws_api.sqs_serving import ACCOUNT, SqsServing


@pytest.fixture(scope="module")
def serving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[SqsServing]:
    with SqsServing(tmp_path_factory.mktemp("sqs")) as serving:
        yield serving


@pytest.fixture(scope="module")
def sqs(serving: SqsServing) -> Any:
    return serving.client()


@pytest.fixture
def url(sqs: Any) -> str:
    """A new queue's URL."""
    return sqs.create_queue(QueueName=f"q-{uuid.uuid4().hex}")["QueueUrl"]


def attributes_of(sqs: Any, url: str) -> dict[str, str]:
    return sqs.get_queue_attributes(QueueUrl=url, AttributeNames=["All"])["Attributes"]


def arn_of(sqs: Any, url: str) -> str:
    return attributes_of(sqs, url)["QueueArn"]


def test_attributes_are_set_and_taken_away(sqs: Any, url: str) -> None:
    dead = arn_of(sqs, sqs.create_queue(QueueName="dead")["QueueUrl"])
    before = attributes_of(sqs, url)
    policy = json.dumps(
        {
            "Version": "2012-10-17",
            "Statement": [
                {"Effect": "Allow", "Principal": "*", "Action": "SQS:*", "Resource": "*"}
            ],
        }
    )
    told = {
        "VisibilityTimeout": "1",
        "DelaySeconds": "2",
        "ReceiveMessageWaitTimeSeconds": "3",
        "MessageRetentionPeriod": "60",
        "MaximumMessageSize": "1024",
        "RedriveAllowPolicy": '{"redrivePermission": "denyAll"}',
        "Policy": policy,
        "KmsMasterKeyId": "alias/aws/sqs",
        "KmsDataKeyReusePeriodSeconds": "60",
    }
    given = {
        **told,
        "RedrivePolicy": json.dumps({"deadLetterTargetArn": dead, "maxReceiveCount": "5"}),
    }
    sqs.set_queue_attributes(QueueUrl=url, Attributes=given)
    after = attributes_of(sqs, url)
    assert {name: after[name] for name in told} == told
    assert after["RedrivePolicy"] == f'{{"deadLetterTargetArn":"{dead}","maxReceiveCount":5}}'
    names = ["RedrivePolicy", "Policy", "RedriveAllowPolicy", "KmsMasterKeyId"]
    sqs.set_queue_attributes(QueueUrl=url, Attributes=dict.fromkeys(names, ""))
    left = attributes_of(sqs, url)
    assert left.keys() == before.keys()
    assert "Attributes" not in sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)


def test_a_fifo_queue_tells_its_attributes(sqs: Any) -> None:
    url = sqs.create_queue(
        QueueName="told.fifo",
        Attributes={"FifoQueue": "true", "ContentBasedDeduplication": "true"},
    )["QueueUrl"]
    assert url.endswith(f"/{ACCOUNT}/told.fifo")
    names = ["FifoQueue", "ContentBasedDeduplication", "DeduplicationScope", "FifoThroughputLimit"]
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert told == {
        "FifoQueue": "true",
        "ContentBasedDeduplication": "true",
        "DeduplicationScope": "queue",
        "FifoThroughputLimit": "perQueue",
    }
    high = {"DeduplicationScope": "messageGroup", "FifoThroughputLimit": "perMessageGroupId"}
    sqs.set_queue_attributes(QueueUrl=url, Attributes=high)
    told = sqs.get_queue_attributes(QueueUrl=url, AttributeNames=names)["Attributes"]
    assert told == {"FifoQueue": "true", "ContentBasedDeduplication": "true", **high}
    assert sqs.create_queue(QueueName="told.fifo", Attributes={"FifoQueue": "true", **high})


def test_creating_again_names_the_attribute_that_differs(sqs: Any) -> None:
    attributes = {"VisibilityTimeout": "5", "SqsManagedSseEnabled": "true"}
    url = sqs.create_queue(QueueName="again", Attributes=attributes)["QueueUrl"]
    assert attributes_of(sqs, url)["SqsManagedSseEnabled"] == "true"
    assert sqs.create_queue(QueueName="again", Attributes=attributes)["QueueUrl"] == url
    with pytest.raises(sqs.exceptions.QueueNameExists, match="VisibilityTimeout"):
        sqs.create_queue(QueueName="again", Attributes={**attributes, "VisibilityTimeout": "6"})


def test_tags(sqs: Any, url: str) -> None:
    assert "Tags" not in sqs.list_queue_tags(QueueUrl=url)
    sqs.tag_queue(QueueUrl=url, Tags={"team": "pumps", "ort": "Gewächshaus"})
    sqs.tag_queue(QueueUrl=url, Tags={"team": "valves", "empty": ""})
    tags = {"team": "valves", "ort": "Gewächshaus", "empty": ""}
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"] == tags
    sqs.untag_queue(QueueUrl=url, TagKeys=["team", "never there"])
    assert sqs.list_queue_tags(QueueUrl=url)["Tags"].keys() == {"ort", "empty"}
    tagged = sqs.create_queue(QueueName="tagged", tags={"a": "b"})["QueueUrl"]
    assert sqs.list_queue_tags(QueueUrl=tagged)["Tags"] == {"a": "b"}


def test_permissions_are_statements_of_the_policy(sqs: Any, url: str) -> None:
    sqs.add_permission(
        QueueUrl=url,
        Label="others",
        AWSAccountIds=["111111111111"],
        Actions=["SendMessage", "ReceiveMessage"],
    )
    policy = json.loads(attributes_of(sqs, url)["Policy"])
    (statement,) = policy["Statement"]
    assert statement == {
        "Sid": "others",
        "Effect": "Allow",
        "Principal": {"AWS": "arn:aws:iam::111111111111:root"},
        "Action": ["SQS:SendMessage", "SQS:ReceiveMessage"],
        "Resource": arn_of(sqs, url),
    }
    sqs.remove_permission(QueueUrl=url, Label="others")
    assert "Policy" not in attributes_of(sqs, url)


def test_purging(sqs: Any, serving: SqsServing, url: str) -> None:
    for number in range(25):
        sqs.send_message(QueueUrl=url, MessageBody=str(number), DelaySeconds=number % 2)
    assert len(sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=5)["Messages"]) == 5
    sqs.purge_queue(QueueUrl=url)
    sqs.send_message(QueueUrl=url, MessageBody="after")
    serving.call(serving.service.removals_done)
    told = attributes_of(sqs, url)
    counts = [told[f"ApproximateNumberOfMessages{kind}"] for kind in ("", "NotVisible", "Delayed")]
    assert counts == ["1", "0", "0"]
    (message,) = sqs.receive_message(QueueUrl=url, MaxNumberOfMessages=10)["Messages"]
    assert message["Body"] == "after"


def test_the_sources_of_a_dead_letter_queue_in_pages(sqs: Any, url: str) -> None:
    assert sqs.list_dead_letter_source_queues(QueueUrl=url)["queueUrls"] == []
    redrive = json.dumps({"deadLetterTargetArn": arn_of(sqs, url), "maxReceiveCount": 3})
    made = [
        sqs.create_queue(QueueName=f"source-{n}", Attributes={"RedrivePolicy": redrive})["QueueUrl"]
        for n in range(5)
    ]
    answer = sqs.list_dead_letter_source_queues(QueueUrl=url)
    assert answer["queueUrls"] == made
    assert "NextToken" not in answer
    paginator = sqs.get_paginator("list_dead_letter_source_queues")
    pages = list(paginator.paginate(QueueUrl=url, PaginationConfig={"PageSize": 2}))
    assert [len(page["queueUrls"]) for page in pages] == [2, 2, 1]
    assert [source for page in pages for source in page["queueUrls"]] == made
