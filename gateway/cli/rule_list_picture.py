"""Rules of the running gateway as text: a table of all, one in full, what came of applying.

Owns the drawing; pure: the gateway's documents in, lines out.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import PurePath
from typing import TYPE_CHECKING, Final

from gateway.cli.lines import Line, columns, counted
from gateway.cli.output import harmless

if TYPE_CHECKING:
    from gateway.control.rule_documents import (
        ActionLine,
        AppliedRules,
        BrokenRule,
        RuleLine,
        RuleList,
        ShownRule,
    )

__all__ = ["draw_applied", "draw_document", "draw_rule", "draw_rules"]

# A longer filter would push everything else out of the table; `show` has it whole.
MAX_SHOWN: Final = 48

_HEADINGS: Final = ("Rule", "FROM", "State", "Matched", "Failed", "Waiting", "Source", "Actions")
_ACTION_HEADINGS: Final = ("", "Action", "Done", "Failed", "Waiting", "Last failure")

_NO_FROM: Final = "(Basic Ingest only)"


def draw_rules(document: RuleList) -> list[Line]:
    """Return all rules as a table, and what gave no rule below it.

    Args:
        document: What the gateway answered.
    """
    rules, broken = document["rules"], document["broken"]
    lines: list[Line] = []
    if rules:
        disabled = sum(rule["disabled"] for rule in rules)
        head = counted(len(rules), "rule") + (f", {disabled} disabled" if disabled else "")
        rows: list[Line] = [[(heading, "heading") for heading in _HEADINGS]]
        rows += [_row(rule) for rule in rules]
        lines += [[(head, "bold")], [], *columns(rows)]
        lines += _troubles(rules)
    else:
        lines.append([("no rules", "dim")])
    if broken:
        lines += [[], [("These give no rule", "bold")], *map(_broken, broken)]
    return lines


def draw_rule(rule: ShownRule) -> list[Line]:
    """Return one rule in full, but for its document.

    Args:
        rule: What the gateway answered.
    """
    state, style = _state(rule)
    payload = rule["rule"]
    facts = [
        ("FROM", _topic_filter(rule)),
        ("source", _source_in_full(rule)),
        ("created", _time(rule["created_ms"])),
        ("ARN", harmless(rule["arn"])),
        ("evaluated", str(rule["evaluated"])),
        ("matched", str(rule["matched"])),
        ("failed", str(rule["failed"])),
    ]
    if rule["waiting"]:
        facts.append(("waiting", f"{rule['waiting']} for what the statement asks for"))
    description = payload.get("description")
    if isinstance(description, str) and description:
        facts.insert(0, ("description", harmless(description)))
    lines: list[Line] = [[(harmless(rule["name"]), "bold"), ("  ", ""), (state, style)]]
    lines += columns([[(name, "dim"), (value, "")] for name, value in facts])
    lines += [[], [("Actions", "bold")], *_actions(rule)]
    if rule["problem"] not in ("", *(action["last_failure"] for action in _every_action(rule))):
        lines += [[], [("Last failure", "bold")], [("  ", ""), (harmless(rule["problem"]), "bad")]]
    if rule["warnings"]:
        lines += [[], [("Warnings", "bold")]]
        lines += [[("  ", ""), (harmless(warning), "")] for warning in rule["warnings"]]
    return lines


def draw_document(rule: ShownRule) -> list[Line]:
    """Return a rule's document: not to be broken or cut, for it may be copied.

    The SQL stands in front, as it was written.

    Args:
        rule: What the gateway answered.
    """
    payload = rule["rule"]
    lines: list[Line] = [[], [("Document", "bold")]]
    sql = payload.get("sql")
    if isinstance(sql, str):
        lines += [[("  ", ""), (harmless(line), "")] for line in sql.splitlines()]
        lines.append([])
    rest = {key: value for key, value in payload.items() if key not in ("sql", "description")}
    text = json.dumps(rest, indent=2, ensure_ascii=False)
    lines += [[("  ", ""), (harmless(line), "")] for line in text.split("\n")]
    return lines


def draw_applied(applied: AppliedRules, *, dry_run: bool) -> list[Line]:
    """Return what came of rules that were applied.

    Args:
        applied: What the gateway answered.
        dry_run: Whether it only said what it would do.
    """
    would = "would be " if dry_run else ""
    rows: list[Line] = []
    for words, names, style in (
        ("created", applied["created"], "good"),
        ("replaced", applied["replaced"], ""),
        ("removed", applied["removed"], "bad"),
    ):
        rows += [[(f"{would}{words}", style), (harmless(name), "")] for name in names]
    if applied["unchanged"]:
        went_on = "would stay as they are" if dry_run else "unchanged"
        rows.append([(went_on, "dim"), (counted(len(applied["unchanged"]), "rule"), "dim")])
    return columns(rows)


def _row(rule: RuleLine) -> Line:
    waiting = rule["waiting"] + sum(action["waiting"] for action in _every_action(rule))
    failed = rule["failed"]
    return [
        (harmless(rule["name"]), ""),
        (_shortened(_topic_filter(rule)), "" if rule["topic_filter"] else "dim"),
        _state(rule),
        (str(rule["matched"]), ""),
        (str(failed), "bad" if failed else ""),
        (str(waiting), "bold" if waiting else ""),
        (_source(rule), "dim"),
        (", ".join(harmless(action["kind"]) for action in rule["actions"]) or "none", ""),
    ]


def _troubles(rules: Sequence[RuleLine]) -> list[Line]:
    rows: list[Line] = [
        [(harmless(rule["name"]), ""), (harmless(rule["problem"]), "bad")]
        for rule in rules
        if rule["problem"]
    ]
    rows += [
        [(harmless(rule["name"]), ""), ("the file wins over the API's rule of this name", "")]
        for rule in rules
        if rule["shadows"]
    ]
    return [[], [("Trouble", "bold")], *columns(rows)] if rows else []


def _broken(broken: BrokenRule) -> Line:
    return [
        ("  ", ""),
        (harmless(broken["file"]), ""),
        (": ", ""),
        (harmless(broken["problem"]), "bad"),
    ]


def _actions(rule: RuleLine) -> list[Line]:
    failed = any(action["last_failure"] for action in _every_action(rule))
    headings = _ACTION_HEADINGS if failed else _ACTION_HEADINGS[:-1]
    rows: list[Line] = [[(heading, "heading") for heading in headings]]
    for number, action in enumerate(rule["actions"], start=1):
        rows.append(_action(str(number), action))
    if rule["error_action"] is not None:
        rows.append(_action("on error", rule["error_action"]))
    return columns(rows) if len(rows) > 1 else [[("  none", "dim")]]


def _action(place: str, action: ActionLine) -> Line:
    failed = action["failed"]
    line: Line = [
        (place, "dim"),
        (harmless(action["kind"]), ""),
        (str(action["done"]), ""),
        (str(failed), "bad" if failed else ""),
        (str(action["waiting"]), "bold" if action["waiting"] else ""),
    ]
    if action["last_failure"]:
        line.append((harmless(action["last_failure"]), "bad"))
    return line


def _every_action(rule: RuleLine) -> list[ActionLine]:
    last = rule["error_action"]
    return rule["actions"] if last is None else [*rule["actions"], last]


def _topic_filter(rule: RuleLine) -> str:
    return harmless(rule["topic_filter"]) or _NO_FROM


def _state(rule: RuleLine) -> tuple[str, str]:
    return ("off", "dim") if rule["disabled"] else ("on", "good")


def _source(rule: RuleLine) -> str:
    file = rule["file"]
    return "API" if file is None else harmless(PurePath(file).name)


def _source_in_full(rule: RuleLine) -> str:
    file = rule["file"]
    if file is None:
        return "the API"
    hidden = "; it wins over the API's rule of this name" if rule["shadows"] else ""
    return f"the file {harmless(file)}{hidden}"


def _time(wall_ms: int) -> str:
    try:
        at = datetime.fromtimestamp(wall_ms / 1000, UTC)
    except (OverflowError, ValueError, OSError):  # files may claim any time
        return f"{wall_ms} ms since 1970"
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"


def _shortened(text: str) -> str:
    return text if len(text) <= MAX_SHOWN else text[: MAX_SHOWN - 1] + "…"
