"""Mosquitto's command-line clients and those of MQTT.js, as processes."""

from __future__ import annotations

import shutil
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager

from tests.gateway.broker.real_clients.brokers import RealBroker
from tests.gateway.broker.real_clients.node_client import CLIENTS_JS
from tests.gateway.broker.real_clients.paho_client import PahoClient
from tests.gateway.broker.real_clients.real_client import PATIENCE_S

VERSIONS = ("311", "5")


def mosquitto(tool: str, version: str, *words: str) -> list[str]:
    """Return the command of mosquitto_pub, mosquitto_sub or mosquitto_rr, by its last part."""
    command = shutil.which(f"mosquitto_{tool}")
    assert command, f"mosquitto_{tool} is missing: run `make test-setup`"
    return [command, "-V", {"311": "mqttv311", "5": "mqttv5"}[version], *words]


def mqttjs(tool: str, version: str, *words: str) -> list[str]:
    """Return the command `mqtt pub` or `mqtt sub` of MQTT.js."""
    command = CLIENTS_JS / "node_modules" / ".bin" / "mqtt"
    assert command.exists(), "MQTT.js is missing: run `make test-setup`"
    return [str(command), tool, "--protocolVersion", {"311": "4", "5": "5"}[version], *words]


def where(broker: RealBroker) -> list[str]:
    """Return the words that tell any of them where the broker is."""
    return ["-h", "127.0.0.1", "-p", str(broker.port)]


def run(command: list[str], text: str | None = None) -> str:
    """Run a command to its end; return what it printed."""
    done = subprocess.run(command, input=text, capture_output=True, text=True, timeout=PATIENCE_S)
    assert done.returncode == 0, done.stdout + done.stderr
    return done.stdout


@contextmanager
def subscriber(
    command: list[str], broker: RealBroker, paho: PahoClient, *topic_filters: str
) -> Iterator[subprocess.Popen[str]]:
    """Start a command that subscribes, and wait until its SUBSCRIBE has been carried out.

    What shows that is a retained message: the first line that it prints ends in `ready`.
    """
    ready = f"ready/{paho.client_id}"
    paho.publish(ready, b"ready", 1, retain=True)
    topics = [word for topic_filter in (ready, *topic_filters) for word in ("-t", topic_filter)]
    process = subprocess.Popen(
        [*command, *where(broker), *topics], stdout=subprocess.PIPE, text=True
    )
    try:
        assert process.stdout is not None
        assert process.stdout.readline().endswith("ready\n")
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE_S)
