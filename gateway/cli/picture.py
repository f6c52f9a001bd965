"""The status as a picture in text: one for `weir status`, and the live one with readings.

Owns the drawing; pure: a status document and a history in, lines out.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Final, TypeVar

from gateway.cli.lines import GAP, Line, columns, counted, size, span
from gateway.cli.output import harmless
from gateway.cli.service_picture import draw_services, waiting
from gateway.mqtt.errors import CAUSES

if TYPE_CHECKING:
    from gateway.cli.history import History, Reading
    from gateway.control.status import DeviceStatus, QueueStatus, RuleStatus, StatusDocument

__all__ = ["draw", "one_line", "sparkline"]

T = TypeVar("T")

_BARS: Final = "▁▂▃▄▅▆▇█"
# Counters of what the MQTT side refused, by cause where another word follows the name.
_TROUBLE: Final = (
    ("mqtt.protocol_errors", "protocol error"),
    ("mqtt.connect.refused", "connect refused"),
    ("mqtt.subscribe.refused", "subscribe refused"),
    ("mqtt.publish.refused", "publish refused"),
    ("mqtt.dropped", "message dropped"),
    ("mqtt.retain.not_kept", "retained message not kept"),
    ("mqtt.timed_out", "client was silent for too long"),
    ("mqtt.not_reading", "client read none of its answers"),
    ("mqtt.publish.not_authorized", "publish not authorized"),
    ("mqtt.basic_ingest.unknown_rule", "message for a rule that is not there or disabled"),
    ("mqtt.lost_wills", "will lost"),
    ("mqtt.lost_events", "lifecycle event lost"),
)


def draw(status: StatusDocument, history: History | None = None) -> list[Line]:
    """Return the picture of a status document.

    Args:
        status: What the gateway answered.
        history: The looks before it, for readings and rates; None leaves them out.
    """
    lines = [_head(status), _store(status, history) + _clock(status)]
    if history is not None:
        readings = sorted(history.readings.values(), key=lambda reading: reading.topic)
        lines += _table("Readings", readings, _reading, "none yet")
    lines += _table("Rules", status.get("rules", []), _rule, "none")
    lines += _table("Queues", status.get("queues", []), _queue, "none")
    lines += draw_services(status)
    if status.get("devices"):
        lines += _table("Devices", status["devices"], _device, "none")
    if trouble := _mqtt_trouble(status.get("metrics", {})):
        lines += [[], [("MQTT trouble", "bold")], *columns(trouble)]
    return lines


def one_line(status: StatusDocument, history: History) -> str:
    """Return the gist as one line, for output that is kept and not redrawn."""
    parts = [f"up {span(status.get('uptime_s', 0.0))}"]
    parts.append(f"{_rate(history.commits_per_s)} commits/s")
    for reading in sorted(history.readings.values(), key=lambda known: known.topic):
        parts.append(f"{reading.topic} {_value(reading)}")
    parts += [f"rule {rule['name']} {_hits(rule)}" for rule in status.get("rules", [])]
    parts += [f"queue {queue['name']} {queue['visible']}" for queue in status.get("queues", [])]
    if waits := waiting(status):
        parts.append(f"{counted(waits, 'action')} waiting")
    full = status.get("store", {}).get("full")
    if full:
        parts.append(f"FULL: {full}")
    return harmless(" | ".join(parts))


def sparkline(points: Sequence[float]) -> str:
    """Return numbers as bars between their least and their greatest."""
    finite = [point for point in points if abs(point) < float("inf")]
    if not finite:
        return ""
    least, most = min(finite), max(finite)
    if most - least <= 0 or most - least == float("inf"):
        return _BARS[3] * len(finite)
    steps = len(_BARS) - 1
    return "".join(_BARS[round((point - least) / (most - least) * steps)] for point in finite)


def _head(status: StatusDocument) -> Line:
    line: Line = [(harmless(status.get("name", "")), "bold"), (GAP, "")]
    line.append(("ready", "good") if status.get("ready") else ("starting", "bad"))
    mqtt = status.get("mqtt")
    line.append((f"  up {span(status.get('uptime_s', 0.0))}", ""))
    if mqtt is not None:
        clients = counted(mqtt["connections"], "client")
        line.append((f"  {clients} on {', '.join(mqtt['listeners']) or 'no listener'}", ""))
    aws = status.get("aws")
    if aws is not None and aws["bind"]:
        line.append((f"  AWS {aws['bind']}", ""))
    return line


def _clock(status: StatusDocument) -> Line:
    if status.get("time", {}).get("wall_trusted", True):
        return []
    return [("  clock not synchronised", "dim")]


def _store(status: StatusDocument, history: History | None) -> Line:
    store = status.get("store")
    if store is None:
        return []
    line: Line = [("store", "dim"), (f"  {counted(store['commits'], 'commit')}", "")]
    if history is not None:
        line.append((f", {_rate(history.commits_per_s)}/s", ""))
    line.append((f"  {size(store['live_bytes'])} of {size(store['max_bytes'])}", ""))
    if store["full"]:
        line.append((f"  FULL: {harmless(store['full'])}", "bad"))
    return line


def _table(title: str, rows: Sequence[T], cells: Callable[[T], Line], empty: str) -> list[Line]:
    lines: list[Line] = [[], [(title, "bold")]]
    if not rows:
        return [*lines, [(f"  {empty}", "dim")]]
    return lines + columns([cells(row) for row in rows])


def _reading(reading: Reading) -> Line:
    quiet = "dim" if reading.age_s > 10 else ""
    return [
        (harmless(reading.topic), quiet),
        (_value(reading), quiet or "bold"),
        (f"{_rate(reading.per_s)}/s", "dim"),
        (sparkline(reading.points), "wave"),
    ]


def _rule(rule: RuleStatus) -> Line:
    line: Line = [
        (harmless(rule["name"]), ""),
        (harmless(rule["topic_filter"]), "dim"),
        (_hits(rule), "bold" if rule["matched"] else ""),
        (f"{rule['failed']} failed", "bad" if rule["failed"] else "dim"),
    ]
    if rule["disabled"]:
        line.append(("disabled", "dim"))
    if rule["problem"]:
        line.append((harmless(rule["problem"]), "bad"))
    return line


def _hits(rule: RuleStatus) -> str:
    return counted(rule["matched"], "hit")


def _queue(queue: QueueStatus) -> Line:
    held = queue["visible"] + queue["in_flight"] + queue["delayed"]
    line: Line = [
        (harmless(queue["name"]), ""),
        (f"{queue['visible']} waiting", "bold" if queue["visible"] else ""),
        (f"{queue['in_flight']} in flight", "dim"),
        (f"{queue['delayed']} delayed", "dim"),
    ]
    if queue.get("fifo"):
        line.append(("FIFO", "dim"))
    if held and queue.get("is_dead_letter_queue"):
        line.append(("dead letters", "bad"))
    return line


def _device(device: DeviceStatus) -> Line:
    line: Line = [
        (harmless(device["name"]), ""),
        (device["driver"], "dim"),
        (device["state"], "good" if device["state"] == "running" else "bad"),
        (counted(device["readings"], "reading"), ""),
        (f"{device['rejected']} rejected", "bad" if device["rejected"] else "dim"),
        (f"{device['dropped']} dropped", "bad" if device["dropped"] else "dim"),
    ]
    if refused := device.get("commands_rejected"):
        line.append((f"{counted(refused, 'command')} refused", "bad"))
    if device["last_error"] and device["state"] != "running":
        line.append((harmless(device["last_error"]), "bad"))
    return line


def _mqtt_trouble(metrics: Mapping[str, float]) -> list[Line]:
    """Return what was refused or dropped, by cause; a cause that never came up is left out."""
    rows: list[Line] = []
    for prefix, what in _TROUBLE:
        causes = {name: count for name, count in metrics.items() if name.startswith(f"{prefix}.")}
        # Whatever is counted as a whole only still has a line.
        for name, count in sorted((causes or {prefix: metrics.get(prefix, 0)}).items()):
            if count:
                row: Line = [(f"{count:.0f}", "bad"), (what, "")]
                if name != prefix:
                    cause = name.removeprefix(f"{prefix}.")
                    row.append((harmless(_words(cause)), "bold"))
                    if cause in CAUSES:
                        row.append((CAUSES[cause], "dim"))
                rows.append(row)
    return rows


def _words(cause: str) -> str:
    """Spell a cause as words: counters have underscores or hyphens, as their source has."""
    return cause.replace("_", " ").replace("-", " ")


def _value(reading: Reading) -> str:
    if not reading.points:
        return harmless(reading.latest[:40])
    number = f"{reading.points[-1]:g}"
    return f"{harmless(reading.label)} {number}" if reading.label else number


def _rate(per_s: float | None) -> str:
    return "-" if per_s is None else f"{per_s:.1f}" if per_s < 100 else f"{per_s:.0f}"
