"""The actions of a rule, read from its JSON.

Owns their parameters as types. Knows nothing of how an action is carried out. An action that is
not supported is a value too: the rule runs without it, and whoever loads rules can say so.

Source: AWS IoT Core Developer Guide, "Rule actions"; API reference, `Action`.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, TypeAlias

from rules.errors import Problem, SqlError
from rules.fields import Fields, json_type, nearest
from rules.template import Template, compile_template

__all__ = [
    "KNOWN_ACTIONS",
    "Action",
    "RepublishAction",
    "SqsAction",
    "UnsupportedAction",
    "read_action",
]


@dataclass(frozen=True, slots=True)
class SqsAction:
    """Send the payload to an SQS queue.

    Attributes:
        queue_url: The queue's URL.
        role_arn: As written; a gateway has no use for it.
        use_base64: Whether the body is the payload in base64.
    """

    queue_url: Template
    role_arn: str
    use_base64: bool


@dataclass(frozen=True, slots=True)
class RepublishAction:
    """Publish the payload to a topic.

    Attributes:
        topic: The topic; `$$` at its beginning, which stands for `$`, is already `$`.
        role_arn: As written; a gateway has no use for it.
        qos: 0 or 1.
    """

    topic: Template
    role_arn: str
    qos: int


@dataclass(frozen=True, slots=True)
class UnsupportedAction:
    """An action that cannot be carried out here.

    Attributes:
        kind: The action's key.
        parameters: What stands under it, unread.
        problem: Why, in one sentence.
    """

    kind: str
    parameters: Mapping[str, object]
    problem: str


Action: TypeAlias = SqsAction | RepublishAction | UnsupportedAction

KNOWN_ACTIONS: Final = frozenset(
    (
        "cloudwatchAlarm",
        "cloudwatchLogs",
        "cloudwatchMetric",
        "dynamoDB",
        "dynamoDBv2",
        "elasticsearch",
        "firehose",
        "http",
        "influxDB",
        "iotAnalytics",
        "iotEvents",
        "iotSiteWise",
        "kafka",
        "kinesis",
        "lambda",
        "location",
        "openSearch",
        "republish",
        "s3",
        "salesforce",
        "sns",
        "sqs",
        "stepFunctions",
        "timestream",
    )
)
_REPUBLISH_KEYS: Final = ("topic", "roleArn", "qos", "headers")
_SQS_KEYS: Final = ("queueUrl", "roleArn", "useBase64")
_ROLE_ARN: Final = re.compile(r"arn:[^:\s]*:iam::[^:\s]*:role/\S+")


def read_action(
    value: object, path: str, version: str, problems: list[Problem], warnings: list[Problem]
) -> Action | None:
    """Read one action, an object with exactly one key.

    Args:
        value: The JSON value.
        path: Its JSON path in the document.
        version: The rule's SQL version, for templates.
        problems: Where problems go that make the rule unusable.
        warnings: Where problems go that do not.

    Returns:
        The action; None if there are problems.
    """
    if not isinstance(value, dict) or len(value) != 1:
        found = f"{len(value)} keys" if isinstance(value, dict) else json_type(value)
        problems.append(
            Problem(
                path,
                f"an action is an object with exactly one key, the action's name; found {found}",
                "write each action as an object of its own",
            )
        )
        return None
    ((kind, parameters),) = value.items()
    if not isinstance(parameters, dict):
        problems.append(
            Problem(f"{path}.{kind}", f"'{kind}' must be an object, is {json_type(parameters)}")
        )
        return None
    fields = Fields(parameters, f"{path}.{kind}", problems)
    before = len(problems)
    action: Action | None
    if kind == "sqs":
        action = _read_sqs(fields, version, warnings)
    elif kind == "republish":
        action = _read_republish(fields, version, warnings)
    else:
        action = UnsupportedAction(kind, parameters, _why_unsupported(kind))
        warnings.append(Problem(fields.path, action.problem, "the rule's other actions run"))
    return action if len(problems) == before else None


def _why_unsupported(kind: str) -> str:
    if kind in KNOWN_ACTIONS:
        return f"the action '{kind}' is not supported yet"
    near = nearest(kind, KNOWN_ACTIONS)
    return f"unknown action '{kind}'" + (f", did you mean '{near}'?" if near else "")


def _read_sqs(fields: Fields, version: str, warnings: list[Problem]) -> SqsAction | None:
    fields.check_keys(_SQS_KEYS)
    queue_url = _template(fields, "queueUrl", version, warnings)
    role_arn = _role_arn(fields)
    use_base64 = fields.flag("useBase64")
    if queue_url is None or role_arn is None:
        return None
    return SqsAction(queue_url, role_arn, use_base64)


def _read_republish(
    fields: Fields, version: str, warnings: list[Problem]
) -> RepublishAction | None:
    fields.check_keys(_REPUBLISH_KEYS)
    topic = _template(fields, "topic", version, warnings, is_topic=True)
    role_arn = _role_arn(fields)
    qos = fields.choice("qos", (0, 1), default=0)
    if "headers" in fields.members:
        warnings.append(
            Problem(
                fields.path_of("headers"),
                "MQTT 5 headers are not supported yet; the message is published without them",
            )
        )
    if topic is None or role_arn is None:
        return None
    if topic.constant is not None and ("#" in topic.constant or "+" in topic.constant):
        fields.report("topic", "a topic to publish to cannot contain the wildcards '#' and '+'")
    return RepublishAction(topic, role_arn, qos)


def _template(
    fields: Fields, key: str, version: str, warnings: list[Problem], *, is_topic: bool = False
) -> Template | None:
    text = fields.text(key)
    if text is None:
        return None
    if not text:
        fields.report(key, f"'{key}' is empty")
        return None
    # In a rule, `$$aws/…` stands for the reserved topic `$aws/…`.
    is_escaped = is_topic and text.startswith("$$") and not text.startswith("$${")
    escape_characters = 1 if is_escaped else 0
    try:
        template = compile_template(text, version, start_characters=escape_characters)
    except SqlError as error:
        fields.report(key, f"in the template: {error}", error.hint)
        return None
    warnings.extend(Problem(fields.path_of(key), warning) for warning in template.warnings)
    return template


def _role_arn(fields: Fields) -> str | None:
    role_arn = fields.text("roleArn")
    if role_arn is not None and _ROLE_ARN.fullmatch(role_arn) is None:
        fields.report(
            "roleArn",
            f"{role_arn!r} does not have the form of a role's ARN",
            "any will do here, for example arn:aws:iam::000000000000:role/gateway",
        )
        return None
    return role_arn
