"""The simulated MQTT device with a real gateway: acknowledged readings, a settable value."""

from __future__ import annotations

import json
import signal
import subprocess
import sys
from pathlib import Path

from firmware_sim.mqtt_device import MAX_QUEUED, MqttDevice
from firmware_sim.sensor import Sensor
from tests.rig.gateway_process import WEIR, GatewayProcess, drain, wait_until


def test_readings_reach_a_rule_and_a_command_reaches_the_device(tmp_path: Path) -> None:
    device = MqttDevice("bench/door", sensor=Sensor(20.0), name="door")
    with GatewayProcess(tmp_path) as gateway:
        device.start("127.0.0.1", gateway.mqtt_port)
        assert device.connected.wait(10)
        device.tick(0.0).wait_for_publish(10)
        command = [WEIR, "pub", "--config", str(gateway.config), "bench/door/set"]
        subprocess.run([*command, '{"celsius": 35}'], check=True)
        wait_until(lambda: device.sensor.celsius == 35)
        device.tick(1.0).wait_for_publish(10)
        device.stop()
        bodies = [json.loads(body) for body in drain(gateway.sqs())]

        as_command = [sys.executable, "-m", "firmware_sim.mqtt_device", "--base", "bench/other"]
        options = ["--port", str(gateway.mqtt_port), "--rate", "100"]
        with subprocess.Popen([*as_command, *options], stdout=subprocess.PIPE) as process:
            wait_until(lambda: gateway.status()["queues"][0]["visible"] >= 5)
            process.send_signal(signal.SIGTERM)
            assert process.wait(10) == 0
        assert gateway.stop() == 0
    assert bodies == [
        {"sensor": "door", "celsius": 20.0, "seq": 1},
        {"celsius": 35},  # the command itself, which the rule sees as well
        {"sensor": "door", "celsius": 35.0, "seq": 2},
    ]


def test_without_a_broker_its_memory_is_bounded() -> None:
    device = MqttDevice("bench/door")
    for n in range(MAX_QUEUED + 10):
        device.tick(float(n))
    assert device.unsent == 10
