"""The shape of the status document: what `GET /v1/status` answers and the command draws.

Owns names and types only, so that whoever fills the document and whoever reads it agree. Keys may
be added; none changes its meaning.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict

from gateway.control.rule_documents import ActionLine

__all__ = [
    "AwsStatus",
    "BucketStatus",
    "DeviceStatus",
    "FunctionStatus",
    "LaneStatus",
    "MetricStatus",
    "MqttStatus",
    "QueueStatus",
    "RecentMessage",
    "RuleStatus",
    "StatusDocument",
    "StoreStatus",
    "TableStatus",
    "TimeStatus",
]


class TimeStatus(TypedDict):
    """The wall clock, and whether something disciplines it."""

    wall_ms: int
    wall_trusted: bool


class MqttStatus(TypedDict):
    """The MQTT side: addresses that accept, and clients connected now."""

    listeners: list[str]
    connections: int
    sessions: NotRequired[int]


class AwsStatus(TypedDict):
    """The AWS endpoint; `bind` is empty where there is none."""

    bind: str


class StoreStatus(TypedDict):
    """The store; `full` says why nothing new is taken, or is null."""

    commits: int
    rows: int
    live_bytes: int
    max_bytes: int
    full: str | None


class RuleStatus(TypedDict):
    """One rule, or what gave none (`topic_filter` is empty then).

    `waiting` counts messages that wait for the statement itself, because it reaches out.
    """

    name: str
    topic_filter: str
    evaluated: NotRequired[int]
    matched: int
    failed: int
    disabled: bool
    problem: str
    waiting: NotRequired[int]
    actions: NotRequired[list[ActionLine]]
    error_action: NotRequired[ActionLine | None]


class LaneStatus(TypedDict):
    """One target of the outbox: `lambda NAME`, `http ORIGIN`, `s3 BUCKET`, `rule NAME`.

    The last is a rule whose statement reaches out. `retrying` is the part of `waiting` that is set
    aside for another try.
    """

    target: str
    waiting: int
    size_bytes: int
    running: int
    retrying: int
    last_failure: str


class FunctionStatus(TypedDict):
    """One local function; `state` is `idle`, `starting`, `ready`, `running` or `quarantined`."""

    name: str
    file: str
    state: str
    calls: int
    failed: int
    restarts: int
    waiting: int
    last_error: str


class BucketStatus(TypedDict):
    """One local bucket; until it is `counted`, its numbers are too low."""

    name: str
    dir: str
    objects: int
    used_bytes: int
    max_bytes: int
    counted: bool
    refused: int
    last_error: str


class TableStatus(TypedDict):
    """One local table; `key` has the name and type of each key attribute."""

    name: str
    key: list[list[str]]
    items: int
    used_bytes: int
    max_bytes: int
    refused: int
    problem: str


class MetricStatus(TypedDict):
    """One metric of `cloudwatchMetric` actions: its latest value, and all since the start."""

    namespace: str
    name: str
    unit: str
    latest: float
    timestamp_s: int
    count: int
    total: float
    minimum: float
    maximum: float


class QueueStatus(TypedDict):
    """One queue, in messages; it may be there for what another queue gives up on."""

    name: str
    visible: int
    in_flight: int
    delayed: int
    fifo: NotRequired[bool]
    is_dead_letter_queue: NotRequired[bool]


class DeviceStatus(TypedDict):
    """One device; see `gateway.devices.DeviceStatus`."""

    name: str
    driver: str
    state: str
    topic: str
    readings: int
    rejected: int
    dropped: int
    commands_rejected: NotRequired[int]
    last_error: str


class RecentMessage(TypedDict):
    """The latest message of one topic; `encoding` is `utf-8` or `base64`."""

    topic: str
    payload: str
    encoding: str
    size_bytes: int
    age_s: float
    count: int


class StatusDocument(TypedDict, total=False):
    """Everything; `recent` only where it was asked for (`?recent`)."""

    name: str
    version: str
    pid: int
    uptime_s: float
    ready: bool
    event_loop: str
    time: TimeStatus
    mqtt: MqttStatus
    aws: AwsStatus
    store: StoreStatus
    rules: list[RuleStatus]
    outbox: list[LaneStatus]
    functions: list[FunctionStatus]
    buckets: list[BucketStatus]
    tables: list[TableStatus]
    cloudwatch_metrics: list[MetricStatus]
    queues: list[QueueStatus]
    devices: list[DeviceStatus]
    metrics: dict[str, float]
    recent: list[RecentMessage]
