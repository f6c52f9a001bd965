"""`weir check`: actions that fail for every message, for what their parameters say."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from tests.rig.judged import Site, action

METRIC = {
    "metricNamespace": "Site",
    "metricName": "Celsius",
    "metricValue": "${celsius}",
    "metricUnit": "None",
}
URL = "http://127.0.0.1:8080/"


@pytest.fixture
def site(tmp_path: Path) -> Site:
    made = Site(tmp_path)
    made.add("[[rules.destinations]]", f'url = "{URL}"')
    return made


FAILING: list[tuple[dict[str, Any], str]] = [
    (
        action("cloudwatchMetric", **{**METRIC, "metricUnit": "Celsius"}),
        "metricUnit 'Celsius' is no unit of CloudWatch. Such are Count,",
    ),
    (action("cloudwatchMetric", **{**METRIC, "metricValue": "hot"}), "metricValue 'hot' is no"),
    (
        action("cloudwatchMetric", **METRIC, metricTimestamp="2026-01-01"),
        "metricTimestamp '2026-01-01' is no time. It is a whole number",
    ),
    (
        action("cloudwatchMetric", **{**METRIC, "metricName": "x" * 256}),
        "metricName 'xxx",
    ),
    (action("cloudwatchLogs", logGroupName="the site"), "can have the name 'the site'. It has 1"),
    (
        {"http": {"url": URL, "headers": [{"key": "X-House ", "value": "${topic()}"}]}},
        "'X-House '",
    ),
    (
        {"http": {"url": URL, "headers": [{"key": "X-House", "value": "a\nb"}]}},
        "X-House",
    ),
    (action("republish", topic="$aws/events/x"), "to '$aws/events/x': the gateway alone"),
    (action("republish", topic="$SYS/x"), "to '$SYS/x': the gateway alone"),
    (
        action("republish", topic="${topic(1)}/x", headers={"contentType": "\0"}),
        "the header contentType of the republished message",
    ),
]


@pytest.mark.parametrize(("failing", "told"), FAILING)
def test_a_constant_that_fails_for_every_message(
    site: Site, failing: dict[str, Any], told: str
) -> None:
    (kind,) = failing
    file = site.rule("one", action("republish", topic="a"), failing)
    (warning,) = site.judge().warnings
    head = f"{file}: the rule one has an action that fails for every message, action 2 ({kind}): "
    assert warning.startswith(head)
    assert told in warning.removeprefix(head)
    assert warning.endswith(".")


def test_everything_that_is_wrong_is_told_of_the_error_action_too(site: Site) -> None:
    site.rule("one", error=action("cloudwatchMetric", **{**METRIC, "metricUnit": "C"}))
    site.rule("two", action("republish", topic="$SYS/x", headers={"responseTopic": ""}))
    first, *others = site.judge().warnings
    assert "error action (cloudwatchMetric): metricUnit 'C'" in first
    assert ["$SYS" in other for other in others] == [True, False]


def test_what_may_differ_from_message_to_message_is_not_judged(
    site: Site, caplog: pytest.LogCaptureFixture
) -> None:
    topic = "${topic()}"
    headers = {"userProperties": [{"key": topic, "value": topic}], "messageExpiry": topic}
    site.rule(
        "one",
        action("cloudwatchMetric", **dict.fromkeys(METRIC, topic), metricTimestamp=topic),
        action("cloudwatchLogs", logGroupName=topic),
        {"http": {"url": URL, "headers": [{"key": "X-House", "value": topic}]}},
        action("republish", topic="$$aws/${topic(1)}", headers=headers),
    )
    site.rule(
        "two",
        action("cloudwatchMetric", **METRIC),
        action("cloudwatchLogs", logGroupName="/site/log"),
        {"http": {"url": URL, "headers": [{"key": "X-House", "value": "north"}]}},
        action("republish", topic="a", headers={"contentType": "text/plain"}),
    )
    assert site.judge().warnings == []
    assert caplog.records == []
