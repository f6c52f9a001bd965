"""A rule's actions in a test: what each would get, and why one would fail.

Owns the sentences about actions. Carries nothing out, and knows no gateway: whether a queue exists
is not asked.
"""

from __future__ import annotations

from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

import rules
from gateway.cli.rule_topic import loop
from rules.actions.table import ACTIONS
from rules.lexer import Lines
from rules.parser import parse_expression
from rules.syntax import Attribute, children

if TYPE_CHECKING:
    from rules.syntax import Node, Query

__all__ = ["Rendered", "aliases_of", "loops", "queue_fault", "rendered"]


@dataclass(frozen=True, slots=True)
class Rendered:
    """One action as it would be carried out.

    Attributes:
        kind: Its key, such as `sqs`.
        parameters: Its parameters, templates replaced; None where one has no value.
        problem: Why there are none, or why Weir would not carry it out; empty otherwise.
        remedy: What to do about it; may be empty.
        fails: Whether the rule is to blame. That Weir does not carry out the action is no fault of
            the rule.
    """

    kind: str
    parameters: dict[str, object] | None
    problem: str = ""
    remedy: str = ""
    fails: bool = False


def aliases_of(query: Query) -> frozenset[str]:
    """Return the names that AS gives in SELECT; templates do not know them."""
    return frozenset(item.alias[0] for item in query.items if item.alias)


def rendered(action: rules.Action, context: rules.Context, aliases: Collection[str]) -> Rendered:
    """Return what an action would get.

    Args:
        action: The action.
        context: The one that the rule's statement was evaluated in.
        aliases: The names that AS gives in SELECT.
    """
    kind = action.kind
    try:
        parameters = action.render(context)[kind]
    except rules.TemplateUndefined as error:
        remedy = _about_aliases(error.expression, aliases, context) or error.hint
        return Rendered(kind, None, str(error), remedy, fails=True)
    except rules.EvaluationFailed as error:
        return Rendered(kind, None, str(error), error.hint, fails=True)
    if not isinstance(parameters, dict):
        parameters = {}
    if isinstance(action, rules.UnsupportedAction):
        return Rendered(kind, parameters, action.problem, fails=kind not in ACTIONS)
    problem, remedy = _refused(action, parameters)
    return Rendered(kind, parameters, problem, remedy, fails=bool(problem))


def loops(actions: Sequence[Rendered], topic_filter: str | None) -> Iterator[str]:
    """Give a sentence for each action that publishes what the rule's own FROM matches."""
    for number, action in enumerate(actions, start=1):
        topic = (action.parameters or {}).get("topic")
        if action.kind == "republish" and isinstance(topic, str) and not action.fails:
            sentence = loop(topic, topic_filter)
            if sentence:
                yield f"action {number} {sentence}"


def queue_fault(name: str) -> str:
    """Return why no rule can send to a queue of this name; empty if one can."""
    from gateway.services.sqs.names import is_fifo_name, name_problem

    if is_fifo_name(name):
        return f"{name[:200]!r} is a FIFO queue, to which no rule can send, here as on AWS"
    if name_problem(name, fifo=False):  # AWS's sentence is for the API's answers
        problem = "a queue's name has 1 to 80 letters, digits, hyphens and underscores"
        return f"no queue can have the name {name[:200]!r}: {problem}"
    return ""


def _refused(action: rules.Action, parameters: dict[str, object]) -> tuple[str, str]:
    """Return why this could not be sent or published whatever a gateway has, and what to do."""
    if isinstance(action, rules.SqsAction):
        from gateway.services.sqs.names import resolve_name

        return queue_fault(resolve_name(str(parameters.get("queueUrl")))), ""
    if isinstance(action, rules.RepublishAction):
        from gateway.engine.actions.republishing import check_republish
        from gateway.engine.failures import ActionFailed

        try:
            check_republish(parameters)
        except ActionFailed as error:
            return str(error), error.hint
    return "", ""


def _about_aliases(expression: str, aliases: Collection[str], context: rules.Context) -> str:
    """Return what to do where a template names an alias of SELECT; empty where it does not."""
    node = parse_expression(expression, Lines(expression), 0, len(expression))
    members = context.message.read()
    for name in _names(node):
        if name in aliases and name not in members:
            return (
                f"templates see the original payload, and {name} is a name that SELECT gives: "
                "write the expression itself, or compute it with SET and use ${@name}"
            )
    return ""


def _names(node: Node) -> Iterator[str]:
    if isinstance(node, Attribute):
        yield node.name
    for below in children(node):
        yield from _names(below)
