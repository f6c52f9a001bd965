"""`$SYS`: the topics and formats that Mosquitto has, when they are published, and the averages."""

from __future__ import annotations

import math
import os
import re
import shutil
import socket
import subprocess
from contextlib import closing
from dataclasses import fields, replace

import pytest

from gateway.broker.sys_topics import BrokerFacts, SysTopics
from gateway.errors import StoreFull
from gateway.metrics import Metrics
from tests.rig.gateway_process import wait_until

# Mosquitto's own memory allocator, and what would have to be counted on the way of each message.
NOT_HERE = {
    "$SYS/broker/heap/current",
    "$SYS/broker/heap/maximum",
    "$SYS/broker/publish/bytes/received",
    "$SYS/broker/publish/bytes/sent",
}
# It leaves this one out until somebody connects.
LATER_THERE = {"$SYS/broker/clients/maximum"}


class Statistics:
    """The topics, with facts that a test sets and messages that it reads."""

    def __init__(self, interval_s: float = 10.0) -> None:
        self.facts = BrokerFacts()
        self.metrics = Metrics()
        self.sent: dict[str, str] = {}
        self.retained: dict[str, str] = {}
        self.full = False
        self.topics = SysTopics(
            self.metrics, self._publish, lambda: self.facts, "1.2.3", interval_s
        )

    def _publish(self, topic: str, payload: bytes) -> None:
        if self.full and topic.endswith("uptime"):
            raise StoreFull("no room")
        assert topic not in self.sent, "published twice in one go"
        self.sent[topic] = self.retained[topic] = payload.decode()

    def tick(self, now_s: float) -> dict[str, str]:
        """Tick, and return what was published, by what follows `$SYS/broker/`."""
        self.sent.clear()
        self.topics.tick(now_s)
        return {topic.removeprefix("$SYS/broker/"): text for topic, text in self.sent.items()}

    def change(self, **numbers: int) -> None:
        self.facts = replace(self.facts, **numbers)


@pytest.fixture
def statistics() -> Statistics:
    return Statistics()


def test_every_fact_is_shown_where_it_belongs(statistics: Statistics) -> None:
    names = [field.name for field in fields(BrokerFacts)]
    statistics.facts = BrokerFacts(**{name: 100 + n for n, name in enumerate(names)})
    shown = statistics.tick(50.0)
    counts = {t: text for t, text in shown.items() if not t.startswith("load/")}
    facts = statistics.facts
    assert counts == {
        "version": "weir version 1.2.3",
        "uptime": "0 seconds",
        "clients/connected": str(facts.clients_connected),
        "clients/active": str(facts.clients_connected),
        "clients/disconnected": str(facts.clients_disconnected),
        "clients/inactive": str(facts.clients_disconnected),
        "clients/total": str(facts.clients_connected + facts.clients_disconnected),
        "clients/maximum": str(facts.clients_maximum),
        "clients/expired": str(facts.clients_expired),
        "messages/received": str(facts.packets_received),
        "messages/sent": str(facts.packets_sent),
        "messages/stored": str(facts.stored_messages),
        "store/messages/count": str(facts.stored_messages),
        "store/messages/bytes": str(facts.stored_bytes),
        "subscriptions/count": str(facts.subscriptions),
        "shared_subscriptions/count": str(facts.shared_subscriptions),
        "retained messages/count": str(facts.retained_messages),
        "publish/messages/received": str(facts.publish_received),
        "publish/messages/sent": str(facts.publish_sent),
        "publish/messages/dropped": str(facts.publish_dropped),
        "bytes/received": str(facts.bytes_received),
        "bytes/sent": str(facts.bytes_sent),
    }
    assert set(shown) - set(counts) == {
        f"load/{what}/{period}"
        for what in (
            "connections",
            "sockets",
            "messages/received",
            "messages/sent",
            "publish/received",
            "publish/sent",
            "publish/dropped",
            "bytes/received",
            "bytes/sent",
        )
        for period in ("1min", "5min", "15min")
    }


def test_only_what_has_changed_is_published_again(statistics: Statistics) -> None:
    assert len(statistics.tick(0.0)) == 49
    assert statistics.tick(10.0) == {"uptime": "10 seconds"}
    statistics.change(clients_connected=2, clients_maximum=2, subscriptions=1)
    assert statistics.tick(20.0) == {
        "uptime": "20 seconds",
        "clients/connected": "2",
        "clients/active": "2",
        "clients/total": "2",
        "clients/maximum": "2",
        "subscriptions/count": "1",
    }


def test_the_first_tick_publishes_and_then_the_interval_holds(statistics: Statistics) -> None:
    ticks = [n * 1.003 for n in range(102)]  # a sweep that is always a little late
    published = [tick for tick in ticks if statistics.tick(7.0 + tick)]
    assert published[0] == 0.0
    assert len(published) == 11
    for beat, tick in enumerate(published):
        assert 10 * beat <= tick < 10 * beat + 1.1


def test_a_long_pause_is_made_up_for_once(statistics: Statistics) -> None:
    statistics.tick(0.0)
    assert statistics.tick(95.0)["uptime"] == "95 seconds"
    assert statistics.tick(100.0) == {}
    assert "uptime" in statistics.tick(105.0)


def test_an_interval_of_0_publishes_nothing() -> None:
    statistics = Statistics(interval_s=0)
    assert [statistics.tick(float(second)) for second in range(100)] == [{}] * 100


@pytest.mark.parametrize("connects_per_s", [1, 50])
def test_a_steady_load_is_what_comes_in_a_minute(connects_per_s: int) -> None:
    statistics = Statistics()
    for beat in range(1000):
        statistics.change(connections=beat * 10 * connects_per_s)
        statistics.tick(beat * 10.0)
    for period in ("1min", "5min", "15min"):
        load = float(statistics.retained[f"$SYS/broker/load/connections/{period}"])
        assert load == pytest.approx(60 * connects_per_s, abs=0.1)


def test_a_burst_fades_by_its_period(statistics: Statistics) -> None:
    statistics.tick(0.0)
    statistics.change(bytes_sent=1000)
    shown = statistics.tick(10.0)
    for minutes in (1, 5, 15):
        weight = 1 - math.exp(-10 / (60 * minutes))
        assert shown[f"load/bytes/sent/{minutes}min"] == f"{6000 * weight:.2f}"
    shown = statistics.tick(70.0)
    expected = 6000 * (1 - math.exp(-10 / 60)) * math.exp(-1)
    assert shown["load/bytes/sent/1min"] == f"{expected:.2f}"


def test_what_could_not_be_published_is_counted_and_tried_again(statistics: Statistics) -> None:
    statistics.full = True
    shown = statistics.tick(0.0)
    assert len(shown) == 48 and "uptime" not in shown
    assert statistics.metrics.snapshot() == {"mqtt.sys.refused": 1}
    statistics.full = False
    assert statistics.tick(10.0) == {"uptime": "10 seconds"}


# --- beside Mosquitto -----------------------------------------------------------------------------


@pytest.fixture(scope="module")
def topics_of_mosquitto(tmp_path_factory: pytest.TempPathFactory) -> dict[str, str]:
    """What a real Mosquitto publishes soon after its start."""
    with closing(socket.socket()) as free:
        free.bind(("127.0.0.1", 0))
        port: int = free.getsockname()[1]
    config = tmp_path_factory.mktemp("mosquitto") / "mosquitto.conf"
    config.write_text(f"listener {port} 127.0.0.1\nallow_anonymous true\nsys_interval 1\n")
    where = f"{os.environ['PATH']}:/usr/sbin"
    binary = shutil.which("mosquitto", path=where)
    assert binary is not None, "install the Debian package mosquitto"
    process = subprocess.Popen([binary, "-c", str(config)], stderr=subprocess.DEVNULL)
    try:
        wait_until(lambda: _accepts(port), what="Mosquitto")
        arguments = ["-p", str(port), "-t", "$SYS/#", "-v", "-W", "1"]
        out = subprocess.run(["mosquitto_sub", *arguments], capture_output=True, text=True).stdout
    finally:
        process.terminate()
        process.wait(10)
    pairs = (re.fullmatch(r"(\S+(?: messages/count)?) (.*)", line) for line in out.splitlines())
    return {found[1]: found[2] for found in pairs if found is not None}


def _accepts(port: int) -> bool:
    with closing(socket.socket()) as sock:
        return sock.connect_ex(("127.0.0.1", port)) == 0


def _form(text: str) -> str:
    return re.sub(r"[0-9]+", "9", text).replace("mosquitto", "weir")


def test_the_topics_and_number_formats_are_those_of_mosquitto(
    statistics: Statistics, topics_of_mosquitto: dict[str, str]
) -> None:
    statistics.tick(0.0)
    theirs = {topic: _form(text) for topic, text in topics_of_mosquitto.items()}
    ours = {topic: _form(text) for topic, text in statistics.sent.items()}
    assert len(theirs) > 45
    assert theirs.keys() - ours.keys() <= NOT_HERE
    assert ours.keys() - theirs.keys() <= LATER_THERE
    assert {topic: ours[topic] for topic in theirs.keys() & ours.keys()} == {
        topic: theirs[topic] for topic in theirs.keys() & ours.keys()
    }
