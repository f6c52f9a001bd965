"""A rule document to test with, and the report of `weir rule test --json`."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

import rules

ROLE = "arn:aws:iam::000000000000:role/gateway"
QUEUE = "https://sqs.us-east-1.amazonaws.com/000000000000/alarms"
SQL = (
    "SET @f = celsius * 1.8 + 32 SELECT celsius, topic(2) AS house, nope, @f AS f "
    "FROM 'site/+/temperature' WHERE celsius > 30 AND NOT @f > 200"
)
ACTIONS: list[dict[str, object]] = [
    {"sqs": {"queueUrl": QUEUE, "roleArn": ROLE}},
    {"republish": {"topic": "hot/${nope}", "roleArn": ROLE}},
    {"s3": {"bucketName": "b", "key": "${@f}/${topic(2)}", "roleArn": ROLE}},
]
TOPIC = "site/north/temperature"
UNDEFINED_REMEDY = rules.TemplateUndefined("", "").hint


def document(**changes: object) -> str:
    payload = {"awsIotSqlVersion": "2016-03-23", "sql": SQL, "actions": ACTIONS, **changes}
    return json.dumps({"ruleName": "too_hot", "topicRulePayload": payload})


Test = Callable[..., tuple[int, str, str]]


def reported(test: Test, *arguments: object) -> dict[str, Any]:
    """Return the JSON report of a test that ends with the exit code that suits it."""
    code, out, err = test(*arguments, "--json")
    found: dict[str, Any] = json.loads(out)
    fires_well = found["fires"] and found["failing_actions"] == 0
    assert (code, err) == (0 if fires_well else 1, "")
    assert out.count("\n") == 1
    return found
