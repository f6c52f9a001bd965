"""Clients that others wrote: paho-mqtt, mosquitto_pub and mosquitto_sub, over a real listener."""

from __future__ import annotations

import asyncio
import queue
import shutil
import subprocess
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import paho.mqtt.client as paho
import pytest
from paho.mqtt.enums import CallbackAPIVersion, MQTTErrorCode

from gateway.broker import Listener, ListenerSettings, MqttFront
from gateway.message import Message
from tests.rig.stores import notes, stored_notes
from tests.rig.wire_client import Bench, open_bench

PATIENCE_S = 20.0


class BrokerThread:
    """A broker with a listener, on an event loop of its own."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._started: queue.Queue[BaseException | None] = queue.Queue()
        self._thread = threading.Thread(target=lambda: asyncio.run(self._main()))
        self.port = 0
        self.bench: Bench
        self.loop: asyncio.AbstractEventLoop
        self._stop: asyncio.Event

    def __enter__(self) -> BrokerThread:
        self._thread.start()
        error = self._started.get(timeout=PATIENCE_S)
        if error is not None:
            raise error
        return self

    def __exit__(self, *exc: object) -> None:
        self.loop.call_soon_threadsafe(self._stop.set)
        self._thread.join(PATIENCE_S)
        assert not self._thread.is_alive()

    async def _main(self) -> None:
        self.loop, self._stop = asyncio.get_running_loop(), asyncio.Event()
        try:
            async with open_bench(self._folder) as self.bench:
                settings = ListenerSettings(bind="127.0.0.1:0", anonymous=True)
                listener = Listener(MqttFront(self.bench.broker), settings)
                await listener.start()
                self.port = listener.port
                insert = await notes(self.bench.store)

                def keep(message: Message) -> None:
                    self.bench.store.add(insert, (int(message.payload), b""), 1)

                self.bench.broker.router.subscribe_local("durable/#", keep)
                self._started.put(None)
                await self._stop.wait()
                listener.stop()
                self.bench.broker.close()
                self.bench.broker.close()
                while list(self.bench.broker.sessions()):
                    await asyncio.sleep(0)
        except BaseException as error:
            self._started.put(error)
            raise

    def clients(self) -> int:
        return int(self.bench.metrics.snapshot()["mqtt.connections"])

    def wait_for_subscription(self, topic: str) -> None:
        """Wait until somebody else's process has subscribed."""
        wait_for(lambda: self._ask(lambda: self.bench.broker.router.find(topic.encode()).sessions))

    def _ask(self, question: Callable[[], Any]) -> Any:
        async def answer() -> Any:
            return question()

        return asyncio.run_coroutine_threadsafe(answer(), self.loop).result(PATIENCE_S)


def wait_for(condition: Callable[[], object]) -> None:
    deadline = time.monotonic() + PATIENCE_S
    while not condition():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.005)


@pytest.fixture
def broker(tmp_path: Path) -> Iterator[BrokerThread]:
    with BrokerThread(tmp_path) as running:
        yield running


# --- paho-mqtt ----------------------------------------------------------------------------------


class Paho:
    """A paho client; what arrives waits in `messages`."""

    def __init__(
        self, broker: BrokerThread, client_id: str, *, connect: bool = True, **options: Any
    ) -> None:
        self.messages: queue.Queue[tuple[str, bytes, int, bool]] = queue.Queue()
        self.connects: queue.Queue[Any] = queue.Queue()
        self.disconnects: queue.Queue[Any] = queue.Queue()
        self.subscribed: queue.Queue[Any] = queue.Queue()
        self.unsubscribed: queue.Queue[Any] = queue.Queue()
        self.client = paho.Client(CallbackAPIVersion.VERSION2, client_id, **options)
        self.client.on_connect = lambda c, u, flags, reason, p: self.connects.put(reason)
        self.client.on_disconnect = lambda c, u, flags, reason, p: self.disconnects.put(reason)
        self.client.on_subscribe = lambda c, u, mid, reasons, p: self.subscribed.put(reasons)
        self.client.on_unsubscribe = lambda c, u, mid, reasons, p: self.unsubscribed.put(mid)
        self.client.on_message = lambda c, u, m: self.messages.put(
            (m.topic, m.payload, m.qos, m.retain)
        )
        self._port = broker.port
        if connect:
            self.start()
            reason = self.connects.get(timeout=PATIENCE_S)
            assert not reason.is_failure, reason

    def start(self) -> None:
        assert self.client.connect("127.0.0.1", self._port) == MQTTErrorCode.MQTT_ERR_SUCCESS
        self.client.loop_start()

    def subscribe(self, *wanted: tuple[str, int]) -> list[int]:
        self.client.subscribe(list(wanted))
        return [reason.value for reason in self.subscribed.get(timeout=PATIENCE_S)]

    def unsubscribe(self, *topic_filters: str) -> None:
        self.client.unsubscribe(list(topic_filters))
        self.unsubscribed.get(timeout=PATIENCE_S)

    def publish(self, topic: str, payload: bytes, qos: int, retain: bool = False) -> None:
        self.client.publish(topic, payload, qos, retain).wait_for_publish(PATIENCE_S)

    def next(self) -> tuple[str, bytes, int, bool]:
        return self.messages.get(timeout=PATIENCE_S)

    def close(self) -> None:
        self.client.disconnect()
        self.client.loop_stop()
        sock = self.client.socket()
        if sock is not None:
            sock.close()


@contextmanager
def paho_client(broker: BrokerThread, client_id: str, **options: Any) -> Iterator[Paho]:
    client = Paho(broker, client_id, **options)
    try:
        yield client
    finally:
        client.close()


def test_paho_speaks_both_ways_at_qos_0_and_1(broker: BrokerThread) -> None:
    with paho_client(broker, "sensor") as sensor, paho_client(broker, "listener") as listener:
        assert listener.subscribe(("site/+/temperature", 1), ("site/#", 0)) == [1, 0]
        sensor.publish("site/north/temperature", b"21.5", 1)
        sensor.publish("site/north/humidity", b"60", 1)
        sensor.publish("site/north/temperature", b"21.6", 0)
        assert listener.next() == ("site/north/temperature", b"21.5", 1, False)
        assert listener.next() == ("site/north/humidity", b"60", 0, False)
        assert listener.next() == ("site/north/temperature", b"21.6", 0, False)
        listener.unsubscribe("site/#", "site/+/temperature")
        sensor.publish("site/north/temperature", b"x" * 200_000, 1)
        listener.subscribe(("end", 0))
        sensor.publish("end", b"", 1)
        assert listener.next()[0] == "end"


def test_paho_gets_a_window_s_worth_and_more_in_order(broker: BrokerThread) -> None:
    with paho_client(broker, "sensor") as sensor, paho_client(broker, "listener") as listener:
        listener.subscribe(("t", 1))
        sent = [sensor.client.publish("t", b"%d" % number, 1) for number in range(500)]
        assert [listener.next()[1] for _ in range(500)] == [b"%d" % n for n in range(500)]
        for information in sent:
            information.wait_for_publish(PATIENCE_S)


def test_what_paho_s_publish_reports_done_is_on_disk(broker: BrokerThread, tmp_path: Path) -> None:
    with paho_client(broker, "sensor") as sensor:
        for number in range(20):
            sensor.publish("durable/x", b"%d" % number, 1)
            assert stored_notes(tmp_path)[-1] == number


def test_paho_s_retained_message_is_delivered_live(broker: BrokerThread) -> None:
    with paho_client(broker, "sensor") as sensor, paho_client(broker, "listener") as listener:
        listener.subscribe(("t", 1))
        sensor.publish("t", b"now", 1, retain=True)
        assert listener.next() == ("t", b"now", 1, False)


def test_paho_granted_qos_2_gets_qos_1(broker: BrokerThread) -> None:
    with paho_client(broker, "listener") as listener:
        assert listener.subscribe(("t", 2)) == [1]
        listener.publish("t", b"echo", 1)
        assert listener.next() == ("t", b"echo", 1, False)


def test_paho_publishing_at_qos_2_is_disconnected(broker: BrokerThread) -> None:
    with paho_client(broker, "sensor", reconnect_on_failure=False) as sensor:
        sensor.client.publish("t", b"", 2)
        assert sensor.disconnects.get(timeout=PATIENCE_S).is_failure
        assert broker.bench.count("mqtt.protocol_errors.qos2-unsupported") == 1


def test_paho_asking_for_a_persistent_session_is_told_no(broker: BrokerThread) -> None:
    with paho_client(
        broker, "keeps", connect=False, clean_session=False, reconnect_on_failure=False
    ) as client:
        client.start()
        reason = client.connects.get(timeout=PATIENCE_S)
        assert reason.is_failure and "unavailable" in str(reason).lower()


def test_paho_speaking_mqtt_5_is_told_in_mqtt_5(broker: BrokerThread) -> None:
    with paho_client(
        broker, "new", connect=False, protocol=paho.MQTTv5, reconnect_on_failure=False
    ) as client:
        client.start()
        reason = client.connects.get(timeout=PATIENCE_S)
        assert reason.value == 0x84


def test_a_paho_client_that_dies_leaves_its_will(broker: BrokerThread) -> None:
    with paho_client(broker, "watcher") as watcher:
        watcher.subscribe(("status/#", 1))
        dying = Paho(broker, "dying", connect=False, reconnect_on_failure=False)
        dying.client.will_set("status/dying", b"offline", 1)
        dying.start()
        assert not dying.connects.get(timeout=PATIENCE_S).is_failure
        sock: Any = dying.client.socket()
        assert sock is not None
        sock.shutdown(2)  # no DISCONNECT: as when the power goes
        assert watcher.next() == ("status/dying", b"offline", 1, False)
        dying.client.loop_stop()
        dying.close()


# --- mosquitto_pub and mosquitto_sub -------------------------------------------------------------


def command(name: str, broker: BrokerThread, *words: str) -> list[str]:
    assert shutil.which(name), f"{name} is missing: run `make test-setup`"
    return [name, "-h", "127.0.0.1", "-p", str(broker.port), "-V", "mqttv311", *words]


def publish(broker: BrokerThread, *words: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        command("mosquitto_pub", broker, *words), capture_output=True, text=True, timeout=PATIENCE_S
    )


@contextmanager
def subscriber(broker: BrokerThread, *words: str) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        command("mosquitto_sub", broker, *words), stdout=subprocess.PIPE, text=True
    )
    try:
        yield process
    finally:
        process.kill()
        process.communicate(timeout=PATIENCE_S)


@pytest.mark.parametrize("qos", ["0", "1"])
def test_mosquitto_s_own_clients_talk_through_the_gateway(broker: BrokerThread, qos: str) -> None:
    words = ("-q", qos, "-t", "site/+/t", "-t", "other", "-C", "3", "-F", "%t %q %r %p")
    with subscriber(broker, *words) as listening:
        broker.wait_for_subscription("site/a/t")
        assert publish(broker, "-q", qos, "-t", "site/a/t", "-m", "1").returncode == 0
        assert publish(broker, "-q", qos, "-t", "site/b/t", "-m", "2", "-r").returncode == 0
        assert publish(broker, "-q", "1", "-t", "other", "-m", "3").returncode == 0
        output, _ = listening.communicate(timeout=PATIENCE_S)
        lines = output.splitlines()
        assert lines == [f"site/a/t {qos} 0 1", f"site/b/t {qos} 0 2", f"other {qos} 0 3"]
        assert listening.returncode == 0


def test_mosquitto_sub_killed_leaves_its_will(broker: BrokerThread) -> None:
    with paho_client(broker, "watcher") as watcher:
        watcher.subscribe(("wills/+", 1))
        will = ("--will-topic", "wills/sub", "--will-payload", "gone", "--will-qos", "1")
        with subscriber(broker, "-t", "anything", *will) as listening:
            broker.wait_for_subscription("anything")
            listening.kill()
            assert watcher.next() == ("wills/sub", b"gone", 1, False)


def test_mosquitto_pub_sends_many_lines_on_one_connection(broker: BrokerThread) -> None:
    with paho_client(broker, "listener") as listener:
        listener.subscribe(("lines", 1))
        subprocess.run(
            command("mosquitto_pub", broker, "-q", "1", "-t", "lines", "-l"),
            input="".join(f"line {number}\n" for number in range(200)),
            text=True,
            timeout=PATIENCE_S,
            check=True,
        )
        assert [listener.next()[1] for _ in range(200)] == [b"line %d" % n for n in range(200)]


def test_mosquitto_pub_in_another_version_is_told_so(broker: BrokerThread) -> None:
    five = publish(broker, "-V", "mqttv5", "-t", "t", "-m", "x")
    assert five.returncode != 0
    assert "Unsupported Protocol Version" in five.stdout + five.stderr
    three_one = publish(broker, "-V", "mqttv31", "-t", "t", "-m", "x")
    assert three_one.returncode != 0
    assert "unacceptable protocol version" in (three_one.stdout + three_one.stderr).lower()


def test_mosquitto_sub_asking_for_a_persistent_session_is_told_no(broker: BrokerThread) -> None:
    refused = subprocess.run(
        command("mosquitto_sub", broker, "-c", "-i", "keeps", "-t", "t", "-C", "1", "-W", "5"),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
    )
    assert refused.returncode != 0
    assert "unavailable" in (refused.stdout + refused.stderr).lower()
