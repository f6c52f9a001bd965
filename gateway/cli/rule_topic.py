"""Which topics reach a rule: FROM, Basic Ingest, and why a topic does not match.

Owns the sentences; the broker's own matcher does the matching.

Source: AWS IoT Core Developer Guide, "Reducing messaging costs with Basic Ingest", "FROM clause".
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

from gateway.mqtt.topics import Dialect, matches

__all__ = ["Arrival", "arrive", "loop", "why_not"]

_BASIC_INGEST: Final = "$aws/rules/"


@dataclass(frozen=True, slots=True)
class Arrival:
    """How a message on a topic comes to a rule.

    Attributes:
        topic: The topic that the rule sees: without `$aws/rules/<name>/`.
        ingests: The rule that a Basic Ingest topic names; None for any other topic.
        reaches: Whether the message comes to the rule.
        note: Why, or why not, where there is something to say.
    """

    topic: str
    ingests: str | None
    reaches: bool
    note: str


def arrive(topic: str, topic_filter: str | None, rule_name: str | None) -> Arrival:
    """Tell whether a message on a topic comes to a rule.

    Args:
        topic: The topic it was published to.
        topic_filter: What FROM names, or None.
        rule_name: The rule's name; None where any will do.
    """
    if topic.startswith(_BASIC_INGEST):
        name, slash, rest = topic[len(_BASIC_INGEST) :].partition("/")
        if not name or not slash or not rest:
            note = "Basic Ingest topics have the form $aws/rules/<rule name>/<topic>"
            return Arrival(topic, name or None, False, note)
        if rule_name is not None and name != rule_name:
            return Arrival(
                rest, name, False, f"Basic Ingest runs the rule {name} alone, and this is another"
            )
        note = "Basic Ingest runs this rule alone, whatever FROM says; it sees the rest as topic"
        return Arrival(rest, name, True, note)
    if topic_filter is None:
        name = rule_name or "<rule name>"
        note = f"without FROM only Basic Ingest reaches it: taken as published to {_BASIC_INGEST}"
        return Arrival(topic, None, True, f"{note}{name}/{topic}")
    if matches(topic_filter, topic, Dialect.AWS):
        return Arrival(topic, None, True, "")
    return Arrival(topic, None, False, why_not(topic_filter, topic))


def loop(topic: str, topic_filter: str | None) -> str:
    """Return what to say of a rule that republishes to a topic; empty if it does no harm.

    Args:
        topic: Where it publishes to.
        topic_filter: What its FROM names, or None.
    """
    if topic_filter is None or not matches(topic_filter, topic, Dialect.AWS):
        return ""
    return (
        f"republishes to '{topic}', which its own FROM matches: it would run for its own messages, "
        "in a loop unless WHERE leaves them out"
    )


def why_not(topic_filter: str, topic: str) -> str:
    """Return why a topic does not match a filter, by AWS's rules."""
    wanted = topic_filter.split("/")
    levels = topic.split("/")
    if topic.startswith("$") and wanted[0] in ("+", "#"):
        return "a wildcard in the first level leaves out topics that begin with $"
    for at, level in enumerate(wanted):
        if level == "#" and at >= len(levels):
            return "'#' stands for one level at least, and the topic has none there"
        if at >= len(levels):
            break
        if level not in ("+", "#", levels[at]):
            return f"level {at + 1} is '{levels[at]}', not '{level}'"
    return f"the topic has {_levels(len(levels))}, the filter {len(wanted)}"


def _levels(count: int) -> str:
    return "1 level" if count == 1 else f"{count} levels"
