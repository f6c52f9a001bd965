"""A bare MQTT client with a persistent session, over a raw socket; it records what it saw.

It writes and reads the bytes itself rather than with the gateway's own codec, so that a mistake
there cannot hide on both sides.
"""

from __future__ import annotations

import socket
import struct
from dataclasses import dataclass

CONNACK, PUBLISH, PUBACK, PUBREC, PUBREL, PUBCOMP = 2, 3, 4, 5, 6, 7
SUBACK, PINGRESP = 9, 13
PINGREQ_PACKET = b"\xc0\x00"
TIMEOUT_S = 20.0
EXPIRY_S = 3600
READ_BYTES = 1 << 18


@dataclass(frozen=True, slots=True)
class Packet:
    """One whole packet: its type, the flags beside it, and what follows the fixed header."""

    kind: int
    flags: int
    body: bytes

    @property
    def packet_identifier(self) -> int:
        """The identifier of an acknowledgement."""
        return self.body[0] << 8 | self.body[1]

    @property
    def reason_code(self) -> int:
        """The reason code of an acknowledgement; 0 where it is left out."""
        return self.body[2] if len(self.body) > 2 else 0


@dataclass(frozen=True, slots=True)
class Arrival:
    """A PUBLISH as it came."""

    topic: str
    payload: bytes
    qos: int
    dup: bool
    retain: bool
    packet_identifier: int


class SessionClient:
    """One connection of a client; the session lives on in the broker.

    Args:
        port: The broker's, on loopback.
        client_id: The session's name.
        level: 4 for MQTT 3.1.1, 5 for MQTT 5.
        clean: Begin with a clean session (at level 5 it also ends with the connection).

    Attributes:
        session_present: What the CONNACK says.

    Raises:
        ConnectionError: The broker refused or closed the connection.
    """

    def __init__(self, port: int, client_id: str, *, level: int = 4, clean: bool = False) -> None:
        self.level = level
        self._data = b""
        self._kept: list[Packet] = []
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=TIMEOUT_S)
        try:
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
            self.sock.sendall(connect_packet(client_id, level, clean))
            connack = self._wait_for(CONNACK)
            if connack.body[1]:
                raise ConnectionError(f"the broker refused the connection: {connack.body[1]:#x}")
        except BaseException:
            self.sock.close()
            raise
        self.session_present = bool(connack.body[0])

    def __enter__(self) -> SessionClient:
        return self

    def __exit__(self, *exc: object) -> None:
        self.cut()

    def fileno(self) -> int:
        return self.sock.fileno()

    @property
    def pending(self) -> bool:
        """Whether packets wait that have been read from the socket already."""
        return bool(self._kept)

    def cut(self) -> None:
        """End the connection without a word, as a pulled plug does for the client's side."""
        self.sock.close()

    def disconnect(self) -> None:
        """Send DISCONNECT and wait until the broker has closed the connection, as it must."""
        self.sock.sendall(b"\xe0\x00")
        while self.sock.recv(READ_BYTES):
            pass

    def subscribe(self, topic_filter: str, qos: int) -> None:
        """Subscribe and wait for the SUBACK; the QoS must be granted as asked for."""
        body = b"\x00\x01" + b"\x00" * (self.level == 5) + _string(topic_filter) + bytes((qos,))
        self.sock.sendall(packet(0x82, body))
        granted = self._wait_for(SUBACK).body[-1]
        assert granted == qos, f"QoS {qos} was asked for, the SUBACK says {granted:#x}"

    def read(self) -> list[Packet]:
        """Wait for something to come; return the packets that are whole by then.

        Raises:
            ConnectionError: The broker closed the connection.
        """
        if self._kept:
            kept, self._kept = self._kept, []
            return kept
        data = self.sock.recv(READ_BYTES)
        if not data:
            raise ConnectionResetError("the broker closed the connection")
        found, self._data = split(self._data + data)
        return found

    def unread(self) -> bytes:
        """Take what has been read from the socket already, as it came."""
        data = b"".join(packet(one.kind << 4 | one.flags, one.body) for one in self._kept)
        data += self._data
        self._kept, self._data = [], b""
        return data

    def take(self, count: int, *, acknowledge: bool = True) -> list[Arrival]:
        """Receive `count` messages, in order.

        Args:
            count: How many; there may be more on the wire, they stay for the next call.
            acknowledge: Answer a QoS 1 message with its PUBACK. QoS 2 is never answered here.
        """
        taken: list[Arrival] = []
        while len(taken) < count:
            packets = self.read()
            wanted = packets[: count - len(taken)]
            self._kept = packets[count - len(taken) :]
            arrivals = [self.arrival(one) for one in wanted]
            taken += arrivals
            if acknowledge:
                self.acknowledge(arrivals)
        return taken

    def acknowledge(self, arrivals: list[Arrival]) -> None:
        """Send the PUBACKs of QoS 1 messages."""
        acks = [answer(PUBACK, one.packet_identifier) for one in arrivals if one.qos == 1]
        self.sock.sendall(b"".join(acks))

    def before_pingresp(self) -> list[Packet]:
        """Send a PINGREQ; return the packets that come before its answer."""
        self.sock.sendall(PINGREQ_PACKET)
        found: list[Packet] = []
        while True:
            packets = self.read()
            for place, one in enumerate(packets):
                if one.kind == PINGRESP:  # more may follow: it is no end of anything
                    self._kept = packets[place + 1 :]
                    return found + packets[:place]
            found += packets

    def rest(self) -> list[Arrival]:
        """Return the messages that come before the answer to a PINGREQ: none, mostly."""
        return [self.arrival(one) for one in self.before_pingresp()]

    def arrival(self, found: Packet) -> Arrival:
        """Decode a PUBLISH."""
        assert found.kind == PUBLISH, f"not a PUBLISH: {found}"
        body, qos = found.body, found.flags >> 1 & 3
        at = 2 + (body[0] << 8 | body[1])
        topic, identifier = body[2:at].decode(), 0
        if qos:
            identifier = body[at] << 8 | body[at + 1]
            at += 2
        if self.level == 5:
            length, at = _variable_byte_integer(body, at)
            at += length
        dup, retain = bool(found.flags & 8), bool(found.flags & 1)
        return Arrival(topic, body[at:], qos, dup, retain, identifier)

    def publish_packet(
        self,
        topic: str,
        payload: bytes,
        qos: int,
        identifier: int,
        *,
        dup: bool = False,
        retain: bool = False,
    ) -> bytes:
        """Encode a PUBLISH for this connection."""
        body = _string(topic) + (struct.pack(">H", identifier) if qos else b"")
        body += b"\x00" * (self.level == 5) + payload
        return packet(PUBLISH << 4 | dup << 3 | qos << 1 | retain, body)

    def _wait_for(self, kind: int) -> Packet:
        """Read up to a packet of this kind; what came beside it stays for `read`."""
        passed: list[Packet] = []
        while True:
            found = self.read()
            for n, one in enumerate(found):
                if one.kind == kind:
                    self._kept = passed + found[:n] + found[n + 1 :]
                    return one
            passed += found


def redelivery_faults(before: list[Arrival], after: list[Arrival]) -> list[str]:
    """Say what differs between messages and their redelivery, the first few."""
    faults = []
    if len(before) != len(after):
        faults.append(f"{len(before)} were in flight, {len(after)} came again")
    for old, new in zip(before, after, strict=False):
        if old.payload != new.payload:
            faults.append(f"{new.payload[:5]!r} came where {old.payload[:5]!r} was due")
        elif old.packet_identifier != new.packet_identifier:
            faults.append(
                f"{old.payload[:5]!r} had identifier {old.packet_identifier}, "
                f"has {new.packet_identifier}"
            )
        elif not new.dup:
            faults.append(f"{new.payload[:5]!r} came again without DUP")
    return faults[:5]


def connect_packet(client_id: str, level: int, clean: bool) -> bytes:
    """Encode a CONNECT: keep-alive off, and at level 5 a session that outlives the connection."""
    properties = b""
    if level == 5:
        properties = b"\x00" if clean else b"\x05\x11" + struct.pack(">I", EXPIRY_S)
    head = _string("MQTT") + bytes((level, clean << 1)) + b"\x00\x00"
    return packet(0x10, head + properties + _string(client_id))


def answer(kind: int, identifier: int) -> bytes:
    """Encode a PUBACK, PUBREC, PUBREL or PUBCOMP that says success."""
    return bytes((kind << 4 | 2 * (kind == PUBREL), 2)) + struct.pack(">H", identifier)


def packet(first_byte: int, body: bytes) -> bytes:
    """Put the fixed header before a body."""
    length, digits = len(body), bytearray()
    while length > 127:
        digits.append(length & 127 | 128)
        length >>= 7
    return bytes((first_byte,)) + bytes(digits) + bytes((length,)) + body


def split(data: bytes) -> tuple[list[Packet], bytes]:
    """Cut a stream into its whole packets; return them and what is left over."""
    found, at, size = [], 0, len(data)
    while size - at >= 2:
        body, length, shift = at + 1, 0, 0
        while body < size and data[body] & 128:
            length |= (data[body] & 127) << shift
            body, shift = body + 1, shift + 7
        if body >= size:
            break
        end = body + 1 + (length | data[body] << shift)
        if end > size:
            break
        found.append(Packet(data[at] >> 4, data[at] & 15, data[body + 1 : end]))
        at = end
    return found, data[at:]


def _string(text: str) -> bytes:
    data = text.encode()
    return struct.pack(">H", len(data)) + data


def _variable_byte_integer(data: bytes, at: int) -> tuple[int, int]:
    value = shift = 0
    while True:
        value |= (data[at] & 127) << shift
        at, shift = at + 1, shift + 7
        if data[at - 1] < 128:
            return value, at
