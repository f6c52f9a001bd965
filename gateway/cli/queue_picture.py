"""Queues as text: a table of all, and one of them in full.

Owns the drawing; pure: the gateway's documents in, lines out.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Final

from gateway.cli.json_layout import laid_out
from gateway.cli.lines import Line, columns, counted, size, span
from gateway.cli.move_task_picture import BAR, bar, draw_task
from gateway.cli.output import harmless

if TYPE_CHECKING:
    from gateway.control.queue_documents import QueueLine, QueueList, ShownQueue

__all__ = ["draw_policy", "draw_queue", "draw_queues"]

_HEADINGS: Final = (
    "Queue",
    "Kind",
    "Visible",
    "In flight",
    "Delayed",
    "Oldest",
)


def draw_queues(document: QueueList) -> list[Line]:
    """Return all queues as a table.

    Args:
        document: What the gateway answered.
    """
    queues = document["queues"]
    if not queues:
        return [[("no queues", "dim")]]
    held = sum(map(_total, queues))
    encrypted = any(queue["encryption"] for queue in queues)
    head = f"{counted(len(queues), 'queue')}, {counted(held, 'message')}"
    headings = [*_HEADINGS, "Encryption", "Dead letters"]
    if not encrypted:  # the column's room is the last one's
        head += ", none encrypted"
        headings.remove("Encryption")
    rows: list[Line] = [[(heading, "heading") for heading in headings]]
    rows += [_row(queue, encrypted=encrypted) for queue in queues]
    return [[(head, "bold")], [], *columns(rows), *_waiting(queues)]


def draw_queue(queue: ShownQueue) -> list[Line]:
    """Return one queue in full, but for its policy.

    Args:
        queue: What the gateway answered.
    """
    lines: list[Line] = [
        [(harmless(queue["name"]), "bold"), ("  ", ""), (f"{_kind(queue)} queue", "")],
        *_depths(queue),
        [],
        [("Attributes", "bold")],
        *_facts(_attributes(queue)),
        [],
        [("Dead letters", "bold")],
        *_dead_letters(queue),
    ]
    if queue["move_tasks"]:
        lines += [[], [("Last moved out of it", "bold")], *draw_task(queue["move_tasks"][0])]
    if queue["tags"]:
        tags = sorted(queue["tags"].items())
        lines += [[], [("Tags", "bold")], *_facts(tags)]
    return lines


def draw_policy(queue: ShownQueue) -> list[Line]:
    """Return a queue's policy: not to be broken or cut, for it may be copied.

    Args:
        queue: What the gateway answered.
    """
    text = queue["attributes"].get("Policy")
    if text is None:
        return []
    lines = laid_out(text) or text.split("\n")
    return [[], [("Policy", "bold")], *([("  ", ""), (harmless(line), "")] for line in lines)]


# --- the table ------------------------------------------------------------------------------------


def _row(queue: QueueLine, *, encrypted: bool) -> Line:
    visible, in_flight, age_s = queue["visible"], queue["in_flight"], queue["oldest_age_s"]
    alarm = _holds_dead_letters(queue)
    line: Line = [
        (harmless(queue["name"]), "bad" if alarm else ""),
        (_kind(queue), "dim"),
        (str(visible), "bold" if visible else ""),
        (str(in_flight), ""),
        (str(queue["delayed"]), ""),
        ("-" if age_s is None else span(age_s), ""),
    ]
    if encrypted:
        line.append((queue["encryption"] or "none", "dim"))
    line.append((_letters(queue), "bad" if alarm or queue["dead_letter_queue_missing"] else ""))
    return line


def _letters(queue: QueueLine) -> str:
    parts = []
    if queue["dead_letter_sources"]:
        parts.append(f"from {', '.join(map(harmless, queue['dead_letter_sources']))}")
    target = queue["dead_letter_queue"]
    if target is not None:
        gone = ", which is not there" if queue["dead_letter_queue_missing"] else ""
        parts.append(f"to {harmless(target)}{gone}")
    return "; ".join(parts) or "-"


def _waiting(queues: Sequence[QueueLine]) -> list[Line]:
    """Return what nobody could work on, and what to do about it."""
    rows: list[Line] = [
        [(counted(_total(queue), "dead letter"), "bad"), (f"in {harmless(queue['name'])}", "")]
        for queue in queues
        if _holds_dead_letters(queue)
    ]
    if not rows:
        return []
    look = "weir queue show NAME tells more, weir queue redrive NAME moves them back."
    return [[], [("Dead letters", "bold")], *columns(rows), [(look, "dim")]]


# --- one queue ------------------------------------------------------------------------------------


def _depths(queue: ShownQueue) -> list[Line]:
    total = _total(queue)
    rows: list[Line] = []
    for word, count, style in (
        ("visible", queue["visible"], "bold"),
        ("in flight", queue["in_flight"], ""),
        ("delayed", queue["delayed"], ""),
    ):
        row: Line = [(word, "dim"), (str(count), style if count else "")]
        if count:
            row.append((bar(count, total, BAR).rstrip("░"), "wave"))
        rows.append(row)
    age_s, kept_s = queue["oldest_age_s"], _number(queue["attributes"], "MessageRetentionPeriod")
    oldest = "there is none" if age_s is None else f"{span(age_s)}, kept for {span(kept_s)}"
    return [*columns(rows), *columns([[("oldest".ljust(len("in flight")), "dim"), (oldest, "")]])]


def _attributes(queue: ShownQueue) -> list[tuple[str, str]]:
    given = queue["attributes"]
    delay_s = _number(given, "DelaySeconds")
    wait_s = _number(given, "ReceiveMessageWaitTimeSeconds")
    facts = [
        ("ARN", queue["arn"]),
        ("created", _time(queue["created_ms"])),
        ("changed", _time(queue["modified_ms"])),
        ("visibility timeout", f"hidden for {given['VisibilityTimeout']} s once received"),
        ("retention", f"kept for {span(_number(given, 'MessageRetentionPeriod'))}"),
        ("delay", f"new messages hidden for {delay_s} s" if delay_s else "none"),
        ("receive wait", f"up to {wait_s} s" if wait_s else "none, unless a receive asks for it"),
        ("largest message", size(_number(given, "MaximumMessageSize"))),
        ("encryption", _encryption(queue)),
    ]
    if queue["fifo"]:
        facts += _fifo(given)
    return facts


def _fifo(given: Mapping[str, str]) -> list[tuple[str, str]]:
    by_body = given.get("ContentBasedDeduplication") == "true"
    by_group = given.get("DeduplicationScope") == "messageGroup"
    who = "by the sender's id, or else the body's digest" if by_body else "by the sender's id"
    where = "within each message group" if by_group else "within the whole queue"
    return [
        ("deduplication", f"{who}, {where}"),
        ("throughput limit", given.get("FifoThroughputLimit", "-")),
    ]


def _encryption(queue: ShownQueue) -> str:
    key = queue["attributes"].get("KmsMasterKeyId")
    if queue["encryption_problem"]:
        return f"{queue['encryption']}, takes nothing: {harmless(queue['encryption_problem'])}"
    if key is not None:
        return f"{queue['encryption']}, with the key {key}"
    return f"{queue['encryption']}, with the gateway's own key" if queue["encryption"] else "none"


def _dead_letters(queue: ShownQueue) -> list[Line]:
    rows: list[Line] = []
    target, sources = queue["dead_letter_queue"], queue["dead_letter_sources"]
    if target is not None:
        often = counted(queue["max_receive_count"] or 0, "receive")
        rows.append([("its own", "dim"), (f"go to {harmless(target)} after {often}", "")])
    elif not sources:
        rows.append(
            [("its own", "dim"), ("go nowhere: received again and again, till deleted", "")]
        )
    if queue["dead_letter_queue_missing"]:
        rows.append([("", ""), ("which is not there, so they stay", "bad")])
    if sources:
        names = ", ".join(map(harmless, sources))
        rows.append([("it takes", "dim"), (f"those of {names}", "")])
    allowed = queue["attributes"].get("RedriveAllowPolicy")
    if allowed is not None:
        rows.append([("allowed", "dim"), (harmless(allowed), "")])
    if _holds_dead_letters(queue):
        held = counted(_total(queue), "dead letter")
        move = f"weir queue redrive {harmless(queue['name'])} moves them back"
        rows.append([("it holds", "dim"), (f"{held}: {move}", "bad")])
    return columns(rows)


def _facts(facts: Sequence[tuple[str, str]]) -> list[Line]:
    return columns([[(harmless(name), "dim"), (harmless(value), "")] for name, value in facts])


def _holds_dead_letters(queue: QueueLine) -> bool:
    return bool(queue["dead_letter_sources"]) and _total(queue) > 0


def _total(queue: QueueLine) -> int:
    return queue["visible"] + queue["in_flight"] + queue["delayed"]


def _kind(queue: QueueLine) -> str:
    return "FIFO" if queue["fifo"] else "standard"


def _number(attributes: Mapping[str, str], name: str) -> int:
    return int(attributes.get(name, "0"))


def _time(wall_ms: int) -> str:
    at = datetime.fromtimestamp(wall_ms / 1000, UTC)
    return f"{at:%Y-%m-%d %H:%M:%S} UTC"
