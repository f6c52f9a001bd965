"""The settings of a queue agree with what AWS allows."""

from __future__ import annotations

import dataclasses

import pytest

from gateway.services.sqs import QueueAttributes, QueueSettings
from gateway.services.sqs.attributes import RANGES, parse_attributes


def test_defaults_are_those_of_aws() -> None:
    assert QueueSettings("q").attributes == QueueAttributes() == parse_attributes({})
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
        (QueueSettings("q.fifo"), "FIFO queues are not there yet"),
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


@pytest.mark.parametrize("name", RANGES)
def test_attributes_at_the_ends_of_their_ranges(name: str) -> None:
    for value in RANGES[name]:
        assert parse_attributes({name: str(value)}).texts()[name] == str(value)
