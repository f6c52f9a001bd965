"""Actions: what a rule does with its result, as callables made once per rule.

Owns the local meaning of each action. An action that fails raises ActionFailed, which the rule
counts; StoreError passes through and refuses the publish that caused it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Protocol

import rules
from gateway.errors import GatewayError
from gateway.message import Message, Publisher
from gateway.mqtt.errors import InvalidTopic
from gateway.services.sqs import SqsError

__all__ = ["ActionFailed", "Perform", "SqsQueue", "compile_action"]

# A republish may cause a republish; at this depth it is a loop (the design's limit).
MAX_REPUBLISH_DEPTH = 10

Perform = Callable[[Message, rules.Message, bytes], None]


class ActionFailed(GatewayError):  # noqa: N818 - named after what happened
    """An action could not be carried out; the rule's other actions go on."""

    code = "action-failed"


class SqsQueue(Protocol):
    """What the `sqs` action needs of a queue."""

    def send(self, body: bytes) -> None:
        """Add a message to the open batch."""


def compile_action(
    action: rules.Action,
    *,
    rule_name: str,
    environment: rules.Environment,
    queue: Callable[[str], SqsQueue | None],
    publish: Callable[[Message], None],
) -> Perform:
    """Return the callable that carries out one action.

    Args:
        action: The action as the rule document has it.
        rule_name: What republished messages name as their publisher.
        environment: What templates are evaluated in.
        queue: Finds a queue by name.
        publish: Routes a message inside the gateway.
    """
    if isinstance(action, rules.SqsAction):
        return _sqs(action, environment, queue)
    if isinstance(action, rules.RepublishAction):
        return _republish(action, rule_name, environment, publish)
    return _unsupported(action)


def _sqs(
    action: rules.SqsAction,
    environment: rules.Environment,
    find_queue: Callable[[str], SqsQueue | None],
) -> Perform:
    template = action.queue_url
    use_base64 = action.use_base64
    constant = None if template.constant is None else template.constant.rpartition("/")[2]

    def perform(message: Message, subject: rules.Message, output: bytes) -> None:
        # A queue URL is resolved by its last part, whatever host, region and account it names.
        name = constant or _render(template, subject, environment).rpartition("/")[2]
        queue = find_queue(name)
        if queue is None:
            raise ActionFailed(
                f"there is no queue {name!r}",
                hint=f'Create it, or add to the settings: [[sqs.queues]] name = "{name}"',
            )
        try:
            queue.send(base64.b64encode(output) if use_base64 else output)
        except SqsError as error:
            raise ActionFailed(f"queue {name!r} refused the message: {error}") from error

    return perform


def _republish(
    action: rules.RepublishAction,
    rule_name: str,
    environment: rules.Environment,
    publish: Callable[[Message], None],
) -> Perform:
    publisher = Publisher(f"rule:{rule_name}")

    def perform(message: Message, subject: rules.Message, output: bytes) -> None:
        if message.depth >= MAX_REPUBLISH_DEPTH:
            raise ActionFailed(
                f"{MAX_REPUBLISH_DEPTH} republish actions led here, so this looks like a loop",
                hint="Let the rule's FROM not match the topic that it republishes to.",
            )
        topic = _render(action.topic, subject, environment)
        if topic.startswith("$$"):  # `$$aws/…` in a rule stands for the reserved topic `$aws/…`
            topic = topic[1:]
        try:
            publish(Message(topic, output, action.qos, False, publisher, message.depth + 1))
        except InvalidTopic as error:
            raise ActionFailed(f"cannot republish to {topic!r}: {error}") from error

    return perform


def _unsupported(action: rules.Action) -> Perform:
    kind = getattr(action, "kind", type(action).__name__)

    def perform(message: Message, subject: rules.Message, output: bytes) -> None:
        raise ActionFailed(f"the action {kind!r} is not there yet")

    return perform


def _render(
    template: rules.Template, subject: rules.Message, environment: rules.Environment
) -> str:
    try:
        return template.render(subject, environment)
    except rules.TemplateUndefined as error:
        raise ActionFailed(str(error), hint=error.hint) from error
