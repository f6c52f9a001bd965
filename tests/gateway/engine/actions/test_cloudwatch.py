"""CloudWatch's actions: lines of the gateway's log, and metrics of its own, both within bounds."""

from __future__ import annotations

import json
import logging
import re

import pytest

from gateway.engine.actions import cloudwatch
from gateway.engine.actions.cloudwatch import CloudWatchLogs, CloudWatchMetrics
from gateway.engine.failures import ActionFailed
from gateway.metrics import Metrics

METRIC = {
    "metricNamespace": "Greenhouse",
    "metricName": "Temperature",
    "metricValue": "21.5",
    "metricUnit": "None",
}


class Time:
    """A clock that a test sets."""

    def __init__(self) -> None:
        self.now_s = 1000.0

    def __call__(self) -> float:
        return self.now_s


@pytest.fixture
def written(caplog: pytest.LogCaptureFixture) -> pytest.LogCaptureFixture:
    caplog.set_level(logging.INFO, logger="weir.rule")
    return caplog


def put(logs: CloudWatchLogs, output: bytes, group: str = "/bench", **more: object) -> None:
    logs.put({"logGroupName": group, "roleArn": "arn", **more}, output)


def test_an_event_is_one_line_of_the_log(written: pytest.LogCaptureFixture) -> None:
    logs = CloudWatchLogs(Time())
    put(logs, b'{"celsius":21}')
    put(logs, "a\nERROR forged: line\x1b[2J\u2028 ü".encode())
    put(logs, b"\xff\x00")
    assert written.messages == [
        '/bench: {"celsius":21}',
        "/bench: a\nERROR forged: line\x1b[2J\u2028 ü",  # made harmless where lines are formed
        "/bench: \\xff\x00",
    ]


def test_a_batch_is_several_events(written: pytest.LogCaptureFixture) -> None:
    logs = CloudWatchLogs(Time())
    events = [{"timestamp": 1, "message": "a"}, {"timestamp": 2, "message": "b"}]
    put(logs, json.dumps(events).encode(), batchMode=True)
    assert written.messages == ["/bench: [1] a", "/bench: [2] b"]
    put(logs, json.dumps(events).encode())  # without batchMode an array is one event
    assert len(written.messages) == 3


@pytest.mark.parametrize(
    "output",
    [
        b"{}",
        b"[]",
        b"no JSON",
        b'[{"timestamp":1}]',
        b'[{"message":"a"}]',
        b'[{"timestamp":"1","message":"a"}]',
        b'[{"timestamp":true,"message":"a"}]',
        b'[{"timestamp":1,"message":"a"},7]',
    ],
)
def test_what_is_no_batch_fails_and_writes_nothing(
    written: pytest.LogCaptureFixture, output: bytes
) -> None:
    with pytest.raises(ActionFailed) as failed:
        put(CloudWatchLogs(Time()), output, batchMode=True)
    assert "timestamp" in failed.value.told()
    assert not written.messages


@pytest.mark.parametrize("group", ["", "a b", "x" * 513, "a\nb", "ü"])
def test_a_group_has_a_name(written: pytest.LogCaptureFixture, group: str) -> None:
    with pytest.raises(ActionFailed, match="no log group can have the name"):
        put(CloudWatchLogs(Time()), b"{}", group)
    assert not written.messages


def test_a_log_event_has_a_size(written: pytest.LogCaptureFixture) -> None:
    logs = CloudWatchLogs(Time())
    put(logs, b"x" * cloudwatch.MAX_EVENT_BYTES)
    with pytest.raises(ActionFailed, match="more than 262144 bytes"):
        put(logs, b"x" * (cloudwatch.MAX_EVENT_BYTES + 1))
    assert len(written.messages) == 1


def test_others_need_the_log_too(written: pytest.LogCaptureFixture) -> None:
    time = Time()
    logs = CloudWatchLogs(time)
    for _ in range(int(cloudwatch.MAX_BURST)):
        put(logs, b"1")
    with pytest.raises(ActionFailed, match="more than 100 log events a second"):
        put(logs, b"2")
    time.now_s += 0.025  # room for two
    put(logs, b"3")
    put(logs, b"4")
    with pytest.raises(ActionFailed):
        put(logs, b"5")
    assert len(written.messages) == cloudwatch.MAX_BURST + 2
    time.now_s += 1e6  # no more than a burst is ever saved up
    for _ in range(int(cloudwatch.MAX_BURST)):
        put(logs, b"6")
    with pytest.raises(ActionFailed):
        put(logs, b"7")


def test_a_metric_is_one_of_the_gateways_own() -> None:
    metrics = Metrics()
    taken = CloudWatchMetrics(metrics, lambda: 1_700_000_000_500)
    taken.put(METRIC, b"")
    taken.put({**METRIC, "metricValue": "-3e1", "metricTimestamp": "1700000001"}, b"")
    taken.put({**METRIC, "metricUnit": "Count/Second"}, b"")
    assert metrics.snapshot()["cloudwatch.Greenhouse/Temperature (None)"] == -30.0
    counted, plain = taken.status()
    assert (counted.unit, counted.count) == ("Count/Second", 1)
    assert counted.timestamp_s == 1_700_000_000
    assert (plain.latest, plain.timestamp_s) == (-30.0, 1_700_000_001)
    assert (plain.count, plain.total, plain.minimum, plain.maximum) == (2, -8.5, -30.0, 21.5)


@pytest.mark.parametrize(
    ("key", "value", "told"),
    [
        ("metricValue", "warm", "'warm' is no number"),
        ("metricValue", "nan", "is no number"),
        ("metricValue", "1e999", "is no number"),
        ("metricValue", "-2.4e108", "is no number"),
        ("metricValue", "", "is no number"),
        ("metricValue", "1_000", "is no number"),
        ("metricValue", " 5", "is no number"),
        ("metricValue", "٣", "is no number"),
        ("metricUnit", "Furlong", "is no unit of CloudWatch"),
        ("metricUnit", "seconds", "is no unit of CloudWatch"),
        ("metricName", "", "is no name of CloudWatch"),
        ("metricName", "a\nb", "is no name of CloudWatch"),
        ("metricNamespace", "x" * 256, "is no name of CloudWatch"),
        ("metricTimestamp", "soon", "is no time"),
        ("metricTimestamp", "1.5", "is no time"),
        ("metricTimestamp", "-1", "is no time"),
    ],
)
def test_a_metric_that_is_none_fails(key: str, value: str, told: str) -> None:
    metrics = Metrics()
    taken = CloudWatchMetrics(metrics, lambda: 0)
    with pytest.raises(ActionFailed, match=re.escape(told)):
        taken.put({**METRIC, key: value}, b"")
    assert taken.status() == []
    assert metrics.snapshot() == {}


def test_there_are_so_many_metrics_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(cloudwatch, "MAX_METRICS", 3)
    taken = CloudWatchMetrics(Metrics(), lambda: 0)
    for number in range(3):
        taken.put({**METRIC, "metricName": f"n{number}"}, b"")
    with pytest.raises(ActionFailed, match="there are 3 metrics already"):
        taken.put({**METRIC, "metricName": "n3"}, b"")
    taken.put({**METRIC, "metricName": "n2"}, b"")
    assert len(taken.status()) == 3
