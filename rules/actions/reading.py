"""One action of a rule document, read.

Owns which actions are carried out, and what is a problem and what a warning: an action that is
carried out must be right; of any other only its templates must be, and the rule loads.

Source: AWS IoT API reference, `Action`.
"""

from __future__ import annotations

from typing import Final

from rules.actions.agreement import check_agreement
from rules.actions.kinds import (
    Action,
    RepublishAction,
    RepublishHeaders,
    ServiceAction,
    SqsAction,
    UnsupportedAction,
)
from rules.actions.parameters import ParameterReader, TemplateTerms
from rules.actions.table import ACTIONS
from rules.errors import Problem
from rules.fields import json_type, nearest
from rules.template import Template

__all__ = ["read_action"]

_CARRIED_OUT: Final = frozenset(
    (
        "cloudwatchLogs",
        "cloudwatchMetric",
        "dynamoDB",
        "dynamoDBv2",
        "http",
        "lambda",
        "republish",
        "s3",
        "sqs",
    )
)

# These wait for a service of the gateway's own; all others that are not carried out never will be.
_AWAITED: Final = {"kinesis": "Kinesis", "sns": "SNS"}


def read_action(
    value: object,
    path: str,
    terms: TemplateTerms,
    problems: list[Problem],
    warnings: list[Problem],
    *,
    is_error_action: bool = False,
) -> Action | None:
    """Read one action, an object with exactly one key.

    Args:
        value: The JSON value.
        path: Its JSON path in the document.
        terms: What its templates may use.
        problems: Where problems go that make the rule unusable.
        warnings: Where problems go that do not.
        is_error_action: Whether it stands alone, under `errorAction`.

    Returns:
        The action; None if there are problems.
    """
    if not isinstance(value, dict) or len(value) != 1:
        found = f"{len(value)} keys" if isinstance(value, dict) else json_type(value)
        problems.append(
            Problem(
                path,
                f"an action is an object with exactly one key, the action's name; found {found}",
                "a rule has one error action: write it as an object, without the array"
                if is_error_action and isinstance(value, list)
                else "write each action as an object of its own",
            )
        )
        return None
    ((kind, parameters),) = value.items()
    path = f"{path}.{kind}"
    if not isinstance(parameters, dict):
        problems.append(Problem(path, f"'{kind}' must be an object, is {json_type(parameters)}"))
        return None
    before = len(problems)
    action: Action
    if kind in _CARRIED_OUT:
        reader = ParameterReader(terms, problems, problems, warnings)
        read = reader.read(parameters, ACTIONS[kind], path)
        if len(problems) == before:
            check_agreement(kind, read, path, problems, warnings)
        if len(problems) > before:
            return None
        if kind == "sqs":
            action = _sqs(read, terms)
        elif kind == "republish":
            action = _republish(read, terms)
        else:
            action = ServiceAction(kind, read)
    else:
        remedy = "the rule's actions run" if is_error_action else "the rule's other actions run"
        warnings.append(Problem(path, _not_carried_out(kind), remedy))
        action = _unsupported(kind, parameters, path, terms, problems, warnings)
    return action if len(problems) == before else None


def _unsupported(
    kind: str,
    parameters: dict[str, object],
    path: str,
    terms: TemplateTerms,
    problems: list[Problem],
    warnings: list[Problem],
) -> UnsupportedAction:
    shape = ACTIONS.get(kind)
    if shape is not None:
        reader = ParameterReader(terms, warnings, problems, warnings)
        parameters = reader.read(parameters, shape, path)
    return UnsupportedAction(kind, parameters, _not_carried_out(kind))


def _not_carried_out(kind: str) -> str:
    """Return why an action of this kind is not carried out."""
    if kind not in ACTIONS:
        near = nearest(kind, ACTIONS)
        return f"unknown action '{kind}'" + (f", did you mean '{near}'?" if near else "")
    if kind in _AWAITED:
        return (
            f"the action '{kind}' is not there yet: it comes with the gateway's own "
            f"{_AWAITED[kind]}"
        )
    return f"the action '{kind}' has no meaning on this gateway"


# What was read without a problem has the types of its shape; `str` and `isinstance` say so again
# for the type checker alone.


def _sqs(read: dict[str, object], terms: TemplateTerms) -> SqsAction:
    return SqsAction(
        queue_url=_template(read["queueUrl"], terms),
        role_arn=str(read["roleArn"]),
        use_base64=read.get("useBase64") is True,
    )


def _republish(read: dict[str, object], terms: TemplateTerms) -> RepublishAction:
    headers = read.get("headers")
    return RepublishAction(
        topic=_template(read["topic"], terms),
        role_arn=str(read["roleArn"]),
        qos=1 if read.get("qos") == 1 else 0,
        headers=_headers(headers, terms) if isinstance(headers, dict) else None,
    )


def _headers(read: dict[str, object], terms: TemplateTerms) -> RepublishHeaders:
    def optional(key: str) -> Template | None:
        return _template(read[key], terms) if key in read else None

    properties = read.get("userProperties")
    pairs = properties if isinstance(properties, list) else []
    return RepublishHeaders(
        payload_format_indicator=optional("payloadFormatIndicator"),
        content_type=optional("contentType"),
        response_topic=optional("responseTopic"),
        correlation_data=optional("correlationData"),
        message_expiry=optional("messageExpiry"),
        user_properties=tuple(
            (_template(pair["key"], terms), _template(pair["value"], terms)) for pair in pairs
        ),
    )


def _template(value: object, terms: TemplateTerms) -> Template:
    return value if isinstance(value, Template) else terms.compile(str(value))
