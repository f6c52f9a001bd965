"""PUBACKs: in the order of the PUBLISHes, after the commit where anything durable hangs on them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.message import Message
from gateway.store import Insert
from tests.rig.stores import KIB, files_no_larger_than, notes, stored_notes
from tests.rig.wire_client import (
    DISCONNECT,
    PINGREQ,
    PINGRESP,
    Bench,
    WireClient,
    open_bench,
    puback,
)

Run = Callable[[Any], None]


async def keep_durable_topics(bench: Bench) -> Insert:
    """Let whatever is published below `durable/` become a row; its payload is the row's number."""
    insert = await notes(bench.store)

    def keep(message: Message) -> None:
        bench.store.add(insert, (int(message.payload), message.payload), len(message.payload))

    bench.broker.router.subscribe_local("durable/#", keep)
    await bench.store.flush()
    return insert


def test_a_plain_message_is_acknowledged_at_once(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await keep_durable_topics(bench)
            client = bench.client("c")
            assert client.publish("plain", b"", 1, 65_535) == puback(65_535)

    run(main())


def test_a_durable_message_is_acknowledged_when_it_is_on_disk(
    run_on_both_loops: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await keep_durable_topics(bench)
            client = bench.client("c")
            for number in range(1, 30):
                assert client.publish("durable/x", b"%d" % number, 1, number) == b""
                while not (answer := client.out()):
                    await asyncio.sleep(0)
                assert answer == puback(number)
                assert stored_notes(tmp_path)[-1] == number

    run_on_both_loops(main())


def test_a_plain_message_waits_behind_a_durable_one(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await keep_durable_topics(bench)
            client, other = bench.client("c"), bench.client("other")
            answers = client.publish("plain", b"", 1, 1)
            answers += client.publish("durable/x", b"2", 1, 2)
            answers += client.publish("plain", b"", 1, 3)
            answers += client.publish("durable/x", b"4", 1, 4)
            answers += client.publish("plain", b"", 1, 5)
            assert answers == puback(1)
            assert client.send(PINGREQ) == PINGRESP  # only PUBACKs wait
            assert other.publish("plain", b"", 1, 9) == puback(9)  # and only this client's
            await bench.store.flush()
            assert client.out() == puback(2) + puback(3) + puback(4) + puback(5)

    run(main())


def test_whatever_the_mixture_the_order_holds(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        rng = random.Random(20_261_101)
        async with open_bench(tmp_path) as bench:
            await keep_durable_topics(bench)
            clients = [bench.client(f"c{n}") for n in range(3)]
            sent: list[list[int]] = [[] for _ in clients]
            answered = [b""] * len(clients)
            durable: set[int] = set()
            for number in range(1, 500):
                which = rng.randrange(len(clients))
                topic = "durable/x" if rng.random() < 0.4 else "plain"
                if topic == "durable/x":
                    durable.add(number)
                answered[which] += clients[which].publish(topic, b"%d" % number, 1, number)
                sent[which].append(number)
                if rng.random() < 0.2:
                    await asyncio.sleep(0)
                if rng.random() < 0.05:
                    await bench.store.flush()
                for n, client in enumerate(clients):
                    answered[n] += client.out()
                    assert answered[n] == b"".join(map(puback, sent[n]))[: len(answered[n])]
            await bench.store.flush()
            for n, client in enumerate(clients):
                assert answered[n] + client.out() == b"".join(map(puback, sent[n]))
            assert stored_notes(tmp_path) == sorted(durable)

    run(main())


def test_a_client_that_went_gets_no_late_acknowledgement(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await keep_durable_topics(bench)
            client = bench.client("c")
            client.publish("durable/x", b"1", 1, 1)
            client.send(DISCONNECT)
            client.lost()
            again = bench.client("c")
            await bench.store.flush()
            assert client.out() == again.out() == b""
            assert stored_notes(tmp_path) == [1]

    run(main())


def test_qos_0_into_the_store_is_kept_and_answered_by_nothing(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await keep_durable_topics(bench)
            client = bench.client("c")
            assert client.publish("durable/x", b"1", 0) == b""
            assert client.publish("plain", b"", 1, 2) == puback(2)
            await bench.store.flush()
            assert stored_notes(tmp_path) == [1]
            assert client.out() == b""

    run(main())


async def fill_the_store(bench: Bench) -> None:
    filler = Insert("INSERT INTO note (number, body) VALUES (?, ?)")
    number = 1_000_000
    while bench.store.accepting:
        bench.store.add(filler, (number, b"x" * 16 * KIB), 16 * KIB)
        await bench.store.flush()
        number += 1


def test_a_full_store_closes_the_publisher_without_an_acknowledgement(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await keep_durable_topics(bench)
            await fill_the_store(bench)
            subscriber = bench.client("s")
            subscriber.subscribe(("#", 1))
            before = stored_notes(tmp_path)
            for attempt in range(3):
                client = bench.client("c")
                assert client.publish("durable/x", b"1", 1, 1) == b""
                assert client.closed and client.error is None
                assert subscriber.messages() == []  # all or nothing
                client.lost()
                assert bench.count("mqtt.publish.refused") == attempt + 1
            plain = bench.client("plain")
            assert plain.publish("plain", b"", 1, 1) == puback(1)
            assert len(subscriber.messages()) == 1

            low = bench.client("low")
            assert low.publish("durable/x", b"1", 0) == b""
            assert not low.closed  # QoS 0 promises nothing; the live copy is delivered
            assert len(subscriber.messages()) == 1
            await bench.store.flush()
            assert stored_notes(tmp_path) == before

    run(main())
    assert caplog.text.count("publishers are refused") == 1


def test_refusals_are_reported_again_in_a_later_burst(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await keep_durable_topics(bench)
            await bench.store.execute(
                lambda c: c.execute("INSERT INTO note VALUES (1, x'')").close()
            )
            for sweep in (1.0, 2.0, 3.0, 4.0):
                if sweep != 3.0:  # in this interval nothing is refused
                    client = bench.client("c")
                    client.publish("durable/x", b"1", 1, 1)  # the key is there already
                    with pytest.raises(Exception, match="UNIQUE"):
                        await bench.store.flush()
                    assert client.closed
                    client.lost()
                bench.broker.sweep(sweep)

    run(main())
    assert caplog.text.count("publishers are refused") == 2


def test_a_commit_that_fails_acknowledges_nothing_of_it_nor_behind_it(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            insert = await keep_durable_topics(bench)
            clients = [bench.client("a"), bench.client("b")]
            with files_no_larger_than(300 * KIB):
                bench.store.add(insert, (500, b"x" * 400 * KIB), 1)
                for number, client in enumerate(clients, 1):
                    client.publish("durable/x", b"%d" % number, 1, number)
                    client.publish("plain", b"", 1, number + 10)
                batch = bench.store.batch
                while bench.store.batch == batch:
                    await asyncio.sleep(0)
                clients[0].publish("durable/x", b"3", 1, 3)  # joins the batch behind
                while not all(client.closed for client in clients):
                    await asyncio.sleep(0)
                assert [client.out() for client in clients] == [b"", b""]
                assert [client.closes for client in clients] == [1, 1]
            for client in clients:
                client.lost()
            await bench.store.flush()
            assert stored_notes(tmp_path) == []

            again = bench.client("a")
            again.publish("durable/x", b"1", 1, 1, dup=True)
            await bench.store.flush()
            assert again.out() == puback(1)
            assert stored_notes(tmp_path) == [1]

    run(main())


def test_what_is_acknowledged_survives_any_row_of_failures(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        rng = random.Random(7)
        async with open_bench(tmp_path) as bench:
            await keep_durable_topics(bench)
            acknowledged: set[int] = set()
            client: WireClient | None = None
            failures = 0
            for number in range(1, 300):
                if client is None or client.closed:
                    client = bench.client("c")
                payload = number if rng.random() < 0.9 else max(acknowledged, default=number)
                client.publish("durable/x", b"%d" % payload, 1, number)
                if rng.random() < 0.3:
                    try:
                        await bench.store.flush()
                    except Exception:
                        failures += 1
                answer = client.out()
                for at in range(0, len(answer), 4):
                    acknowledged.add(int.from_bytes(answer[at + 2 : at + 4], "big"))
            assert failures > 3 and len(acknowledged) > 50
            assert acknowledged <= set(stored_notes(tmp_path))

    run(main())
