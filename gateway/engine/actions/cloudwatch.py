"""CloudWatch's actions on a gateway: its own log, and its own metrics.

Owns what a log event and a metric are here, and how many of each there may be. Both are for people
who look at this gateway; nothing of them is kept over a restart but what the log keeps.

Source: AWS IoT Core Developer Guide, "CloudWatch Logs", "CloudWatch metrics"; Amazon CloudWatch API
Reference, `MetricDatum`; Amazon CloudWatch Logs API Reference, `PutLogEvents`.
"""

from __future__ import annotations

import logging
import math
import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Final, final

import orjson

from gateway.engine.failures import ActionFailed
from gateway.metrics import Metrics

__all__ = ["CloudWatchLogs", "CloudWatchMetrics", "MetricStatus"]

# Each event is a line of the gateway's log, which others need, too.
EVENTS_PER_SECOND: Final = 100.0
MAX_BURST: Final = 1000.0

# CloudWatch's own limits: an event of 256 KB, a name of 255 or 512 characters.
MAX_EVENT_BYTES: Final = 256 * 1024
_GROUP: Final = re.compile(r"[.\-_/#A-Za-z0-9]{1,512}")
MAX_NAME_CHARACTERS: Final = 255

MAX_VALUE: Final = 2.0**360
_NUMBER: Final = re.compile(r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]{1,4})?", re.ASCII)

# Names may come out of payloads.
MAX_METRICS: Final = 1000

_AMOUNTS: Final = (
    "Count",
    *(f"{size}{unit}" for unit in ("bytes", "bits") for size in ("Kilo", "Mega", "Giga", "Tera")),
    *("Bytes", "Bits"),
)
_UNITS: Final = frozenset(
    [
        *(f"{amount}{per}" for amount in _AMOUNTS for per in ("", "/Second")),
        *("Seconds", "Microseconds", "Milliseconds", "Percent", "None"),
    ]
)


@final
class CloudWatchLogs:
    """The `cloudwatchLogs` action: each event is a line of the gateway's log.

    Args:
        monotonic_s: The clock.
        log: Where events go.
    """

    def __init__(self, monotonic_s: Callable[[], float], log: logging.Logger | None = None) -> None:
        self._monotonic_s = monotonic_s
        self._log = log or logging.getLogger("weir.rule")
        self._left = MAX_BURST
        self._at_s = monotonic_s()

    def put(self, parameters: Mapping[str, object], output: bytes) -> None:
        """Write what a rule sends into the log.

        Args:
            parameters: Of the action: `logGroupName`, `batchMode`.
            output: What SELECT gave; with `batchMode` an array of `{"timestamp", "message"}`.

        Raises:
            ActionFailed: The group cannot be, the payload is no batch, or there are too many.
        """
        group = str(parameters["logGroupName"])
        if _GROUP.fullmatch(group) is None:
            raise ActionFailed(
                f"no log group can have the name {group[:200]!r}",
                hint="It has 1 to 512 of A-Z a-z 0-9 . _ - / #.",
            )
        events = _batch(output) if parameters.get("batchMode") is True else [_text(output)]
        for text in events:
            if len(text.encode("utf-8", "replace")) > MAX_EVENT_BYTES:
                raise ActionFailed(f"a log event has more than {MAX_EVENT_BYTES} bytes")
        self._spend(len(events))
        for text in events:
            self._log.info("%s: %s", group, text)

    def _spend(self, events: int) -> None:
        now_s = self._monotonic_s()
        passed_s, self._at_s = now_s - self._at_s, now_s
        self._left = min(self._left + passed_s * EVENTS_PER_SECOND, MAX_BURST)
        if events > MAX_BURST:
            raise ActionFailed(
                f"a batch of {events} log events; at most {MAX_BURST:.0f}", hint="Select fewer."
            )
        if self._left < events:
            raise ActionFailed(
                f"more than {EVENTS_PER_SECOND:.0f} log events a second",
                hint="Let WHERE leave out more, or send them to a queue.",
            )
        self._left -= events


def _text(output: bytes) -> str:
    return output.decode("utf-8", "backslashreplace")


def _batch(output: bytes) -> list[str]:
    """Return the messages of a batch, with their own times where these are given."""
    try:
        events: object = orjson.loads(output)
    except orjson.JSONDecodeError:
        events = None
    if not isinstance(events, list) or not events:
        raise ActionFailed(
            "with batchMode the rule's result must be an array of log events",
            hint='Each is {"timestamp": milliseconds, "message": text}.',
        )
    texts = []
    for event in events:
        message = event.get("message") if isinstance(event, dict) else None
        time_ms = event.get("timestamp") if isinstance(event, dict) else None
        if not isinstance(message, str) or type(time_ms) is not int:
            raise ActionFailed(
                "an item of the batch is no log event",
                hint='It must be {"timestamp": milliseconds, "message": text}.',
            )
        texts.append(f"[{time_ms}] {message}")
    return texts


@dataclass(frozen=True, slots=True)
class MetricStatus:
    """One metric, for people.

    Attributes:
        namespace: Its namespace.
        name: Its name.
        unit: Its unit.
        latest: The value that came last.
        timestamp_s: When that was measured, in seconds since 1970.
        count: How many values came since the gateway started.
        total: Their sum.
        minimum: The smallest.
        maximum: The largest.
    """

    namespace: str
    name: str
    unit: str
    latest: float
    timestamp_s: int
    count: int
    total: float
    minimum: float
    maximum: float


@final
class CloudWatchMetrics:
    """The `cloudwatchMetric` action: each metric is one of the gateway's own.

    Args:
        metrics: Where the latest value shows, as `cloudwatch.NAMESPACE/NAME (UNIT)`.
        now_ms: Wall time in milliseconds since 1970, for values without a time.
    """

    def __init__(self, metrics: Metrics, now_ms: Callable[[], int]) -> None:
        self._metrics = metrics
        self._now_ms = now_ms
        self._found: dict[tuple[str, str, str], MetricStatus] = {}

    def put(self, parameters: Mapping[str, object], output: bytes) -> None:
        """Take one value.

        Args:
            parameters: Of the action: `metricNamespace`, `metricName`, `metricValue`, `metricUnit`
                and perhaps `metricTimestamp` (seconds since 1970), all texts.
            output: Not used.

        Raises:
            ActionFailed: A parameter is none, or there are too many metrics.
        """
        namespace = _name(parameters, "metricNamespace")
        name = _name(parameters, "metricName")
        unit = str(parameters["metricUnit"])
        if unit not in _UNITS:
            raise ActionFailed(
                f"metricUnit {unit[:80]!r} is no unit of CloudWatch",
                hint="Such are Count, Percent, Seconds, Bytes, Count/Second and None.",
            )
        value = _number(str(parameters["metricValue"]))
        timestamp_s = _timestamp(parameters.get("metricTimestamp"), self._now_ms)
        key = namespace, name, unit
        before = self._found.get(key)
        if before is None:
            if len(self._found) >= MAX_METRICS:
                raise ActionFailed(
                    f"there are {MAX_METRICS} metrics already",
                    hint="Let names not depend on what devices send.",
                )
            before = MetricStatus(
                namespace, name, unit, value, timestamp_s, 0, 0.0, math.inf, -math.inf
            )
            self._metrics.gauge(
                f"cloudwatch.{namespace}/{name} ({unit})", lambda: self._latest(key)
            )
        self._found[key] = MetricStatus(
            namespace,
            name,
            unit,
            value,
            timestamp_s,
            before.count + 1,
            before.total + value,
            min(before.minimum, value),
            max(before.maximum, value),
        )

    def status(self) -> list[MetricStatus]:
        """Return every metric, sorted."""
        return [self._found[key] for key in sorted(self._found)]

    def _latest(self, key: tuple[str, str, str]) -> float:
        return self._found[key].latest


def _name(parameters: Mapping[str, object], key: str) -> str:
    name = str(parameters[key])
    if not 1 <= len(name) <= MAX_NAME_CHARACTERS or not name.isprintable():
        raise ActionFailed(
            f"{key} {name[:80]!r} is no name of CloudWatch",
            hint=f"It has 1 to {MAX_NAME_CHARACTERS} printable characters.",
        )
    return name


def _number(text: str) -> float:
    value = float(text) if _NUMBER.fullmatch(text) else math.nan
    if not abs(value) <= MAX_VALUE:
        raise ActionFailed(
            f"metricValue {text[:80]!r} is no number of CloudWatch",
            hint="It is from -2^360 to 2^360.",
        )
    return value


def _timestamp(text: object, now_ms: Callable[[], int]) -> int:
    if text is None:
        return now_ms() // 1000
    written = str(text)
    if re.fullmatch(r"[0-9]{1,11}", written, re.ASCII) is None:
        raise ActionFailed(
            f"metricTimestamp {written[:80]!r} is no time",
            hint="It is a whole number of seconds since 1970.",
        )
    return int(written)
