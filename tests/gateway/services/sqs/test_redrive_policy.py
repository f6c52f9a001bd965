"""RedrivePolicy and RedriveAllowPolicy: two JSON documents, refused in AWS's words."""

from __future__ import annotations

import json

import pytest

from gateway.services.sqs.errors import SqsError
from gateway.services.sqs.redrive_policy import (
    MAX_RECEIVE_COUNT,
    MAX_SOURCE_QUEUES,
    RedriveAllowPolicy,
    RedrivePolicy,
    parse_redrive_allow_policy,
    parse_redrive_policy,
)

ARN = "arn:aws:sqs:eu-west-1:123456789012:dead"


def policy(**members: object) -> str:
    return json.dumps({"deadLetterTargetArn": ARN, "maxReceiveCount": 3, **members})


def test_what_a_policy_says_and_how_it_is_given_back() -> None:
    read = parse_redrive_policy(policy())
    assert read == RedrivePolicy(ARN, 3)
    assert read.target == "dead"
    assert read.text() == f'{{"deadLetterTargetArn":"{ARN}","maxReceiveCount":3}}'
    assert parse_redrive_policy(read.text()) == read


@pytest.mark.parametrize("count", [1, MAX_RECEIVE_COUNT, "1", "1000"])
def test_a_count_is_a_number_or_a_text(count: object) -> None:
    assert parse_redrive_policy(policy(maxReceiveCount=count)).max_receive_count == int(str(count))


@pytest.mark.parametrize(
    ("text", "reason"),
    [
        ("", "Redrive policy is not a valid JSON map."),
        (" ", "Redrive policy is not a valid JSON map."),
        ("[]", "Redrive policy is not a valid JSON map."),
        ("[" * 5000, "Redrive policy is not a valid JSON map."),
        (policy(x="y" * 9000), "Redrive policy is not a valid JSON map."),
        ("{}", "Redrive policy does not contain mandatory attribute: maxReceiveCount."),
        (
            '{"maxReceiveCount":5}',
            "Redrive policy does not contain mandatory attribute: deadLetterTargetArn.",
        ),
        (
            policy(colour="red"),
            "Only following attributes are supported: [maxReceiveCount, deadLetterTargetArn].",
        ),
        *(
            (
                policy(maxReceiveCount=count),
                f"Invalid value for maxReceiveCount: {count}, valid values are from 1 to 1000 both "
                "inclusive.",
            )
            for count in (0, -1, 1001, 1.5, True, "x", "0x1", "99999")
        ),
        (
            policy(deadLetterTargetArn="dead"),
            "Invalid value for deadLetterTargetArn.",
        ),
        (
            policy(deadLetterTargetArn="arn:aws:sqs:" + "x" * 300 + ":1:dead"),
            "Invalid value for deadLetterTargetArn.",
        ),
        (policy(deadLetterTargetArn=7), "Invalid value for deadLetterTargetArn."),
        (
            policy(deadLetterTargetArn="arn:aws:sns:eu-west-1:123456789012:topic"),
            "Only SQS queues are valid resources for deadLetterTargetArn.",
        ),
    ],
)
def test_policies_that_are_refused(text: str, reason: str) -> None:
    with pytest.raises(SqsError) as raised:
        parse_redrive_policy(text)
    assert raised.value.code == "InvalidParameterValueException"
    message = str(raised.value)
    assert message.startswith("Value ")
    assert message.endswith(f" for parameter RedrivePolicy is invalid. Reason: {reason}")
    assert len(message) < 1000, "a refused document is not repeated in full"


def allow(permission: object, *arns: object) -> str:
    document: dict[str, object] = {"redrivePermission": permission}
    if arns:
        document["sourceQueueArns"] = list(arns)
    return json.dumps(document)


def test_whom_a_dead_letter_queue_takes_messages_from() -> None:
    assert parse_redrive_allow_policy("") == RedriveAllowPolicy()
    assert parse_redrive_allow_policy(allow("allowAll")).allows("q")
    assert not parse_redrive_allow_policy(allow("denyAll")).allows("q")
    some = parse_redrive_allow_policy(allow("byQueue", ARN, ARN.replace("dead", "q")))
    assert (some.allows("q"), some.allows("dead"), some.allows("other")) == (True, True, False)
    most = allow("byQueue", *[ARN] * MAX_SOURCE_QUEUES)
    assert len(parse_redrive_allow_policy(most).source_queues) == MAX_SOURCE_QUEUES


@pytest.mark.parametrize(
    ("text", "code", "reason"),
    [
        *(
            (text, "InvalidAttributeValue", "as it\u2019s in an unsupported format.")
            for text in (
                "x",
                "[]",
                "{}",
                allow("ALL"),
                allow(["byQueue"]),
                '{"redrivePermission":"denyAll","colour":"red"}',
                '{"redrivePermission":"byQueue","sourceQueueArns":"x"}',
                allow("byQueue", "q"),
                allow("byQueue", 7),
            )
        ),
        (
            allow("byQueue"),
            "InvalidParameterValueException",
            "you must also specify one or more sourceQueueArns values.",
        ),
        (
            allow("denyAll", ARN),
            "InvalidParameterValueException",
            "you must set redrivePermission to byQueue.",
        ),
        (
            allow("byQueue", *[ARN] * (MAX_SOURCE_QUEUES + 1)),
            "InvalidParameterValueException",
            "The maximum number of source queue ARNs you can specify is 10.",
        ),
    ],
)
def test_allow_policies_that_are_refused(text: str, code: str, reason: str) -> None:
    with pytest.raises(SqsError) as raised:
        parse_redrive_allow_policy(text)
    assert raised.value.code == code
    assert "RedriveAllowPolicy" in str(raised.value)
    assert str(raised.value).endswith(reason)
