"""The MQTT reference and the code say the same: `$SYS` topics, events, causes of errors."""

from __future__ import annotations

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from gateway.broker.lifecycle import MAX_KNOWN_CLIENTS, VERSION_KEPT_MS, DisconnectReason
from gateway.broker.sys_topics import BrokerFacts, SysTopics
from gateway.metrics import Metrics
from gateway.mqtt.errors import CAUSES

ROOT = Path(__file__).parents[3]
ERRORS = {"MqttError", "MalformedPacket", "ProtocolViolation", "InvalidTopic"}


def section(heading: str) -> str:
    text = (ROOT / "docs" / "reference" / "mqtt.md").read_text(encoding="utf-8")
    (found,) = (part for part in text.split("\n## ") if part.startswith(heading))
    return found


def first_cells(text: str) -> list[str]:
    """Return what stands in code in the first cells of the tables."""
    cells = re.findall(r"^\| (`[^|]*) \|", text, re.M)
    return [code for cell in cells for code in re.findall(r"`([^`]+)`", cell)]


def causes_raised(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield every constant cause that a package raises, and where."""
    for path in sorted(folder.glob("*.py")):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Call) and getattr(node.func, "id", "") in ERRORS:
                cause = node.args[0]
                if isinstance(cause, ast.Constant):
                    yield str(cause.value), f"{path.name}:{node.lineno}"


def test_every_statistic_is_in_the_reference_and_no_other() -> None:
    published: set[str] = set()
    topics = SysTopics(
        Metrics(), lambda topic, payload: published.add(topic), BrokerFacts, "1.0.0", 10.0
    )
    topics.tick(0.0)
    text = section("Statistics")
    told = set(first_cells(text)) | set(re.findall(r"also as `([^`]+)`", text))
    shown = {topic.removeprefix("$SYS/broker/") for topic in published}
    assert told == {re.sub(r"/\d+min$", "/+", topic) for topic in shown}


def test_every_disconnect_reason_is_in_the_reference() -> None:
    text = section("Lifecycle events")
    told = {cell for cell in first_cells(text) if cell.isupper()}
    assert told == {reason.value for reason in DisconnectReason}
    assert VERSION_KEPT_MS == 3_600_000 and "after an hour away" in text
    assert f"{MAX_KNOWN_CLIENTS:,} clients" in text


def test_every_cause_of_a_protocol_error_is_in_the_reference_and_no_other() -> None:
    raised = dict(causes_raised(ROOT / "gateway" / "broker"))
    assert len(raised) > 3
    told = first_cells(section("Protocol errors"))
    assert sorted(set(told)) == sorted(told)
    missing = {cause: where for cause, where in raised.items() if cause not in told}
    assert missing == {}
    assert set(told) == CAUSES.keys() | raised.keys()
