"""A bare MQTT client that knows exactly which of its messages were acknowledged."""

from __future__ import annotations

import socket
import struct

from gateway.mqtt.encoding import encode_connect, encode_publish
from gateway.mqtt.packets import Connect, Publish


class BarePublisher:
    """Publishes at QoS 1 over a raw socket.

    Attributes:
        acknowledged: How many PUBACKs came back; they must come in the order of the PUBLISHes.
    """

    def __init__(self, port: int, client_id: str = "bare") -> None:
        self.sock = socket.create_connection(("127.0.0.1", port), timeout=10)
        self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.sendall(encode_connect(Connect("MQTT", 4, client_id=client_id)))
        assert self._read(4) == b"\x20\x02\x00\x00"
        self.sent = 0
        self.acknowledged = 0
        self._data = b""

    def __enter__(self) -> BarePublisher:
        return self

    def __exit__(self, *exc: object) -> None:
        self.close()

    def publish(self, topic: str, payload: bytes) -> None:
        self.sent += 1
        identifier = (self.sent - 1) % 65535 + 1
        packet = Publish(topic, payload, 1, packet_identifier=identifier)
        self.sock.sendall(encode_publish(packet))

    def wait_for_acks(self, in_flight: int = 0, timeout_s: float = 10.0) -> None:
        """Read PUBACKs until at most `in_flight` are outstanding.

        Raises:
            OSError: The connection ended first.
        """
        self.sock.settimeout(timeout_s)
        while self.sent - self.acknowledged > in_flight:
            self.read_some()

    def read_some(self) -> None:
        """Read once; count the PUBACKs and check their order."""
        data = self.sock.recv(65536)
        if not data:
            raise ConnectionResetError("the gateway closed the connection")
        self._data += data
        while len(self._data) >= 4:
            head, identifier = struct.unpack(">HH", self._data[:4])
            assert head == 0x4002, f"not a PUBACK: {self._data[:4].hex()}"
            expected = self.acknowledged % 65535 + 1
            assert identifier == expected, f"PUBACK {identifier}, {expected} was due"
            self.acknowledged += 1
            self._data = self._data[4:]

    def close(self) -> None:
        self.sock.close()

    def _read(self, size: int) -> bytes:
        data = b""
        while len(data) < size:
            more = self.sock.recv(size - len(data))
            if not more:
                raise ConnectionResetError("the gateway closed the connection")
            data += more
        return data
