"""Sessions against a plain model: whatever happens, QoS 1 arrives at least once, in order, and
QoS 2 exactly once; and once all is acknowledged, nothing is left on disk.

Devices come and go, acknowledge in any order or not at all; batches fail, the gateway is restarted
and its power cut. Each run is told by its seed.
"""

from __future__ import annotations

import asyncio
import random
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from gateway.broker import MqttSettings
from gateway.mqtt.encoding import encode_subscribe
from gateway.mqtt.packets import Subscribe, SubscriptionRequest
from gateway.mqtt.properties import Properties
from gateway.mqtt.topics import matches
from gateway.store import StoreSettings
from tests.rig.mqtt_bench import Bench, open_bench
from tests.rig.mqtt_devices import Device, Reader, Sender, Sent
from tests.rig.mqtt_disk import MIB, compare, cut_power, fail_batch, rows, while_committing

Run = Callable[[Any], None]
STEPS = 120
TOPICS = ("t/a", "t/b", "u")
FILTERS = ("t/#", "t/a", "t/+", "u", "#")

# Nothing here depends on the disk's cache: a power cut is a copy of the files.
QUICK = StoreSettings(max_bytes=64 * MIB, reserve_bytes=8 * MIB, synchronous="OFF")


class World:
    """The broker, its devices, and what may happen to them."""

    def __init__(self, bench: Bench, rng: random.Random, folder: Path) -> None:
        self.bench = bench
        self.rng = rng
        self.folder = folder
        self.step = 0
        self.senders = [Sender(f"sender-{number}", rng) for number in range(2)]
        self.readers = [Reader(f"reader-{number}", rng) for number in range(3)]
        self.cuts = 0

    @property
    def devices(self) -> list[Device]:
        return [*self.senders, *self.readers]

    async def begin(self) -> None:
        for sender in self.senders:
            sender.connect(self.bench)
        for reader in self.readers:
            await self.new_session(reader)
        await self.settle_and_read()

    async def new_session(self, reader: Reader) -> None:
        """Start clean, and subscribe to something else."""
        await self.bench.settle()
        reader.connect(self.bench, clean=True)
        await self.bench.settle()
        reader.forget()
        reader.read()
        reader.connect(self.bench)  # kept from now on, whatever the protocol level
        await self.bench.settle()
        reader.read()
        assert reader.greeted
        wanted = {
            topic_filter: self.rng.randrange(3)
            for topic_filter in self.rng.sample(FILTERS, self.rng.randint(1, 3))
        }
        requests = tuple(SubscriptionRequest(*one) for one in wanted.items())
        reader.send(encode_subscribe(Subscribe(1, requests, Properties()), reader.level))
        await self.bench.settle()
        reader.read()
        reader.filters = wanted
        reader.since = self.step

    async def settle_and_read(self) -> None:
        await self.bench.settle()
        for device in self.devices:
            device.read()

    def publish(self) -> None:
        sender = self.rng.choice(self.senders)
        for _ in range(self.rng.randint(1, 4)):
            sender.publish(
                self.step,
                self.rng.choice(TOPICS),
                self.rng.choice((0, 1, 1, 2, 2)),
                retain=self.rng.random() < 0.2,
            )

    async def act(self) -> None:
        """Let one thing happen."""
        self.step += 1
        what = self.rng.random()
        device = self.rng.choice(self.devices)
        if what < 0.35:
            self.publish()
        elif what < 0.50:
            await self.settle_and_read()
        elif what < 0.53:
            device.read()
        elif what < 0.57:
            for _ in range(self.rng.randint(1, 4)):
                await asyncio.sleep(0)  # a batch begins, or is on disk
        elif what < 0.70:
            self.rng.choice(self.readers).acknowledge(self.rng.randint(1, 5))
        elif what < 0.76:
            device.lose()
        elif what < 0.88:
            device.connect(self.bench, receive_maximum=self.rng.choice((1, 3, 7)))
        elif what < 0.91:
            while_committing(self.bench, self.meanwhile)
            await fail_batch(self.bench)
            for sender in self.senders:
                sender.read()  # one that missed its refusals would send again behind later messages
        elif what < 0.94:
            self.bench.time.advance(1)
            await self.bench.tick()
        elif what < 0.96:
            await self.new_session(self.rng.choice(self.readers))
        elif what < 0.98:
            await self.bench.restart()
            self.part_all()
        else:
            await self.cut_power()

    def meanwhile(self) -> None:
        """Let something happen while a batch is being written."""
        for _ in range(self.rng.randrange(3)):
            self.publish()
            self.rng.choice(self.devices).read()
            self.rng.choice(self.readers).acknowledge(2)

    async def cut_power(self) -> None:
        await self.bench.settle()
        self.meanwhile()
        self.cuts += 1
        await cut_power(self.bench, self.folder / f"after-{self.cuts}")
        self.part_all()

    def part_all(self) -> None:
        for device in self.devices:
            device.part()

    async def finish(self) -> None:
        """Let everybody come back, read and acknowledge until nothing more happens."""
        await self.bench.settle()
        for device in self.devices:
            device.connect(self.bench)
        quiet = 0
        while quiet < 3:
            await self.bench.settle()
            taken = sum(device.read() for device in self.devices)
            for reader in self.readers:
                reader.acknowledge(len(reader.owed))
            quiet = 0 if taken else quiet + 1
        assert not any(sender.open for sender in self.senders)
        assert not any(reader.owed for reader in self.readers)

    def check(self) -> None:
        for reader in self.readers:
            for sender in self.senders:
                self.check_deliveries(reader, sender)

    def check_deliveries(self, reader: Reader, sender: Sender) -> None:
        live = [r for r in reader.received if r.payload in sender.sent and not r.retain]
        times = Counter(r.payload for r in live)
        for message in sender.sent.values():
            granted = [q for f, q in reader.filters.items() if matches(f, message.topic)]
            qos = min(message.qos, max(granted)) if granted else -1
            came = times[message.payload]
            if qos < 0:
                assert not came, message
            elif message.first_handed > reader.since and qos and message.accepted:
                assert came >= 1, f"{message} is lost for {reader.name}"
            if qos == 2:
                assert came <= 1, f"{message} came {came} times to {reader.name}"
        for topic in TOPICS:
            first = list(dict.fromkeys(r.payload for r in live if r.qos and r.topic == topic))
            # One that was sent before this session, and again in it, may come behind later ones.
            messages = [sender.sent[payload] for payload in first]
            numbers = [m.number for m in messages if m.first_handed > reader.since]
            assert numbers == sorted(numbers), f"{topic} to {reader.name}: {numbers}"


def check_retained(world: World) -> None:
    """What is retained was published so, and no topic has lost what was acknowledged."""
    retained = world.bench.broker.router.retained
    sent: dict[bytes, Sent] = {}
    for sender in world.senders:
        sent.update(sender.sent)
    for topic in TOPICS:
        kept = retained.get(topic.encode())
        wanted = [m for m in sent.values() if m.topic == topic and m.retain]
        if kept is not None:
            assert sent[kept[0].payload] in wanted
        else:
            assert not any(message.accepted for message in wanted)


@pytest.mark.parametrize("seed", range(1, 9))
def test_messages_arrive_as_their_qos_promises_whatever_happens(
    run: Run, tmp_path: Path, seed: int
) -> None:
    print(f"seed {seed}")

    async def main() -> None:
        rng = random.Random(seed)
        settings = MqttSettings(max_inflight=rng.choice((2, 5, 100)))
        async with open_bench(tmp_path, settings, QUICK) as bench:
            world = World(bench, rng, tmp_path)
            await world.begin()
            for _ in range(STEPS):
                await world.act()
            await world.finish()
            world.check()
            await compare(bench)
            check_retained(world)
            left = rows(bench)
            assert left.pop("mqtt_session") == 5
            assert left.pop("mqtt_subscription") == sum(len(r.filters) for r in world.readers)
            retained = left.pop("mqtt_retained", 0)
            left.pop("mqtt_extra", 0)  # of retained messages that somebody had to get
            assert left == ({"mqtt_message": retained} if retained else {})
            assert bench.count("mqtt.stored_bytes") == bench.count("mqtt.queued_bytes") == 0

    run(main())
