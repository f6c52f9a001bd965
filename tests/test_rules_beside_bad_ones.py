"""A rule beside ones that hang, crash, eat memory, fill a folder or fail: nothing changes for it.

The way of its messages, from the publish to the queue and to a subscriber, is timed with a message
of a bad rule before each, and, in the same process, with the same message to nobody. The bad rules
are named, counted and told to their error actions.
"""

from __future__ import annotations

import json
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import pytest

from tests.rig.gateway_process import GatewayProcess, drain, wait_until
from tests.rig.mqtt_client import BarePublisher
from tests.rig.rules_at_work import (
    Document,
    WebServer,
    bucket,
    function,
    queues,
    rule,
    status_of,
    to_bucket,
    to_function,
    to_queue,
    to_server,
    to_topic,
    weir,
)
from tests.rig.session_client import SessionClient

pytestmark = pytest.mark.xdist_group("beside-bad-ones")

FUNCTIONS = {
    "sleeps": "import time\ndef lambda_handler(event, context):\n    time.sleep(3600)\n",
    "spins": "def lambda_handler(event, context):\n    while True:\n        pass\n",
    "crashes": "import os\ndef lambda_handler(event, context):\n    os._exit(3)\n",
    "eats": "def lambda_handler(event, context):\n    kept = []\n    while True:\n"
    "        kept.append(bytearray(1 << 20))\n",
    "prints": "def lambda_handler(event, context):\n    print('x' * 20_000_000)\n"
    "    raise ValueError('it printed')\n",
}
REGEX = (
    "SELECT regexp_matches(t, p) AS m, regexp_replace(t, 'a*b|a', '-') AS r, "
    r"regexp_matches(t, '(a+)\1+b') AS b FROM 'bad/regex'"
)
HEAVY = "a" * 40_000

# Each kind: what its rule's failure says, a part of it.
TOLD = {
    "sleeps": "took longer than its timeout_s",
    "spins": "took longer than its timeout_s",
    "crashes": "exit",
    "eats": "memory",
    "prints": "it printed",
    "silent": "gave no whole answer within 3 s",
    "full": "full",
    "regex": "there is no queue",
    "nobody": "there is no function",
    "asks": "no answer",
}
WORKS = "def lambda_handler(event, context):\n    return event\n"

TRIPS = 150
MORE_THAN_MAY_RETRY = 150  # entries of one target that wait for another try: 100
TRIES = 3  # a busy machine is not the rule's fault

# What is generous: a rule that held up others would cost them its own seconds.
MAX_MEDIAN_RATIO = 3.0
MAX_P99_RATIO = 5.0
NOISE_S = 0.005, 0.100  # of the median, of p99


def bad_rule(kind: str, silent: str) -> Document:
    actions = {
        "silent": to_server(silent),
        "full": to_bucket("full", "${n}"),
        "regex": to_queue("nowhere"),
        "asks": to_queue("good"),
    }
    sql = f"SELECT * FROM 'bad/{kind}'"
    if kind == "regex":
        sql = REGEX
    elif kind == "asks":  # its statement itself waits for what never answers
        sql = f"SELECT aws_lambda('asked', *) AS a FROM 'bad/{kind}'"
    action = actions.get(kind) or to_function(kind)
    return rule(f"bad_{kind}", sql, action, error=to_queue(f"errors-{kind}"))


@dataclass
class Bench:
    """A gateway with a good rule and the bad ones.

    Attributes:
        sent: How many messages the good rule got.
    """

    gateway: GatewayProcess
    subscriber: SessionClient
    good: BarePublisher
    bad: BarePublisher
    sent: int = 0

    def times(self, topic: str, hold: Callable[[int], None] = lambda n: None) -> Times:
        """Time the good rule's way, with a message to this topic before each.

        Args:
            topic: Where the other message goes.
            hold: Called before each.
        """
        subscriber_s, committed_s = [], []
        for n in range(TRIPS):
            other = {"n": n, "p": f"(a|aa)+{n}$"}
            if topic.endswith("regex") and n % 10 == 0:  # work, so that only some have to pay it
                other["t"] = HEAVY
            self.bad.publish(topic, json.dumps(other).encode())
            hold(n)
            start_s = time.perf_counter()
            self.good.publish("good/a", b'{"n":%d}' % self.sent)
            (arrival,) = self.subscriber.take(1)
            subscriber_s.append(time.perf_counter() - start_s)
            self.good.wait_for_acks()
            committed_s.append(time.perf_counter() - start_s)
            assert json.loads(arrival.payload) == {"n": self.sent}
            self.sent += 1
            self.bad.wait_for_acks(in_flight=20)
        return Times(sorted(subscriber_s), sorted(committed_s))


@dataclass(frozen=True)
class Times:
    """How long messages took, sorted: to the subscriber, and to the PUBACK (in the queue then)."""

    subscriber_s: list[float]
    committed_s: list[float]

    def __str__(self) -> str:
        return ", ".join(
            f"to the {where} p50 {p50(times) * 1000:.2f} ms, p99 {p99(times) * 1000:.2f} ms"
            for where, times in (("subscriber", self.subscriber_s), ("queue", self.committed_s))
        )


@dataclass(frozen=True)
class Beside:
    """What was measured without and with a bad rule's messages."""

    without: Times
    beside: Times

    @property
    def is_well(self) -> bool:
        pairs = (
            (self.without.subscriber_s, self.beside.subscriber_s),
            (self.without.committed_s, self.beside.committed_s),
        )
        return all(
            p50(beside) <= max(MAX_MEDIAN_RATIO * p50(without), NOISE_S[0])
            and p99(beside) <= max(MAX_P99_RATIO * p99(without), NOISE_S[1])
            for without, beside in pairs
        )

    def __str__(self) -> str:
        return f"without: {self.without}; beside: {self.beside}"


def p50(sorted_s: list[float]) -> float:
    return sorted_s[len(sorted_s) // 2]


def p99(sorted_s: list[float]) -> float:
    return sorted_s[len(sorted_s) * 99 // 100]


@contextmanager
def running(folder: Path) -> Iterator[Bench]:
    (folder / "full").mkdir()
    (folder / "full" / "there").write_bytes(bytes(1 << 20))
    with WebServer(lambda posted: 0) as silent:
        settings = [
            queues("good", *(f"errors-{kind}" for kind in TOLD)),
            *(function(folder, name, text, timeout_s="0.5s") for name, text in FUNCTIONS.items()),
            function(folder, "asked", FUNCTIONS["sleeps"], timeout_s="60s"),
            bucket(folder, "full", max_bytes=1 << 20),
            f'[[rules.destinations]]\nurl = "{silent.url}"\n',
        ]
        documents = [bad_rule(kind, silent.url) for kind in TOLD]
        good = to_queue("good"), to_topic("fine/${topic(2)}", 1)
        documents.append(rule("untouched", "SELECT * FROM 'good/+'", *good))
        with GatewayProcess(folder, rules=documents, extra="".join(settings)) as gateway:
            port = gateway.mqtt_port
            with (
                SessionClient(port, "subscriber", clean=True) as subscriber,
                BarePublisher(port, "good") as publisher,
                BarePublisher(port, "bad") as bad,
            ):
                subscriber.subscribe("fine/#", 1)
                yield Bench(gateway, subscriber, publisher, bad)
            assert gateway.stop() == 0  # though functions hang and actions wait


@pytest.fixture(scope="module")
def bench(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Bench]:
    with running(tmp_path_factory.mktemp("beside")) as found:
        yield found


@pytest.fixture(scope="module")
def measured(bench: Bench) -> dict[str, Beside]:
    """What was measured beside each kind, one after the other in one process."""
    found = {}
    for kind in TOLD:
        for _ in range(TRIES):
            found[kind] = Beside(bench.times("unheard/a"), bench.times(f"bad/{kind}"))
            if found[kind].is_well:
                break
    return found


@pytest.mark.parametrize("kind", TOLD)
def test_a_rule_beside_a_bad_one_is_as_fast(measured: dict[str, Beside], kind: str) -> None:
    print(f"{kind}: {measured[kind]}")
    assert measured[kind].is_well, measured[kind]


def test_a_gateway_that_is_held_up_is_noticed(bench: Bench) -> None:
    """The control: what is measured sees a hold of a quarter of a second."""
    pid = bench.gateway.pid

    def hold(n: int) -> None:
        if n in (40, 80):
            os.kill(pid, signal.SIGSTOP)
            threading.Timer(0.25, os.kill, (pid, signal.SIGCONT)).start()

    found = Beside(bench.times("unheard/a"), bench.times("unheard/b", hold))
    assert not found.is_well, found


def test_nothing_of_the_good_rule_was_lost(bench: Bench, measured: dict[str, Beside]) -> None:
    status = status_of(bench.gateway, "untouched")
    assert (status["matched"], status["failed"], status["problem"]) == (bench.sent, 0, "")
    bodies = [json.loads(body)["n"] for body in drain(bench.gateway.sqs(), "good")]
    assert bodies == list(range(bench.sent))
    assert bench.sent >= 2 * TRIPS * len(measured)
    for kind in ("sleeps", "spins", "crashes", "eats", "prints"):  # the bad ones wait still
        assert lane_of(bench.gateway, f"lambda {kind}")["waiting"] > 0


@pytest.fixture(scope="module")
def misbehaving(tmp_path_factory: pytest.TempPathFactory) -> Iterator[GatewayProcess]:
    """A gateway where each bad rule has had a message or, for the full bucket, too many."""
    with running(tmp_path_factory.mktemp("told")) as found:
        for kind in TOLD:
            for n in range(MORE_THAN_MAY_RETRY if kind == "full" else 1):
                message = {"n": n, "t": HEAVY, "p": "(a|aa)+$"} if kind == "regex" else {"n": n}
                found.bad.publish(f"bad/{kind}", json.dumps(message).encode())
        found.bad.wait_for_acks()
        yield found.gateway


@pytest.mark.parametrize("kind", [kind for kind in TOLD if kind != "full"])
def test_a_bad_rule_is_named_counted_and_told(misbehaving: GatewayProcess, kind: str) -> None:
    gateway, name = misbehaving, f"bad_{kind}"
    wait_until(lambda: queue_of(gateway, f"errors-{kind}")["visible"] > 0, 30, "an error message")
    message = json.loads(drain(gateway.sqs(), f"errors-{kind}", most=1)[0])
    (failure,) = message["failures"]
    assert message["ruleName"] == name
    assert TOLD[kind] in failure["errorMessage"]
    status = status_of(gateway, name)
    assert status["evaluated"] > 0
    assert status["failed"] > 0
    assert (status["matched"], status["actions"][0]["failed"]) == (
        (0, 0) if kind == "asks" else (status["evaluated"], status["failed"])
    )
    assert TOLD[kind] in status["problem"]
    assert status["error_action"]["done"] == status["failed"]
    table = weir(gateway, "rule", "list")
    assert any(name in line and TOLD[kind] in line for line in table.splitlines()), table
    if kind in FUNCTIONS:
        (told,) = (each for each in gateway.status()["functions"] if each["name"] == kind)
        assert told["failed"] == 3 and TOLD[kind] in told["last_error"]


def test_a_full_bucket_keeps_what_it_cannot_take_waiting_and_says_so(
    misbehaving: GatewayProcess,
) -> None:
    """Each message has its tries, a minute's worth; beyond those that wait for one, none begins."""
    gateway = misbehaving
    wait_until(lambda: lane_of(gateway, "s3 full")["retrying"] == 100)
    lane = lane_of(gateway, "s3 full")
    assert lane["waiting"] == MORE_THAN_MAY_RETRY
    assert "full" in lane["last_failure"]
    (told,) = gateway.status()["buckets"]
    assert told["refused"] >= 100
    action = status_of(gateway, "bad_full")["actions"][0]
    assert (action["done"], action["failed"], action["waiting"]) == (0, 0, MORE_THAN_MAY_RETRY)


def test_a_target_that_takes_nothing_leaves_room_for_others(tmp_path: Path) -> None:
    """What waits for one target is bounded: more fails at once, and that is told."""
    sleeps = function(tmp_path, "sleeps", FUNCTIONS["sleeps"], timeout_s="60s")
    settings = queues("errors") + sleeps + function(tmp_path, "works", WORKS)
    to_sleeper = rule(
        "stuck", "SELECT * FROM 'in'", to_function("sleeps"), error=to_queue("errors")
    )
    beside = rule("beside", "SELECT n FROM 'in'", to_function("works"))
    gateway = GatewayProcess(tmp_path, rules=[to_sleeper, beside], extra=settings)
    text = gateway.config.read_text()
    gateway.config.write_text(text.replace("[rules]", '[rules]\noutbox_target_bytes = "64KiB"'))
    with gateway:
        with BarePublisher(gateway.mqtt_port) as publisher:
            for n in range(100):
                publisher.publish("in", json.dumps({"n": n, "more": "x" * 1000}).encode())
            publisher.wait_for_acks()
        lane = lane_of(gateway, "lambda sleeps")
        assert 16 <= lane["waiting"] < 64 and lane["size_bytes"] <= 64 * 1024
        refused = 100 - lane["waiting"]
        status = status_of(gateway, "stuck")
        assert (status["failed"], status["actions"][0]["waiting"]) == (refused, lane["waiting"])
        assert gateway.status()["metrics"]["rules.outbox.refused"] == refused
        told = [json.loads(body) for body in drain(gateway.sqs(), "errors")]
        assert len(told) == refused
        assert "too much waits for lambda sleeps" in told[0]["failures"][0]["errorMessage"]
        wait_until(lambda: status_of(gateway, "beside")["actions"][0]["done"] == 100)
        assert gateway.stop() == 0


def lane_of(gateway: GatewayProcess, target: str) -> Document:
    (found,) = (each for each in gateway.status()["outbox"] if each["target"] == target)
    return dict(found)


def queue_of(gateway: GatewayProcess, name: str) -> Document:
    (found,) = (each for each in gateway.status()["queues"] if each["name"] == name)
    return dict(found)
