"""Recent messages and what rules made of them, as text.

Owns the drawing; pure: the gateway's documents in, lines out. How clauses look is
`rule_clauses`'s, as for `weir rule test`.
"""

from __future__ import annotations

import base64
from collections.abc import Iterator, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any, Final, TypeAlias

from gateway.cli.entries import Entry, draw_entries
from gateway.cli.lines import GAP, Line, columns, counted, span
from gateway.cli.output import harmless, sentence
from gateway.cli.rule_clauses import (
    Clauses,
    ClauseText,
    draw_clauses,
    draw_output,
    from_row,
)
from gateway.cli.rule_topic import why_not
from gateway.cli.wrapping import wrapped

__all__ = ["draw_message", "draw_messages", "draw_nearest", "draw_trace"]

Document: TypeAlias = Mapping[str, Any]
"""JSON of the gateway."""

# Enough of an identifier to tell the messages of a few minutes apart, and to name one of them.
ID_CHARACTERS: Final = 8

# Longer ones would push everything else away; `--json` has them whole.
MAX_TOPIC: Final = 64
MAX_NAMES: Final = 3
MAX_PAYLOAD_LINES: Final = 8

NEAREST: Final = 5

_HEADINGS: Final = ("ID", "Age", "Topic", "From", "Rules")
_LOOKS: Final = {"done": "good", "fired": "good", "failed": "bad", "waiting": "bold"}


def draw_messages(messages: Sequence[Document]) -> list[Line]:
    """Return recent messages as a table, the latest at the end."""
    if not messages:
        return [
            [("no message has reached a rule yet", "dim")],
            [("weir tail shows what is published at all.", "dim")],
        ]
    rows: list[Line] = [[(heading, "heading") for heading in _HEADINGS]]
    rows += [_row(message) for message in messages]
    return [*columns(rows), [], [("weir rule why ID tells more about one of them.", "dim")]]


def draw_message(document: Document, width: int, *, is_latest: bool = False) -> list[Line]:
    """Return one message, and what each rule made of it.

    Args:
        document: The gateway's answer.
        width: Characters in a line.
        is_latest: Whether the latest message was asked for: a later one may have reached no rule.
    """
    at = f"{_time(document['at_ms'])} UTC, {span(document['age_s'])} ago"
    lines: list[Line] = [
        [(harmless(document["topic"]), "bold"), (f"{GAP}{at}", "")],
        [(f"{GAP}{document['id']}{GAP}{_origin(document)}", "dim")],
        *_payload(document, width),
    ]
    if not document["is_json"]:
        said = "The payload is no JSON, so every name in the SQL is Undefined."
        lines.append([(said, "bad")])
    for rule in document["rules"]:
        lines += [[], *_rule(document, rule, width)]
    if document["others"] or document["not_shown"] or not document["rules"]:
        lines.append([])
    if not document["rules"]:
        lines.append([("No rule in force has a FROM that matches the topic.", "bad")])
    if document["not_shown"]:
        more = counted(document["not_shown"], "more rule")
        lines.append([(f"{more} not shown: name one with --rule.", "dim")])
    if document["others"]:
        others = counted(document["others"], "other rule")
        lines.append([(f"It did not come to {others}: FROM does not match.", "dim")])
    if is_latest:
        lines += [[], [("Messages that reach no rule are not kept: weir tail shows them.", "dim")]]
    return lines


def draw_trace(message: Document) -> Line:
    """Return one message and what the traced rule made of it, on a line."""
    rule = message["rule"]
    line: Line = [
        (_time(message["at_ms"])[-12:], "dim"),
        (f"{GAP}{message['id'][:ID_CHARACTERS]}", ""),
        (f"{GAP}{_cut(message['topic'])}", "bold"),
    ]
    if not rule["fired"]:
        return [*line, (f"{GAP}did not fire: {harmless(rule['reason'])}", "dim")]
    line.append((f"{GAP}{'now' if message.get('settled') else 'fired'}", "good"))
    for at, action in enumerate(rule["actions"]):
        head = f"{', ' if at else ': '}{_number(action)} {harmless(action['kind'])} "
        line += [(head, ""), (action["result"], _LOOKS.get(action["result"], ""))]
        if action["message"]:
            line.append((f" ({harmless(action['message'])})", "bad"))
    told = rule["error_action"]
    if told is not None:
        result = told["result"]
        line += [(", on error ", ""), (result, _LOOKS.get(result, ""))]
    for note in rule["notes"]:
        line.append((f"{GAP}[{harmless(note)}]", "dim"))
    return line


def draw_nearest(name: str, topic_filter: str | None, topics: Sequence[str]) -> list[Line]:
    """Return what to say where no message came to a rule.

    Args:
        name: The rule.
        topic_filter: Its FROM; None without.
        topics: Those of recent messages, the latest first.
    """
    if topic_filter is None:
        reached = f"only messages to $aws/rules/{name}/… come to it, for it has no FROM"
    else:
        reached = f"its FROM is '{topic_filter}'"
    lines: list[Line] = [
        [(f"No message that is kept came to the rule {harmless(name)}: {harmless(reached)}.", "")]
    ]
    if topic_filter is None or not topics:
        return lines
    nearest = sorted(topics, key=lambda topic: _distance(topic_filter, topic))[:NEAREST]
    lines.append([("Of the topics that reached other rules these come nearest:", "")])
    lines += columns(
        [
            [(harmless(topic), "bold"), (harmless(why_not(topic_filter, topic)), "dim")]
            for topic in nearest
        ]
    )
    return lines


def _row(message: Document) -> Line:
    told = [
        f"{word} {_names(message[word])}"
        for word in ("fired", "failed", "waiting")
        if message[word]
    ]
    looks = [_LOOKS[word] for word in ("failed", "waiting", "fired") if message[word]]
    return [
        (message["id"][:ID_CHARACTERS], ""),
        (span(message["age_s"]), "dim"),
        (_cut(message["topic"]), "bold"),
        (_cut(message["publisher"]), "dim"),
        ("; ".join(told) or "none fired", looks[0] if looks else "dim"),
    ]


def _names(names: Sequence[str]) -> str:
    more = f" and {len(names) - MAX_NAMES} more" if len(names) > MAX_NAMES else ""
    return harmless(", ".join(names[:MAX_NAMES])) + more


def _origin(document: Document) -> str:
    text = f"from {harmless(document['publisher'])}, {counted(document['size_bytes'], 'byte')}"
    if document["depth"]:
        text += f", {counted(document['depth'], 'republish action')} led here"
    return text


def _payload(document: Document, width: int) -> Iterator[Line]:
    text = document["payload"]
    if document["encoding"] == "base64":
        text = f"base64:{text}"
    shown = harmless(text)
    room = max(width - len(GAP), 1)
    most = MAX_PAYLOAD_LINES * room
    for at in range(0, min(len(shown), most), room):
        yield [(GAP, ""), (shown[at : at + room], "")]
    if len(shown) > most:
        yield [(f"{GAP}…", "dim")]


def _rule(document: Document, rule: Document, width: int) -> list[Line]:
    name = f"The rule {harmless(rule['rule'])}"
    if rule["fired"]:
        failing = sum(action["result"] == "failed" for action in rule["actions"])
        all_of_them = counted(len(rule["actions"]), "action")
        verdict = f"{name} fired, but {failing} of {all_of_them} failed."
        lines: list[Line] = [[(verdict, "bad")] if failing else [(f"{name} fired.", "good")]]
    else:
        verdict = f"{name} did not fire: {harmless(sentence(rule['reason']))}"
        lines = [[(line, "bad")] for line in wrapped(verdict, width)]
    if rule["sql"]:
        lines += draw_clauses([_from(document, rule)], _clauses(rule), width)
    if "output" in rule:
        output: str = rule["output"]
        is_text = rule["encoding"] == "utf-8"
        lines += draw_output(output.encode() if is_text else base64.b64decode(output), width)
        if rule["output_bytes"] > len(output):
            lines.append([(f"{GAP}… {counted(rule['output_bytes'], 'byte')} in all", "dim")])
    actions = [_action(action) for action in rule["actions"]]
    told = rule["error_action"]
    if told is not None:
        error_action = {**told, "number": 0, "kind": "on error", "resource": ""}
        actions.append(_action(error_action))
    if actions:
        lines += [[("Actions", "bold")], *draw_entries(actions, width)]
    for note in rule["notes"]:
        head = f"{'note':<9}"
        for text in wrapped(harmless(sentence(note)), width - len(head)):
            lines.append([(head, "bold"), (text, "")])
            head = " " * len(head)
    return lines


def _from(document: Document, rule: Document) -> Line:
    topic, topic_filter = document["topic"], rule["from"]
    if rule["concerned"]:
        ingested = topic.startswith("$aws/rules/")
        said = "Basic Ingest brought it, whatever FROM says" if ingested else "matches the topic"
        return from_row(topic_filter, said, "good")
    said = "is missing" if topic_filter is None else why_not(topic_filter, topic)
    return from_row(topic_filter, f"does not match: {said}", "bad")


def _clauses(rule: Document) -> Clauses:
    if "items" not in rule:
        return Clauses()
    where = rule["where"]
    return Clauses(
        [_clause(each) for each in rule["variables"]],
        None if where is None else _clause(where),
        [_clause(each) for each in rule["conditions"]],
        [_clause(each) for each in rule["items"]],
    )


def _clause(clause: Document) -> ClauseText:
    return ClauseText(clause.get("name", ""), clause["sql"], clause["text"])


def _action(action: Document) -> Entry:
    head: Line = [
        (_number(action), ""),
        (harmless(action["kind"]), "bold"),
        (action["result"], _LOOKS.get(action["result"], "")),
    ]
    texts = ((action["resource"], "dim"), (action["message"], "bad"))
    return head, [[(harmless(text), look)] for text, look in texts if text]


def _number(action: Document) -> str:
    return str(action["number"]) if action["number"] else ""


def _distance(topic_filter: str, topic: str) -> tuple[int, int]:
    """Return how far a topic is from a filter: the levels that differ, and how many more it has."""
    wanted, levels = topic_filter.split("/"), topic.split("/")
    differ = sum(
        level not in ("+", "#", found) for level, found in zip(wanted, levels, strict=False)
    )
    return differ, abs(len(wanted) - len(levels))


def _cut(text: str) -> str:
    shown = harmless(text)
    return shown if len(shown) <= MAX_TOPIC else f"{shown[: MAX_TOPIC - 1]}…"


def _time(at_ms: int) -> str:
    at = datetime.fromtimestamp(at_ms / 1000, UTC)
    return f"{at:%Y-%m-%d %H:%M:%S}.{at.microsecond // 1000:03}"
