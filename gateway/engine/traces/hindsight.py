"""Why a rule did or did not fire for a message that is past.

Owns evaluating the rule once more for that message, and putting beside it what the rule really did
then. Carries nothing out. Knows nothing of where messages are kept.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Final

import rules
from gateway.broker.basic_ingest import BASIC_INGEST
from gateway.engine.outbox import STATEMENT
from gateway.engine.traces.ring import Outcome
from gateway.errors import fault_told
from gateway.mqtt.topics import Dialect, matches
from rules.syntax import Binary, Node, Unary

__all__ = ["Past", "concerns", "look_back", "look_back_without_rule", "shown_payload"]

# What is shown of a value, a reason, an outgoing payload.
MAX_TEXT_CHARACTERS: Final = 2000
MAX_BRIEF_CHARACTERS: Final = 200
MAX_OUTPUT_BYTES: Final = 16 * 1024

# They give something else each time.
_VARYING: Final = frozenset(("newuuid", "rand"))

_MAY_DIFFER: Final = "the time, or a random value, is not the same"

_JOINING: Final = ("AND", "OR")

# Which of an action's parameters say where it goes.
_PLACES: Final[Mapping[str, tuple[tuple[str, ...], ...]]] = {
    "sqs": (("queueUrl",),),
    "republish": (("topic",),),
    "lambda": (("functionArn",),),
    "http": (("url",),),
    "s3": (("bucketName",), ("key",)),
    "dynamoDB": (("tableName",),),
    "dynamoDBv2": (("putItem", "tableName"),),
    "cloudwatchLogs": (("logGroupName",),),
    "cloudwatchMetric": (("metricNamespace",), ("metricName",)),
}


@dataclass(frozen=True, slots=True)
class Past:
    """A message that is past, as a rule can be asked about it again.

    Attributes:
        topic: The topic it was published to.
        subject: What rules see of it.
        at_ms: When it came, in milliseconds since 1970.
        account: The account number that appears in ARNs.
    """

    topic: str
    subject: rules.Message
    at_ms: int
    account: str


def concerns(document: rules.RuleDocument, topic: str) -> bool:
    """Tell whether a message on a topic comes to a rule, were the rule enabled."""
    if topic.startswith(BASIC_INGEST):
        name, _, rest = topic[len(BASIC_INGEST) :].partition("/")
        return name == document.name and rest != ""
    topic_filter = document.statement.topic_filter
    return topic_filter is not None and matches(topic_filter, topic, Dialect.AWS)


def look_back(
    document: rules.RuleDocument, past: Past, outcome: Outcome | None, *, is_newer: bool
) -> dict[str, object]:
    """Return what a rule made of a message, as JSON.

    Args:
        document: The rule as it is now.
        past: The message.
        outcome: What the rule did with it then; None if it did not fire.
        is_newer: Whether the rule came, or was changed, after the message.

    Returns:
        `rule`, `sql`, `sql_version`, `from`, `concerned` (whether FROM, or Basic Ingest, brings it
        the message), `fired`, `reason` (why it did not; a sentence without a full stop), `actions`
        and `notes`. What the clauses gave is in `variables`, `where`, `conditions` and `items`,
        each with `sql` and `text` (and `name`), and `output` with `encoding` and `output_bytes`:
        they are missing where the rule was not evaluated again.
    """
    statement = document.statement
    is_concerned = concerns(document, past.topic)
    notes: list[str] = []
    why, clauses, context = "", dict[str, object](), None
    if is_concerned and statement.reaches_out:
        notes.append(
            "it asks for what is outside, which may be different by now: it is not evaluated again"
        )
    elif is_concerned:
        environment = rules.Environment(lambda: past.at_ms, past.account)
        context = rules.Context(past.subject, environment)
        why, clauses = _evaluate(statement, context)
        notes += _doubts(document, outcome, why, is_newer=is_newer)
    if outcome is not None:
        reason = _what_stopped(outcome)
        if is_newer:
            notes.append("the rule was changed after this message: what is shown is the new one")
    elif not is_concerned:
        reason = "FROM does not match"
    elif is_newer:
        reason = "the rule came, or was changed, after this message"
    elif document.disabled:
        reason = why or "the rule is disabled"
    else:
        reason = why or "nothing came of it when the message was published"
    fired = outcome is not None and not reason
    actions: list[dict[str, object]] = []
    if outcome is not None and fired:
        actions += _results(outcome, None if is_newer else document, context)
    return {
        "rule": document.name,
        "sql": statement.sql,
        "sql_version": statement.version,
        "from": statement.topic_filter,
        "concerned": is_concerned,
        "fired": fired,
        "reason": reason[:MAX_TEXT_CHARACTERS],
        **clauses,
        "actions": actions,
        "notes": notes,
    }


def look_back_without_rule(name: str, outcome: Outcome) -> dict[str, object]:
    """Return what is known of a rule that is there no longer, in the form of `look_back`."""
    reason = _what_stopped(outcome)
    return {
        "rule": name,
        "sql": "",
        "sql_version": "",
        "from": None,
        "concerned": True,
        "fired": not reason,
        "reason": reason[:MAX_TEXT_CHARACTERS],
        "actions": [] if reason else list(_results(outcome, None, None)),
        "notes": ["the rule is there no longer: what its clauses gave is not known"],
    }


def shown_payload(payload: bytes, most_bytes: int) -> tuple[str, str]:
    """Return a payload as text, cut to a length, and how it was made: `utf-8` or `base64`.

    A character that the cut parts is left out.
    """
    is_cut = len(payload) > most_bytes
    try:
        return payload[:most_bytes].decode(), "utf-8"
    except UnicodeDecodeError as error:
        if is_cut and error.start > most_bytes - 4 and error.reason == "unexpected end of data":
            return payload[: error.start].decode(), "utf-8"
        return base64.b64encode(payload[:most_bytes]).decode("ascii"), "base64"


def _evaluate(statement: rules.Statement, context: rules.Context) -> tuple[str, dict[str, object]]:
    """Return why the statement gives nothing (empty: it does), and what its clauses give."""
    try:
        explanation = rules.explain(statement, context)
    except rules.EvaluationFailed as error:
        return f"the evaluation fails: {error}", {}
    except Exception as error:  # it is this rule's, and must not hide what others did
        return fault_told(error), {}

    def shown(clause: rules.Clause) -> dict[str, object]:
        named: dict[str, object] = {"name": clause.name} if clause.name else {}
        text = _text_of(clause, statement)
        return {**named, "sql": _short(clause.text), "text": _short(text)}

    clauses: dict[str, object] = {
        "variables": [shown(each) for each in explanation.variables],
        "where": None if explanation.where is None else shown(explanation.where),
        "conditions": [shown(each) for each in explanation.conditions],
        "items": [shown(each) for each in explanation.items],
    }
    output = explanation.output
    if output is not None:
        clauses["output"], clauses["encoding"] = shown_payload(output, MAX_OUTPUT_BYTES)
        clauses["output_bytes"] = len(output)
        return "", clauses
    return _untrue(statement, explanation), clauses


def _untrue(statement: rules.Statement, explanation: rules.Explanation) -> str:
    """Return what was not true: a part of WHERE that has to be, or else the whole."""
    where = explanation.where
    node = statement.query.where
    if where is None or node is None:  # there is no output, so there is a WHERE
        return "WHERE is not true"
    for condition, must_be in zip(explanation.conditions, _needs(node, True), strict=False):
        if must_be and condition.value is not True:
            return f"{_brief(condition.text)} is {_brief(_text_of(condition, statement))}"
    return f"{_brief(where.text)} is {_brief(_text_of(where, statement))}"


def _needs(node: Node, must_be: bool) -> Iterator[bool]:
    """Tell of each condition of an explanation whether WHERE is only true if it is."""
    if isinstance(node, Binary) and node.operator in _JOINING:
        must_be = must_be and node.operator == "AND"
        yield from _needs(node.left, must_be)
        yield from _needs(node.right, must_be)
        return
    yield must_be
    if isinstance(node, Unary):
        inner = node.operand
        if isinstance(inner, Binary) and inner.operator in _JOINING:
            yield from _needs(inner, False)


def _text_of(clause: rules.Clause, statement: rules.Statement) -> str:
    return rules.show(clause.value, statement.dialect)


def _doubts(
    document: rules.RuleDocument, outcome: Outcome | None, why: str, *, is_newer: bool
) -> Iterator[str]:
    """Give what sets this evaluation apart from the one of then."""
    if outcome is None and (is_newer or document.disabled):
        subject = "were it enabled, it" if document.disabled else "as it is now, it"
        yield f"{subject} would not fire: {why}" if why else f"{subject} would fire"
        return
    calls = rules.calls_of(document, statement_only=outcome is None)
    varying = sorted({call.name.lower() for call in calls} & _VARYING)
    if varying:
        names = " and ".join(f"{name}()" for name in varying)
        yield f"{names} gave something else when the message came"
    if is_newer or (outcome is not None and _what_stopped(outcome)):
        return
    if outcome is not None and why:
        yield f"evaluated again it does not fire: {why}; {_MAY_DIFFER}"
    elif outcome is None and not why:
        yield f"evaluated again it fires: {_MAY_DIFFER}, or the publish was refused then"


def _what_stopped(outcome: Outcome) -> str:
    error = outcome.error or (outcome.failures or {}).get(STATEMENT, "")
    if error:
        return f"the evaluation failed: {error}"
    if outcome.waiting and STATEMENT in outcome.waiting:
        return "it waits to be evaluated, for it asks for what is outside"
    return ""


def _results(
    outcome: Outcome, document: rules.RuleDocument | None, context: rules.Context | None
) -> Iterator[dict[str, object]]:
    """Give what came of each action: `number` (from 1) and so on.

    Of a rule that is there no longer, or another one, nobody knows which actions it had, but for
    those that failed or wait.
    """
    failures = outcome.failures or {}
    waiting = outcome.waiting or set()
    noted = {*failures, *waiting}
    numbers = noted if document is None else {*noted, *range(len(document.actions))}
    for number in sorted(numbers - {STATEMENT}):
        kind = resource = ""
        if document is not None and number < len(document.actions):
            action = document.actions[number]
            kind, resource = action.kind, _resource(action, context)
        result = "failed" if number in failures else "waiting" if number in waiting else "done"
        yield {
            "number": number + 1,
            "kind": kind,
            "resource": resource,
            "result": result,
            "message": failures.get(number, "")[:MAX_TEXT_CHARACTERS],
        }


def _resource(action: rules.Action, context: rules.Context | None) -> str:
    """Return where an action goes; empty where that is not known."""
    if context is None or action.reaches_out:
        return ""
    try:
        parameters = action.render(context)[action.kind]
    except (rules.TemplateUndefined, rules.EvaluationFailed):
        return ""  # the action has failed, and says why
    parts = []
    for path in _PLACES.get(action.kind, ()):
        found = parameters
        for key in path:
            found = found.get(key) if isinstance(found, dict) else None
        if isinstance(found, str):
            parts.append(found)
    return _brief("/".join(parts))


def _short(text: str) -> str:
    if len(text) <= MAX_TEXT_CHARACTERS:
        return text
    return f"{text[:MAX_TEXT_CHARACTERS]}… ({len(text)} characters)"


def _brief(text: str) -> str:
    return text if len(text) <= MAX_BRIEF_CHARACTERS else f"{text[: MAX_BRIEF_CHARACTERS - 1]}…"
