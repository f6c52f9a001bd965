"""A broker without sockets: clients whose bytes are handed over by the test itself."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path

from gateway.broker import Broker, MqttSettings
from gateway.broker.connection import Connection
from gateway.clock import Clock
from gateway.metrics import Metrics
from gateway.mqtt.errors import MqttError
from gateway.mqtt.packets import (
    Connect,
    Publish,
    Subscribe,
    Unsubscribe,
    decode_publish,
    encode_connect,
    encode_publish,
    encode_subscribe,
    encode_unsubscribe,
    next_packet,
)
from gateway.store import Store, StoreSettings
from tests.rig.fake_time import FakeTime
from tests.rig.stores import SMALL

ACCEPTED = b"\x20\x02\x00\x00"
PINGREQ = b"\xc0\x00"
PINGRESP = b"\xd0\x00"
DISCONNECT = b"\xe0\x00"


class Bench:
    """A broker on a real store, its counters, and clients on it."""

    def __init__(self, broker: Broker, store: Store, metrics: Metrics) -> None:
        self.broker = broker
        self.store = store
        self.metrics = metrics

    def count(self, name: str) -> float:
        return self.metrics.snapshot().get(name, 0)

    def client(self, client_id: str = "c", **connect: object) -> WireClient:
        """Connect a client; its CONNACK is checked and taken away."""
        client = WireClient(self)
        packet = replace(Connect("MQTT", 4, client_id=client_id), **connect)  # type: ignore[arg-type]
        assert client.send(encode_connect(packet)) == ACCEPTED
        return client


class WireClient:
    """One connection; what the broker writes gathers until the test takes it.

    Attributes:
        closes: How often the connection asked to be closed.
    """

    def __init__(self, bench: Bench, now_s: float = 0.0) -> None:
        self.bench = bench
        self.closes = 0
        self.error: MqttError | None = None
        self.now_s = now_s
        self.connection = Connection(bench.broker, "192.0.2.1", self._wake, self._close, now_s)
        bench.broker.opened(self.connection)

    def _wake(self) -> None:
        assert not self.connection.outlet.out, "woken while there was something to write already"

    def _close(self) -> None:
        self.closes += 1

    @property
    def closed(self) -> bool:
        return self.connection.closed

    def send(self, data: bytes) -> bytes:
        """Hand bytes to the broker as the listener does; return what it answers."""
        if not self.closed:
            try:
                self.connection.receive(data, self.now_s)
            except MqttError as error:
                self.error = error
                self.bench.broker.protocol_error(self.connection, error)
                self.connection.end()
        return self.out()

    def out(self) -> bytes:
        """Take what the broker has written."""
        data = b"".join(self.connection.outlet.out)
        self.connection.outlet.out.clear()
        return data

    def lost(self) -> None:
        """The TCP connection is gone."""
        self.connection.lost()

    def subscribe(self, *wanted: tuple[str, int]) -> bytes:
        """Subscribe; return the codes of the SUBACK."""
        answer = self.send(encode_subscribe(Subscribe(7, wanted)))
        assert answer[:1] == b"\x90" and answer[2:4] == b"\0\x07"
        return answer[4:]

    def unsubscribe(self, *filters: str) -> None:
        assert self.send(encode_unsubscribe(Unsubscribe(8, filters))) == b"\xb0\x02\0\x08"

    def publish(
        self, topic: str, payload: bytes = b"", qos: int = 0, identifier: int = 1, **flags: bool
    ) -> bytes:
        packet = Publish(topic, payload, qos, packet_identifier=identifier if qos else 0, **flags)
        return self.send(encode_publish(packet))

    def messages(self) -> list[Publish]:
        """Take the PUBLISH packets that were written; nothing else may be among them."""
        return [decode_publish(packet[0], body(packet)) for packet in split(self.out())]


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


def puback(identifier: int) -> bytes:
    return b"\x40\x02" + identifier.to_bytes(2, "big")


@asynccontextmanager
async def open_bench(
    folder: Path, settings: MqttSettings | None = None, store_settings: StoreSettings = SMALL
) -> AsyncIterator[Bench]:
    metrics = Metrics()
    store = Store(folder / "weir.db", store_settings, Clock(FakeTime().sources()), metrics)
    try:
        yield Bench(Broker(settings or MqttSettings(), store, metrics), store, metrics)
    finally:
        await store.close()
