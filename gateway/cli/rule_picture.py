"""The test of a rule as text: the verdict, every clause with its value, each action.

Owns the drawing; pure: an outcome in, lines out. The clauses are `rule_clauses`'s.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import orjson

import rules
from gateway.cli.entries import Entry, draw_entries
from gateway.cli.lines import Line, counted
from gateway.cli.output import harmless, sentence
from gateway.cli.rule_clauses import (
    Clauses,
    ClauseText,
    draw_clauses,
    draw_output,
    from_row,
)
from gateway.cli.wrapping import wrapped

if TYPE_CHECKING:
    from gateway.cli.rule_actions import Rendered
    from gateway.cli.rule_trial import Trial

__all__ = ["draw"]


def draw(trial: Trial, width: int) -> list[Line]:
    """Return the outcome: first whether the rule fires, then why.

    Args:
        trial: The outcome.
        width: Characters in a line; SQL is shortened, so that values have room.
    """
    lines = [*_verdict(trial, width), []]
    lines += draw_clauses(_from(trial), _clauses(trial), width)
    if trial.output is not None:
        lines += [[], *draw_output(trial.output, width)]
    if trial.actions or trial.error_action:
        lines += [[], [("Actions, as they would be carried out", "bold")]]
        entries = [_action(str(number), each) for number, each in enumerate(trial.actions, start=1)]
        if trial.error_action is not None:
            entries.append(_action("errorAction", trial.error_action))
        lines += draw_entries(entries, width)
    lines += _remarks(trial, width)
    return lines


def _verdict(trial: Trial, width: int) -> list[Line]:
    document = trial.subject.document
    name = f"The rule {document.name}" if document else "The rule"
    if trial.output is not None and not trial.failing:
        return [[(f"{name} fires.", "good")]]
    if trial.output is not None:
        failing = f"{trial.failing} of {counted(len(trial.actions), 'action')}"
        return [[(f"{name} fires, but {failing} would fail.", "bad")]]
    verdict = f"{name} does not fire: {harmless(sentence(trial.reason))}"
    return [[(line, "bad")] for line in wrapped(verdict, width)]


def _from(trial: Trial) -> list[Line]:
    topic_filter = trial.subject.statement.topic_filter
    arrival = trial.arrival
    answer = "is reached by" if arrival.reaches else "is not reached by"
    if topic_filter is not None and arrival.ingests is None:
        answer = "matches" if arrival.reaches else "does not match"
    look = "good" if arrival.reaches else "bad"
    rows = [from_row(topic_filter, f"{answer} {trial.published_to}", look)]
    if arrival.note:
        rows.append([("", ""), ("", ""), ("", ""), (harmless(arrival.note), "dim")])
    return rows


def _clauses(trial: Trial) -> Clauses:
    explanation = trial.explanation
    if explanation is None:
        return Clauses()

    def shown(clause: rules.Clause) -> ClauseText:
        return ClauseText(clause.name, clause.text, trial.show(clause.value))

    where = explanation.where
    return Clauses(
        [shown(each) for each in explanation.variables],
        None if where is None else shown(where),
        [shown(each) for each in explanation.conditions],
        [shown(each) for each in explanation.items],
    )


def _action(number: str, action: Rendered) -> Entry:
    remedy = sentence(action.remedy[:1].upper() + action.remedy[1:]) if action.remedy else ""
    details: list[Line] = [
        [("", ""), (harmless(said), look)]
        for said, look in ((action.problem, "bad"), (remedy, "dim"))
        if said
    ]
    for name, text in _flat("", action.parameters or {}):
        details.append([(harmless(name), "dim"), (harmless(text), "")])
    return [(number, ""), (harmless(action.kind), "bold")], details


def _flat(path: str, value: object) -> Iterator[tuple[str, str]]:
    if isinstance(value, dict):
        for key, each in value.items():
            yield from _flat(f"{path}.{key}" if path else str(key), each)
    elif isinstance(value, list):
        for at, each in enumerate(value):
            yield from _flat(f"{path}[{at}]", each)
    else:
        yield path, value if isinstance(value, str) else orjson.dumps(value).decode()


def _remarks(trial: Trial, width: int) -> list[Line]:
    document = trial.subject.document
    warnings = document.warnings if document else trial.subject.statement.warnings
    lines: list[Line] = []
    for title, texts in (("note", trial.notes), ("warning", warnings)):
        for text in texts:
            head = f"{title:<9}"
            for line in wrapped(harmless(sentence(str(text))), width - len(head)):
                lines.append([(head, "bold"), (line, "")])
                head = " " * len(head)
    return [[], *lines] if lines else []
