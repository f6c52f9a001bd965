"""The test of a rule as text: the verdict, every clause with its value, each action.

Owns the drawing; pure: an outcome in, lines out.
"""

from __future__ import annotations

import base64
import textwrap
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING, Final

import orjson

import rules
from gateway.cli.lines import GAP, Line, columns, counted
from gateway.cli.output import harmless, sentence
from gateway.cli.raw_json import is_json
from rules.values import UNDEFINED

if TYPE_CHECKING:
    from gateway.cli.rule_actions import Rendered
    from gateway.cli.rule_trial import Trial
    from rules.values import Value

__all__ = ["draw"]

# What the titles and names beside the SQL take of a line, about.
_MARGIN: Final = 20


def draw(trial: Trial, width: int) -> list[Line]:
    """Return the outcome: first whether the rule fires, then why.

    Args:
        trial: The outcome.
        width: Characters in a line; SQL is shortened, so that values have room.
    """
    lines = [*_verdict(trial, width), []]
    rows = _from(trial)
    room = max(width // 2 - _MARGIN, _MARGIN)
    explanation = trial.explanation
    if explanation is not None:
        rows += [
            _row("SET", each.name, _sql(each), _value(trial, each))
            for each in explanation.variables
        ]
        if explanation.where is not None:
            rows.append(
                _row("WHERE", "", _sql(explanation.where), _value(trial, explanation.where))
            )
            rows += [
                _row("", "", f"  {_sql(part)}", _value(trial, part))
                for part in explanation.conditions
            ]
        rows += [_item(trial, each) for each in explanation.items]
    lines += columns([_shortened(row, room) for row in _titled_once(rows)])
    if trial.output is not None:
        lines += [[], *_output(trial.output, width)]
    if trial.actions or trial.error_action:
        lines += [[], [("Actions, as they would be carried out", "bold")]]
        lines += columns(
            [
                row
                for number, action in enumerate(trial.actions, start=1)
                for row in _action(str(number), action, width)
            ]
            + (
                []
                if trial.error_action is None
                else list(_action("errorAction", trial.error_action, width))
            )
        )
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
    return [[(line, "bad")] for line in _wrapped(verdict, width)]


def _wrapped(text: str, width: int) -> list[str]:
    return textwrap.wrap(text, max(width, _MARGIN), break_on_hyphens=False)


def _from(trial: Trial) -> list[Line]:
    topic_filter = trial.subject.statement.topic_filter
    arrival = trial.arrival
    shown = "none" if topic_filter is None else f"'{harmless(topic_filter)}'"
    answer = "is reached by" if arrival.reaches else "is not reached by"
    if topic_filter is not None and arrival.ingests is None:
        answer = "matches" if arrival.reaches else "does not match"
    verdict = (f"{answer} {harmless(trial.published_to)}", "good" if arrival.reaches else "bad")
    rows: list[Line] = [_row("FROM", "", shown, verdict)]
    if arrival.note:
        rows.append(_row("", "", "", (harmless(arrival.note), "dim")))
    return rows


def _item(trial: Trial, clause: rules.Clause) -> Line:
    text, name = _value(trial, clause)
    is_left_out = clause.value is UNDEFINED and clause.name != ""
    if clause.text == "*" and not clause.name:
        # Alone it is the very bytes, whatever they are; beside others only members are merged in.
        is_alone = len(trial.subject.statement.query.items) == 1
        is_left_out = not is_alone and not isinstance(clause.value, dict)
        if is_alone and clause.value is UNDEFINED:
            text, name = "the payload as it came", ""
    if is_left_out:
        text += ": left out"
    return _row("SELECT", harmless(clause.name), _sql(clause), (text, name))


def _titled_once(rows: Sequence[Line]) -> Iterator[Line]:
    last = ""
    for (title, name), *rest in rows:
        yield [("" if title == last else title, name), *rest]
        last = title or last


def _shortened(row: Line, room: int) -> Line:
    title, name, (sql, look), value = row
    return [title, name, (sql if len(sql) <= room else f"{sql[: room - 1]}…", look), value]


def _row(title: str, name: str, text: str, value: tuple[str, str]) -> Line:
    return [(title, "bold"), (name, ""), (text, "dim"), value]


def _sql(clause: rules.Clause) -> str:
    return harmless(clause.text)


def _value(trial: Trial, clause: rules.Clause) -> tuple[str, str]:
    return harmless(trial.show(clause.value)), _style(clause.value)


def _style(value: Value) -> str:
    if value is True:
        return "good"
    return "bad" if value is False or value is UNDEFINED else ""


def _output(output: bytes, width: int) -> list[Line]:
    try:
        text = output.decode()
        kind = "" if is_json(text) else ", no JSON"
    except UnicodeDecodeError:
        text = base64.b64encode(output).decode()
        kind = ", no text: shown in base64"
    shown = harmless(text)
    room = max(width - len(GAP), 1)
    return [
        [("Output", "bold"), (f"{GAP}{counted(len(output), 'byte')}{kind}", "dim")],
        *([(GAP, ""), (shown[at : at + room], "")] for at in range(0, len(shown), room)),
    ]


def _action(number: str, action: Rendered, width: int) -> Iterator[Line]:
    head: Line = [(number, ""), (harmless(action.kind), "bold")]
    remedy = sentence(action.remedy[:1].upper() + action.remedy[1:]) if action.remedy else ""
    for said, look in ((action.problem, "bad"), (remedy, "dim")):
        for line in _wrapped(harmless(said), width // 2):  # about what the columns before leave
            yield [*head, ("", ""), (line, look)]
            head = [("", ""), ("", "")]
    for name, text in _flat("", action.parameters or {}):
        yield [*head, (harmless(name), "dim"), (harmless(text), "")]
        head = [("", ""), ("", "")]


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
            for line in _wrapped(harmless(sentence(str(text))), width - len(head)):
                lines.append([(head, "bold"), (line, "")])
                head = " " * len(head)
    return [[], *lines] if lines else []
