"""One message and one rule: what the rule makes of it, for people and as JSON.

Owns gathering the outcome, and its JSON; `rule_picture` draws it. Nothing is carried out: actions
are rendered only.
"""

from __future__ import annotations

import json
import re
from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Final

import rules
from gateway.cli.rule_actions import Rendered, aliases_of, loops, rendered
from gateway.cli.rule_cases import outgoing
from gateway.cli.rule_context import Surroundings
from gateway.cli.rule_topic import Arrival, arrive
from rules.json_faults import json_fault
from rules.statement import dialect_of
from rules.values import UNDEFINED

if TYPE_CHECKING:
    from rules.values import Value

__all__ = ["Subject", "Trial", "as_json", "judge"]

_SO_NO_NAMES: Final = "so every name in the SQL is Undefined"

# {f:99.3}, as a shell leaves it of {"f":99.3}.
_WITHOUT_QUOTES: Final = re.compile(rb"\s*\{\s*[A-Za-z_]\w*\s*:")


@dataclass(frozen=True, slots=True)
class Subject:
    """The rule under test.

    Attributes:
        statement: Its statement.
        document: Its document; None where only SQL was given.
    """

    statement: rules.Statement
    document: rules.RuleDocument | None = None


@dataclass(frozen=True, slots=True)
class Trial:
    """What became of the message.

    Attributes:
        subject: The rule.
        published_to: The topic of the message as it was given.
        arrival: Whether and how it comes to the rule.
        notes: What a person may not have thought of, a sentence each.
        explanation: The value of every clause; None if the message does not come to the rule, or
            the evaluation failed.
        failure: Why the evaluation failed; empty otherwise.
        actions: What each would get; empty if the rule does not fire.
        error_action: Likewise, were an action to fail.
    """

    subject: Subject
    published_to: str
    arrival: Arrival
    notes: tuple[str, ...] = ()
    explanation: rules.Explanation | None = None
    failure: str = ""
    actions: tuple[Rendered, ...] = ()
    error_action: Rendered | None = None

    @property
    def output(self) -> bytes | None:
        """The outgoing payload; None if the rule does not fire."""
        return None if self.explanation is None else self.explanation.output

    @property
    def failing(self) -> int:
        """How many of the actions would fail, whatever carries out the rule."""
        return sum(action.fails for action in self.actions)

    @property
    def reason(self) -> str:
        """Why the rule does not fire, without a full stop; empty if it does."""
        if self.arrival.ingests is not None and not self.arrival.reaches:
            return self.arrival.note
        if not self.arrival.reaches:
            return f"FROM does not match: {self.arrival.note}"
        if self.failure:
            return f"the evaluation failed: {self.failure}"
        if self.output is None and self.explanation is not None and self.explanation.where:
            return f"WHERE is {self.show(self.explanation.where.value)[:80]}"
        return ""

    def show(self, value: Value) -> str:
        """Return a value's JSON text as the rule's version writes it, or `Undefined`."""
        return rules.show(value, dialect_of(self.subject.statement.version))


def judge(subject: Subject, topic: str, payload: bytes, surroundings: Surroundings) -> Trial:
    """Return what a rule makes of one message."""
    document = subject.document
    topic_filter = subject.statement.topic_filter
    arrival = arrive(topic, topic_filter, document.name if document else None)
    notes = []
    if document is not None and document.disabled:
        notes.append("the rule is disabled: in a gateway it does not run")
    trial = Trial(subject, topic, arrival, tuple(notes))
    if not arrival.reaches:
        return trial
    context = surroundings.context(arrival.topic, payload)
    notes += _about_payload(context.message)
    trial = replace(trial, notes=tuple(notes))
    try:
        explanation = rules.explain(subject.statement, context)
    except rules.EvaluationFailed as error:
        if surroundings.fixtures is None and subject.statement.reaches_out:
            notes.append("name a file with --fixtures that says what such functions are told")
        return replace(trial, failure=str(error), notes=tuple(notes))
    trial = replace(trial, explanation=explanation)
    if explanation.output is None or document is None:
        return trial
    aliases = aliases_of(subject.statement.query)
    actions = tuple(rendered(action, context, aliases) for action in document.actions)
    notes += loops(actions, topic_filter)
    error_action = document.error_action
    return replace(
        trial,
        notes=tuple(notes),
        actions=actions,
        error_action=None if error_action is None else rendered(error_action, context, aliases),
    )


def as_json(trial: Trial) -> str:
    """Return everything as one JSON object."""
    statement = trial.subject.statement
    document = trial.subject.document
    members = [
        ("rule", _quoted(document.name if document else None)),
        ("sql", _quoted(statement.sql)),
        ("sql_version", _quoted(statement.version)),
        ("topic", _quoted(trial.published_to)),
        ("fires", _quoted(trial.output is not None)),
        ("reason", _quoted(trial.reason)),
        ("from", _from(trial)),
    ]
    explanation = trial.explanation
    if explanation is not None:
        where = "null" if explanation.where is None else _clause(trial, explanation.where)
        members += [
            ("variables", _clauses(trial, explanation.variables)),
            ("where", where),
            ("conditions", _clauses(trial, explanation.conditions)),
            ("items", _clauses(trial, explanation.items)),
        ]
    text = _object(members)[:-1]
    if trial.output is not None:
        text += "," + outgoing(trial.output)
    warnings = document.warnings if document else statement.warnings
    rest = [
        ("actions", _quoted([_action(action) for action in trial.actions])),
        ("failing_actions", _quoted(trial.failing)),
        ("error_action", _quoted(trial.error_action and _action(trial.error_action))),
        ("notes", _quoted(trial.notes)),
        ("warnings", _quoted([str(warning) for warning in warnings])),
    ]
    return f"{text},{_object(rest)[1:]}"


def _object(members: Sequence[tuple[str, str]]) -> str:
    return "{" + ",".join(f'"{name}":{text}' for name, text in members) + "}"


def _quoted(value: object) -> str:
    return json.dumps(value, ensure_ascii=False, separators=(",", ":"))


def _from(trial: Trial) -> str:
    arrival = trial.arrival
    return _quoted(
        {
            "filter": trial.subject.statement.topic_filter,
            "matches": arrival.reaches,
            "note": arrival.note,
            "basic_ingest": arrival.ingests,
        }
    )


def _clauses(trial: Trial, clauses: Sequence[rules.Clause]) -> str:
    return "[" + ",".join(_clause(trial, clause) for clause in clauses) + "]"


def _clause(trial: Trial, clause: rules.Clause) -> str:
    members = [("name", _quoted(clause.name))] if clause.name else []
    members.append(("sql", _quoted(clause.text)))
    # The text of the value itself, so that its numbers stay exact.
    undefined = clause.value is UNDEFINED
    members.append(("undefined", "true") if undefined else ("value", trial.show(clause.value)))
    return _object(members)


def _action(action: Rendered) -> dict[str, object]:
    shown: dict[str, object] = {"kind": action.kind}
    if action.parameters is not None:
        shown["parameters"] = action.parameters
    if action.problem:
        shown["problem"] = action.problem
    if action.remedy:
        shown["remedy"] = action.remedy
    return shown


def _about_payload(message: rules.Message) -> list[str]:
    message.read()
    if not message.payload:
        return [f"the payload is empty, {_SO_NO_NAMES}"]
    if message.document is UNDEFINED:
        fault = json_fault(message.payload)
        if fault is None:
            return [f"the payload is JSON beyond what rules read, {_SO_NO_NAMES}"]
        notes = [f"the payload is no JSON ({fault.place}: {fault.problem}), {_SO_NO_NAMES}"]
        if _WITHOUT_QUOTES.match(message.payload):
            notes.append(
                "the payload's names have no double quotes: did the shell take them? Put the "
                "payload into single quotes"
            )
        return notes
    if not isinstance(message.document, dict):
        return [f"the payload is JSON but no object, {_SO_NO_NAMES}"]
    return []
