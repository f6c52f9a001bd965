"""The status as a picture in text: one for `weir status`, and the live one with readings.

Owns the drawing; pure: a status document and a history in, lines out. A line is a list of pieces,
each a text and a style, so that cutting to the terminal's width never cuts a style.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import TYPE_CHECKING, Final, TypeAlias, TypeVar

from gateway.cli.output import harmless, style

if TYPE_CHECKING:
    from gateway.cli.history import History, Reading
    from gateway.control.status import DeviceStatus, QueueStatus, RuleStatus, StatusDocument

__all__ = ["Line", "draw", "one_line", "render", "sparkline"]

T = TypeVar("T")

Piece: TypeAlias = tuple[str, str]
Line: TypeAlias = list[Piece]

_BARS: Final = "▁▂▃▄▅▆▇█"
_GAP: Final = "  "


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
    if status.get("devices"):
        lines += _table("Devices", status["devices"], _device, "none")
    return lines


def render(lines: Sequence[Line], *, width: int, height: int | None, colour: bool) -> list[str]:
    """Return lines as text, cut to a terminal of this size.

    Args:
        lines: What `draw` gave.
        width: Characters in a line.
        height: The most lines; None for any number.
        colour: Whether to use styles.
    """
    if height is not None and len(lines) > height:
        left_out = len(lines) - height + 1
        lines = [*lines[: height - 1], [(f"… and {left_out} more lines", "dim")]]
    return [_cut(line, width, colour=colour) for line in lines]


def one_line(status: StatusDocument, history: History) -> str:
    """Return the gist as one line, for output that is kept and not redrawn."""
    parts = [f"up {_span(status.get('uptime_s', 0.0))}"]
    parts.append(f"{_rate(history.commits_per_s)} commits/s")
    for reading in sorted(history.readings.values(), key=lambda known: known.topic):
        parts.append(f"{reading.topic} {_value(reading)}")
    parts += [f"rule {rule['name']} {_hits(rule)}" for rule in status.get("rules", [])]
    parts += [f"queue {queue['name']} {queue['visible']}" for queue in status.get("queues", [])]
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
    line: Line = [(harmless(status.get("name", "")), "bold"), (_GAP, "")]
    line.append(("ready", "good") if status.get("ready") else ("starting", "bad"))
    mqtt = status.get("mqtt")
    line.append((f"  up {_span(status.get('uptime_s', 0.0))}", ""))
    if mqtt is not None:
        clients = _counted(mqtt["connections"], "client")
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
    line: Line = [("store", "dim"), (f"  {_counted(store['commits'], 'commit')}", "")]
    if history is not None:
        line.append((f", {_rate(history.commits_per_s)}/s", ""))
    line.append((f"  {_size(store['live_bytes'])} of {_size(store['max_bytes'])}", ""))
    if store["full"]:
        line.append((f"  FULL: {harmless(store['full'])}", "bad"))
    return line


def _table(title: str, rows: Sequence[T], cells: Callable[[T], Line], empty: str) -> list[Line]:
    lines: list[Line] = [[], [(title, "bold")]]
    if not rows:
        return [*lines, [(f"  {empty}", "dim")]]
    drawn = [cells(row) for row in rows]
    columns = max(len(row) for row in drawn)
    widths = [
        max(len(row[column][0]) for row in drawn if column < len(row)) for column in range(columns)
    ]
    for row in drawn:
        line: Line = []
        for column, (text, name) in enumerate(row):
            is_last = column == len(row) - 1
            line += [(_GAP, ""), (text if is_last else text.ljust(widths[column]), name)]
        lines.append(line)
    return lines


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
    return _counted(rule["matched"], "hit")


def _queue(queue: QueueStatus) -> Line:
    return [
        (harmless(queue["name"]), ""),
        (f"{queue['visible']} waiting", "bold" if queue["visible"] else ""),
        (f"{queue['in_flight']} in flight", "dim"),
        (f"{queue['delayed']} delayed", "dim"),
    ]


def _device(device: DeviceStatus) -> Line:
    line: Line = [
        (harmless(device["name"]), ""),
        (device["driver"], "dim"),
        (device["state"], "good" if device["state"] == "running" else "bad"),
        (_counted(device["readings"], "reading"), ""),
        (f"{device['rejected']} rejected", "bad" if device["rejected"] else "dim"),
        (f"{device['dropped']} dropped", "bad" if device["dropped"] else "dim"),
    ]
    if refused := device.get("commands_rejected"):
        line.append((f"{_counted(refused, 'command')} refused", "bad"))
    if device["last_error"] and device["state"] != "running":
        line.append((harmless(device["last_error"]), "bad"))
    return line


def _counted(count: int, what: str) -> str:
    return f"1 {what}" if count == 1 else f"{count} {what}s"


def _value(reading: Reading) -> str:
    if not reading.points:
        return harmless(reading.latest[:40])
    number = f"{reading.points[-1]:g}"
    return f"{harmless(reading.label)} {number}" if reading.label else number


def _rate(per_s: float | None) -> str:
    return "-" if per_s is None else f"{per_s:.1f}" if per_s < 100 else f"{per_s:.0f}"


def _size(size_bytes: float) -> str:
    for unit in ("B", "KiB", "MiB"):
        if size_bytes < 1024:
            return f"{size_bytes:.0f} {unit}" if unit == "B" else f"{size_bytes:.1f} {unit}"
        size_bytes /= 1024
    return f"{size_bytes:.1f} GiB"


def _span(seconds: float) -> str:
    minutes, whole_s = divmod(int(seconds), 60)
    hours, minutes = divmod(minutes, 60)
    days, hours = divmod(hours, 24)
    return f"{days} d " * (days > 0) + f"{hours:02}:{minutes:02}:{whole_s:02}"


def _cut(line: Line, width: int, *, colour: bool) -> str:
    text = ""
    room = width
    for piece, name in line:
        if len(piece) > room and name == "wave":
            piece = piece[len(piece) - room :]  # its newest end is on the right
        elif len(piece) > room:
            piece = piece[: max(room - 1, 0)] + "…" if room > 0 else ""
        text += style(piece, name, colour=colour)
        room -= len(piece)
    return text
