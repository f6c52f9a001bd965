"""The whole way of a message with real parts: a sensor on a serial line to boto3 and the CLI."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import threading
import time
from pathlib import Path

import paho.mqtt.client as paho
import pytest

from firmware_sim.serial_board import SerialBoard
from tests.rig.gateway_process import WEIR, GatewayProcess, drain, wait_until

ALARMS = {
    "ruleName": "too_hot",
    "topicRulePayload": {
        "sql": "SELECT celsius, upper(sensor) AS sensor, topic(3) AS place "
        "FROM 'greenhouse/+/temperature' WHERE celsius > 30",
        "awsIotSqlVersion": "2016-03-23",
        "actions": [
            {
                "sqs": {
                    "queueUrl": "https://sqs.eu-west-1.amazonaws.com/123456789012/${'readings'}",
                    "roleArn": "arn:aws:iam::123456789012:role/any",
                }
            },
            {
                "republish": {
                    "topic": "alarms/${topic(2)}",
                    "roleArn": "arn:aws:iam::123456789012:role/any",
                    "qos": 1,
                }
            },
        ],
    },
}
BROKEN = {
    "ruleName": "broken",
    "topicRulePayload": {"sql": "SELECT FROM WHERE", "actions": []},
}


def test_serial_sensor_to_boto3_and_the_aws_cli(tmp_path: Path) -> None:
    link = tmp_path / "ttyBENCH"
    with SerialBoard(link) as board:
        gateway = GatewayProcess(
            tmp_path,
            rules=[ALARMS, BROKEN],
            extra=f'[[devices]]\nname = "bench"\ndriver = "serial"\nport = "{link}"\n'
            'baud = 115200\nformat = "json-lines"\ntopic = "greenhouse/bench/temperature"\n',
        )
        with gateway:
            wait_until(lambda: gateway.status()["devices"][0]["state"] == "running")
            board.write_line({"sensor": "bench", "celsius": 21.5})
            board.write_line({"sensor": "bench", "celsius": 31.25})
            board.write_bytes(b"garbage that is no JSON\n")
            board.write_line({"sensor": "bench", "celsius": 40})
            wait_until(lambda: gateway.status()["queues"][0]["visible"] == 2, what="two alarms")

            sqs = gateway.sqs()
            url = sqs.get_queue_url(QueueName="readings")["QueueUrl"]
            (first,) = sqs.receive_message(QueueUrl=url)["Messages"]
            expected = {"celsius": 31.25, "sensor": "BENCH", "place": "temperature"}
            assert json.loads(first["Body"]) == expected
            sqs.delete_message(QueueUrl=url, ReceiptHandle=first["ReceiptHandle"])

            out = _aws(gateway, "sqs", "receive-message", "--queue-url", url)
            (second,) = json.loads(out)["Messages"]
            assert json.loads(second["Body"]) == {**expected, "celsius": 40}

            status = gateway.status()
            assert status["devices"][0]["rejected"] == 1  # the line that was not JSON
            problems = {rule["name"]: rule["problem"] for rule in status["rules"]}
            assert "broken.json" in problems and not problems["too_hot"]
            assert gateway.stop() == 0


def test_mosquitto_and_paho_clients(tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path, rules=[ALARMS])
    with gateway:
        port = gateway.mqtt_port
        received: list[tuple[str, bytes]] = []
        subscribed = threading.Event()
        listener = paho.Client(paho.CallbackAPIVersion.VERSION2, protocol=paho.MQTTv311)
        listener.on_message = lambda _c, _u, message: received.append(
            (message.topic, message.payload)
        )
        listener.on_subscribe = lambda *_: subscribed.set()
        listener.connect("127.0.0.1", port)
        listener.subscribe("alarms/#", qos=1)
        listener.loop_start()
        assert subscribed.wait(5)
        with subprocess.Popen(
            ["mosquitto_sub", "-p", str(port), "-t", "alarms/+", "-q", "1", "-C", "1", "-v"],
            stdout=subprocess.PIPE,
            text=True,
        ) as mosquitto_sub:
            wait_until(lambda: gateway.status()["mqtt"]["connections"] == 2)
            time.sleep(0.1)  # its SUBSCRIBE follows its CONNECT; nothing outside shows it
            subprocess.run(
                ["mosquitto_pub", "-p", str(port), "-q", "1", "-t", "greenhouse/a/temperature"]
                + ["-m", '{"sensor":"a","celsius":33}'],
                check=True,
            )
            assert mosquitto_sub.stdout is not None
            line = mosquitto_sub.stdout.readline()
        body = '{"celsius":33,"sensor":"A","place":"temperature"}'
        assert line.strip() == f"alarms/a {body}"
        wait_until(lambda: received == [("alarms/a", body.encode())], what="paho's copy")
        listener.disconnect()
        listener.loop_stop()
        assert drain(gateway.sqs()) == [body]
        assert gateway.stop() == 0


def test_the_command_publishes_tails_and_tells(tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path)
    with gateway:
        config = ["--config", str(gateway.config)]
        with subprocess.Popen(
            [WEIR, "tail", "bench/#", "--count", "1", "--json", *config],
            stdout=subprocess.PIPE,
            text=True,
        ) as tail:
            time.sleep(0.5)  # until it listens; nothing outside shows it
            subprocess.run([WEIR, "pub", "bench/t", "hello", "--qos", "1", *config], check=True)
            assert tail.stdout is not None
            assert json.loads(tail.stdout.readline())["topic"] == "bench/t"
        status = json.loads(
            subprocess.run(
                [WEIR, "status", "--json", *config], check=True, capture_output=True, text=True
            ).stdout
        )
        assert status["queues"][0]["visible"] == 1
        second = subprocess.run([WEIR, "run", *config], capture_output=True, text=True)
        assert second.returncode == 1
        assert str(gateway.pid) in second.stderr, "it does not say who holds the data folder"
        assert gateway.stop() == 0


@pytest.mark.parametrize("loop", ["uvloop", "asyncio"])
def test_restart_finds_its_data_on_either_loop(tmp_path: Path, loop: str) -> None:
    gateway = GatewayProcess(tmp_path, loop=loop)
    with gateway:
        config = ["--config", str(gateway.config)]
        subprocess.run([WEIR, "pub", "bench/t", "kept", "--qos", "1", *config], check=True)
        assert gateway.status()["event_loop"] == loop
        assert gateway.stop() == 0
        gateway.start()
        assert drain(gateway.sqs()) == ["kept"]
        assert gateway.stop() == 0


def _aws(gateway: GatewayProcess, *words: str) -> str:
    """Run the real AWS CLI as a person would, with what `weir env` prints."""
    done = subprocess.run(
        [str(Path(sys.executable).with_name("aws")), *words, "--output", "json"]
        + ["--endpoint-url", gateway.aws_endpoint],
        env={**os.environ, **gateway.credentials()},
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert done.returncode == 0, done.stderr
    return done.stdout
