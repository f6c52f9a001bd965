"""Messages that cannot be kept: MQTT 5 is told so, MQTT 3.1.1 is closed, and both may try again."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.broker import MqttSettings
from gateway.errors import StoreError
from gateway.mqtt.encoding import encode_disconnect, encode_publish
from gateway.mqtt.packets import PUBREL, Disconnect, Publish
from gateway.mqtt.properties import Properties
from gateway.mqtt.reason_codes import ReasonCode
from gateway.store import Insert
from tests.gateway.broker.durable import ANSWERS, keep_durable_topics, pubrec, say
from tests.rig.mqtt_bench import Bench, open_bench, puback, split
from tests.rig.stores import KIB, files_no_larger_than, fill_store, stored_notes

Run = Callable[[Any], None]
EACH_QOS = pytest.mark.parametrize("qos", [1, 2])
HEADS = {1: b"\x40\x03", 2: b"\x50\x03"}
HOUR = Properties(session_expiry_interval_s=3600)
KEPT: dict[int, dict[str, Any]] = {
    4: {"level": 4, "clean_start": False},
    5: {"level": 5, "clean_start": False, "properties": HOUR},
}


def refusal(identifier: int, qos: int = 1) -> bytes:
    """What MQTT 5 is told: quota exceeded (0x97)."""
    return HEADS[qos] + identifier.to_bytes(2, "big") + b"\x97"


async def fail(bench: Bench, insert: Insert) -> None:
    """Spoil the open batch, and wait until it has failed."""
    for _ in range(2):
        bench.store.add(insert, (0, b""), 1)  # the same key twice
    with pytest.raises(StoreError):
        await bench.store.flush()


# --- a full store -------------------------------------------------------------------------------


@EACH_QOS
def test_a_full_store_closes_an_mqtt_3_1_1_publisher_without_an_acknowledgement(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture, qos: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await keep_durable_topics(bench)
            await fill_store(bench.store)
            subscriber = await bench.client("s")
            await subscriber.subscribe(("#", 1))
            before = stored_notes(tmp_path)
            for attempt in range(3):
                client = await bench.client("c", level=4)
                assert say(client, "durable/x", 1, qos) == b""
                assert client.closed and client.error is None
                assert await subscriber.messages() == []  # all or nothing
                client.lost()
                assert bench.count("mqtt.publish.refused") == attempt + 1
            plain = await bench.client("plain", level=4)
            assert say(plain, "plain", 1, qos) == ANSWERS[qos](1)
            assert len(await subscriber.messages()) == 1
            assert stored_notes(tmp_path) == before

    run(main())
    assert caplog.text.count("publishers are refused") == 1


@EACH_QOS
def test_a_full_store_is_told_to_an_mqtt_5_publisher_which_stays_connected(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture, qos: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await keep_durable_topics(bench)
            await fill_store(bench.store)
            before = stored_notes(tmp_path)
            subscriber, client = await bench.client("s"), await bench.client("c")
            await subscriber.subscribe(("#", 2))
            for attempt in range(3):
                assert say(client, "durable/x", 1, qos, dup=attempt > 0) == refusal(1, qos)
            assert await subscriber.messages() == []
            assert say(client, "plain", 1, qos) == ANSWERS[qos](1)
            assert [m.payload for m in await subscriber.messages()] == [b"1"]
            assert not client.closed
            assert bench.count("mqtt.publish.refused") == 3
            assert stored_notes(tmp_path) == before

    run(main())
    assert caplog.text.count("publishers are refused") == 1


@pytest.mark.parametrize("level", [4, 5])
def test_qos_0_that_a_full_store_refuses_is_counted_and_still_delivered(
    run: Run, tmp_path: Path, level: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            await keep_durable_topics(bench)
            await fill_store(bench.store)
            subscriber = await bench.client("s", level=level)
            await subscriber.subscribe(("#", 1))
            client = await bench.client("c", level=level)
            assert say(client, "durable/x", 1, qos=0) == b""
            assert not client.closed
            assert bench.count("mqtt.publish.refused") == 1
            assert [m.payload for m in await subscriber.messages()] == [b"1"]

    run(main())


def test_refusals_are_reported_again_in_a_later_burst(
    run: Run, tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            insert = await keep_durable_topics(bench)
            client = await bench.client("c")
            for sweep in range(4):
                if sweep != 2:  # in this interval nothing is refused
                    say(client, "durable/x", 1)
                    await fail(bench, insert)
                    assert client.written() == refusal(1)
                await bench.tick()

    run(main())
    assert caplog.text.count("publishers are refused") == 2


@pytest.mark.parametrize("reason", ["not authorized", "store full", "failed batch"])
def test_a_refused_qos_2_message_counts_no_longer(run: Run, tmp_path: Path, reason: str) -> None:
    """A PUBREC that says no is the end of it: no PUBREL follows, and Receive Maximum is free."""

    async def main() -> None:
        async with open_bench(tmp_path, MqttSettings(receive_maximum=2)) as bench:
            insert = await keep_durable_topics(bench)
            if reason == "store full":
                await fill_store(bench.store)
            client = await bench.client("c")
            for number in range(1, 6):
                topic = "$SYS/x" if reason == "not authorized" else "durable/x"
                answer = say(client, topic, number, 2)
                if reason == "failed batch":
                    await fail(bench, insert)
                    answer += client.written()
                assert (answer[:1], answer[4] >= 0x80) == (b"\x50", True)
            assert not client.closed
            assert not bench.broker.sessions["c"].received

    run(main())


# --- a batch that fails -------------------------------------------------------------------------


def test_a_commit_that_fails_acknowledges_nothing_that_hangs_on_it_or_the_next(
    run: Run, tmp_path: Path
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            insert = await keep_durable_topics(bench)
            old = [await bench.client(name, level=4) for name in "ab"]
            new = [await bench.client(name) for name in "cd"]
            clients = [*old, *new]
            with files_no_larger_than(300 * KIB):
                bench.store.add(insert, (500, b"x" * 400 * KIB), 1)
                for number, client in enumerate(clients, 1):
                    say(client, "durable/x", number, 1 + number % 2)
                    say(client, "plain", number + 10)
                batch = bench.store.batch
                while bench.store.batch == batch:
                    await asyncio.sleep(0)
                say(old[0], "durable/x", 30)  # these join the batch behind
                say(new[0], "durable/x", 31)
                while not bench.count("store.failures"):
                    await asyncio.sleep(0)
                with pytest.raises(StoreError):
                    await bench.store.flush()
            assert [client.closes for client in clients] == [1, 1, 0, 0]
            assert [client.written() for client in old] == [b"", b""]
            # Those that only waited for their turn have happened.
            assert new[0].written() == refusal(3, 2) + puback(13) + refusal(31)
            assert new[1].written() == refusal(4, 1) + puback(14)
            for client in old:
                client.lost()
            await bench.settle()
            assert stored_notes(tmp_path) == []

            again = await bench.client("a", level=4)
            say(again, "durable/x", 1, dup=True)
            say(new[0], "durable/x", 31, dup=True)
            await bench.settle()
            assert again.written() == puback(1)
            assert new[0].written() == puback(31)
            assert stored_notes(tmp_path) == [1, 31]

    run(main())


@pytest.mark.parametrize("level", [4, 5])
def test_a_qos_2_message_refused_with_its_batch_is_no_duplicate_when_it_comes_again(
    run: Run, tmp_path: Path, level: int
) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            insert = await keep_durable_topics(bench)
            publisher = await bench.client("p", **KEPT[level])
            away = await bench.client("away", **KEPT[level])
            await away.subscribe(("durable/#", 2))
            await away.disconnect()
            assert say(publisher, "durable/x", 7, 2) == b""
            await fail(bench, insert)
            assert publisher.closed is (level == 4)
            assert publisher.written() == (b"" if level == 4 else refusal(7, 2))
            if level == 4:
                publisher.lost()
                publisher = await bench.client("p", **KEPT[level])
                assert publisher.connack.session_present
            assert bench.broker.sessions["p"].received == set()
            assert stored_notes(tmp_path) == []

            say(publisher, "durable/x", 7, 2, dup=True)
            await bench.settle()
            assert publisher.written() == pubrec(7)
            await bench.restart()  # what it was told is on disk
            publisher = await bench.client("p", **KEPT[level])
            assert say(publisher, "durable/x", 7, 2, dup=True) == pubrec(7)
            assert await publisher.acknowledge(7, PUBREL) == b"\x70\x02\0\7"
            assert stored_notes(tmp_path) == [7]
            away = await bench.client("away", **KEPT[level])
            assert [m.payload for m in await away.messages()] == [b"7"]

    run(main())


def test_a_refused_qos_2_message_may_come_again_on_the_same_connection(
    run: Run, tmp_path: Path
) -> None:
    """Of a session that is not kept nothing is on disk: memory alone has to forget it."""

    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            insert = await keep_durable_topics(bench)
            publisher, subscriber = await bench.client("p"), await bench.client("s", **KEPT[5])
            await subscriber.subscribe(("durable/#", 2))
            say(publisher, "durable/x", 7, 2)
            await fail(bench, insert)
            assert publisher.written() == refusal(7, 2)
            assert await subscriber.messages() == []
            say(publisher, "durable/x", 7, 2)
            await bench.settle()
            assert publisher.written() == pubrec(7)
            assert [m.payload for m in await subscriber.messages()] == [b"7"]
            assert stored_notes(tmp_path) == [7]

    run(main())


def test_a_qos_2_message_taken_before_the_failure_stays_taken(run: Run, tmp_path: Path) -> None:
    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            insert = await keep_durable_topics(bench)
            publisher = await bench.client("p", **KEPT[5])
            say(publisher, "durable/x", 7, 2)
            await bench.settle()
            assert publisher.written() == pubrec(7)
            say(publisher, "durable/x", 8, 2)
            say(publisher, "durable/x", 7, 2, dup=True)  # its answer waits behind the other's
            await fail(bench, insert)
            assert publisher.written() == refusal(8, 2) + pubrec(7)
            assert say(publisher, "durable/x", 7, 2, dup=True) == pubrec(7)
            assert stored_notes(tmp_path) == [7]

    run(main())


def test_what_is_no_acknowledgement_cannot_be_refused_so_that_its_client_is_closed(
    run: Run, tmp_path: Path
) -> None:
    """A SUBACK, or the CONNACK itself, has been promised nothing: the client begins again."""

    async def main() -> None:
        async with open_bench(tmp_path) as bench:
            insert = await keep_durable_topics(bench)
            client = await bench.client("c", **KEPT[5])
            say(client, "durable/x", 1)
            subscribing = b"\x82\x07\0\1\0\0\1a\1"
            client.hand_over(subscribing)
            await fail(bench, insert)
            assert client.closed
            goodbye = encode_disconnect(Disconnect(ReasonCode.QUOTA_EXCEEDED), 5)
            assert client.written() == goodbye
            client.lost()
            again = await bench.client("c", **KEPT[5])
            assert (await again.send(subscribing)).startswith(b"\x90")
            await bench.restart()
            assert list(bench.broker.sessions["c"].subscriptions) == ["a"]

    run(main())


@pytest.mark.parametrize("level", [4, 5])
def test_what_is_acknowledged_survives_any_row_of_failures(
    run: Run, tmp_path: Path, level: int
) -> None:
    async def main() -> None:
        rng = random.Random(7 + level)
        async with open_bench(tmp_path) as bench:
            await keep_durable_topics(bench)
            acknowledged: set[int] = set()
            client = await bench.client("c", level=level)
            failures = 0
            for number in range(1, 300):
                if client.closed:
                    client.lost()
                    client = await bench.client("c", level=level)
                row = number if rng.random() < 0.9 else max(acknowledged, default=number)
                packet = Publish("durable/x", b"%d" % row, 1, packet_identifier=number)
                client.hand_over(encode_publish(packet, level))
                if rng.random() < 0.3:
                    try:
                        await bench.store.flush()
                    except StoreError:
                        failures += 1
                for answer in split(client.written()):
                    if answer[1] == 2:  # without a reason code: success
                        acknowledged.add(int.from_bytes(answer[2:4], "big"))
            assert failures > 3 and len(acknowledged) > 50
            assert acknowledged <= set(stored_notes(tmp_path))

    run(main())
