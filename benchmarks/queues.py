"""SQS over HTTP as boto3 speaks it: Weir on disk, moto's server in memory, in turns.

Owns what is measured and how it is drawn. Every message is counted: what was acknowledged must come
out once, and after that the queue must be empty. CPU per request is also set beside what aiohttp
takes to answer the same bytes with nothing behind it.
"""

from __future__ import annotations

import statistics
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import final

import orjson

from benchmarks.processes import EmptyHandler, Moto, cpu_ns, cpu_with_ended_threads_ns
from benchmarks.queue_flows import BATCH, Ledger, Prepared
from benchmarks.queue_load import Connection, Flow, drive
from benchmarks.queue_requests import Endpoint, Signer
from tests.rig.gateway_process import GatewayProcess

CONNECTIONS = 64
MOTO_CONNECTIONS = 8
"""A thread per request: with 64, moto's server answers fewer requests than with 8."""

WAKE_UPS = 200
WAKE_UP_PAUSE_S = 0.01
"""Until a receive that was just sent waits."""

THROUGHPUT_FLOOR = 20.0
CPU_FLOOR_US = 180.0
ABOVE_EMPTY_FLOOR_US = 100.0
WAKE_UP_FLOOR_MS = 3.0

MEASURES = {
    "send": "SendMessage",
    "send_batch": f"SendMessageBatch of {BATCH}",
    "drain": f"ReceiveMessage of {BATCH} and DeleteMessageBatch",
    "fifo_send_batch": f"FIFO, SendMessageBatch of {BATCH}",
    "fifo_drain": f"FIFO, ReceiveMessage of {BATCH} and DeleteMessageBatch",
}

Figures = dict[str, dict[str, object]]
Row = tuple[str, str, str, str, str]


@final
class Side:
    """One endpoint of the comparison, and what was measured there.

    Args:
        name: What it is called in figures.
        endpoint: Where it listens, and who may ask.
        cpu: Tells its processor time in nanoseconds.
        connections: How many clients it has at once.
        ready_per_s: How many requests are made ready for a second; more than it can answer.
        is_strict: Whether it must give each message once, and those of a group in order.
    """

    def __init__(
        self,
        name: str,
        endpoint: Endpoint,
        cpu: Callable[[], int],
        *,
        connections: int,
        ready_per_s: int,
        is_strict: bool,
    ) -> None:
        self.name = name
        self.signer = Signer(endpoint)
        self.port = endpoint.port
        self.cpu = cpu
        self.connections = connections
        self.ready_per_s = ready_per_s
        self.is_strict = is_strict
        self.rates: dict[str, list[float]] = {}
        self.cpu_us: dict[str, list[float]] = {}
        self.wake_ups_s: list[float] = []
        self._queues = 0

    def ask(self, operation: str, **parameters: object) -> dict[str, object]:
        """Call an operation on a connection of its own."""
        connection = Connection(self.port)
        try:
            body = connection.ask(self.signer.request(operation, parameters))
        finally:
            connection.close()
        return orjson.loads(body) if body else {}

    def create(self, **attributes: str) -> str:
        """Create a queue; return its URL."""
        self._queues += 1
        name = f"bench-{self._queues}{'.fifo' if 'FifoQueue' in attributes else ''}"
        answer = self.ask(
            "CreateQueue",
            QueueName=name,
            Attributes={"VisibilityTimeout": "300", **attributes},
        )
        return str(answer["QueueUrl"])

    def round(self, seconds: float) -> None:
        """Measure everything once, each part for about so long."""
        url = self.create()
        ledger = self._ledger(url, is_fifo=False)
        each = round(seconds * self.ready_per_s / self.connections) + 1
        self._send("send", ledger, seconds, lambda n: ledger.prepare_single(n, 0, each))
        each_batch = each // 2 + 1
        self._send(
            "send_batch", ledger, seconds, lambda n: ledger.prepare_batches(n, each, each_batch)
        )
        self._drain("drain", ledger, url)
        url = self.create(FifoQueue="true")
        ledger = self._ledger(url, is_fifo=True)
        self._send(
            "fifo_send_batch", ledger, seconds, lambda n: ledger.prepare_batches(n, 0, each_batch)
        )
        self._drain("fifo_drain", ledger, url)

    def _ledger(self, url: str, *, is_fifo: bool) -> Ledger:
        return Ledger(self.signer, url, is_fifo=is_fifo, is_strict=self.is_strict)

    def _send(
        self,
        measure: str,
        ledger: Ledger,
        seconds: float,
        prepare: Callable[[int], list[Prepared]],
    ) -> None:
        prepared = [prepare(number) for number in range(self.connections)]
        before = len(ledger.sent)
        until_s = time.perf_counter() + seconds
        taken_s, cpu = self._drive([ledger.send(each, until_s) for each in prepared])
        self._note(measure, len(ledger.sent) - before, taken_s, cpu)

    def _drain(self, measure: str, ledger: Ledger, url: str) -> None:
        began = time.perf_counter()
        _, cpu = self._drive([ledger.drain() for _ in range(self.connections)])
        # Not to the end of the last flow: at the end of a drain some wait for what never comes.
        self._note(measure, len(ledger.received), ledger.deleted_at_s - began, cpu)
        ledger.check()
        answer = self.ask("GetQueueAttributes", QueueUrl=url, AttributeNames=["All"])
        attributes = answer["Attributes"]
        assert isinstance(attributes, dict)
        left = {name: of for name, of in attributes.items() if name.startswith("Approximate")}
        if set(left.values()) != {"0"}:
            raise RuntimeError(f"{self.name}: a drained queue says {left}")
        self.ask("DeleteQueue", QueueUrl=url)

    def _drive(self, flows: Sequence[Flow]) -> tuple[float, int]:
        before = self.cpu()
        taken_s = drive(self.port, flows)
        return taken_s, self.cpu() - before

    def _note(self, measure: str, count: int, seconds: float, cpu: int) -> None:
        self.rates.setdefault(measure, []).append(count / seconds)
        self.cpu_us.setdefault(measure, []).append(cpu / 1000 / count)

    def wake_ups(self, count: int) -> None:
        """Time how long a waiting receive takes to give a message, from the moment it is sent."""
        url = self.create()
        waiting, sending = Connection(self.port), Connection(self.port)
        try:
            for number in range(count):
                wanted = {"QueueUrl": url, "WaitTimeSeconds": 20}
                waiting.send(self.signer.request("ReceiveMessage", wanted))
                message = {"QueueUrl": url, "MessageBody": str(number)}
                request = self.signer.request("SendMessage", message)
                time.sleep(WAKE_UP_PAUSE_S)
                began = time.perf_counter()
                sending.send(request)
                while (answer := waiting.read()) is None:
                    pass
                self.wake_ups_s.append(time.perf_counter() - began)
                while sending.read() is None:
                    pass
                (received,) = orjson.loads(answer)["Messages"]
                if received["Body"] != str(number):
                    raise RuntimeError(f"{number} was sent, {received['Body']} came")
                handle = {"QueueUrl": url, "ReceiptHandle": received["ReceiptHandle"]}
                sending.ask(self.signer.request("DeleteMessage", handle))
        finally:
            waiting.close()
            sending.close()
        self.ask("DeleteQueue", QueueUrl=url)


def queues(rounds: int, seconds: float, folder: Path) -> Figures:
    """Measure Weir, moto's server and the empty handler in turns."""
    weir = GatewayProcess(folder / "queues", rules=[])
    moto, empty = Moto(), EmptyHandler()
    try:
        weir.start()
        pid, keys = weir.pid, weir.credentials()
        endpoint = Endpoint(
            int(weir.aws_endpoint.rpartition(":")[2]),
            keys["AWS_ACCESS_KEY_ID"],
            keys["AWS_SECRET_ACCESS_KEY"],
            keys["AWS_REGION"],
        )
        ours = Side(
            "weir",
            endpoint,
            lambda: cpu_ns(pid),
            connections=CONNECTIONS,
            ready_per_s=16_000,
            is_strict=True,
        )
        theirs = Side(
            "moto",
            Endpoint(moto.port, "AKIAIOSFODNN7EXAMPLE", "any"),
            lambda: cpu_with_ended_threads_ns(moto.pid),
            connections=MOTO_CONNECTIONS,
            ready_per_s=1_000,
            is_strict=False,
        )
        empty_us: list[float] = []
        for _ in range(rounds):
            for side in (ours, theirs):
                side.round(seconds)
            empty_us.append(_empty(empty, seconds))
        for side in (ours, theirs):
            side.wake_ups(WAKE_UPS if rounds > 1 else WAKE_UPS // 4)
    finally:
        weir.__exit__()
        moto.stop()
        empty.stop()
    return _figures(ours, theirs, empty_us)


def _empty(empty: EmptyHandler, seconds: float) -> float:
    """Send the empty handler what SendMessage takes; return its CPU per request."""
    url = f"http://127.0.0.1:{empty.port}/000000000000/bench-1"
    ledger = Ledger(Signer(Endpoint(empty.port, "AKIAIOSFODNN7EXAMPLE", "any")), url, is_fifo=False)
    requests = [one.request for one in ledger.prepare_single(0, 0, 1000)]
    until_s = time.perf_counter() + seconds
    count = 0

    def flow() -> Flow:
        nonlocal count
        while time.perf_counter() < until_s:
            yield requests[count % len(requests)]
            count += 1

    before = cpu_ns(empty.pid)
    drive(empty.port, [flow() for _ in range(CONNECTIONS)])
    return (cpu_ns(empty.pid) - before) / 1000 / count


def _figures(ours: Side, theirs: Side, empty_us: list[float]) -> Figures:
    figures: Figures = {}
    for measure in MEASURES:
        pairs = zip(ours.rates[measure], theirs.rates[measure], strict=True)
        figures[f"queue_{measure}"] = {
            "weir_per_s": statistics.median(ours.rates[measure]),
            "moto_per_s": statistics.median(theirs.rates[measure]),
            "ratio": statistics.median(mine / other for mine, other in pairs),
            "weir_cpu_us": statistics.median(ours.cpu_us[measure]),
            "moto_cpu_us": statistics.median(theirs.cpu_us[measure]),
        }
    above = zip(ours.cpu_us["send"], empty_us, strict=True)
    figures["queue_request"] = {
        "weir_cpu_us": statistics.median(ours.cpu_us["send"]),
        "empty_cpu_us": statistics.median(empty_us),
        "above_us": statistics.median(mine - empty for mine, empty in above),
    }
    figures["queue_wake_up"] = {
        f"{side.name}_p{percent}_ms": statistics.quantiles(side.wake_ups_s, n=100)[percent - 1]
        * 1000
        for side in (ours, theirs)
        for percent in (50, 99)
    }
    return figures


def rows(figures: Figures) -> Sequence[Row]:
    """Return the rows of the table: what, ours, beside it, ratio, floor."""
    drawn: list[Row] = []
    for measure, what in MEASURES.items():
        f = figures[f"queue_{measure}"]
        drawn += [
            (f"{what}, messages per second", f"{f['weir_per_s']:,.0f}",
             f"moto {f['moto_per_s']:,.0f}", f"{f['ratio']:.0f}", f"≥ {THROUGHPUT_FLOOR:.0f}"),
            ("the same, CPU per message", f"{f['weir_cpu_us']:.1f} µs",
             f"moto {f['moto_cpu_us']:,.0f} µs", "", ""),
        ]  # fmt: skip
    f = figures["queue_request"]
    drawn.append(
        ("SendMessage, CPU per request", f"{f['weir_cpu_us']:.0f} µs",
         f"an empty aiohttp handler {f['empty_cpu_us']:.0f} µs", f"+{f['above_us']:.0f} µs",
         f"≤ {CPU_FLOOR_US:.0f} µs, ≤ +{ABOVE_EMPTY_FLOOR_US:.0f} µs")
    )  # fmt: skip
    f = figures["queue_wake_up"]
    drawn += [
        (f"long poll, from SendMessage to its answer, p{percent}",
         f"{f[f'weir_p{percent}_ms']:.2f} ms", f"moto {f[f'moto_p{percent}_ms']:.1f} ms", "", floor)
        for percent, floor in ((50, f"≤ {WAKE_UP_FLOOR_MS:.0f} ms"), (99, ""))
    ]  # fmt: skip
    return drawn
