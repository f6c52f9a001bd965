"""The shape of the status document: what `GET /v1/status` answers and the command draws.

Owns names and types only, so that whoever fills the document and whoever reads it agree. Keys may
be added; none changes its meaning.
"""

from __future__ import annotations

from typing import NotRequired, TypedDict

__all__ = [
    "AwsStatus",
    "DeviceStatus",
    "MqttStatus",
    "QueueStatus",
    "RecentMessage",
    "RuleStatus",
    "StatusDocument",
    "StoreStatus",
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
    """One rule, or one rule file that gave none (`topic_filter` is empty then)."""

    name: str
    topic_filter: str
    matched: int
    failed: int
    disabled: bool
    problem: str


class QueueStatus(TypedDict):
    """One queue, in messages."""

    name: str
    visible: int
    in_flight: int
    delayed: int


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
    time: TimeStatus
    mqtt: MqttStatus
    aws: AwsStatus
    store: StoreStatus
    rules: list[RuleStatus]
    queues: list[QueueStatus]
    devices: list[DeviceStatus]
    metrics: dict[str, float]
    recent: list[RecentMessage]
