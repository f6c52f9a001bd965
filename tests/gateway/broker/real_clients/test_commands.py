"""The command lines that people type: Mosquitto's clients and those of MQTT.js."""

from __future__ import annotations

import subprocess

import pytest

from tests.gateway.broker.real_clients.brokers import RealBroker
from tests.gateway.broker.real_clients.commands import (
    VERSIONS,
    mosquitto,
    mqttjs,
    run,
    subscriber,
    where,
)
from tests.gateway.broker.real_clients.paho_client import PahoClient
from tests.gateway.broker.real_clients.real_client import PATIENCE_S, Arrival, payloads, take

pytestmark = pytest.mark.xdist_group("real-clients-commands")

each_version = pytest.mark.parametrize("version", VERSIONS)


@each_version
@pytest.mark.parametrize("qos", [0, 1, 2])
def test_mosquitto_pub_speaks_to_mosquitto_sub(
    broker: RealBroker, name: str, version: str, qos: int, paho: PahoClient
) -> None:
    paho.connect(broker.port, name)
    words = ("-q", str(qos), "-C", "4", "-F", "%t %q %r %p")
    filters = (f"{name}/+/t", f"{name}/lines")
    with subscriber(mosquitto("sub", version, *words), broker, paho, *filters) as listening:
        send = [*mosquitto("pub", version, "-q", str(qos)), *where(broker)]
        run([*send, "-t", f"{name}/a/t", "-m", "1"])
        run([*send, "-t", f"{name}/a/other", "-m", "nobody asked"])
        run([*send, "-t", f"{name}/lines", "-l"], "two words\nund ein Ü\n")
        output, _ = listening.communicate(timeout=PATIENCE_S)
        assert output.splitlines() == [
            f"{name}/a/t {qos} 0 1",
            f"{name}/lines {qos} 0 two words",
            f"{name}/lines {qos} 0 und ein Ü",
        ]
        assert listening.returncode == 0


@each_version
def test_mosquitto_pub_retains_and_deletes(
    broker: RealBroker, name: str, version: str, paho: PahoClient
) -> None:
    paho.connect(broker.port, name)
    send = [*mosquitto("pub", version, "-q", "1", "-t", f"{name}/state", "-r"), *where(broker)]
    run([*send, "-m", "on"])
    paho.subscribe(f"{name}/#", 1)
    assert take(paho) == [Arrival(f"{name}/state", b"on", 1, True)]
    run([*send, "-n"])
    assert take(paho) == [Arrival(f"{name}/state", b"", 1, False)]
    paho.subscribe(f"{name}/#", 1)
    paho.publish(f"{name}/end", b"", 1)
    assert take(paho) == [Arrival(f"{name}/end", b"", 1, False)]


def test_mosquitto_pub_at_3_1_is_told_that_this_version_is_not_spoken(
    broker: RealBroker, name: str
) -> None:
    command = [*mosquitto("pub", "311", "-V", "mqttv31", "-t", name, "-m", "x"), *where(broker)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=PATIENCE_S)
    if broker.speaks_mqtt_3_1:
        assert done.returncode == 0
    else:
        assert done.returncode != 0
        assert "unacceptable protocol version" in (done.stdout + done.stderr).lower()


@each_version
def test_mosquitto_sub_killed_leaves_its_will(
    broker: RealBroker, name: str, version: str, paho: PahoClient
) -> None:
    paho.connect(broker.port, name)
    paho.subscribe(f"{name}/wills", 2)
    will = ("--will-topic", f"{name}/wills", "--will-payload", "gone", "--will-qos", "2")
    with subscriber(mosquitto("sub", version, *will), broker, paho) as listening:
        listening.kill()
        assert take(paho) == [Arrival(f"{name}/wills", b"gone", 2, False)]


@each_version
def test_mosquitto_rr_asks_and_gets_its_answer(
    broker: RealBroker, name: str, version: str, paho: PahoClient
) -> None:
    """The answering side reads at 5 where to answer to; at 3.1.1 both sides have agreed on it."""
    paho.connect(broker.port, name)
    paho.subscribe(f"{name}/request", 1)
    paho.answer_requests(default_topic=f"{name}/response")
    words = ("-q", "1", "-t", f"{name}/request", "-e", f"{name}/response", "-m", "How warm?")
    correlation = ("-D", "publish", "correlation-data", "17") if version == "5" else ()
    asked = [*mosquitto("rr", version, *words, *correlation), *where(broker), "-W", "10"]
    answer = run([*asked, "-F", "%p %D"] if version == "5" else asked)
    assert answer.startswith("How warm? Fine.")
    assert ("17" in answer) == (version == "5")


def test_mosquitto_sub_shows_the_properties_that_mosquitto_pub_gave(
    broker: RealBroker, name: str, paho: PahoClient
) -> None:
    paho.connect(broker.port, name)
    words = ("-q", "1", "-C", "2", "-F", "%C|%R|%D|%P|%E|%p")
    with subscriber(mosquitto("sub", "5", *words), broker, paho, name) as listening:
        given = ["content-type", "text/plain", "response-topic", "a/b", "correlation-data", "17"]
        properties = [
            word
            for key, value in zip(given[::2], given[1::2], strict=True)
            for word in ("-D", "publish", key, value)
        ]
        properties += ["-D", "publish", "user-property", "unit", "°C"]
        properties += ["-D", "publish", "message-expiry-interval", "300"]
        send = mosquitto("pub", "5", "-q", "1", "-t", name, "-m", "21.5", *properties)
        run([*send, *where(broker)])
        output, _ = listening.communicate(timeout=PATIENCE_S)
    fields = output.strip().split("|")
    assert fields[:3] == ["text/plain", "a/b", "17"]
    assert fields[3] == "unit:°C"
    assert int(fields[4]) in range(290, 301)
    assert fields[5] == "21.5"


@pytest.mark.parametrize(("version", "qos"), [("311", 0), ("311", 2), ("5", 1), ("5", 2)])
def test_mqtt_pub_of_mqttjs_speaks_to_mqtt_sub(
    broker: RealBroker, name: str, version: str, qos: int, paho: PahoClient
) -> None:
    paho.connect(broker.port, name)
    words = ("-q", str(qos), "-v")
    with subscriber(mqttjs("sub", version, *words), broker, paho, f"{name}/+") as listening:
        send = [*mqttjs("pub", version, "-q", str(qos), "-t", f"{name}/t"), *where(broker)]
        run([*send, "-s", "-M"], "first line\nund ein Ü\n")
        assert listening.stdout is not None
        assert listening.stdout.readline() == f"{name}/t first line\n"
        assert listening.stdout.readline() == f"{name}/t und ein Ü\n"


@each_version
def test_mqtt_pub_of_mqttjs_retains(
    broker: RealBroker, name: str, version: str, paho: PahoClient
) -> None:
    paho.connect(broker.port, name)
    send = mqttjs("pub", version, "-q", "1", "-r", "-t", f"{name}/state", "-m", "on")
    run([*send, *where(broker)])
    paho.subscribe(f"{name}/#", 1)
    assert take(paho) == [Arrival(f"{name}/state", b"on", 1, True)]
    paho.publish(f"{name}/state", b"", 1, retain=True)


@each_version
def test_mqtt_sub_of_mqttjs_killed_leaves_its_will(
    broker: RealBroker, name: str, version: str, paho: PahoClient
) -> None:
    paho.connect(broker.port, name)
    paho.subscribe(f"{name}/wills", 1)
    will = ("--will-topic", f"{name}/wills", "--will-message", "gone", "--will-qos", "1")
    with subscriber(mqttjs("sub", version, *will), broker, paho) as listening:
        listening.kill()
        assert payloads(take(paho)) == [b"gone"]
