"""The settings of a queue agree with what AWS allows."""

from __future__ import annotations

import dataclasses

import pytest

from gateway.services.sqs import QueueAttributes, QueueSettings
from gateway.services.sqs.attribute_parsing import parse_attributes
from gateway.services.sqs.redrive_policy import RedrivePolicy
from gateway.services.sqs.settings import queue_problems


def test_defaults_are_those_of_aws() -> None:
    assert QueueSettings("q").attributes() == QueueAttributes() == parse_attributes({})
    assert QueueSettings("q").problems() == []
    assert QueueAttributes().texts() == {
        "VisibilityTimeout": "30",
        "MessageRetentionPeriod": "345600",
        "DelaySeconds": "0",
        "ReceiveMessageWaitTimeSeconds": "0",
        "MaximumMessageSize": "1048576",
        "SqsManagedSseEnabled": "false",
    }


def test_every_field_says_what_it_is() -> None:
    for field in dataclasses.fields(QueueSettings):
        assert field.metadata["doc"].endswith(".")
        assert field.metadata["unit"]


@pytest.mark.parametrize(
    ("settings", "sentence"),
    [
        (QueueSettings("q w"), "alphanumeric"),
        (QueueSettings("q.fifo"), "set fifo = true, or use a name without .fifo"),
        (QueueSettings("q", fifo=True), 'the name "q" must end in .fifo'),
        (QueueSettings(".fifo", fifo=True), "must end with .fifo suffix"),
        (QueueSettings("q" * 76 + ".fifo", fifo=True), "1 to 80 in length"),
        (
            QueueSettings("q", content_based_deduplication=True),
            "content_based_deduplication is for",
        ),
        (QueueSettings("q", deduplication_scope="messageGroup"), "deduplication_scope is for FIFO"),
        (QueueSettings("q", fifo_throughput_limit="x"), "fifo_throughput_limit is for FIFO"),
        (
            QueueSettings("q.fifo", fifo=True, deduplication_scope="group"),
            'deduplication_scope is "group"; use "queue" or "messageGroup"',
        ),
        (
            QueueSettings("q.fifo", fifo=True, fifo_throughput_limit="perMessageGroupId"),
            'deduplication_scope must be "messageGroup" then',
        ),
        (QueueSettings("q", max_receive_count=0), "max_receive_count is 0"),
        (QueueSettings("q", max_receive_count=1001), "max_receive_count is 1001"),
        (QueueSettings("q", managed_sse=True, kms_master_key_id="k"), "exclude each other"),
        (QueueSettings("q", kms_master_key_id=""), "kms_master_key_id is empty"),
        (QueueSettings("q", visibility_timeout_s=43_201), "visibility_timeout_s is 43201"),
        (QueueSettings("q", message_retention_s=59), "message_retention_s is 59"),
        (QueueSettings("q", delay_s=-1), "delay_s is -1"),
        (QueueSettings("q", receive_wait_time_s=21), "receive_wait_time_s is 21"),
        (QueueSettings("q", max_message_bytes=1023), "max_message_bytes is 1023"),
    ],
)
def test_what_cannot_be_used(settings: QueueSettings, sentence: str) -> None:
    (problem,) = settings.problems()
    assert sentence in problem


def test_settings_become_attributes() -> None:
    settings = QueueSettings(
        "q.fifo",
        fifo=True,
        content_based_deduplication=True,
        deduplication_scope="messageGroup",
        fifo_throughput_limit="perMessageGroupId",
        dead_letter_queue="dead.fifo",
        max_receive_count=4,
        kms_master_key_id="alias/aws/sqs",
    )
    assert settings.problems() == []
    base = QueueAttributes(policy="kept", redrive_allow_policy="kept", visibility_timeout_s=1)
    arn = "arn:aws:sqs:us-east-1:000000000000:dead.fifo"
    attributes = settings.attributes(base, arn)
    assert attributes == QueueAttributes(
        fifo=True,
        content_based_deduplication=True,
        deduplication_scope="messageGroup",
        fifo_throughput_limit="perMessageGroupId",
        redrive=RedrivePolicy(arn, 4),
        kms_master_key_id="alias/aws/sqs",
        policy="kept",
        redrive_allow_policy="kept",
    )
    assert QueueSettings("q").attributes(attributes).redrive is None


def test_what_cannot_be_between_queues() -> None:
    dead = QueueSettings("dead")
    good = [QueueSettings("q", dead_letter_queue="dead"), dead]
    assert queue_problems(good) == queue_problems(good[::-1]) == []
    found = queue_problems(
        [
            dead,
            QueueSettings("self", dead_letter_queue="self"),
            QueueSettings("astray", dead_letter_queue="ded"),
            QueueSettings("ordered.fifo", fifo=True, dead_letter_queue="dead"),
        ]
    )
    assert [index for index, _ in found] == [1, 2, 3]
    assert [sentence for _, sentence in found] == [
        'dead_letter_queue is "self", which is the queue itself; name another',
        'dead_letter_queue is "ded", but no queue in this file is named so; add it, or correct the '
        "name",
        'dead_letter_queue is "dead", but both must be FIFO queues, or neither; name another',
    ]
