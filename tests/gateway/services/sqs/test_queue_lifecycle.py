"""Queues: made, declared, deleted, and whole or gone after a crash at any step."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.errors import RegistryError
from gateway.registry import Registry, storage
from gateway.services.sqs import NewMessage, QueueSettings
from gateway.services.sqs.errors import (
    InvalidAttributeName,
    InvalidAttributeValue,
    InvalidParameterValue,
    QueueDoesNotExist,
    QueueNameExists,
)
from tests.gateway.services.sqs.bench import Bench, bodies


def test_creating_again_returns_the_same_queue(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue(VisibilityTimeout="5")
            assert await bench.queue() is queue
            assert await bench.queue(VisibilityTimeout="5", DelaySeconds="0") is queue
            with pytest.raises(QueueNameExists, match="different value for attribute DelaySeconds"):
                await bench.queue(VisibilityTimeout="5", DelaySeconds="6")
            await bench.reopen()
            again = bench.service.find("q")
            assert again.record == queue.record
            assert again.attributes.visibility_timeout_s == 5

    run(main())


def test_two_who_create_at_once_get_one_queue(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queues = await asyncio.gather(*(bench.queue() for _ in range(10)))
            assert len(set(queues)) == 1
            assert bench.rows("sqs_queue") == 1

    run(main())


@pytest.mark.parametrize("name", ["", "a b", "ä", "a/b", "x" * 81, "a.b", "orders.fifo"])
def test_names_that_are_refused(run: Callable, bench: Bench, name: str) -> None:
    async def main() -> None:
        async with bench:
            with pytest.raises(InvalidParameterValue):
                await bench.queue(name)
            assert bench.rows("sqs_queue") == 0

    run(main())


@pytest.mark.parametrize(
    ("attribute", "value", "error"),
    [
        ("VisibilityTimeout", "43201", InvalidAttributeValue),
        ("VisibilityTimeout", "-1", InvalidAttributeValue),
        ("VisibilityTimeout", "ten", InvalidAttributeValue),
        ("VisibilityTimeout", "", InvalidAttributeValue),
        ("VisibilityTimeout", "9" * 5000, InvalidAttributeValue),
        ("VisibilityTimeout", "\u0661", InvalidAttributeValue),
        ("MessageRetentionPeriod", "59", InvalidAttributeValue),
        ("MaximumMessageSize", "1048577", InvalidAttributeValue),
        ("DelaySeconds", "901", InvalidAttributeValue),
        ("ReceiveMessageWaitTimeSeconds", "21", InvalidAttributeValue),
        ("QueueArn", "arn:aws:sqs:us-east-1:0:q", InvalidAttributeName),
        ("Colour", "red", InvalidAttributeName),
        ("FifoQueue", "true", InvalidParameterValue),
        ("FifoQueue", "false", InvalidAttributeName),
        ("RedrivePolicy", "{}", InvalidParameterValue),
        ("Policy", "{}", InvalidAttributeValue),
    ],
)
def test_attributes_that_are_refused(
    run: Callable, bench: Bench, attribute: str, value: str, error: type[Exception]
) -> None:
    async def main() -> None:
        async with bench:
            with pytest.raises(error):
                await bench.queue(**{attribute: value})
            assert bench.service.queue("q") is None

    run(main())


def test_declared_queues_follow_the_settings(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.service.declare(QueueSettings("alarms", visibility_timeout_s=7))
            queue.send(b"kept")
            written = bench.registry.path.stat().st_mtime_ns
            assert await bench.service.declare(QueueSettings("alarms", visibility_timeout_s=7))
            assert bench.registry.path.stat().st_mtime_ns == written  # nothing has changed
            bench.time.pass_ms(5000)
            changed = await bench.service.declare(QueueSettings("alarms", delay_s=3))
            assert changed is queue
            assert queue.attributes.visibility_timeout_s == 30
            assert queue.record.modified_wall_ms - queue.record.created_wall_ms == 5000
            await bench.reopen()
            queue = bench.service.find("alarms")
            assert queue.attributes.delay_s == 3
            assert bodies(await queue.receive()) == [b"kept"]

    run(main())


def test_a_deleted_queue_is_gone_with_all_it_had(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue, other = await bench.queue(), await bench.queue("other")
            for _ in range(600):
                queue.send(b"x")
            await queue.send_all([NewMessage(b"x", delay_s=9)] * 300)
            await queue.receive(most=10)
            other.send(b"stays")
            await bench.service.delete(queue)
            with pytest.raises(QueueDoesNotExist):
                bench.service.find("q")
            with pytest.raises(QueueDoesNotExist):
                await bench.service.delete(queue)
            again = await bench.queue()
            assert again.record.number != queue.record.number
            assert await again.receive(most=10) == []
            await bench.service.removals_done()
            assert (bench.rows("sqs_message"), bench.rows("sqs_hidden")) == (1, 0)
            assert bench.rows("sqs_queue") == 2
            await bench.reopen()
            assert bench.service.names() == ["other", "q"]
            assert bodies(await bench.service.find("other").receive()) == [b"stays"]

    run(main())


def test_a_record_that_cannot_be_written_leaves_no_queue(
    run: Callable, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> None:
        raise OSError(28, "No space left on device")

    async def main() -> None:
        async with bench:
            kept = await bench.queue("kept")
            with monkeypatch.context() as patch:
                patch.setattr(storage, "replace_atomically", refuse)
                with pytest.raises(RegistryError):
                    await bench.queue()
                with pytest.raises(RegistryError):
                    await bench.service.delete(kept)
            await bench.service.removals_done()
            assert bench.service.names() == ["kept"]
            assert bench.rows("sqs_queue") == 1
            kept.send(b"still works")
            await bench.queue()

    run(main())


@pytest.mark.parametrize("deleting", [False, True], ids=["create", "delete"])
def test_a_crash_at_any_step_leaves_a_queue_whole_or_gone(
    run: Callable, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, deleting: bool
) -> None:
    """Copies of the folder, taken before and after each write, are what a crash leaves."""
    live = tmp_path / "live"
    live.mkdir()
    images: list[Path] = []

    def crash_image() -> None:
        images.append(shutil.copytree(live, tmp_path / f"image-{len(images)}"))

    replace = storage.replace_atomically

    def replace_between_images(path: Path, data: bytes, mode: int) -> None:
        crash_image()
        replace(path, data, mode)
        crash_image()

    async def make_images() -> None:
        async with Bench(live) as bench:
            (await bench.queue("bystander")).send(b"stays")
            if deleting:
                queue = await bench.queue()
                for _ in range(600):
                    queue.send(b"x")
                await queue.send_all([NewMessage(b"x", delay_s=9)])
                await queue.receive(most=10)
            await bench.store.flush()
            monkeypatch.setattr(storage, "replace_atomically", replace_between_images)
            bench.store.after_commit.append(crash_image)
            crash_image()
            if deleting:
                await bench.service.delete(bench.service.find("q"))
                await bench.service.removals_done()
            else:
                await bench.queue()
            bench.store.after_commit.remove(crash_image)
            monkeypatch.undo()

    async def look(image: Path) -> bool:
        async with Bench(image) as bench:
            await bench.service.removals_done()
            recorded = {d["number"] for d in bench.registry.all("queues").values()}
            stored = {n for (n,) in bench.store.reader.execute("SELECT queue FROM sqs_queue")}
            assert recorded == stored
            there = bench.service.queue("q") is not None
            if there and deleting:
                assert bench.counters(bench.service.find("q")) == (601, 11, 10, 1)
            else:
                assert bench.rows("sqs_message") == 1
            if not there:
                assert await (await bench.queue()).receive(most=10) == []
            bench.service.find("q").send(b"works")
            assert bodies(await bench.service.find("bystander").receive()) == [b"stays"]
            return there

    run(make_images())
    assert len(images) >= (6 if deleting else 4)
    seen = []
    for image in images:
        run(_into(look(image), seen))
    assert seen == sorted(seen, reverse=deleting), "it came and went"
    assert set(seen) == {True, False}


async def _into(looking: object, seen: list[bool]) -> None:
    seen.append(await looking)


def test_a_registry_from_another_gateway_brings_its_queues_empty(
    run: Callable, tmp_path: Path
) -> None:
    async def main() -> None:
        there, here = tmp_path / "there", tmp_path / "here"
        for folder in (there, here):
            folder.mkdir()
        async with Bench(there) as bench:
            (await bench.queue("alarms", VisibilityTimeout="5")).send(b"stays there")
        async with Bench(here) as bench:
            own = await bench.queue("own")  # has the number that `alarms` has over there
            own.send(b"of another queue")
        shutil.copy(there / "registry.json", here)
        async with Bench(here) as bench:
            await bench.service.removals_done()
            assert bench.service.names() == ["alarms"]
            queue = bench.service.find("alarms")
            assert queue.attributes.visibility_timeout_s == 5
            assert await queue.receive() == []
            queue.send(b"works")
            assert bench.rows("sqs_queue") == 1
            record = queue.record
            await bench.reopen()
            assert bench.service.find("alarms").record == record
            assert bodies(await bench.service.find("alarms").receive()) == [b"works"]

    run(main())


def test_a_lost_registry_is_not_the_wish_to_delete_everything(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            queue.send(b"precious")
        text = bench.registry.path.read_bytes()
        bench.registry.path.unlink()
        with pytest.raises(RegistryError, match="is missing, but the database") as raised:
            await bench.open()
        assert "Put a copy of it back" in raised.value.hint
        bench.registry.path.write_bytes(text)
        async with bench:
            assert bodies(await bench.service.find("q").receive()) == [b"precious"]

    run(main())


@pytest.mark.parametrize(
    "change",
    [
        {"number": "one"},
        {"number": True},
        {"uid": "xyz"},
        {"attributes": []},
        {"attributes": {"colour": 1}},
        {"created_wall_ms": None},
    ],
)
def test_a_damaged_record_is_reported(run: Callable, bench: Bench, change: dict) -> None:
    async def main() -> None:
        async with bench:
            await bench.queue()
        path = bench.registry.path
        document = json.loads(path.read_text())
        document["queues"]["q"].update(change)
        path.write_text(json.dumps(document))
        with pytest.raises(RegistryError, match="record of the queue 'q' is damaged"):
            await bench.open()
        assert json.loads(path.read_text()) == document

    run(main())


def test_who_gives_up_creating_leaves_no_half_of_a_queue(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            for turns in range(1, 12):
                creating = asyncio.create_task(bench.queue(f"q{turns}"))
                for _ in range(turns):
                    await asyncio.sleep(0)
                creating.cancel()
                await asyncio.wait([creating])
        registry = await Registry.open(bench.registry.path)
        recorded = {d["number"] for d in registry.all("queues").values()}
        async with bench:
            stored = {n for (n,) in bench.store.reader.execute("SELECT queue FROM sqs_queue")}
            assert recorded == stored != set()

    run(main())


def test_queues_are_listed_and_found(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            for name in ("b", "ab", "aa"):
                await bench.queue(name)
            assert bench.service.names() == ["aa", "ab", "b"]
            assert bench.service.names("a") == ["aa", "ab"]
            assert bench.service.names("", after="aa") == ["ab", "b"]
            for url in (
                "b",
                "http://elsewhere:1/123456789012/b",
                "https://sqs.eu-west-1.amazonaws.com/999999999999/b/",
                "arn:aws:sqs:eu-west-1:999999999999:b",
            ):
                assert bench.service.find(url).record.name == "b"
            assert bench.service.arn("b") == "arn:aws:sqs:us-east-1:000000000000:b"
            assert [s.name for s in bench.service.status()] == ["aa", "ab", "b"]

    run(main())
