"""Configuring queues that are there: on disk before it holds, all of it or none."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Callable

import pytest

from gateway.errors import RegistryError
from gateway.registry import storage
from gateway.services.sqs import QueueSettings
from gateway.services.sqs.errors import (
    InvalidAttributeValue,
    InvalidParameterValue,
    MissingParameter,
    QueueDoesNotExist,
    QueueNameExists,
)
from tests.gateway.services.sqs.bench import Bench


def redrive(name: str, count: int = 3) -> str:
    arn = f"arn:aws:sqs:eu-west-1:999999999999:{name}"  # account and region make no difference
    return json.dumps({"deadLetterTargetArn": arn, "maxReceiveCount": count})


def test_what_a_queue_is_told_holds_after_a_restart(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue(DelaySeconds="1")
            await bench.queue("dead")
            bench.time.pass_ms(5000)
            await bench.service.set_attributes(
                queue, {"VisibilityTimeout": "7", "RedrivePolicy": redrive("dead")}
            )
            configuration = bench.service.configuration
            await configuration.tag(queue, {"team": "pumps", "site": "north"})
            await configuration.untag(queue, ["site"])
            await configuration.add_permission(queue, "one", ["111111111111"], ["SendMessage"])
            record = queue.record
            assert record.modified_wall_ms - record.created_wall_ms == 5000
            assert queue.attributes.delay_s == 1, "what was not named stays"
            await bench.reopen()
            queue = bench.service.find("q")
            assert queue.record == record
            assert queue.attributes.redrive is not None
            assert queue.attributes.redrive.target == "dead"
            assert queue.record.tags == {"team": "pumps"}
            await bench.service.configuration.remove_permission(queue, "one")
            assert queue.attributes.policy == ""

    run(main())


def test_new_attributes_hold_at_once(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            queue.send(b"seen")
            await bench.service.set_attributes(queue, {"DelaySeconds": "900"})
            queue.send(b"delayed")
            await bench.settle()
            assert (queue.depths().visible, queue.depths().delayed) == (1, 1)

    run(main())


@pytest.mark.parametrize(
    ("texts", "error"),
    [
        ({}, MissingParameter),
        ({"DelaySeconds": "5", "VisibilityTimeout": "x"}, InvalidAttributeValue),
        ({"DelaySeconds": "5", "RedrivePolicy": redrive("none")}, InvalidParameterValue),
        ({"DelaySeconds": "5", "RedrivePolicy": redrive("q")}, InvalidParameterValue),
        ({"DelaySeconds": "5", "RedrivePolicy": redrive("x.fifo")}, InvalidParameterValue),
    ],
)
def test_all_of_it_or_none(
    run: Callable, bench: Bench, texts: dict[str, str], error: type[Exception]
) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            await bench.queue("x.fifo", FifoQueue="true")
            record = queue.record
            with pytest.raises(error):
                await bench.service.set_attributes(queue, texts)
            assert queue.record is record

    run(main())


def test_what_cannot_be_written_down_does_not_hold(
    run: Callable, bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    def refuse(*args: object) -> None:
        raise OSError(28, "No space left on device")

    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            record, configuration = queue.record, bench.service.configuration
            with monkeypatch.context() as patch:
                patch.setattr(storage, "replace_atomically", refuse)
                for change in (
                    bench.service.set_attributes(queue, {"DelaySeconds": "5"}),
                    configuration.tag(queue, {"a": "b"}),
                    configuration.add_permission(queue, "one", ["111111111111"], ["*"]),
                ):
                    with pytest.raises(RegistryError):
                        await change
            assert queue.record is record
            await bench.service.set_attributes(queue, {"DelaySeconds": "5"})
            assert queue.attributes.delay_s == 5

    run(main())


def test_a_deleted_queue_is_not_configured(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            old = await bench.queue()
            await bench.service.delete(old)
            new = await bench.queue()
            configuration = bench.service.configuration
            for change in (
                bench.service.set_attributes(old, {"DelaySeconds": "5"}),
                configuration.tag(old, {"a": "b"}),
                configuration.untag(old, ["a"]),
                configuration.add_permission(old, "one", ["111111111111"], ["*"]),
                bench.service.purge(old),
            ):
                with pytest.raises(QueueDoesNotExist):
                    await change
            assert (new.attributes.delay_s, new.record.tags) == (0, {})

    run(main())


def test_changes_at_once_lose_nothing(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.queue()
            configuration = bench.service.configuration
            await asyncio.gather(
                *(configuration.tag(queue, {f"k{n}": str(n)}) for n in range(10)),
                *(
                    configuration.add_permission(queue, f"l{n}", ["111111111111"], ["*"])
                    for n in range(10)
                ),
                bench.service.set_attributes(queue, {"DelaySeconds": "5"}),
            )
            assert queue.record.tags == {f"k{n}": str(n) for n in range(10)}
            assert len(json.loads(queue.attributes.policy)["Statement"]) == 10
            assert queue.attributes.delay_s == 5

    run(main())


def test_whom_a_dead_letter_queue_lets_name_it(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            service = bench.service
            dead, queue = await bench.queue("dead"), await bench.queue("q")

            async def allow(permission: str, *names: str) -> None:
                document: dict[str, object] = {"redrivePermission": permission}
                if names:
                    document["sourceQueueArns"] = [service.arn(name) for name in names]
                await service.set_attributes(dead, {"RedriveAllowPolicy": json.dumps(document)})

            for permission, names in (("denyAll", ()), ("byQueue", ("other",))):
                await allow(permission, *names)
                with pytest.raises(InvalidParameterValue, match="redrive allow policy"):
                    await service.set_attributes(queue, {"RedrivePolicy": redrive("dead")})
                with pytest.raises(InvalidParameterValue, match="redrive allow policy"):
                    await bench.queue("new", RedrivePolicy=redrive("dead"))
                assert service.dead_letter_sources(dead) == []
            await allow("byQueue", "other", "q")
            await service.set_attributes(queue, {"RedrivePolicy": redrive("dead")})
            await bench.queue("other", RedrivePolicy=redrive("dead"))
            assert service.dead_letter_sources(dead) == ["other", "q"]
            await allow("denyAll")  # a queue that names it already keeps it, and can be configured
            await service.set_attributes(queue, {"DelaySeconds": "5"})
            await service.set_attributes(queue, {"RedrivePolicy": ""})
            assert service.dead_letter_sources(dead) == ["other"]

    run(main())


def test_a_queue_is_made_again_though_its_dead_letter_queue_has_gone(
    run: Callable, bench: Bench
) -> None:
    async def main() -> None:
        async with bench:
            await bench.queue("dead")
            queue = await bench.queue(RedrivePolicy=redrive("dead"))
            await bench.service.delete(bench.service.find("dead"))
            assert await bench.queue(RedrivePolicy=redrive("dead")) is queue
            with pytest.raises(QueueNameExists):
                await bench.queue(RedrivePolicy=redrive("dead", count=4))
            with pytest.raises(InvalidParameterValue, match="Dead letter target does not exist"):
                await bench.queue("new", RedrivePolicy=redrive("dead"))

    run(main())


def test_tags_are_written_when_a_queue_is_made(run: Callable, bench: Bench) -> None:
    async def main() -> None:
        async with bench:
            queue = await bench.service.create("q", {}, {"team": "pumps"})
            assert queue.record.tags == {"team": "pumps"}
            again = await bench.service.create("q", {}, {"team": "other"})
            assert again.record.tags == {"team": "pumps"}, "one that is there keeps its own"
            with pytest.raises(InvalidParameterValue):
                await bench.service.create("bad", {}, {"aws:team": "pumps"})
            assert bench.service.names() == ["q"]

    run(main())


@pytest.mark.parametrize("backwards", [False, True])
def test_declared_queues_come_in_any_order(
    run: Callable, bench: Bench, monkeypatch: pytest.MonkeyPatch, backwards: bool
) -> None:
    settings = [
        QueueSettings("dead"),
        QueueSettings("q", dead_letter_queue="dead", max_receive_count=4),
        QueueSettings("dead.fifo", fifo=True),
        QueueSettings("q.fifo", fifo=True, dead_letter_queue="dead.fifo", managed_sse=True),
    ]

    async def main() -> None:
        async with bench:
            made: list[str] = []
            declare = bench.service.declare

            async def note(queue: QueueSettings) -> object:
                made.append(queue.name)
                return await declare(queue)

            monkeypatch.setattr(bench.service, "declare", note)
            await bench.service.declare_all(settings[::-1] if backwards else settings)
            assert made.index("dead") < made.index("q")
            assert made.index("dead.fifo") < made.index("q.fifo")
            service = bench.service
            assert service.find("q").attributes.redrive is not None
            assert service.find("q").attributes.redrive.max_receive_count == 4
            assert service.find("q").attributes.redrive.dead_letter_target_arn == service.arn(
                "dead"
            )
            assert service.dead_letter_sources(service.find("dead.fifo")) == ["q.fifo"]
            assert service.find("q.fifo").attributes.encrypted
            # What settings have no key for stays; what they have one for is as they say.
            await service.configuration.tag(service.find("q"), {"a": "b"})
            await service.set_attributes(
                service.find("q"),
                {"RedriveAllowPolicy": '{"redrivePermission":"denyAll"}', "DelaySeconds": "5"},
            )
            await service.declare_all(settings)
            assert service.find("q").record.tags == {"a": "b"}
            assert service.find("q").attributes.redrive_allow_policy
            assert service.find("q").attributes.delay_s == 0

    run(main())
