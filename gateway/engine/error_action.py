"""Error actions: one message per rule and message, with every action that failed for good.

Owns that message, and how a failed action is called in it. How the error action is carried out is
the engine's.

Source: AWS IoT Core Developer Guide, "Error handling (error action)". Names of actions beyond
`S3Action` are formed like it; a statement that comes to no result is told of, too.
"""

from __future__ import annotations

import base64
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Final

import orjson

import rules
from gateway.engine.outbox import STATEMENT, Failure, NewJob

__all__ = ["NOT_TOLD", "Cause", "as_written", "error_message", "failure_of", "statement_failure"]

# What each action is for, by its key; a point leads inside.
_RESOURCE: Final[Mapping[str, str]] = {
    "cloudwatchAlarm": "alarmName",
    "cloudwatchLogs": "logGroupName",
    "cloudwatchMetric": "metricName",
    "dynamoDB": "tableName",
    "dynamoDBv2": "putItem.tableName",
    "elasticsearch": "endpoint",
    "firehose": "deliveryStreamName",
    "http": "url",
    "influxDB": "destinationArn",
    "iotAnalytics": "channelName",
    "iotEvents": "inputName",
    "kafka": "destinationArn",
    "kinesis": "streamName",
    "lambda": "functionArn",
    "location": "trackerName",
    "openSearch": "endpoint",
    "republish": "topic",
    "s3": "bucketName",
    "salesforce": "url",
    "sns": "targetArn",
    "sqs": "queueUrl",
    "stepFunctions": "stateMachineName",
    "timestream": "tableName",
}

_MAX_RESOURCE: Final = 1024

# What is told of a failure whose text may repeat what `get_secret` gave a template of the action.
NOT_TOLD: Final = (
    "it failed; why is not told, for that could show the secret that its templates hold. To find "
    "out, try it with a constant in the secret's place"
)


@dataclass(frozen=True, slots=True)
class Cause:
    """The message behind a rule's work.

    Attributes:
        topic: The topic that it was published to.
        client_id: The publisher's MQTT client identifier, if it has one.
        trace_id: The message's identifier.
        depth: How many republish actions led to it.
        payload: Its payload.
    """

    topic: str
    client_id: str | None
    trace_id: str
    depth: int
    payload: bytes

    def job(
        self,
        rule: str,
        output: bytes,
        *,
        error_action: str | None = None,
        failures: tuple[Failure, ...] = (),
    ) -> NewJob:
        """Return what the outbox keeps of a rule's work for this message.

        Args:
            rule: The rule's name.
            output: What its actions send.
            error_action: As `Aftermath.stored` gives it; without one,
                nobody asks for the payload as it was published.
            failures: The rule's actions that have failed already.
        """
        return NewJob(
            rule=rule,
            topic=self.topic,
            client_id=self.client_id,
            trace_id=self.trace_id,
            depth=self.depth,
            payload=b"" if error_action is None else self.payload,
            output=output,
            error_action=error_action,
            failures=failures,
        )


def as_written(action: rules.Action) -> Mapping[str, object]:
    """Return what stands under an action's key, templates as they are."""
    match action:
        case rules.SqsAction(queue_url=template):
            return {"queueUrl": template}
        case rules.RepublishAction(topic=template):
            return {"topic": template}
        case _:
            return action.parameters


def failure_of(kind: str, number: int, parameters: Mapping[str, object], message: str) -> Failure:
    """Return the failure of one action.

    Args:
        kind: The action's key.
        number: Its place in the rule.
        parameters: What stands under the key, its templates replaced or as they were written.
        message: Why it failed.
    """
    value: object = {} if message == NOT_TOLD else parameters
    for part in _RESOURCE.get(kind, "").split("."):
        value = value.get(part) if isinstance(value, Mapping) else None
    resource = value if isinstance(value, str) else str(getattr(value, "text", ""))
    if kind == "http":
        resource = resource.partition("?")[0]  # a query may hold a key
    name = f"{kind[:1].upper()}{kind[1:]}Action"
    return Failure(number, name, resource[:_MAX_RESOURCE], message)


def statement_failure(rule_name: str, message: str) -> Failure:
    """Return the failure of a rule's statement, which is no action's."""
    return Failure(STATEMENT, "RuleEvaluation", rule_name, message)


def error_message(rule_name: str, cause: Cause, failures: Sequence[Failure]) -> bytes:
    """Return what the error action sends."""
    return orjson.dumps(
        {
            "ruleName": rule_name,
            "topic": cause.topic,
            "cloudwatchTraceId": cause.trace_id,
            "clientId": cause.client_id or "N/A",
            "base64OriginalPayload": base64.b64encode(cause.payload).decode(),
            "failures": [
                {
                    "failedAction": failure.action,
                    "failedResource": failure.resource,
                    "errorMessage": failure.message.encode("utf-8", "replace").decode(),
                }
                for failure in failures
            ],
        }
    )
