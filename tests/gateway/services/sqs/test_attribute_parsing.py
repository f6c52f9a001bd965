"""Queue attributes: what is taken, what is refused, and what GetQueueAttributes gives back."""

from __future__ import annotations

import json

import pytest

from gateway.services.sqs import QueueAttributes, SqsError
from gateway.services.sqs.attribute_parsing import differing_attribute, parse_attributes
from gateway.services.sqs.attributes import DEFAULT_ATTRIBUTES, RANGES
from gateway.services.sqs.permissions import MAX_STATEMENTS

FIFO = QueueAttributes(fifo=True)
DLQ = "arn:aws:sqs:us-east-1:000000000000:dead"
REDRIVE = json.dumps({"deadLetterTargetArn": DLQ, "maxReceiveCount": 3})
STATEMENT = {"Effect": "Allow", "Principal": "*", "Action": "SQS:*", "Resource": "*"}
POLICY = json.dumps({"Version": "2012-10-17", "Statement": STATEMENT})


def refusal(texts: dict[str, str], base: QueueAttributes = DEFAULT_ATTRIBUTES) -> tuple[str, str]:
    with pytest.raises(SqsError) as raised:
        parse_attributes(texts, base)
    return raised.value.code, str(raised.value)


@pytest.mark.parametrize("name", RANGES)
def test_numbers_at_and_beyond_the_ends_of_their_ranges(name: str) -> None:
    low, high = RANGES[name]
    key = {"KmsMasterKeyId": "alias/aws/sqs"}
    for value in (low, high):
        assert parse_attributes({name: str(value), **key}).texts()[name] == str(value)
    for text in (str(low - 1), str(high + 1), "", "ten", " 60", "60.0", "9" * 5000, "\u0661"):
        code, message = refusal({name: text})
        assert code == "InvalidAttributeValue"
        assert message.startswith(f"Invalid value for the parameter {name}.")


@pytest.mark.parametrize(
    ("name", "message"),
    [
        ("FifoQueue", "Unknown Attribute FifoQueue."),
        ("ContentBasedDeduplication", "Unknown Attribute ContentBasedDeduplication."),
        (
            "DeduplicationScope",
            "You can specify the DeduplicationScope only when FifoQueue is set to true.",
        ),
        (
            "FifoThroughputLimit",
            "You can specify the FifoThroughputLimit only when FifoQueue is set to true.",
        ),
        ("QueueArn", "Unknown Attribute QueueArn."),
        ("CreatedTimestamp", "Unknown Attribute CreatedTimestamp."),
        ("All", "Unknown Attribute All."),
        ("Colour", "Unknown Attribute Colour."),
    ],
)
def test_names_that_a_standard_queue_does_not_have(name: str, message: str) -> None:
    assert refusal({name: "true"}) == ("InvalidAttributeName", message)
    assert refusal({name: "false"}) == ("InvalidAttributeName", message)


def test_what_is_absent_until_it_is_set() -> None:
    assert parse_attributes({}).texts().keys() == {
        "VisibilityTimeout",
        "MessageRetentionPeriod",
        "DelaySeconds",
        "ReceiveMessageWaitTimeSeconds",
        "MaximumMessageSize",
        "SqsManagedSseEnabled",
    }
    fifo = parse_attributes({"FifoQueue": "true"}, FIFO).texts()
    assert {name: fifo[name] for name in fifo.keys() - parse_attributes({}).texts().keys()} == {
        "FifoQueue": "true",
        "ContentBasedDeduplication": "false",
        "DeduplicationScope": "queue",
        "FifoThroughputLimit": "perQueue",
    }
    keyed = parse_attributes({"KmsMasterKeyId": "alias/aws/sqs"}).texts()
    assert keyed["KmsDataKeyReusePeriodSeconds"] == "300"


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("RedrivePolicy", REDRIVE),
        ("RedriveAllowPolicy", '{"redrivePermission":"denyAll"}'),
        ("Policy", POLICY),
        ("KmsMasterKeyId", "arn:aws:kms:us-east-1:000000000000:key/1234abcd-12ab"),
    ],
)
def test_what_an_empty_text_takes_away(name: str, text: str) -> None:
    told = parse_attributes({name: text})
    if name == "RedrivePolicy":  # written anew; the others come back as they were given
        assert json.loads(told.texts()[name]) == json.loads(text)
    else:
        assert told.texts()[name] == text
    untold = parse_attributes({name: ""}, told)
    assert name not in untold.texts()
    assert untold == QueueAttributes()


def test_the_two_kinds_of_encryption_take_each_others_place() -> None:
    assert refusal({"SqsManagedSseEnabled": "true", "KmsMasterKeyId": "alias/aws/sqs"}) == (
        "InvalidAttributeName",
        "You can use one type of server-side encryption (SSE) at one time. You can either enable "
        "KMS SSE or SQS SSE.",
    )
    managed = parse_attributes({"SqsManagedSseEnabled": "true"})
    assert managed.encrypted
    keyed = parse_attributes({"KmsMasterKeyId": "alias/aws/sqs"}, managed)
    assert (keyed.managed_sse, keyed.kms_master_key_id) == (False, "alias/aws/sqs")
    assert keyed.encrypted
    again = parse_attributes({"SqsManagedSseEnabled": "true"}, keyed)
    assert (again.managed_sse, again.kms_master_key_id) == (True, "")
    assert "KmsMasterKeyId" not in again.texts()
    off = parse_attributes({"SqsManagedSseEnabled": "false"}, again)
    assert not off.encrypted
    both = {"SqsManagedSseEnabled": "false", "KmsMasterKeyId": "alias/aws/sqs"}
    assert parse_attributes(both, managed).kms_master_key_id == "alias/aws/sqs"


def test_a_fifo_queue_stays_one() -> None:
    assert parse_attributes({"FifoQueue": "true"}, FIFO) == FIFO
    assert refusal({"FifoQueue": "false"}, FIFO) == (
        "InvalidAttributeValue",
        "Invalid value for the parameter FifoQueue. Reason: Modifying queue type is not supported.",
    )


def test_a_limit_per_group_needs_deduplication_per_group() -> None:
    scope, limit = (
        {"DeduplicationScope": "messageGroup"},
        {"FifoThroughputLimit": "perMessageGroupId"},
    )
    both = parse_attributes({**limit, **scope}, FIFO)
    assert both.fifo_throughput_limit == "perMessageGroupId"
    assert parse_attributes(scope, FIFO).deduplication_scope == "messageGroup"
    for texts, base in ((limit, FIFO), ({"DeduplicationScope": "queue"}, both)):
        code, message = refusal(texts, base)
        assert code == "InvalidAttributeValue"
        assert message.endswith(
            "To set FifoThroughputLimit to perMessageGroupId, the DeduplicationScope must be "
            "messageGroup."
        )


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("ContentBasedDeduplication", "yes"),
        ("ContentBasedDeduplication", ""),
        ("DeduplicationScope", "group"),
        ("FifoThroughputLimit", "perqueue"),
        ("SqsManagedSseEnabled", "1"),
        ("KmsMasterKeyId", "no key"),
        ("KmsMasterKeyId", "k" * 2049),
        ("Policy", "x"),
        ("Policy", "[]"),
        ("Policy", "{}"),
        ("Policy", '{"Statement":[]}'),
        ("Policy", '{"Statement":["x"]}'),
        ("Policy", '{"Statement":{"Effect":"Allow"}}'),
        ("Policy", json.dumps({"Version": "2020-01-01", "Statement": STATEMENT})),
        ("Policy", json.dumps({"Statement": {**STATEMENT, "Effect": "Maybe"}})),
        ("Policy", json.dumps({"Statement": STATEMENT, "Extra": 1})),
        ("Policy", json.dumps({"Statement": STATEMENT, "Id": "x" * 8192})),
    ],
)
def test_values_that_are_refused(name: str, text: str) -> None:
    code, message = refusal({name: text}, FIFO)
    assert code == "InvalidAttributeValue"
    assert message.startswith(f"Invalid value for the parameter {name}.")


def test_a_policy_has_so_many_statements_and_no_more() -> None:
    def policy(statements: int) -> dict[str, str]:
        return {"Policy": json.dumps({"Statement": [STATEMENT] * statements})}

    assert parse_attributes(policy(MAX_STATEMENTS)).policy
    assert refusal(policy(MAX_STATEMENTS + 1)) == (
        "OverLimit",
        "21 statements were found in the submitted policy, max allowed is 20",
    )


def test_all_attributes_or_none() -> None:
    refusal({"DelaySeconds": "5", "VisibilityTimeout": "x"})
    assert parse_attributes({"DelaySeconds": "5"}) == QueueAttributes(delay_s=5)


@pytest.mark.parametrize(
    ("texts", "differing"),
    [
        ({}, ""),
        ({"VisibilityTimeout": "30"}, ""),
        ({"RedrivePolicy": '{"maxReceiveCount":"3","deadLetterTargetArn":"' + DLQ + '"}'}, ""),
        ({"VisibilityTimeout": "30", "DelaySeconds": "1"}, "DelaySeconds"),
        ({"RedrivePolicy": ""}, "RedrivePolicy"),
        ({"Policy": POLICY}, "Policy"),
        ({"KmsDataKeyReusePeriodSeconds": "60"}, "KmsDataKeyReusePeriodSeconds"),
        ({"SqsManagedSseEnabled": "true"}, "SqsManagedSseEnabled"),
    ],
)
def test_which_attribute_a_second_creation_wants_otherwise(
    texts: dict[str, str], differing: str
) -> None:
    assert differing_attribute(texts, parse_attributes({"RedrivePolicy": REDRIVE})) == differing
