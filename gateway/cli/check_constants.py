"""Parameters of actions that are the same for every message, and fail for every one.

Owns which parameters are looked at, and the sentence. What is wrong with one is said by the very
code that would carry the action out; nothing is sent, logged or counted. What rules name of the
gateway's services, and addresses, are judged elsewhere.
"""

from __future__ import annotations

import logging
from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Final

import rules
from gateway.cli.naming import Rules, constant
from gateway.cli.output import sentence

if TYPE_CHECKING:
    from gateway.cli.verdict import Verdict
    from gateway.engine.failures import ActionFailed

__all__ = ["judge_constants"]

# Stand in for what differs from message to message: with these, nothing is wrong.
_ANY_METRIC: Final = {
    "metricNamespace": "any",
    "metricName": "any",
    "metricValue": "0",
    "metricUnit": "None",
}
_ANY_ADDRESS: Final = "http://localhost/"
_ANY_HEADER: Final = ("x-any", "any")


def judge_constants(found: Rules, verdict: Verdict) -> None:
    """Warn of each action that fails whatever the message, for what its parameters say.

    Args:
        found: The rules.
        verdict: Where warnings go.
    """
    for file, document in found:
        places = [(f"action {at}", each) for at, each in enumerate(document.actions, start=1)]
        if document.error_action is not None:
            places.append(("error action", document.error_action))
        for place, action in places:
            for error in _failures(action):
                told = sentence(str(error)) + (f" {sentence(error.hint)}" if error.hint else "")
                verdict.warnings.append(
                    f"{file}: the rule {document.name} has an action that fails for every "
                    f"message, {place} ({action.kind}): {told}"
                )


def _failures(action: rules.Action) -> Iterator[ActionFailed]:
    """Give why an action fails for every message; nothing where that depends on the message."""
    if isinstance(action, rules.RepublishAction):
        yield from _of_republish(action)
    elif not isinstance(action, rules.ServiceAction):
        return
    elif action.kind == "cloudwatchLogs":
        yield from _of_log(action.parameters)
    elif action.kind == "cloudwatchMetric":
        yield from _of_metric(action.parameters)
    elif action.kind == "http":
        yield from _of_http(action.parameters)


def _of_republish(action: rules.RepublishAction) -> Iterator[ActionFailed]:
    from gateway.engine.actions.republish_headers import read_headers
    from gateway.engine.actions.republishing import check_republish
    from gateway.engine.failures import ActionFailed

    if action.topic.constant is not None:
        try:
            check_republish({"topic": action.topic.constant})
        except ActionFailed as error:
            yield error
    if action.headers is not None:
        try:
            read_headers(_constant_headers(action.headers))
        except ActionFailed as error:
            yield error


def _constant_headers(headers: rules.RepublishHeaders) -> dict[str, object]:
    templates = {
        "payloadFormatIndicator": headers.payload_format_indicator,
        "contentType": headers.content_type,
        "responseTopic": headers.response_topic,
        "correlationData": headers.correlation_data,
        "messageExpiry": headers.message_expiry,
    }
    found: dict[str, object] = {
        key: template.constant
        for key, template in templates.items()
        if template is not None and template.constant is not None
    }
    found["userProperties"] = [
        {"key": key.constant or "any", "value": value.constant or "any"}
        for key, value in headers.user_properties
    ]
    return found


def _of_log(parameters: Mapping[str, object]) -> Iterator[ActionFailed]:
    from gateway.engine.actions.cloudwatch import CloudWatchLogs
    from gateway.engine.failures import ActionFailed

    group = constant(parameters.get("logGroupName"))
    silent = logging.Logger(__name__, logging.CRITICAL)
    if group is not None:
        try:
            CloudWatchLogs(lambda: 0.0, silent).put({"logGroupName": group}, b"")
        except ActionFailed as error:
            yield error


def _of_metric(parameters: Mapping[str, object]) -> Iterator[ActionFailed]:
    from gateway.engine.actions.cloudwatch import CloudWatchMetrics
    from gateway.engine.failures import ActionFailed
    from gateway.metrics import Metrics

    for key in (*_ANY_METRIC, "metricTimestamp"):
        text = constant(parameters.get(key))
        if text is None:
            continue
        try:
            CloudWatchMetrics(Metrics(), lambda: 0).put({**_ANY_METRIC, key: text}, b"")
        except ActionFailed as error:
            yield error


def _of_http(parameters: Mapping[str, object]) -> Iterator[ActionFailed]:
    from gateway.engine.actions.http_request import read_request
    from gateway.engine.failures import ActionFailed

    given = parameters.get("headers")
    headers = []
    for header in given if isinstance(given, list) else ():
        name, value = constant(header.get("key")), constant(header.get("value"))
        any_name, any_value = _ANY_HEADER
        headers.append(
            {
                "key": any_name if name is None else name,
                "value": any_value if value is None else value,
            }
        )
    try:
        read_request({"url": _ANY_ADDRESS, "headers": headers})
    except ActionFailed as error:
        yield error
