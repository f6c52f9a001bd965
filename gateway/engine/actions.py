"""Actions: what a rule does with its result, as callables made once per rule.

Owns the local meaning of each action. An action that fails raises ActionFailed, which the rule
counts; StoreError passes through and refuses the publish that caused it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Protocol, final

import rules
from gateway.errors import GatewayError
from gateway.message import Message, Publisher
from gateway.mqtt.errors import InvalidTopic
from gateway.services.sqs import SqsError
from gateway.services.sqs.names import name_problem, resolve_name

__all__ = ["ActionFailed", "Perform", "RepublishBudget", "SqsQueue", "compile_action"]

# A republish may cause a republish; at this depth it is a loop (the design's limit).
MAX_REPUBLISH_DEPTH = 10

# Depth alone is no bound: four rules that listen to what they republish make a million messages of
# one within ten levels. This many take some ten milliseconds.
MAX_REPUBLISHES_PER_CAUSE = 1000

# Names and topics come out of payloads: what of them goes into logs and status has a bound.
SHOWN_CHARACTERS = 200

Perform = Callable[[Message, rules.Context, bytes], None]


class ActionFailed(GatewayError):  # noqa: N818 - named after what happened
    """An action could not be carried out; the rule's other actions go on."""

    code = "action-failed"


class SqsQueue(Protocol):
    """What the `sqs` action needs of a queue."""

    def send(self, body: bytes) -> None:
        """Add a message to the open batch."""


@final
class RepublishBudget:
    """How many messages one message from outside may still cause; one for all rules.

    A cascade runs to its end before the next message is looked at, so one counter is enough.
    """

    __slots__ = ("_cause", "_left")

    def __init__(self) -> None:
        self._cause: Message | None = None
        self._left = 0

    def spend(self, message: Message) -> None:
        """Take note of a republish that this message causes.

        Raises:
            ActionFailed: It is one too many, or too deep.
        """
        if message.depth == 0 and message is not self._cause:
            self._cause = message
            self._left = MAX_REPUBLISHES_PER_CAUSE
        if message.depth >= MAX_REPUBLISH_DEPTH:
            raise ActionFailed(
                f"{MAX_REPUBLISH_DEPTH} republish actions led here, so this looks like a loop",
                hint="Let the rule's FROM not match the topic that it republishes to.",
            )
        if self._left <= 0:
            raise ActionFailed(
                f"one message has caused {MAX_REPUBLISHES_PER_CAUSE} others, so this looks like "
                "a loop",
                hint="Let the rules' FROM not match the topics that they republish to.",
            )
        self._left -= 1


def compile_action(
    action: rules.Action,
    *,
    rule_name: str,
    queue: Callable[[str], SqsQueue | None],
    publish: Callable[[Message], None],
    budget: RepublishBudget,
) -> Perform:
    """Return the callable that carries out one action.

    Args:
        action: The action as the rule document has it.
        rule_name: What republished messages name as their publisher.
        queue: Finds a queue by name.
        publish: Routes a message inside the gateway.
        budget: What republishing spends from, shared by all rules.
    """
    if isinstance(action, rules.SqsAction):
        return _sqs(action, queue)
    if isinstance(action, rules.RepublishAction):
        return _republish(action, rule_name, publish, budget)
    return _unsupported(action)


def _sqs(
    action: rules.SqsAction,
    find_queue: Callable[[str], SqsQueue | None],
) -> Perform:
    template = action.queue_url
    use_base64 = action.use_base64
    constant = None if template.constant is None else resolve_name(template.constant)

    def perform(message: Message, context: rules.Context, output: bytes) -> None:
        # A URL or ARN is resolved by its last part, whatever host, region and account it names.
        name = constant
        if name is None:
            name = resolve_name(_render(template, context))
        queue = find_queue(name)
        if queue is None:
            raise _no_queue(name)
        try:
            queue.send(base64.b64encode(output) if use_base64 else output)
        except SqsError as error:
            raise ActionFailed(f"queue {name!r} refused the message: {error}") from error

    return perform


def _no_queue(name: str) -> ActionFailed:
    hint = ""
    if not name_problem(name):  # the name may be a payload's: only a good one is printed as is
        hint = f'Create it, or add to the settings: [[sqs.queues]] name = "{name}"'
    return ActionFailed(f"there is no queue {name[:SHOWN_CHARACTERS]!r}", hint=hint)


def _republish(
    action: rules.RepublishAction,
    rule_name: str,
    publish: Callable[[Message], None],
    budget: RepublishBudget,
) -> Perform:
    publisher = Publisher(f"rule:{rule_name}")

    def perform(message: Message, context: rules.Context, output: bytes) -> None:
        budget.spend(message)
        topic = _render(action.topic, context)
        try:
            publish(Message(topic, output, action.qos, False, publisher, message.depth + 1))
        except InvalidTopic as error:
            shown = topic[:SHOWN_CHARACTERS]
            raise ActionFailed(f"cannot republish to {shown!r}: {error}") from error

    return perform


def _unsupported(action: rules.UnsupportedAction) -> Perform:
    def perform(message: Message, context: rules.Context, output: bytes) -> None:
        raise ActionFailed(action.problem, hint="The rule's other actions run.")

    return perform


def _render(template: rules.Template, context: rules.Context) -> str:
    try:
        return template.render_in(context)
    except (rules.TemplateUndefined, rules.EvaluationFailed) as error:
        raise ActionFailed(str(error), hint=error.hint) from error
