"""kill -9 at any moment while boto3 writes rules: what was acknowledged is there, and in force.

A rule whose create was acknowledged is there and one whose delete was is gone; the one write that
had no answer has happened or not. `WEIR_SEEDS=200` runs more seeds. The control tells of a write
before it is on disk, and must be caught.
"""

from __future__ import annotations

import json
import os
import random
import threading
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import boto3
import pytest
from botocore.config import Config
from botocore.exceptions import BotoCoreError

from tests.rig.broken_gateway import broken
from tests.rig.gateway_process import GatewayProcess, drain
from tests.rig.mqtt_client import BarePublisher

SEEDS = list(range(1, 1 + int(os.environ.get("WEIR_SEEDS", "16"))))
NAMES = [f"rule_{number}" for number in range(12)]
ROLE = "arn:aws:iam::123456789012:role/any"


@dataclass(frozen=True, slots=True)
class Rule:
    """What the test wants to find of a rule again."""

    version: int
    disabled: bool = False

    def payload(self, name: str) -> dict[str, Any]:
        return {
            "sql": f"SELECT '{name}' AS name, {self.version} AS version FROM 'api/{name}'",
            "awsIotSqlVersion": "2016-03-23",
            "ruleDisabled": self.disabled,
            "actions": [{"sqs": {"queueUrl": "readings", "roleArn": ROLE, "useBase64": False}}],
        }


@dataclass
class Writer:
    """Writes rules, and knows which there must be.

    Attributes:
        rules: What was acknowledged; None: there is none.
        doubt: What a write without an answer would have left, and the name it was for.
        writes: How many were acknowledged.
    """

    rules: dict[str, Rule | None] = field(default_factory=lambda: dict.fromkeys(NAMES))
    doubt: tuple[str, Rule | None] | None = None
    writes: int = 0
    version: int = 0

    def write(self, iot: Any, rng: random.Random) -> None:
        """Make one write that is allowed.

        Raises:
            BotoCoreError: There was no answer.
        """
        name = rng.choice(NAMES)
        rule = self.rules[name]
        self.version += 1
        how = "create" if rule is None else rng.choice(["replace", "delete", "toggle"])
        after: Rule | None = Rule(self.version)
        if how == "delete":
            after = None
        elif how == "toggle":
            assert rule is not None
            after = Rule(rule.version, not rule.disabled)
        self.doubt = name, after
        if how == "create" or how == "replace":
            assert after is not None
            operation = iot.create_topic_rule if how == "create" else iot.replace_topic_rule
            operation(ruleName=name, topicRulePayload=after.payload(name))
        elif how == "delete":
            iot.delete_topic_rule(ruleName=name)
        else:
            assert after is not None
            (iot.disable_topic_rule if after.disabled else iot.enable_topic_rule)(ruleName=name)
        self.rules[name], self.doubt = after, None
        self.writes += 1

    def settle(self, found: dict[str, Rule | None]) -> list[str]:
        """Compare with what is there, take that over; say what is wrong."""
        wrong = []
        for name in NAMES:
            allowed = [self.rules[name]]
            if self.doubt is not None and self.doubt[0] == name:
                allowed.append(self.doubt[1])
            if found[name] not in allowed:
                wrong.append(f"{name} is {found[name]}, expected {allowed}")
        self.rules, self.doubt = dict(found), None
        return wrong


@pytest.mark.timeout(180)
def test_rules_of_the_api_survive_kills(tmp_path: Path) -> None:
    wrong, writer = _run(tmp_path, SEEDS, None)
    print(f"seeds {SEEDS}: {writer.writes} writes acknowledged, {wrong or 'all as it was'}")
    assert not wrong
    assert writer.writes > 10 * len(SEEDS)


def test_a_registry_that_is_written_too_late_is_caught(tmp_path: Path) -> None:
    wrong, _ = _run(tmp_path, SEEDS[:4], broken("rules-unwritten"))
    assert wrong


def _run(folder: Path, seeds: list[int], prefix: list[str] | None) -> tuple[list[str], Writer]:
    writer, wrong = Writer(), []
    with GatewayProcess(folder, rules=[], prefix=prefix) as gateway:
        session = boto3.Session()
        for seed in seeds:
            rng = random.Random(seed)
            iot = _client(session, gateway)
            timer = threading.Timer(rng.uniform(0.05, 0.5), gateway.kill)
            timer.start()
            try:
                while True:
                    writer.write(iot, rng)
            except BotoCoreError:
                pass
            finally:
                timer.join()
                iot.close()
            gateway.start()
            iot = _client(session, gateway)
            found = _rules_of(iot)
            iot.close()
            wrong += [f"seed {seed}: {text}" for text in writer.settle(found)]
            wrong += [f"seed {seed}: {text}" for text in _not_in_force(gateway, found)]
    return wrong, writer


def _client(session: boto3.Session, gateway: GatewayProcess) -> Any:
    env = gateway.credentials()
    return session.client(
        "iot",
        endpoint_url=gateway.aws_endpoint,
        region_name=env["AWS_REGION"],
        aws_access_key_id=env["AWS_ACCESS_KEY_ID"],
        aws_secret_access_key=env["AWS_SECRET_ACCESS_KEY"],
        config=Config(retries={"total_max_attempts": 1}),
    )


def _rules_of(iot: Any) -> dict[str, Rule | None]:
    """Return the rules as the API tells of them."""
    found: dict[str, Rule | None] = dict.fromkeys(NAMES)
    for entry in iot.list_topic_rules()["rules"]:
        name = entry["ruleName"]
        rule = iot.get_topic_rule(ruleName=name)["rule"]
        version = int(rule["sql"].partition(", ")[2].partition(" ")[0])
        found[name] = Rule(version, rule["ruleDisabled"])
        assert rule["sql"] == Rule(version).payload(name)["sql"]
    return found


def _not_in_force(gateway: GatewayProcess, rules: dict[str, Rule | None]) -> list[str]:
    """Say which rules do not do what the API says of them: publish to each, look at the queue."""
    with BarePublisher(gateway.mqtt_port) as publisher:
        for name in NAMES:
            publisher.publish(f"api/{name}", b"{}")
        publisher.wait_for_acks()
    fired = sorted(
        (body["name"], body["version"]) for body in map(json.loads, drain(gateway.sqs()))
    )
    due = sorted((name, rule.version) for name, rule in rules.items() if rule and not rule.disabled)
    return [] if fired == due else [f"{fired} fired, {due} were due"]
