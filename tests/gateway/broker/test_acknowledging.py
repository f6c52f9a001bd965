"""Answers to PUBLISH: in order, after the commit where anything durable hangs on them."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.mqtt.packets import PUBREL
from tests.gateway.broker.durable import ANSWERS, keep_durable_topics, pubrec, say
from tests.rig.mqtt_bench import DISCONNECT, PINGREQ, PINGRESP, open_bench, puback
from tests.rig.stores import stored_notes

Run = Callable[[Any], None]
BOTH = pytest.mark.parametrize("level", [4, 5])


@BOTH
@pytest.mark.parametrize("qos", [1, 2])
def test_a_plain_message_is_acknowledged_at_once(
    run: Run, tmp_path: Path, qos: int, level: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await keep_durable_topics(bench)
            client = await bench.client("c", level=level)
            assert say(client, "plain", 65_535, qos) == ANSWERS[qos](65_535)

    run(main())


def test_a_durable_message_is_acknowledged_when_it_is_on_disk(
    run_on_both_loops: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await keep_durable_topics(bench)
            clients = [await bench.client(f"c{level}", level=level) for level in (4, 5)]
            for number in range(1, 30):
                client, qos = clients[number % 2], 1 + number % 3 % 2
                assert say(client, "durable/x", number, qos) == b""
                while not (answer := client.written()):
                    await asyncio.sleep(0)
                assert answer == ANSWERS[qos](number)
                assert stored_notes(tmp_path)[-1] == number

    run_on_both_loops(main())


@BOTH
def test_a_plain_message_waits_behind_a_durable_one(run: Run, tmp_path: Path, level: int) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await keep_durable_topics(bench)
            client = await bench.client("c", level=level)
            other = await bench.client("other", level=level)
            answers = say(client, "plain", 1)
            answers += say(client, "durable/x", 2)
            answers += say(client, "plain", 3)
            answers += say(client, "durable/x", 4, 2)
            answers += say(client, "plain", 5, 2)
            client.hand_over(PINGREQ)
            answers += client.written()
            assert answers == puback(1)
            assert say(other, "plain", 9) == puback(9)  # only this client's answers wait
            await bench.settle()
            expected = puback(2) + puback(3) + pubrec(4) + pubrec(5) + PINGRESP
            assert client.written() == expected

    run(main())


def test_whatever_the_mixture_the_order_holds(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        rng = random.Random(20_261_101)
        async with open_bench(tmp_path) as bench:
            await keep_durable_topics(bench)
            clients = [await bench.client(f"c{n}", level=4 + n % 2) for n in range(4)]
            expected = [b""] * len(clients)
            answered = [b""] * len(clients)
            durable: set[int] = set()
            for number in range(1, 500):
                which = rng.randrange(len(clients))
                # MQTT 5 clients keep to the Receive Maximum, which a QoS 2 message takes up for
                # longer: until its PUBREL.
                qos = rng.choice((1, 2)) if which % 2 == 0 else 1
                topic = "durable/x" if rng.random() < 0.4 else "plain"
                if topic == "durable/x":
                    durable.add(number)
                answered[which] += say(clients[which], topic, number, qos)
                expected[which] += ANSWERS[qos](number)
                if rng.random() < 0.2:
                    await asyncio.sleep(0)
                if rng.random() < 0.05:
                    await bench.store.flush()
                for n, client in enumerate(clients):
                    answered[n] += client.written()
                    assert answered[n] == expected[n][: len(answered[n])]
            await bench.settle()
            for n, client in enumerate(clients):
                assert answered[n] + client.written() == expected[n]
            assert stored_notes(tmp_path) == sorted(durable)

    run(main())


def test_a_client_that_went_gets_no_late_acknowledgement(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await keep_durable_topics(bench)
            client = await bench.client("c")
            say(client, "durable/x", 1)
            client.hand_over(DISCONNECT)
            client.lost()
            again = await bench.client("c")
            await bench.settle()
            assert client.written() == again.written() == b""
            assert stored_notes(tmp_path) == [1]

    run(main())


def test_qos_0_into_the_store_is_kept_and_answered_by_nothing(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await keep_durable_topics(bench)
            client = await bench.client("c")
            assert say(client, "durable/x", 1, qos=0) == b""
            assert say(client, "plain", 2) == puback(2)
            await bench.settle()
            assert stored_notes(tmp_path) == [1]
            assert client.written() == b""

    run(main())


def test_a_message_at_qos_2_that_comes_again_is_stored_once(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await keep_durable_topics(bench)
            client = await bench.client("c")
            assert say(client, "durable/x", 1, 2) == b""
            assert say(client, "durable/x", 1, 2) == b""  # the answer waits for the first commit
            await bench.settle()
            assert client.written() == pubrec(1) * 2
            assert say(client, "durable/x", 1, 2) == pubrec(1)
            assert await client.acknowledge(1, PUBREL) == b"\x70\x02\0\1"
            assert stored_notes(tmp_path) == [1]

    run(main())
