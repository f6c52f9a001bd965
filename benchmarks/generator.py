"""A load generator that costs next to nothing per message, so that the broker is what is measured.

All packets are encoded beforehand, in a ring; sending is a slice of it. What comes back is checked
without parsing it packet by packet: all packets of a run have one size, so the n-th byte of each is
a strided slice. Every message is counted, and its number in the ring and the order are checked.
One process, raw sockets; a thread only beside it, for what rules pass on.
"""

from __future__ import annotations

import selectors
import socket
import struct
import threading
import time
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import cycle

from gateway.mqtt.encoding import encode_connect, encode_publish, encode_subscribe
from gateway.mqtt.packets import Connect, Publish, Subscribe, SubscriptionRequest

RING = 1000  # packets encoded beforehand; their identifiers are 1..RING
READ_BYTES = 1 << 18
TIMEOUT_S = 20.0
PINGREQ, PINGRESP = b"\xc0\x00", b"\xd0\x00"


@dataclass(frozen=True)
class Result:
    """What one run counted.

    Attributes:
        sent: Messages published (at QoS 1: and acknowledged, in order).
        received: Messages that the subscriber got, whole and in order; -1 without a subscriber.
        seconds: From the first byte sent to the last message received or acknowledged.
        busy: Share of that time this process was on a core.
    """

    sent: int
    received: int
    seconds: float
    busy: float

    @property
    def per_second(self) -> float:
        return self.sent / self.seconds


def client(port: int, client_id: str) -> socket.socket:
    """Connect an MQTT client; return its socket, CONNACK read."""
    sock = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
    sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    sock.sendall(encode_connect(Connect("MQTT", 4, client_id=client_id)))
    if _read_exactly(sock, 4) != b"\x20\x02\x00\x00":
        raise RuntimeError("the broker refused the connection")
    return sock


def _read_exactly(sock: socket.socket, size: int) -> bytes:
    data = b""
    while len(data) < size:
        more = sock.recv(size - len(data))
        if not more:
            raise EOFError("the broker closed the connection")
        data += more
    return data


class Ring:
    """RING packets of one size, each with its number in the payload's first bytes.

    Args:
        topic: Their topic; or several of one length, which take turns.
        payloads: RING of them, of one size.
        qos: 0 or 1.
    """

    def __init__(self, topic: str | Sequence[str], payloads: list[bytes], qos: int) -> None:
        topics = [topic] if isinstance(topic, str) else topic
        packets = [
            encode_publish(Publish(to, payload, qos, packet_identifier=n + 1 if qos else 0))
            for n, (payload, to) in enumerate(zip(payloads, cycle(topics), strict=False))
        ]
        self.qos = qos
        self.size = len(packets[0])
        if any(len(packet) != self.size for packet in packets):
            raise ValueError("packets of different sizes")
        self.number_at = self.size - len(payloads[0]) + payloads[0].index(b"#") + 1
        self.identifier_at = self.size - len(payloads[0]) - 2
        # Twice, so that a batch never wraps.
        self.bytes = b"".join(packets) * 2
        self.acks = b"".join(b"\x40\x02" + struct.pack(">H", n + 1) for n in range(RING)) * 2
        digits = b"".join(b"%03d" % (n % RING) for n in range(2 * RING))
        self.numbers = [digits[digit::3] for digit in range(3)]


def plain_payloads(size: int) -> list[bytes]:
    """Payloads of exactly `size` bytes that carry their number behind a `#`."""
    return [(b"#%03d" % n).ljust(size, b".") for n in range(RING)]


def reading_payloads(size: int, celsius: float) -> list[bytes]:
    """JSON readings of exactly `size` bytes."""
    made = []
    for n in range(RING):
        head = b'{"n":"#%03d","celsius":%.2f,"humidity":41.5,"note":"' % (n, celsius)
        made.append(head + b"x" * (size - len(head) - 2) + b'"}')
    return made


class Publisher:
    """Sends slices of the ring, at QoS 1 within its window; checks every PUBACK in order."""

    def __init__(self, port: int, name: str, ring: Ring, window: int) -> None:
        self.sock = client(port, name)
        self.sock.setblocking(False)
        self.ring = ring
        self.window = window
        self.sent = 0
        self.acked = 0
        self._unsent = memoryview(b"")
        self._data = b""

    def send(self, most: int) -> int:
        """Send up to `most` messages; return how many were handed to the socket, whole or part."""
        if self._unsent:
            self._push()
            if self._unsent:
                return 0
        room = min(most, RING)
        if self.ring.qos:
            room = min(room, self.window - (self.sent - self.acked))
        if room <= 0:
            return 0
        at = self.sent % RING * self.ring.size
        self._unsent = memoryview(self.ring.bytes)[at : at + room * self.ring.size]
        self.sent += room
        self._push()
        return room

    @property
    def blocked(self) -> bool:
        return bool(self._unsent)

    def _push(self) -> None:
        try:
            self._unsent = self._unsent[self.sock.send(self._unsent) :]
        except BlockingIOError:
            pass

    def read_acks(self) -> None:
        try:
            data = self.sock.recv(READ_BYTES)
        except BlockingIOError:
            return
        if not data:
            raise EOFError("the broker closed a publisher's connection")
        self._data += data
        whole = len(self._data) // 4
        at = self.acked % RING
        while whole:
            some = min(whole, RING)
            if self._data[: some * 4] != self.ring.acks[at * 4 : (at + some) * 4]:
                raise RuntimeError("a PUBACK is missing, twice, or out of order")
            self._data = self._data[some * 4 :]
            self.acked += some
            whole -= some
            at = self.acked % RING

    def flush(self) -> None:
        """Wait until the broker has seen to everything that this connection sent."""
        self.sock.settimeout(TIMEOUT_S)
        self.sock.sendall(PINGREQ)
        if _read_exactly(self.sock, 2) != PINGRESP:
            raise RuntimeError("something other than a PINGRESP came")


class Drain:
    """Takes everything of one topic at QoS 0, on a thread, and counts its bytes.

    For little traffic beside what is measured: a thread shares the generator's core.
    """

    def __init__(self, port: int, topic: str) -> None:
        self.count_bytes = 0
        self._sock = client(port, f"drain-{topic}")
        self._sock.sendall(encode_subscribe(Subscribe(1, (SubscriptionRequest(topic, 0),))))
        _read_exactly(self._sock, 5)
        self._sock.settimeout(None)
        self._thread = threading.Thread(target=self._take)

    def __enter__(self) -> Drain:
        self._thread.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._sock.shutdown(socket.SHUT_RDWR)
        self._thread.join()
        self._sock.close()

    def _take(self) -> None:
        while data := self._sock.recv(READ_BYTES):
            self.count_bytes += len(data)


class Subscriber:
    """Counts and checks equal-sized PUBLISH packets; acknowledges QoS 1."""

    def __init__(self, port: int, topic: str, ring: Ring) -> None:
        self.sock = client(port, f"sub-{topic}")
        subscribe = Subscribe(1, (SubscriptionRequest(topic, ring.qos),))
        self.sock.sendall(encode_subscribe(subscribe))
        if _read_exactly(self.sock, 5)[-1] != ring.qos:
            raise RuntimeError("the subscription was not granted")
        self.sock.setblocking(False)
        self.ring = ring
        self.count = 0
        self._data = b""
        self._unsent = b""

    def read(self) -> None:
        try:
            more = self.sock.recv(READ_BYTES)
        except BlockingIOError:
            more = None
        if more == b"":
            raise EOFError("the broker closed the subscriber's connection")
        data = self._data + more if more else self._data
        size = self.ring.size
        whole = min(len(data) // size, RING)
        if whole:
            chunk = data[: whole * size]
            at = self.count % RING
            for digit, numbers in enumerate(self.ring.numbers):
                if chunk[self.ring.number_at + digit :: size] != numbers[at : at + whole]:
                    raise RuntimeError("a message is missing, twice, or out of order")
            if self.ring.qos:
                acks = bytearray(4 * whole)
                acks[0::4] = b"\x40" * whole
                acks[1::4] = b"\x02" * whole
                acks[2::4] = chunk[self.ring.identifier_at :: size]
                acks[3::4] = chunk[self.ring.identifier_at + 1 :: size]
                self._unsent += bytes(acks)
            self.count += whole
            data = data[whole * size :]
        self._data = data
        if self._unsent:
            try:
                self._unsent = self._unsent[self.sock.send(self._unsent) :]
            except BlockingIOError:
                pass


def run(
    port: int,
    *,
    ring: Ring,
    topic: str,
    publishers: int,
    window: int,
    seconds: float,
    subscribe: bool,
    in_flight: int = 4000,
    flush: bool = False,
) -> Result:
    """Publish for `seconds`, then wait until every message has arrived or was acknowledged.

    Args:
        port: The broker's, on loopback.
        ring: The packets.
        topic: Their topic.
        publishers: Connections that publish.
        window: QoS 1: unacknowledged messages per publisher.
        seconds: How long to publish.
        subscribe: Whether one subscriber counts what arrives.
        in_flight: With a subscriber: messages under way end to end, at most, so that no broker
            has to drop any.
        flush: Also wait until the broker has seen to what nobody acknowledges.
    """
    subscriber = Subscriber(port, topic, ring) if subscribe else None
    sources = [Publisher(port, f"pub-{n}", ring, window) for n in range(publishers)]
    selector = selectors.DefaultSelector()
    for source in sources:
        selector.register(source.sock, selectors.EVENT_READ, source.read_acks)
    if subscriber:
        selector.register(subscriber.sock, selectors.EVENT_READ, subscriber.read)
    started, cpu = time.perf_counter(), time.process_time()
    stop_at, give_up_at = started + seconds, started + seconds + TIMEOUT_S
    while True:
        now = time.perf_counter()
        if now > give_up_at:
            break
        sent = sum(source.sent for source in sources)
        if now < stop_at:
            for source in sources:
                credit = in_flight - (sent - subscriber.count) if subscriber else RING
                if credit > 0:
                    sent += source.send(credit)
        else:
            for source in sources:
                source.send(0)
            unacked = ring.qos and any(source.acked < source.sent for source in sources)
            if not unacked and not (subscriber and subscriber.count < sent):
                break
        for source in sources:
            wanted = selectors.EVENT_READ | (selectors.EVENT_WRITE if source.blocked else 0)
            if selector.get_key(source.sock).events != wanted:
                selector.modify(source.sock, wanted, source.read_acks)
        # Without acknowledgements or a subscriber nothing but the socket's buffer holds it back.
        free = not ring.qos and not subscriber and not any(source.blocked for source in sources)
        for key, mask in selector.select(0 if free else 0.05):
            if mask & selectors.EVENT_READ:
                key.data()
    if flush:
        for source in sources:
            source.flush()
    elapsed = time.perf_counter() - started
    busy = (time.process_time() - cpu) / elapsed
    selector.close()
    for source in sources:
        source.sock.close()
    if subscriber:
        subscriber.sock.close()
    done = sum(source.acked if ring.qos else source.sent for source in sources)
    return Result(done, subscriber.count if subscriber else -1, elapsed, busy)
