"""The `republish` action: a rule's result becomes a message, and a loop has an end.

Owns the republished message and how many a message from outside may cause. A republish happens at
once, inside the publish that causes it, and shares its transaction. Knows nothing of other actions.

Sources: AWS IoT Core Developer Guide, "Republish"; AWS IoT API reference, `RepublishAction`. The
limits on loops are the gateway's own.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias, final

import rules
from gateway.broker.profile import OWN_TOPICS
from gateway.engine.actions.republish_headers import (
    NO_HEADERS,
    Headers,
    compile_headers,
    read_headers,
)
from gateway.engine.actions.templates import render
from gateway.engine.failures import ActionFailed
from gateway.message import Message, Publisher
from gateway.mqtt.errors import InvalidTopic
from gateway.mqtt.topics import check_topic_name

__all__ = [
    "MAX_ERROR_REPUBLISHES_PER_CAUSE",
    "MAX_REPUBLISHES_PER_CAUSE",
    "MAX_REPUBLISHES_PER_ENTRY",
    "MAX_REPUBLISH_DEPTH",
    "RepublishBudget",
    "check_republish",
    "compile_republish",
    "republish",
]

Perform: TypeAlias = Callable[[Message, rules.Context, bytes], None]

MAX_REPUBLISH_DEPTH: Final = 10
"""A republish may cause a republish; at this depth it is a loop."""

MAX_REPUBLISHES_PER_CAUSE: Final = 300
"""Depth alone is no bound: four rules that listen to what they republish make a million messages of
one within ten levels. This many take some milliseconds."""

MAX_REPUBLISHES_PER_ENTRY: Final = 100
"""The same for an entry of the outbox, which a rule that reaches out may cause many of."""

MAX_ERROR_REPUBLISHES_PER_CAUSE: Final = 100
"""Error actions have a budget of their own, so that one can tell of a spent budget."""

# Topics and values come out of payloads: what of them goes into logs and status has a bound.
_SHOWN_CHARACTERS: Final = 200

# AWS does not take a republish to these ("Reserved topics", jobs).
_JOBS: Final = re.compile(r"\$aws/things/[^/]+/jobs/")


@final
class RepublishBudget:
    """How many messages one message from outside may still cause; one for all rules.

    A cascade runs to its end before the next message is looked at, so one set of counters is
    enough.
    """

    __slots__ = ("_cause", "_left", "_left_for_errors", "_most")

    def __init__(self) -> None:
        self._cause: Message | None = None
        self._left = self._most = MAX_REPUBLISHES_PER_CAUSE
        self._left_for_errors = MAX_ERROR_REPUBLISHES_PER_CAUSE

    def renew(self, most: int = MAX_REPUBLISHES_PER_CAUSE) -> None:
        """Begin anew: what comes next has a cause of its own, such as an entry of the outbox."""
        self._cause = None
        self._left = self._most = most
        self._left_for_errors = MAX_ERROR_REPUBLISHES_PER_CAUSE

    def follow(self, message: Message) -> None:
        """Begin anew if this message comes from outside and was not the last to be seen."""
        if message.depth == 0 and message is not self._cause:
            self.renew()
            self._cause = message

    def spend(self, depth: int, *, for_error: bool = False) -> None:
        """Take note of a republish.

        Args:
            depth: How many republish actions led to the message that causes it.
            for_error: It is an error action's. Those go one level deeper than others, so that a
                loop ends in its error action, and that makes no loop either.

        Raises:
            ActionFailed: It is one too many, or too deep.
        """
        if depth >= MAX_REPUBLISH_DEPTH + for_error:
            raise ActionFailed(
                f"{depth} republish actions led here, so this looks like a loop",
                hint="Let the rule's FROM not match the topic that it republishes to.",
            )
        if for_error:
            self._left_for_errors -= 1
        else:
            self._left -= 1
        if (self._left_for_errors if for_error else self._left) < 0:
            most = MAX_ERROR_REPUBLISHES_PER_CAUSE if for_error else self._most
            kind = " by error actions" if for_error else ""
            raise ActionFailed(
                f"one message has caused {most} others{kind}, so this looks like a loop",
                hint="Let the rules' FROM not match the topics that they republish to.",
            )


def compile_republish(
    action: rules.RepublishAction,
    *,
    rule_name: str,
    publish: Callable[[Message], None],
    budget: RepublishBudget,
    gateway_ms: Callable[[], int],
) -> Perform:
    """Return the callable that carries out a republish action.

    It raises ActionFailed; StoreError passes through and refuses the publish that caused it.

    Args:
        action: The action as the rule document has it.
        rule_name: What republished messages name as their publisher.
        publish: Routes a message inside the gateway.
        budget: What republishing spends from, shared by all rules.
        gateway_ms: Gateway time in milliseconds, from which messages expire.
    """
    publisher = Publisher(f"rule:{rule_name}")
    topic_template, qos = action.topic, action.qos
    headers_for = None if action.headers is None else compile_headers(action.headers)

    def perform(message: Message, context: rules.Context, output: bytes) -> None:
        depth = message.depth
        if not depth:
            budget.follow(message)
        budget.spend(depth)
        topic = topic_template.constant
        if topic is None:
            topic = render(topic_template, context)
        republished = Message(topic, output, qos, False, publisher, depth + 1)
        if headers_for is not None:
            _put_headers(republished, headers_for(context), gateway_ms)
        _publish(republished, publish)

    return perform


def republish(
    parameters: Mapping[str, object],
    payload: bytes,
    *,
    rule_name: str,
    depth: int,
    publish: Callable[[Message], None],
    budget: RepublishBudget,
    gateway_ms: Callable[[], int],
    for_error: bool = False,
) -> None:
    """Carry out a republish action whose templates are rendered.

    Whoever runs a rule outside of the publish that caused it calls `budget.renew()` before its
    actions: it is a cause of its own.

    Args:
        parameters: What stands under `republish` in what `rules.RepublishAction.render` gives.
        payload: What to publish.
        rule_name: What the message names as its publisher.
        depth: How many republish actions led to the message that causes this one.
        publish: Routes a message inside the gateway.
        budget: What republishing spends from, shared by all rules.
        gateway_ms: Gateway time in milliseconds, from which the message expires.
        for_error: It is an error action.

    Raises:
        ActionFailed: The topic or a header cannot be published, or this looks like a loop.
        StoreError: Something durable could not be taken.
    """
    budget.spend(depth, for_error=for_error)
    headers = check_republish(parameters)
    qos = 1 if parameters.get("qos") == 1 else 0
    publisher = Publisher(f"rule:{rule_name}")
    message = Message(str(parameters["topic"]), payload, qos, False, publisher, depth + 1)
    _put_headers(message, headers, gateway_ms)
    _publish(message, publish)


def check_republish(parameters: Mapping[str, object]) -> Headers:
    """Return the headers of a republish action whose templates are rendered.

    Args:
        parameters: As of `republish`.

    Raises:
        ActionFailed: The topic or a header cannot be published.
    """
    topic = str(parameters["topic"])
    try:
        check_topic_name(topic)
    except InvalidTopic as error:
        raise _no_topic(topic, str(error)) from error
    _check_reserved(topic)
    headers = parameters.get("headers")
    return read_headers(headers) if isinstance(headers, Mapping) else NO_HEADERS


def _put_headers(message: Message, headers: Headers, gateway_ms: Callable[[], int]) -> None:
    message.properties, expiry_s = headers
    if expiry_s:
        message.expires_at_ms = gateway_ms() + expiry_s * 1000


def _publish(message: Message, publish: Callable[[Message], None]) -> None:
    _check_reserved(message.topic)
    try:
        publish(message)
    except InvalidTopic as error:
        raise _no_topic(message.topic, str(error)) from error


def _check_reserved(topic: str) -> None:
    if not topic.startswith("$"):
        return
    if _JOBS.match(topic) is not None:
        raise _no_topic(topic, "it is a reserved topic of jobs")
    if topic.startswith(OWN_TOPICS):
        raise _no_topic(topic, "the gateway alone publishes there")


def _no_topic(topic: str, why: str) -> ActionFailed:
    return ActionFailed(f"cannot republish to {topic[:_SHOWN_CHARACTERS]!r}: {why}")
