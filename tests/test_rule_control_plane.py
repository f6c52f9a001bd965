"""Rules managed while the gateway runs: by boto3, the AWS CLI, `weir rule` and files, all at once.

Every change is in force for the next publish, and is there after a restart.
"""

from __future__ import annotations

import json
import subprocess
import threading
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from botocore.exceptions import ClientError

from tests.rig.gateway_process import WEIR, GatewayProcess, wait_until
from tests.rig.mqtt_client import BarePublisher
from tests.rig.rules_at_work import (
    Client,
    WebServer,
    aws,
    bodies,
    boto,
    payload,
    put_rules,
    queues,
    rule,
    status_of,
    to_queue,
    to_server,
    to_topic,
    weir,
    weir_json,
)

ECHO = to_topic("echo/${topic(2)}", 1)
SQL = "SELECT *, '{}' AS by FROM 'in/+'"


@pytest.fixture
def gateway(tmp_path: Path) -> Iterator[GatewayProcess]:
    with GatewayProcess(tmp_path, rules=[], extra=queues("errors")) as process:
        yield process


@pytest.fixture
def iot(gateway: GatewayProcess) -> Iterator[Any]:
    with boto(gateway, "iot") as client:
        yield client


@pytest.fixture
def client(gateway: GatewayProcess) -> Iterator[Client]:
    with Client(gateway, "device-1") as connected:
        connected.subscribe("echo/#")
        yield connected


def effects(client: Client) -> list[str | None]:
    """Publish a message, and one that comes back for sure; return who answered the first."""
    client.publish("in/a", {"n": 1})
    client.publish("echo/end", {})
    wait_until(lambda: any(each.topic == "echo/end" for each in client.got), what="the last echo")
    got, client.got[:] = client.got[:], []
    return [json.loads(each.payload)["by"] for each in got if each.topic != "echo/end"]


def refusal(call: Any, **parameters: Any) -> tuple[str, int, str]:
    with pytest.raises(ClientError) as caught:
        call(**parameters)
    answer = caught.value.response
    status = answer["ResponseMetadata"]["HTTPStatusCode"]
    return answer["Error"]["Code"], status, answer["Error"]["Message"]


def test_each_operation_of_boto3_is_in_force_for_the_next_publish(iot: Any, client: Client) -> None:
    assert effects(client) == []
    first = payload(SQL.format("one"), ECHO, description="the first")
    iot.create_topic_rule(ruleName="r", topicRulePayload=first)
    assert effects(client) == ["one"]
    second = payload(SQL.format("two"), ECHO, to_queue("errors"))
    iot.replace_topic_rule(ruleName="r", topicRulePayload=second)
    assert effects(client) == ["two"]
    iot.disable_topic_rule(ruleName="r")
    assert effects(client) == []
    got = iot.get_topic_rule(ruleName="r")
    assert got["ruleArn"].endswith(":rule/r")
    assert got["rule"]["sql"] == second["sql"] and got["rule"]["ruleDisabled"] is True
    assert got["rule"]["actions"] == second["actions"]
    iot.enable_topic_rule(ruleName="r")
    assert effects(client) == ["two"]
    iot.create_topic_rule(ruleName="other", topicRulePayload=first)
    assert sorted(map(str, effects(client))) == ["one", "two"]
    listed = iot.list_topic_rules(topic="in/x")["rules"]
    assert [each["ruleName"] for each in listed] == ["other", "r"]
    assert iot.list_topic_rules(topic="elsewhere")["rules"] == []
    iot.delete_topic_rule(ruleName="other")
    iot.delete_topic_rule(ruleName="r")
    assert effects(client) == []
    assert iot.list_topic_rules()["rules"] == []


def test_a_rule_that_is_replaced_under_load_sees_each_message_once(
    gateway: GatewayProcess, iot: Any
) -> None:
    """Each message meets one version of the rule, never none or two, and never an older one."""
    sql = "SELECT n, {} AS version FROM 'load/+'"
    steady = payload("SELECT n FROM 'load/+'", to_queue("errors"))
    iot.create_topic_rule(ruleName="steady", topicRulePayload=steady)
    first = payload(sql.format(0), to_queue("readings"))
    iot.create_topic_rule(ruleName="changes", topicRulePayload=first)
    count, done = 3000, threading.Event()
    with BarePublisher(gateway.mqtt_port) as publisher:

        def publish() -> None:
            try:
                for n in range(count):
                    publisher.publish("load/a", json.dumps({"n": n}).encode())
                    publisher.wait_for_acks(in_flight=20)
                publisher.wait_for_acks()
            finally:
                done.set()

        thread = threading.Thread(target=publish)
        thread.start()
        version = 0
        while not done.is_set():
            version += 1
            iot.create_topic_rule(ruleName=f"passes_{version}", topicRulePayload=steady)
            found = payload(sql.format(version), to_queue("readings"))
            iot.replace_topic_rule(ruleName="changes", topicRulePayload=found)
            iot.delete_topic_rule(ruleName=f"passes_{version}")
        thread.join()
        assert publisher.acknowledged == count
    assert version > 5
    found = bodies(gateway, "readings", count)
    assert sorted(each["n"] for each in found) == list(range(count))
    versions = [each["version"] for each in sorted(found, key=lambda each: int(each["n"]))]
    assert versions == sorted(versions) and len(set(versions)) > 5
    numbers = {each["n"] for each in bodies_at_least(gateway, "errors", count)}
    assert numbers == set(range(count))


def bodies_at_least(gateway: GatewayProcess, queue: str, count: int) -> list[Any]:
    (found,) = (each for each in gateway.status()["queues"] if each["name"] == queue)
    assert found["visible"] >= count
    return bodies(gateway, queue, int(found["visible"]))


def test_files_and_the_api_together(gateway: GatewayProcess, iot: Any, client: Client) -> None:
    put_rules(gateway, rule("filed", SQL.format("file"), ECHO))
    made = payload(SQL.format("api"), ECHO)
    iot.create_topic_rule(ruleName="made", topicRulePayload=made)
    assert sorted(map(str, effects(client))) == ["api", "file"]
    assert [each["ruleName"] for each in iot.list_topic_rules()["rules"]] == ["filed", "made"]
    code, status, message = refusal(iot.create_topic_rule, ruleName="filed", topicRulePayload=made)
    assert (code, status) == ("ResourceAlreadyExistsException", 409) and "filed.json" in message
    for change in (
        lambda **name: iot.replace_topic_rule(topicRulePayload=made, **name),
        iot.delete_topic_rule,
        iot.disable_topic_rule,
    ):
        code, status, message = refusal(change, ruleName="filed")
        assert (code, status) == ("InvalidRequestException", 400) and "filed.json" in message
    assert sorted(map(str, effects(client))) == ["api", "file"]

    # A file takes the name of a rule of the API: it wins, and that rule comes back when it goes.
    put_rules(gateway, rule("made", SQL.format("its file"), ECHO))
    assert sorted(map(str, effects(client))) == ["file", "its file"]
    assert "the file wins over the API's rule of this name" in weir(gateway, "rule", "list")
    assert "made.json" in gateway.log.read_text()
    (gateway.folder / "rules.d" / "made.json").unlink()
    (gateway.folder / "rules.d" / "filed.json").unlink()
    assert "removed" in weir(gateway, "rule", "apply", str(gateway.folder / "rules.d"))
    assert effects(client) == ["api"]
    assert [each["source"] for each in weir_json(gateway, "rule", "list")["rules"]] == ["api"]


@pytest.mark.parametrize("end", ["stop", "kill"])
def test_rules_of_the_api_are_there_after_a_restart(gateway: GatewayProcess, end: str) -> None:
    with boto(gateway, "iot") as iot:
        for name in ("kept", "rests", "gone"):
            found = payload(SQL.format(name), ECHO, error=to_queue("errors"))
            iot.create_topic_rule(ruleName=name, topicRulePayload=found)
        iot.disable_topic_rule(ruleName="rests")
        iot.delete_topic_rule(ruleName="gone")
        before = {name: iot.get_topic_rule(ruleName=name)["rule"] for name in ("kept", "rests")}
    if end == "stop":
        assert gateway.stop() == 0
    else:
        gateway.kill()
    gateway.start()
    with boto(gateway, "iot") as iot, Client(gateway, "device-2") as client:
        listed = {each["ruleName"]: each for each in iot.list_topic_rules()["rules"]}
        assert {name: each["ruleDisabled"] for name, each in listed.items()} == {
            "kept": False,
            "rests": True,
        }
        assert {name: iot.get_topic_rule(ruleName=name)["rule"] for name in before} == before
        client.subscribe("echo/#")
        assert effects(client) == ["kept"]
        iot.enable_topic_rule(ruleName="rests")
        assert sorted(map(str, effects(client))) == ["kept", "rests"]


def test_a_confirmed_destination_is_there_after_a_restart(gateway: GatewayProcess) -> None:
    with WebServer() as server:
        url = {"confirmationUrl": f"{server.url}/in"}
        with boto(gateway, "iot") as iot:
            made = iot.create_topic_rule_destination(
                destinationConfiguration={"httpUrlConfiguration": url}
            )["topicRuleDestination"]
            assert made["status"] == "IN_PROGRESS"
            (asked,) = server.wait(1)
            assert asked.json["arn"] == made["arn"]
            iot.confirm_topic_rule_destination(confirmationToken=asked.json["confirmationToken"])
            found = payload("SELECT n FROM 'in/+'", to_server(f"{server.url}/in/x"))
            iot.create_topic_rule(ruleName="posts", topicRulePayload=found)
        assert gateway.stop() == 0
        gateway.start()
        with boto(gateway, "iot") as iot, Client(gateway, "device-2") as client:
            again = iot.get_topic_rule_destination(arn=made["arn"])["topicRuleDestination"]
            assert again["status"] == "ENABLED"
            client.publish("in/a", {"n": 1})
            posted = server.wait(2)[1]
            assert (posted.path, posted.json) == ("/in/x", {"n": 1})
            iot.update_topic_rule_destination(arn=made["arn"], status="DISABLED")
            client.publish("in/a", {"n": 2})
            wait_until(lambda: status_of(gateway, "posts")["actions"][0]["failed"] == 1)
        assert len(server.got) == 2


def test_the_weir_command(gateway: GatewayProcess, client: Client, tmp_path: Path) -> None:
    folder = tmp_path / "more"
    folder.mkdir()
    hot = rule("hot", "SELECT celsius, 'hot' AS by FROM 'in/+' WHERE celsius > 30", ECHO)
    failing = rule("failing", "SELECT n, 'failing' AS by FROM 'in/+'", to_queue("nowhere"))
    for document in (hot, failing):
        (folder / f"{document['ruleName']}.json").write_text(json.dumps(document))
    said = weir(gateway, "rule", "apply", str(folder), "--dry-run")
    assert "would be created" in said and weir_json(gateway, "rule", "list")["rules"] == []
    assert "created" in weir(gateway, "rule", "apply", str(folder))
    assert "unchanged" in weir(gateway, "rule", "apply", str(folder))

    client.publish("in/a", {"celsius": 31, "n": 1})
    client.publish("in/b", {"celsius": 29, "n": 2})
    client.publish("elsewhere", {})
    table = weir(gateway, "rule", "list")
    assert "2 rules" in table and "there is no queue 'nowhere'" in table
    shown = weir(gateway, "rule", "show", "failing")
    assert "SELECT n, 'failing' AS by FROM 'in/+'" in shown and "there is no queue" in shown
    one = weir_json(gateway, "rule", "show", "hot")
    assert (one["evaluated"], one["matched"], one["failed"]) == (2, 1, 0)

    recent = weir_json(gateway, "rule", "why")["messages"]
    assert [each["topic"] for each in recent] == ["in/a", "in/b"]
    assert [sorted(each["fired"]) for each in recent] == [["failing", "hot"], ["failing"]]
    why = weir(gateway, "rule", "why", recent[0]["id"])
    assert "The rule hot fired." in why
    assert "The rule failing fired, but 1 of 1 action failed." in why
    last = weir(gateway, "rule", "why", "last", "--rule", "hot")
    assert "The rule hot did not fire" in last and "celsius > 30" in last
    traced = weir(gateway, "rule", "trace", "hot").splitlines()
    assert "fired: 1 republish done" in traced[0] and "did not fire" in traced[1]

    weir(gateway, "rule", "disable", "hot")
    client.got.clear()
    client.publish("in/a", {"celsius": 40})
    assert weir_json(gateway, "rule", "show", "hot")["disabled"] is True
    weir(gateway, "rule", "enable", "hot")
    client.publish("in/c", {"celsius": 41})
    assert [each.topic for each in client.wait(1)] == ["echo/c"]
    assert "there is no rule" in weir(gateway, "rule", "show", "nobody", code=1)


def test_a_trace_that_is_followed_tells_of_slow_actions(
    gateway: GatewayProcess, client: Client
) -> None:
    with WebServer() as server:
        put_rules(gateway, rule("posts", "SELECT n FROM 'in/+'", to_server(server.url)))
        (asked,) = server.wait(1)
        with boto(gateway, "iot") as iot:
            iot.confirm_topic_rule_destination(confirmationToken=asked.json["confirmationToken"])
        command = [WEIR, "rule", "trace", "posts", "--follow", "--json"]
        with subprocess.Popen(
            [*command, "--config", str(gateway.config)],
            stdout=subprocess.PIPE,
            stderr=subprocess.DEVNULL,
            text=True,
        ) as follower:
            assert follower.stdout is not None
            client.publish("in/a", {"n": 1})
            results = []
            for line in follower.stdout:
                (action,) = json.loads(line)["rule"]["actions"]
                results.append(action["result"])
                if results[-1] == "done":
                    break
            follower.terminate()
    assert results in (["waiting", "done"], ["done"])


def test_the_aws_cli(gateway: GatewayProcess, client: Client, tmp_path: Path) -> None:
    file = tmp_path / "hot.json"
    file.write_text(json.dumps(rule("hot", SQL.format("cli"), ECHO)))
    aws(gateway, "iot", "create-topic-rule", "--cli-input-json", f"file://{file}")
    assert effects(client) == ["cli"]
    listed = json.loads(aws(gateway, "iot", "list-topic-rules"))["rules"]
    assert [each["ruleName"] for each in listed] == ["hot"]
    aws(gateway, "iot", "disable-topic-rule", "--rule-name", "hot")
    assert effects(client) == []


def test_a_3_1_1_client_and_the_api_share_basic_ingest(gateway: GatewayProcess, iot: Any) -> None:
    iot.create_topic_rule(ruleName="no_from", topicRulePayload=payload("SELECT n", ECHO))
    with Client(gateway, "old", level=paho.MQTTv311) as old:
        old.subscribe("echo/#")
        old.publish("$aws/rules/no_from/x/y", {"n": 1})
        assert old.wait(1)[0].topic == "echo/y"
