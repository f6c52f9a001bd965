"""Received messages as text: what is known of each, its body, and what becomes of them.

Owns the drawing; pure: a message in AWS's members in, lines out.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final, cast

from gateway.cli.json_layout import laid_out
from gateway.cli.lines import Line, columns, counted
from gateway.cli.output import harmless

if TYPE_CHECKING:
    from gateway.control.queue_documents import ReceivedMessages

__all__ = ["draw_body", "draw_message", "told"]

# What else a receive tells, under AWS's names; in this order.
_SYSTEM: Final = (
    ("MessageGroupId", "group"),
    ("MessageDeduplicationId", "deduplication"),
    ("SequenceNumber", "sequence"),
    ("AWSTraceHeader", "trace"),
)


def draw_message(message: Mapping[str, object]) -> list[Line]:
    """Return what is known of a message, but for its body.

    Args:
        message: As the gateway gave it.
    """
    system = cast("Mapping[str, str]", message.get("Attributes", {}))
    facts = [("sent", f"{_time(system.get('SentTimestamp'))} by {system.get('SenderId', '-')}")]
    count = int(system.get("ApproximateReceiveCount", "1"))
    times = "for the first time"
    if count > 1:
        first = _time(system.get("ApproximateFirstReceiveTimestamp"))
        times = f"{count} times, first at {first}"
    facts.append(("received", times))
    facts += [(word, system[name]) for name, word in _SYSTEM if name in system]
    source = system.get("DeadLetterQueueSourceArn")
    if source is not None:
        facts.append(("dead letter of", source.rpartition(":")[2]))
    width = max(len("attribute"), *(len(name) for name, _ in facts))
    rows: list[Line] = [
        [(name.ljust(width), "dim"), (harmless(value), "")] for name, value in facts
    ]
    lines: list[Line] = [[(harmless(str(message["MessageId"])), "bold")], *columns(rows)]
    attributes = cast("Mapping[str, Mapping[str, str]]", message.get("MessageAttributes", {}))
    return lines + columns([_attribute(name, each, width) for name, each in attributes.items()])


def draw_body(message: Mapping[str, object], *, pretty: bool) -> list[Line]:
    """Return a message's body: not to be broken or cut, for it may be copied.

    Args:
        message: As the gateway gave it.
        pretty: Whether to lay out JSON over several lines.
    """
    body = str(message["Body"])
    lines = (laid_out(body) if pretty else None) or body.split("\n")
    return [[], *([("  ", ""), (harmless(line), "")] for line in lines), []]


def told(received: ReceivedMessages, *, deleted: bool) -> list[Line]:
    """Return what becomes of the messages that were received.

    Args:
        received: What the gateway answered.
        deleted: Whether they are deleted now.
    """
    count = len(received["messages"])
    if not count:
        return [[("no messages", "dim")]]
    seconds = received["visible_again_in_s"]
    if deleted:
        fate = "deleted now"
    elif seconds:
        fate = f"visible again in {seconds} s"
    else:
        fate = "visible again at once"
    return [[(f"{counted(count, 'message')}, {fate}", "bold")]]


def _attribute(name: str, attribute: Mapping[str, str], width: int) -> Line:
    value = attribute.get("StringValue", attribute.get("BinaryValue", ""))
    return [
        ("attribute".ljust(width), "dim"),
        (harmless(name), ""),
        (harmless(attribute["DataType"]), "dim"),
        (harmless(value), ""),
    ]


def _time(wall_ms: str | None) -> str:
    if wall_ms is None:
        return "-"
    at = datetime.fromtimestamp(int(wall_ms) / 1000, UTC)
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
