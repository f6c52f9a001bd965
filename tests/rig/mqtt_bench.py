"""A broker without sockets: clients of both protocol versions whose bytes the test hands over.

The store is a real one, time is the test's own. `restart` throws the broker away and starts another
on the same files, as after a crash: connections are gone, nothing was said.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from gateway.broker import Broker, MqttSettings
from gateway.broker.connection import Connection
from gateway.broker.profile import profile_named
from gateway.clock import Clock
from gateway.metrics import Metrics
from gateway.mqtt.decoding import decode_connack, decode_publish, decode_suback, decode_unsuback
from gateway.mqtt.encoding import (
    encode_acknowledgement,
    encode_connect,
    encode_disconnect,
    encode_publish,
    encode_subscribe,
    encode_unsubscribe,
)
from gateway.mqtt.errors import MqttError
from gateway.mqtt.packets import (
    CONNACK,
    PUBACK,
    PUBLISH,
    SUBACK,
    UNSUBACK,
    Acknowledgement,
    Connack,
    Connect,
    Disconnect,
    Publish,
    Subscribe,
    SubscriptionRequest,
    Unsubscribe,
    next_packet,
)
from gateway.mqtt.properties import EMPTY, Properties
from gateway.store import Store, StoreSettings
from tests.rig.fake_time import FakeTime
from tests.rig.stores import SMALL

ACCEPTED = b"\x20\x02\x00\x00"  # the CONNACK of MQTT 3.1.1 without a session
PINGREQ = b"\xc0\x00"
PINGRESP = b"\xd0\x00"
DISCONNECT = b"\xe0\x00"


class Bench:
    """A broker on a real store, its counters, and clients on it."""

    def __init__(self, folder: Path, settings: MqttSettings, store_settings: StoreSettings) -> None:
        self.folder = folder
        self.settings = settings
        self.store_settings = store_settings
        self.time = FakeTime()
        self.broker: Broker
        self.store: Store
        self.metrics: Metrics
        self.start()

    def start(self) -> None:
        self.metrics = Metrics()
        clock = Clock(self.time.sources())
        self.store = Store(self.folder / "weir.db", self.store_settings, clock, self.metrics)
        self.broker = Broker(self.settings, self.store, clock, self.metrics)

    async def restart(self) -> None:
        """Start again on the same files; what was committed is there."""
        await self.store.close()
        self.start()

    def count(self, name: str) -> float:
        return self.metrics.snapshot().get(name, 0)

    async def settle(self) -> None:
        """Wait for the commits of all that was done, and for what they set off."""
        await self.store.flush()
        await self.store.flush()

    async def tick(self) -> None:
        """Do what the gateway does once a second."""
        self.broker.sweep(self.time.monotonic_s)
        await self.settle()

    def raw(self, profile: str = "standard") -> WireClient:
        return WireClient(self, profile)

    async def client(
        self,
        client_id: str = "c",
        *,
        level: int = 5,
        profile: str = "standard",
        **connect: object,
    ) -> WireClient:
        """Connect a client; its CONNACK is checked and taken away."""
        client = WireClient(self, profile)
        packet = replace(Connect("MQTT", level, client_id=client_id), **connect)  # type: ignore[arg-type]
        await client.connect(packet)
        return client


class WireClient:
    """One connection; what the broker writes gathers until the test takes it.

    Attributes:
        closes: How often the connection asked to be closed.
        error: What the client was told to have done wrong.
        connack: The CONNACK, once `connect` has it.
    """

    def __init__(self, bench: Bench, profile: str = "standard") -> None:
        self.bench = bench
        self.closes = 0
        self.level = 5
        self.error: MqttError | None = None
        self.connack = Connack(False, 0x80)
        self._gathered = b""
        broker = bench.broker
        self.connection = Connection(
            broker,
            profile_named(profile, broker.settings),
            "192.0.2.1",
            self._wake,
            self._close,
            bench.time.monotonic_s,
        )
        broker.opened(self.connection)

    def _wake(self) -> None:
        assert not self.connection.outlet.out, "woken while there was something to write already"

    def _close(self) -> None:
        self.closes += 1

    @property
    def closed(self) -> bool:
        return self.connection.closed

    def hand_over(self, data: bytes) -> None:
        """Hand bytes to the broker as the listener does."""
        if not self.closed:
            try:
                self.connection.receive(data, self.bench.time.monotonic_s)
            except MqttError as error:
                self.error = error
                self.connection.fail(error)

    async def send(self, data: bytes) -> bytes:
        """Hand bytes over, wait for the commits, and return what the broker writes."""
        self.hand_over(data)
        return await self.out()

    async def out(self) -> bytes:
        """Take what the broker has written, commits waited for."""
        await self.bench.settle()
        return self.written()

    def written(self) -> bytes:
        """Take what the broker has written by now, without waiting for a commit."""
        self._take()
        data, self._gathered = self._gathered, b""
        return data

    def _take(self) -> None:
        outlet = self.connection.outlet
        while outlet.out:
            self._gathered += outlet.take()
            session = self.connection.session
            if outlet.more and session is not None and session.connection is self.connection:
                outlet.more = False
                session.outgoing.drain()

    def lost(self) -> None:
        """The TCP connection is gone."""
        self.connection.lost()

    async def connect(self, packet: Connect) -> None:
        self.level = packet.protocol_level
        answer = await self.send(encode_connect(packet))
        first, *rest = split(answer)
        assert first[0] >> 4 == CONNACK, first.hex()
        self.connack = decode_connack(body(first), self.level)
        assert self.connack.reason_code == 0, self.connack
        self._gathered = b"".join(rest) + self._gathered

    async def disconnect(self, reason_code: int = 0, properties: Properties = EMPTY) -> bytes:
        answer = await self.send(encode_disconnect(Disconnect(reason_code, properties), self.level))
        self.lost()
        return answer

    async def subscribe(
        self,
        *wanted: SubscriptionRequest | tuple[str, int],
        identifier: int = 7,
        properties: Properties = EMPTY,
    ) -> bytes:
        """Subscribe; return the codes of the SUBACK. Messages that came with it are kept."""
        requests = tuple(
            one if isinstance(one, SubscriptionRequest) else SubscriptionRequest(*one)
            for one in wanted
        )
        packet = Subscribe(identifier, requests, properties)
        answer = await self._answer(encode_subscribe(packet, self.level), SUBACK)
        suback = decode_suback(answer, self.level)
        assert suback.packet_identifier == identifier
        return suback.reason_codes

    async def unsubscribe(
        self, *filters: str, identifier: int = 8, properties: Properties = EMPTY
    ) -> bytes:
        """Unsubscribe; return the codes of the UNSUBACK, none at level 4."""
        packet = Unsubscribe(identifier, filters, properties)
        answer = await self._answer(encode_unsubscribe(packet, self.level), UNSUBACK)
        unsuback = decode_unsuback(answer, self.level)
        assert unsuback.packet_identifier == identifier
        return unsuback.reason_codes

    async def _answer(self, data: bytes, kind: int) -> bytes:
        packets = split(await self.send(data))
        answers = [packet for packet in packets if packet[0] >> 4 == kind]
        assert len(answers) == 1, [packet.hex() for packet in packets]
        others = [packet for packet in packets if packet[0] >> 4 != kind]
        self._gathered = b"".join(others) + self._gathered
        return body(answers[0])

    async def publish(
        self,
        topic: str,
        payload: bytes = b"",
        *,
        qos: int = 0,
        identifier: int = 1,
        retain: bool = False,
        dup: bool = False,
        properties: Properties = EMPTY,
    ) -> bytes:
        """Publish; return what the broker writes to this client."""
        packet = Publish(topic, payload, qos, retain, dup, identifier if qos else 0, properties)
        return await self.send(encode_publish(packet, self.level))

    async def acknowledge(self, identifier: int, kind: int = PUBACK, reason_code: int = 0) -> bytes:
        packet = Acknowledgement(identifier, reason_code)
        return await self.send(encode_acknowledgement(kind, packet, self.level))

    async def packets(self) -> list[bytes]:
        """Take the whole packets that were written."""
        return split(await self.out())

    async def messages(self) -> list[Publish]:
        """Take the PUBLISH packets that were written; nothing else may be among them."""
        found = []
        for packet in await self.packets():
            assert packet[0] >> 4 == PUBLISH, packet.hex()
            found.append(decode_publish(packet[0], body(packet), self.level))
        return found


def puback(identifier: int) -> bytes:
    return b"\x40\x02" + identifier.to_bytes(2, "big")


def split(data: bytes) -> list[bytes]:
    """Cut a stream into its packets; it must end with a whole one."""
    found, at = [], 0
    while at < len(data):
        bounds = next_packet(data, at)
        assert bounds is not None and bounds[1] <= len(data)
        found.append(data[at : bounds[1]])
        at = bounds[1]
    return found


def body(packet: bytes) -> bytes:
    bounds = next_packet(packet, 0)
    assert bounds is not None
    return packet[bounds[0] :]


@asynccontextmanager
async def open_bench(
    folder: Path, settings: MqttSettings | None = None, store_settings: StoreSettings = SMALL
) -> AsyncIterator[Bench]:
    bench = Bench(folder, settings or MqttSettings(), store_settings)
    try:
        yield bench
    finally:
        await bench.store.close()
