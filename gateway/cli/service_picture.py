"""What rules use, in the picture of the status: what waits, functions, buckets, tables, metrics.

Owns these tables, each only where there is something to show; pure: a status document in, lines
out.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from gateway.cli.lines import Line, columns, counted, size
from gateway.cli.output import harmless

if TYPE_CHECKING:
    from gateway.control.status import (
        BucketStatus,
        FunctionStatus,
        LaneStatus,
        MetricStatus,
        StatusDocument,
        TableStatus,
    )

__all__ = ["draw_services", "waiting"]

# Of one table; `--json` has all.
MAX_ROWS: Final = 10

_STATES: Final = {"ready": "good", "running": "good", "quarantined": "bad"}


def draw_services(status: StatusDocument) -> list[Line]:
    """Return the tables of a status document.

    Args:
        status: What the gateway answered.
    """
    lanes = [lane for lane in status.get("outbox", []) if lane["waiting"]]
    lanes.sort(key=lambda lane: (-lane["waiting"], lane["target"]))
    metrics = status.get("cloudwatch_metrics", [])
    return [
        *_table("Actions that wait", [_lane(lane) for lane in lanes]),
        *_table("Functions", [_function(each) for each in status.get("functions", [])]),
        *_table("Buckets", [_bucket(bucket) for bucket in status.get("buckets", [])]),
        *_table("Tables", [_items(table) for table in status.get("tables", [])]),
        *_table("CloudWatch metrics", [_metric(metric) for metric in metrics]),
    ]


def waiting(status: StatusDocument) -> int:
    """Return how many actions wait for what carries them out."""
    return sum(lane["waiting"] for lane in status.get("outbox", []))


def _table(title: str, rows: list[Line]) -> list[Line]:
    if not rows:
        return []
    lines: list[Line] = [[], [(title, "bold")], *columns(rows[:MAX_ROWS])]
    if len(rows) > MAX_ROWS:
        lines.append([(f"  … and {len(rows) - MAX_ROWS} more", "dim")])
    return lines


def _lane(lane: LaneStatus) -> Line:
    line: Line = [
        (harmless(lane["target"]), ""),
        (f"{lane['waiting']} waiting", "bold"),
        (size(lane["size_bytes"]), ""),
        (f"{lane['running']} running", "dim"),
        (f"{lane['retrying']} to be tried again", "bad" if lane["retrying"] else "dim"),
    ]
    return line + _reason(lane["last_failure"])


def _function(function: FunctionStatus) -> Line:
    line: Line = [
        (harmless(function["name"]), ""),
        (harmless(function["state"]), _STATES.get(function["state"], "dim")),
        (counted(function["calls"], "call"), ""),
        (f"{function['failed']} failed", "bad" if function["failed"] else "dim"),
        (counted(function["restarts"], "restart"), "bad" if function["restarts"] else "dim"),
        (f"{function['waiting']} waiting", "bold" if function["waiting"] else "dim"),
    ]
    return line + _reason(function["last_error"])


def _bucket(bucket: BucketStatus) -> Line:
    objects = counted(bucket["objects"], "object")
    line: Line = [
        (harmless(bucket["name"]), ""),
        (objects if bucket["counted"] else f"{objects} or more", ""),
        (f"{size(bucket['used_bytes'])} of {size(bucket['max_bytes'])}", ""),
        (f"{bucket['refused']} refused", "bad" if bucket["refused"] else "dim"),
    ]
    return line + _reason(bucket["last_error"])


def _items(table: TableStatus) -> Line:
    line: Line = [
        (harmless(table["name"]), ""),
        (counted(table["items"], "item"), ""),
        (f"{size(table['used_bytes'])} of {size(table['max_bytes'])}", ""),
        (f"{table['refused']} refused", "bad" if table["refused"] else "dim"),
    ]
    return line + _reason(table["problem"])


def _metric(metric: MetricStatus) -> Line:
    unit = "" if metric["unit"] == "None" else f" {metric['unit']}"
    return [
        (harmless(metric["namespace"]), "dim"),
        (harmless(metric["name"]), ""),
        (harmless(f"{metric['latest']:g}{unit}"), "bold"),
        (counted(metric["count"], "value"), "dim"),
    ]


def _reason(text: str) -> Line:
    return [(harmless(text), "bad")] if text else []
