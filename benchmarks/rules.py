"""Many rules: what those cost that a message does not concern, and how fast those are that it does.

Each measure runs through a real gateway process, and what counts is its processor time. Gateways
that are compared run at once and take turns; afterwards, each must have counted exactly as many
evaluations and matches as the messages sent should have led to.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from itertools import accumulate
from pathlib import Path

import boto3
from botocore.config import Config

from benchmarks.generator import RING, Drain, Ring, run
from benchmarks.processes import cpu_ns
from gateway.mqtt.encoding import encode_publish
from gateway.mqtt.packets import Publish
from tests.rig.gateway_process import GatewayProcess, resident_bytes, wait_until

MANY = 1000
ON_ONE_TOPIC = 300
ROLE = "arn:aws:iam::123456789012:role/any"

Figures = dict[str, dict[str, object]]
Row = tuple[str, str, str, str, str]
Document = dict[str, object]

_NOWHERE = "bench/out"  # where matches are republished to; nobody subscribes
_EKUIPER_SINK = "demoSink"
_EKUIPER_EVERY = 10


def document(name: str, sql: str, *actions: Document) -> Document:
    """Return a rule document."""
    payload = {"sql": sql, "awsIotSqlVersion": "2016-03-23", "actions": list(actions)}
    return {"ruleName": name, "topicRulePayload": payload}


def republish(topic: str) -> Document:
    """Return an action that republishes at QoS 0."""
    return {"republish": {"topic": topic, "roleArn": ROLE, "qos": 0}}


def selecting(name: str, topic_filter: str) -> Document:
    """Return the rule of nearly all measures; a third of the readings match."""
    sql = f"SELECT celsius, humidity FROM '{topic_filter}' WHERE celsius > 30"
    return document(name, sql, republish(_NOWHERE))


def ekuiper_rules() -> list[Document]:
    """Return the 300 rules of eKuiper's benchmark: one in ten passes on, the others do nothing."""
    sql = "SELECT temperature FROM 'rawdata' WHERE temperature > 20"
    return [
        document(f"rule{n}", sql, *([] if n % _EKUIPER_EVERY else [republish(_EKUIPER_SINK)]))
        for n in range(ON_ONE_TOPIC)
    ]


def readings() -> list[bytes]:
    """Return payloads of one size; each third is warmer than 30."""
    return [
        b'{"n":"#%03d","celsius":%.2f,"humidity":41.5,"battery_volts":3.71,"is_raining":false}'
        % (n, 28.5 if n % 3 else 31.25)
        for n in range(RING)
    ]


def ekuiper_readings() -> list[bytes]:
    """Return eKuiper's payloads, with the ring's number; a tenth matches."""
    return [
        b'{"temperature":%d,"humidity":90,"n":"#%03d"}' % (_temperature(n), n) for n in range(RING)
    ]


def _temperature(n: int) -> int:
    return 12 + n % 10


def _is_warm(n: int) -> bool:
    return _temperature(n) > 20


class Side:
    """One gateway of a comparison, and what it did.

    Args:
        folder: Its folder.
        documents: Its rules.
        concerned: How many of them each message concerns.
        matches: Whether the message of this number in the ring matches.
        trace_messages: How many messages its traces hold; None for the default.
    """

    def __init__(
        self,
        folder: Path,
        documents: list[Document],
        *,
        concerned: int = 1,
        matches: Callable[[int], bool] = lambda n: n % 3 == 0,
        trace_messages: int | None = None,
    ) -> None:
        self.weir = GatewayProcess(folder, rules=documents)
        if trace_messages is not None:
            settings = self.weir.config.read_text()
            section = f"[rules]\ntrace_messages = {trace_messages}\n"
            self.weir.config.write_text(settings.replace("[rules]\n", section))
        self.concerned = concerned
        # How many of the ring's first messages match, by how many these are.
        self._matching = [0, *accumulate(matches(n) for n in range(RING))]
        self.cpu_us: dict[str, list[float]] = {}
        self.rates: dict[str, list[float]] = {}
        self.sent = self.matching = 0
        began = time.perf_counter()
        self.weir.start()
        self.ready_s = time.perf_counter() - began
        self.pid, self.port = self.weir.pid, self.weir.mqtt_port
        self.resident_bytes = resident_bytes(self.pid)

    def __enter__(self) -> Side:
        return self

    def __exit__(self, *exc: object) -> None:
        self.weir.__exit__(*exc)

    def publish(self, name: str, ring: Ring, seconds: float) -> None:
        """Publish for so long, and note what each message cost."""
        before = cpu_ns(self.pid)
        result = run(
            self.port,
            ring=ring,
            topic="",
            publishers=1,
            window=100,
            seconds=seconds,
            subscribe=False,
            flush=True,
        )
        self.cpu_us.setdefault(name, []).append((cpu_ns(self.pid) - before) / 1000 / result.sent)
        self.rates.setdefault(name, []).append(result.per_second)
        self.sent += result.sent
        # A run begins at the start of the ring, with one connection.
        whole, rest = divmod(result.sent, RING)
        self.matching += whole * self._matching[RING] + self._matching[rest]

    def check_and_stop(self) -> None:
        """Make sure that its rules saw every message, and stop it."""
        metrics = self.weir.status()["metrics"]
        for metric, due in (
            ("rules.evaluated", self.sent * self.concerned),
            ("rules.matched", self.matching * self.concerned),
            ("rules.failed_actions", 0),
        ):
            if metrics[metric] != due:
                raise RuntimeError(f"{metric} is {metrics[metric]}, and should be {due}")
        self.weir.stop()


def many_rules(rounds: int, seconds: float, folder: Path) -> Figures:
    """1 rule against 1,000 on distinct topics: each message concerns one of them."""
    topics = [f"bench/rules/{n:04}" for n in range(MANY)]
    rings = {
        f"{where}_qos{qos}": Ring(on, readings(), qos)
        for where, on in (("one_topic", topics[:1]), ("all_topics", topics))
        for qos in (0, 1)
    }
    each = [selecting(f"r{n:04}", topic) for n, topic in enumerate(topics)]
    with (
        Side(folder / "one", [selecting("all", "bench/rules/+")]) as one,
        Side(folder / "many", each) as many,
    ):
        for _ in range(rounds):
            for name, ring in rings.items():
                for side in (one, many):
                    side.publish(name, ring, seconds)
        for side in (one, many):
            side.check_and_stop()
    figures = {f"many_{name}": _compared(one, many, name) for name in rings}
    figures["many_at_rest"] = {
        "ready_s": many.ready_s,
        "one_ready_s": one.ready_s,
        "bytes_per_rule": (many.resident_bytes - one.resident_bytes) / (MANY - 1),
    }
    return figures


def traces(rounds: int, seconds: float, folder: Path) -> Figures:
    """What it costs that the latest messages are kept for `weir rule why`: all against one."""
    documents = [selecting("all", "bench/rules/+")]
    ring = Ring("bench/rules/0000", readings(), 0)
    with (
        Side(folder / "untraced", documents, trace_messages=1) as none,
        Side(folder / "traced", documents) as usual,
    ):
        for _ in range(rounds):
            for side in (none, usual):
                side.publish("traces", ring, seconds)
        for side in (none, usual):
            side.check_and_stop()
    return {"traces": _compared(none, usual, "traces")}


def one_topic(rounds: int, seconds: float, folder: Path) -> Figures:
    """300 rules that all see every message: evaluations per second of one core."""
    documents = [selecting(f"r{n}", "bench/rules/+") for n in range(ON_ONE_TOPIC)]
    our_ring = Ring("bench/rules/0000", readings(), 1)
    their_ring = Ring("rawdata", ekuiper_readings(), 1)
    with (
        Side(folder / "same-topic", documents, concerned=ON_ONE_TOPIC) as ours,
        Side(
            folder / "ekuiper", ekuiper_rules(), concerned=ON_ONE_TOPIC, matches=_is_warm
        ) as theirs,
    ):
        with Drain(theirs.port, _EKUIPER_SINK) as drain:
            for _ in range(rounds):
                ours.publish("evaluations", our_ring, seconds)
                theirs.publish("evaluations", their_ring, seconds)
            due = theirs.matching * ON_ONE_TOPIC // _EKUIPER_EVERY * len(_passed_on())
            wait_until(lambda: drain.count_bytes >= due, what="what rules passed on")
            if drain.count_bytes != due:
                raise RuntimeError(f"{due} bytes were due, {drain.count_bytes} came")
        for side in (ours, theirs):
            side.check_and_stop()
    figures: Figures = {}
    for name, side in (("same_topic", ours), ("ekuiper", theirs)):
        cpu_us = statistics.median(side.cpu_us["evaluations"])
        per_s = statistics.median(side.rates["evaluations"])
        figures[name] = {
            "per_cpu_s": ON_ONE_TOPIC / cpu_us * 1e6,
            "per_s": ON_ONE_TOPIC * per_s,
            "message_cpu_us": cpu_us,
        }
    return figures


def control_plane(folder: Path) -> Figures:
    """How long CreateTopicRule takes, one call after the other, through boto3."""
    weir = GatewayProcess(folder / "control", rules=[])
    weir.start()
    try:
        pid = weir.pid
        keys = weir.credentials()
        client = boto3.client(
            "iot",
            endpoint_url=weir.aws_endpoint,
            region_name=keys["AWS_REGION"],
            aws_access_key_id=keys["AWS_ACCESS_KEY_ID"],
            aws_secret_access_key=keys["AWS_SECRET_ACCESS_KEY"],
            config=Config(retries={"total_max_attempts": 1}),
        )
        costs, seconds = [], []
        for n in range(MANY):
            rule = selecting(f"r{n:04}", f"bench/rules/{n:04}")
            before, began = cpu_ns(pid), time.perf_counter()
            client.create_topic_rule(**rule)
            seconds.append(time.perf_counter() - began)
            costs.append((cpu_ns(pid) - before) / 1e6)
        client.close()
    finally:
        weir.stop()
    return {
        "create": {
            "seconds": sum(seconds),
            "first_100_cpu_ms": statistics.median(costs[:100]),
            "last_100_cpu_ms": statistics.median(costs[-100:]),
            "p99_ms": statistics.quantiles(seconds, n=100)[98] * 1000,
        }
    }


def measure(rounds: int, seconds: float, folder: Path) -> Figures:
    """Measure everything here."""
    return {
        **many_rules(rounds, seconds / 2, folder),
        **one_topic(rounds, seconds, folder),
        **traces(rounds, seconds, folder),
        **control_plane(folder),
    }


def rows(figures: Figures) -> Sequence[Row]:
    """Return the rows of the table: what, ours, beside it, ratio, floor."""
    drawn: list[Row] = []
    for where, what in (("one_topic", "one topic"), ("all_topics", "1,000 topics")):
        for qos in (0, 1):
            f = figures[f"many_{where}_qos{qos}"]
            drawn.append(
                (
                    f"1,000 rules, messages on {what}, QoS {qos}, CPU per message",
                    f"{f['cpu_us']:.2f} µs",
                    f"1 rule {f['beside_cpu_us']:.2f} µs",
                    f"{f['ratio']:.2f}",
                    "≤ 1.2",
                )
            )
    for name, what, beside, floor in (
        ("ekuiper", "eKuiper's 300 rules", "eKuiper says 150,000 on two cores", "≥ 200,000"),
        ("same_topic", "300 rules, a third match", "", "≥ 200,000"),
    ):
        f = figures[name]
        ratio = f"{f['per_cpu_s'] / 150_000:.1f}" if beside else ""  # type: ignore[operator]
        drawn.append(
            (f"{what} on one topic, per second of a core", f"{f['per_cpu_s']:,.0f}", beside,
             ratio, floor)
        )  # fmt: skip
    f = figures["traces"]
    drawn.append(
        ("traces of 1,000 messages, CPU per message", f"{f['cpu_us']:.2f} µs",
         f"of 1 message {f['beside_cpu_us']:.2f} µs", f"{f['ratio']:.2f}", "")
    )  # fmt: skip
    f = figures["create"]
    drawn += [
        ("CreateTopicRule, the last of 1,000, CPU", f"{f['last_100_cpu_ms']:.2f} ms",
         f"the first {f['first_100_cpu_ms']:.2f} ms", "", ""),
        ("CreateTopicRule, 1,000 one by one", f"{f['seconds']:.1f} s",
         f"p99 {f['p99_ms']:.1f} ms", "", ""),
    ]  # fmt: skip
    f = figures["many_at_rest"]
    drawn += [
        ("start to `weir: ready` with 1,000 rules", f"{f['ready_s']:.2f} s",
         f"1 rule {f['one_ready_s']:.2f} s", "", ""),
        ("resident memory per rule", f"{f['bytes_per_rule'] / 1000:.1f} kB", "", "", ""),
    ]  # fmt: skip
    return drawn


def _compared(beside: Side, side: Side, name: str) -> dict[str, object]:
    pairs = zip(side.cpu_us[name], beside.cpu_us[name], strict=True)
    return {
        "cpu_us": statistics.median(side.cpu_us[name]),
        "beside_cpu_us": statistics.median(beside.cpu_us[name]),
        "ratio": statistics.median(ours / theirs for ours, theirs in pairs),
    }


def _passed_on() -> bytes:
    """Return the PUBLISH packet that a match of eKuiper's rules becomes."""
    return encode_publish(Publish(_EKUIPER_SINK, b'{"temperature":21}', 0))
