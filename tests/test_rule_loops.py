"""Rules that lead into themselves, through a real gateway: each loop ends, and is told.

Ten republish actions may follow each other, and the error action of the last may be another.
"""

from __future__ import annotations

import base64
import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.rig.gateway_process import GatewayProcess, wait_until
from tests.rig.rules_at_work import (
    FUNCTION_ARN,
    Client,
    WebServer,
    function,
    put_rules,
    rule,
    status_of,
    to_queue,
    to_server,
    to_topic,
)

ECHO = """
    def lambda_handler(event, context):
        return event
"""


@pytest.fixture
def server() -> Iterator[WebServer]:
    """A server that takes nothing, and need not be asked twice."""
    with WebServer(lambda posted: 404) as found:
        yield found


@pytest.fixture
def gateway(tmp_path: Path, server: WebServer) -> Iterator[GatewayProcess]:
    settings = function(tmp_path, "echo", ECHO)
    settings += f'[[rules.destinations]]\nurl = "{server.url}"\n'
    with GatewayProcess(tmp_path, rules=[], extra=settings) as process:
        yield process


@pytest.fixture
def client(gateway: GatewayProcess) -> Iterator[Client]:
    with Client(gateway, "device-1") as connected:
        yield connected


@pytest.mark.parametrize("way", ["at once", "a function"])
def test_a_republish_loop_ends_at_the_tenth_step_in_the_error_action(
    gateway: GatewayProcess, client: Client, way: str
) -> None:
    n = f"aws_lambda('{FUNCTION_ARN}echo', *).n" if way == "a function" else "n"
    sql = f"SELECT {n} + 1 AS n FROM 'loop/a'"
    put_rules(gateway, rule("loop", sql, to_topic("loop/a", 1), error=to_topic("loop/told", 1)))
    client.subscribe("loop/#")
    client.publish("loop/a", {"n": 0})
    got = client.wait(12)
    steps = [json.loads(each.payload)["n"] for each in got if each.topic == "loop/a"]
    assert sorted(steps) == list(range(11))  # the one published, and ten more
    (last,) = (each for each in got if each.topic == "loop/told")
    message = json.loads(last.payload)
    (failure,) = message["failures"]
    assert failure["failedAction"] == "RepublishAction"
    assert "10 republish actions led here, so this looks like a loop" in failure["errorMessage"]
    assert json.loads(base64.b64decode(message["base64OriginalPayload"])) == {"n": 10}
    status = status_of(gateway, "loop")
    assert (status["evaluated"], status["actions"][0]["done"], status["failed"]) == (11, 10, 1)
    assert status["error_action"]["done"] == 1
    client.publish("loop/end", {})
    assert client.wait(13)[12].topic == "loop/end"  # nothing came after the error action


def test_an_error_action_into_its_own_rule_ends_too(
    gateway: GatewayProcess, client: Client
) -> None:
    own = to_topic("own/a", 1)
    put_rules(gateway, rule("own", "SELECT 1 AS n FROM 'own/a'", to_queue("nowhere"), error=own))
    client.subscribe("own/a")
    client.publish("own/a", {})
    wait_until(lambda: status_of(gateway, "own")["error_action"]["failed"] == 1)
    status = status_of(gateway, "own")
    assert status["error_action"]["done"] == 11
    assert "loop" in status["error_action"]["last_failure"]
    assert len(client.wait(12)) == 12


def test_an_error_action_of_the_outbox_into_its_own_rule_ends_too(
    gateway: GatewayProcess, client: Client, server: WebServer
) -> None:
    own = to_topic("own/a", 1)
    put_rules(gateway, rule("own", "SELECT 1 AS n FROM 'own/a'", to_server(server.url), error=own))
    client.subscribe("own/a")
    client.publish("own/a", {})
    wait_until(lambda: status_of(gateway, "own")["error_action"]["failed"] == 1)
    status = status_of(gateway, "own")
    assert (status["evaluated"], status["failed"]) == (12, 12)
    assert status["error_action"]["done"] == 11
    assert len(client.wait(12)) == len(server.got) == 12
    assert gateway.status()["outbox"] == []


def test_rules_that_lead_into_each_other_end_within_a_bound(
    gateway: GatewayProcess, client: Client
) -> None:
    """Three rules, each of which feeds all: 3 ** 10 messages without a bound."""
    names = ("a", "b", "c")
    feeds = [to_topic(f"each/{name}") for name in names]
    sql = "SELECT * FROM 'each/{}'"
    put_rules(
        gateway,
        *(rule(f"each_{name}", sql.format(name), *feeds, to_queue("readings")) for name in names),
    )
    client.publish("each/a", {"n": 1})
    found = [status_of(gateway, f"each_{name}") for name in names]
    assert sum(each["evaluated"] for each in found) == 301  # the one that came and 300 more
    told = [action["last_failure"] for each in found for action in each["actions"]]
    assert any("one message has caused 300 others" in each for each in told)
    assert any("10 republish actions led here" in each for each in told)
    client.publish("each/a", {"n": 2})  # the next has a budget of its own
    found = [status_of(gateway, f"each_{name}") for name in names]
    assert sum(each["evaluated"] for each in found) == 602
