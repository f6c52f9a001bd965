"""`python -m benchmarks [--quick] [--json] [--only GROUP]`: every measurement, in one run."""

from __future__ import annotations

import argparse
import json
import shutil
import sqlite3
import statistics
import sys
import tempfile
import time
from collections.abc import Collection
from contextlib import closing
from pathlib import Path

import rules
from benchmarks.bare_sqlite import insert_rate
from benchmarks.generator import Ring, plain_payloads, reading_payloads, run
from benchmarks.processes import Mosquitto, cpu_ns
from benchmarks.queue_flash import flash
from benchmarks.queue_flash import rows as rows_of_flash
from benchmarks.queue_scale import QUICK, Scale, queue_scale_apart
from benchmarks.queue_scale import rows as rows_of_scale
from benchmarks.queues import queues
from benchmarks.queues import rows as rows_of_queues
from benchmarks.rules import measure as measure_rules
from benchmarks.rules import rows as rows_of_rules
from benchmarks.sessions import Figures, sessions
from benchmarks.sink import Sink
from benchmarks.slow_actions import rows as rows_of_slow_actions
from benchmarks.slow_actions import slow_actions
from benchmarks.statements import rows as rows_of_statements
from benchmarks.statements import statements
from tests.rig.gateway_process import GatewayProcess, resident_bytes

GROUPS = (
    "routing",
    "durable",
    "sessions",
    "statements",
    "rules",
    "slow_actions",
    "queues",
    "queue_scale",
    "at_rest",
)
Row = tuple[str, str, str, str, str]
PAYLOAD_BYTES = 256
TOPIC = "bench/routing"
DURABLE_TOPIC = "bench/readings/t"
FILTER_SQL = "SELECT * FROM 'bench/readings/#' WHERE celsius > 30"
PROJECTION_SQL = (
    "SELECT celsius, humidity, topic() AS topic, timestamp() AS ts, note "
    "FROM 'bench/readings/#' WHERE celsius > 30"
)


def rule(sql: str) -> dict[str, object]:
    """Return a rule document with one action, into the queue `readings`."""
    action = {"sqs": {"queueUrl": "readings", "roleArn": "arn:aws:iam::123456789012:role/any"}}
    payload = {"sql": sql, "awsIotSqlVersion": "2016-03-23", "actions": [action]}
    return {"ruleName": "readings", "topicRulePayload": payload}


def routing(qos: int, rounds: int, seconds: float, folder: Path) -> dict[str, object]:
    """1→1 routing beside Mosquitto, in turn; CPU per message as a ratio, round by round."""
    ring = Ring(TOPIC, plain_payloads(PAYLOAD_BYTES), qos)
    weir, mosquitto = (
        GatewayProcess(folder / "routing", rules=[rule(FILTER_SQL)]),
        Mosquitto(folder),
    )
    weir.start()
    figures: dict[str, list[float]] = {"weir": [], "mosquitto": []}
    rates: dict[str, list[float]] = {"weir": [], "mosquitto": []}
    try:
        peers = {"weir": (weir.mqtt_port, weir.pid), "mosquitto": (mosquitto.port, mosquitto.pid)}
        for _ in range(rounds):
            for name, (port, pid) in peers.items():
                before = cpu_ns(pid)
                result = run(
                    port,
                    ring=ring,
                    topic=TOPIC,
                    publishers=1,
                    window=100,
                    seconds=seconds,
                    subscribe=True,
                )
                if result.received != result.sent:
                    raise RuntimeError(f"{name}: {result.sent} sent, {result.received} received")
                figures[name].append((cpu_ns(pid) - before) / 1000 / result.sent)
                rates[name].append(result.per_second)
    finally:
        weir.stop()
        mosquitto.stop()
    pairs = zip(figures["weir"], figures["mosquitto"], strict=True)
    return {
        "weir_cpu_us": statistics.median(figures["weir"]),
        "mosquitto_cpu_us": statistics.median(figures["mosquitto"]),
        "ratio": statistics.median(ours / theirs for ours, theirs in pairs),
        "weir_per_s": statistics.median(rates["weir"]),
        "mosquitto_per_s": statistics.median(rates["mosquitto"]),
    }


def durable(sql: str, rounds: int, seconds: float, folder: Path) -> dict[str, object]:
    """publish → rule → queue at QoS 1, on disk, beside bare SQLite inserting the same rows."""
    payloads = reading_payloads(PAYLOAD_BYTES, celsius=31.25)
    ring = Ring(DURABLE_TOPIC, payloads, 1)
    body = rules.compile(sql, "2016-03-23").evaluate(
        rules.Message(DURABLE_TOPIC, payloads[0]), rules.Environment(now_ms=lambda: 1793491200000)
    )
    assert body is not None, "the rule does not match the benchmark's readings"
    ratios, rates, floors, cpus, busy = [], [], [], [], []
    for number in range(rounds):
        home = folder / f"durable-{number}"
        home.mkdir()
        floors.append(insert_rate(home, body, seconds))
        weir = GatewayProcess(home, rules=[rule(sql)])
        weir.start()
        try:
            pid = weir.pid
            before = cpu_ns(pid)
            result = run(
                weir.mqtt_port,
                ring=ring,
                topic=DURABLE_TOPIC,
                publishers=4,
                window=100,
                seconds=seconds,
                subscribe=False,
            )
            cpus.append((cpu_ns(pid) - before) / 1000 / result.sent)
        finally:
            weir.stop()
        kept = count_messages(weir.data_dir / "weir.db")
        if kept != result.sent:
            raise RuntimeError(f"{result.sent} acknowledged, {kept} in the queue")
        rates.append(result.per_second)
        ratios.append(result.per_second / floors[-1])
        busy.append(result.busy)
        shutil.rmtree(home)
    return {
        "weir_per_s": statistics.median(rates),
        "sqlite_per_s": statistics.median(floors),
        "ratio": statistics.median(ratios),
        "weir_cpu_us": statistics.median(cpus),
        "generator_busy": statistics.median(busy),
    }


def count_messages(database: Path) -> int:
    """Count the rows on disk, one by one."""
    with closing(sqlite3.connect(database)) as connection:
        (count,) = connection.execute("SELECT count(*) FROM sqs_message").fetchone()
    return int(count)


def generator_alone(seconds: float) -> dict[str, object]:
    """What the generator can do against something that only counts: no broker in between."""
    found: dict[str, object] = {}
    for qos in (0, 1):
        ring = Ring(TOPIC, plain_payloads(PAYLOAD_BYTES), qos)
        with Sink(ring) as sink:
            result = run(
                sink.port,
                ring=ring,
                topic=TOPIC,
                publishers=1,
                window=100,
                seconds=seconds,
                subscribe=False,
            )
        found[f"qos{qos}_per_s"] = result.per_second
        found[f"qos{qos}_cpu_us"] = result.busy * result.seconds * 1e6 / result.sent
    return found


def at_rest(rounds: int, folder: Path) -> dict[str, object]:
    """Start-up time to `weir: ready`, and resident memory when idle with every listener on."""
    times, memory = [], []
    weir = GatewayProcess(folder / "at-rest", rules=[rule(FILTER_SQL)])
    for _ in range(rounds):
        began = time.perf_counter()
        weir.start()
        times.append(time.perf_counter() - began)
        time.sleep(0.5)
        memory.append(resident_bytes(weir.pid) / 1e6)
        weir.stop()
    return {"ready_s": statistics.median(times[1:]), "idle_rss_mb": statistics.median(memory)}


def measure(groups: Collection[str], rounds: int, seconds: float, folder: Path) -> Figures:
    """Measure some groups, in the order of the table."""
    figures: Figures = {}
    if "routing" in groups:
        figures["qos0"] = routing(0, rounds, seconds, folder)
        figures["qos1"] = routing(1, rounds, seconds, folder)
    if "durable" in groups:
        figures["durable"] = durable(FILTER_SQL, rounds, seconds, folder)
        figures["projection"] = durable(PROJECTION_SQL, rounds, seconds, folder)
    if "sessions" in groups:
        figures.update(sessions(rounds, folder, [rule(FILTER_SQL)]))
    if "statements" in groups:
        figures.update(statements(rounds, seconds / 6))
    if "rules" in groups:
        figures.update(measure_rules(rounds, seconds, folder))
    if "slow_actions" in groups:
        figures.update(slow_actions(rounds, folder))
    if "queues" in groups:
        figures.update(queues(rounds, seconds, folder))
        figures.update(flash(folder))
    if "queue_scale" in groups:
        figures.update(queue_scale_apart(QUICK if rounds == 1 else Scale(), folder))
    if "routing" in groups:
        figures["generator"] = generator_alone(seconds)
    if "at_rest" in groups:
        figures["at_rest"] = at_rest(rounds + 1, folder)
    return figures


def main() -> int:
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="shorter runs, rougher figures")
    parser.add_argument("--json", action="store_true", help="figures as JSON")
    parser.add_argument(
        "--only",
        action="append",
        choices=GROUPS,
        help="this group alone; may be given more than once",
    )
    options = parser.parse_args()
    rounds, seconds = (1, 1.0) if options.quick else (5, 3.0)
    folder = Path(tempfile.mkdtemp(prefix="weir-bench-", dir=Path.cwd()))
    try:
        figures = measure(options.only or GROUPS, rounds, seconds, folder)
    finally:
        shutil.rmtree(folder)
    print(json.dumps(figures, indent=2) if options.json else table(figures))
    return 0


def table(figures: Figures) -> str:
    """Draw the figures as the Markdown table of docs/explanation/benchmarks.md."""
    rows = [
        ("what", "Weir", "beside it", "ratio", "floor"),
        ("---", "---:", "---:", "---:", "---:"),
    ]
    if "qos0" in figures:
        rows += rows_of_routing(figures)
    if "durable" in figures:
        rows += rows_of_durable(figures)
    if "retained_store" in figures:
        rows += rows_of_sessions(figures)
    if "sql_filter" in figures:
        rows += rows_of_statements(figures)
    if "same_topic" in figures:
        rows += rows_of_rules(figures)
    if "slow_http" in figures:
        rows += rows_of_slow_actions(figures)
    if "queue_send" in figures:
        rows += rows_of_queues(figures)
        rows += rows_of_flash(figures)
    if "queue_scale" in figures:
        rows += rows_of_scale(figures)
    if "generator" in figures:
        rows += rows_of_generator(figures)
    if "at_rest" in figures:
        f = figures["at_rest"]
        rows.append(("resident memory, idle", f"{f['idle_rss_mb']:.1f} MB", "", "", "< 80 MB"))
        rows.append(("start to `weir: ready`", f"{f['ready_s']:.2f} s", "", "", "< 1 s"))
    return "\n".join("| " + " | ".join(row) + " |" for row in rows)


def rows_of_routing(figures: Figures) -> list[Row]:
    rows = []
    for qos, floor in ((0, "≤ 0.5"), (1, "≤ 0.7")):
        f = figures[f"qos{qos}"]
        rows.append(
            (
                f"QoS {qos} 1→1, CPU per message",
                f"{f['weir_cpu_us']:.2f} µs",
                f"Mosquitto {f['mosquitto_cpu_us']:.2f} µs",
                f"{f['ratio']:.2f}",
                floor,
            )
        )
        rows.append(
            (
                f"QoS {qos} 1→1, messages per second",
                f"{f['weir_per_s']:,.0f}",
                f"Mosquitto {f['mosquitto_per_s']:,.0f}",
                f"{f['weir_per_s'] / f['mosquitto_per_s']:.1f}",  # type: ignore[operator]
                "",
            )
        )
    return rows


def rows_of_durable(figures: Figures) -> list[Row]:
    rows = []
    for name, what, floor in (
        ("durable", "SELECT *", "≥ 0.15 and ≥ 15,000/s"),
        ("projection", "a projection", ""),
    ):
        f = figures[name]
        rows.append(
            (
                f"publish → rule ({what}) → queue, durable, per second",
                f"{f['weir_per_s']:,.0f}",
                f"bare SQLite {f['sqlite_per_s']:,.0f}",
                f"{f['ratio']:.2f}",
                floor,
            )
        )
        rows.append(("the same, CPU per message", f"{f['weir_cpu_us']:.1f} µs", "", "", ""))
    return rows


def rows_of_sessions(figures: Figures) -> list[Row]:
    rows = []
    for name, what, floor in (
        ("retained_store", "retained 10,000 (store)", "≤ 3"),
        ("retained_store_small", "the same with window 20", ""),
        ("retained_new", "retained to a new `#`", "≤ 4"),
        ("offline_queue", "offline session 10,000 (queue)", "≤ 3"),
        ("offline_queue_small", "the same with window 20", ""),
        ("offline_drain", "offline session 10,000 (drain)", "≤ 4"),
    ):
        f = figures[name]
        rows.append(
            (
                f"{what}, CPU per message",
                f"{f['weir_cpu_us']:.2f} µs",
                f"Mosquitto {f['mosquitto_cpu_us']:.2f} µs",
                f"{f['ratio']:.2f}",
                floor,
            )
        )
    return rows


def rows_of_generator(figures: Figures) -> list[Row]:
    rows = []
    f = figures["generator"]
    for qos in (0, 1):
        measured = figures[f"qos{qos}"]["weir_per_s"]
        alone = f[f"qos{qos}_per_s"]
        rows.append(
            (
                f"generator alone, QoS {qos}, per second",
                f"{alone:,.0f}",
                f"measured through Weir {measured:,.0f}",
                f"{alone / measured:.1f}",  # type: ignore[operator]
                "≥ 3",
            )
        )
    return rows


if __name__ == "__main__":
    sys.exit(main())
