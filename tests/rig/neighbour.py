"""Somebody whose traffic nothing may disturb, and a bare client to disturb it with."""

from __future__ import annotations

import socket
import threading
from collections import Counter

from gateway.mqtt.decoding import decode_connack, decode_publish
from gateway.mqtt.encoding import encode_connect, encode_publish, encode_subscribe
from gateway.mqtt.packets import Connect, Publish, Subscribe, SubscriptionRequest, next_packet
from tests.rig.gateway_process import wait_until

PATIENCE_S = 10.0
TOPIC = "bench/neighbour"


class Client:
    """A bare client that keeps whatever the gateway says.

    Attributes:
        level: 4 for MQTT 3.1.1, 5 for MQTT 5.
    """

    def __init__(self, port: int, client_id: str, level: int = 4) -> None:
        self.level = level
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=PATIENCE_S)
        self.sock.sendall(encode_connect(Connect("MQTT", level, client_id=client_id)))
        head = self.read(2)  # a CONNACK of less than 130 bytes
        connack = decode_connack(self.read(head[1]), level)
        assert (head[0], connack.reason_code) == (0x20, 0)

    def read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.sock.recv(size - len(data))
            assert more, f"the gateway closed the connection after {data!r}"
            data += more
        return data

    def last_words(self) -> bytes:
        """Everything the gateway says before it closes the connection."""
        data = b""
        try:
            while more := self.sock.recv(65536):
                data += more
        except ConnectionResetError:
            pass  # closed while some of our bytes were unread
        return data

    def close(self) -> None:
        self.sock.close()


class Neighbour:
    """Somebody whose traffic nothing may disturb."""

    def __init__(self, port: int) -> None:
        self.acknowledged = 0
        self.delivered: Counter[bytes] = Counter()
        self.failure: BaseException | None = None
        self._stop = threading.Event()
        self._publisher = Client(port, "neighbour-publisher")
        self._listener = Client(port, "neighbour-listener")
        self._listener.sock.sendall(encode_subscribe(Subscribe(1, (SubscriptionRequest(TOPIC),))))
        assert self._listener.read(5) == b"\x90\x03\0\1\0"
        self._threads = [threading.Thread(target=run) for run in (self._publish, self._listen)]
        for thread in self._threads:
            thread.start()

    def gets_on(self) -> None:
        """Wait until it has published and heard more than up to now."""
        acknowledged, delivered = self.acknowledged, self.delivered.total()
        wait_until(
            lambda: (
                self.failure
                or (self.acknowledged > acknowledged + 1 and self.delivered.total() > delivered + 1)
            ),
            what="the neighbour's traffic",
        )
        assert self.failure is None, f"the neighbour was disturbed: {self.failure!r}"

    def finish(self) -> list[bytes]:
        """Stop; return every payload that was acknowledged."""
        self._stop.set()
        self._threads[0].join(PATIENCE_S)
        wait_until(
            lambda: self.failure or self.delivered.total() >= self.acknowledged,
            what="the last delivery",
        )
        self._listener.sock.shutdown(socket.SHUT_RDWR)
        self._threads[1].join(PATIENCE_S)
        self._publisher.close()
        self._listener.close()
        assert self.failure is None, f"the neighbour was disturbed: {self.failure!r}"
        return [b"%d" % number for number in range(self.acknowledged)]

    def _publish(self) -> None:
        try:
            while not self._stop.is_set():
                identifier = self.acknowledged % 65535 + 1
                payload = b"%d" % self.acknowledged
                packet = Publish(TOPIC, payload, 1, packet_identifier=identifier)
                self._publisher.sock.sendall(encode_publish(packet))
                assert self._publisher.read(4) == b"\x40\x02" + identifier.to_bytes(2, "big")
                self.acknowledged += 1
                self._stop.wait(0.002)
        except (OSError, AssertionError) as error:
            self.failure = error

    def _listen(self) -> None:
        data = b""
        try:
            while True:
                bounds = next_packet(data, 0)
                while bounds is None or bounds[1] > len(data):
                    more = self._listener.sock.recv(65536)
                    if not more:
                        if not self._stop.is_set():
                            raise ConnectionResetError("the listener's connection was closed")
                        return
                    data += more
                    bounds = next_packet(data, 0)
                body, end = bounds
                self.delivered[decode_publish(data[0], data[body:end], 4).payload] += 1
                data = data[end:]
        except OSError as error:
            self.failure = error
