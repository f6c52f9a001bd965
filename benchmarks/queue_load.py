"""Many connections to an AWS endpoint, one request under way on each: a closed loop.

Owns sockets and the reading of answers. What is asked, and what answers mean, is the flows'
business: each is a generator that yields requests and gets the answers' bodies.
"""

from __future__ import annotations

import select
import socket
import time
from collections.abc import Generator, Iterable
from typing import final

TIMEOUT_S = 60.0
READ_BYTES = 1 << 18
_END = b"\r\n\r\n"
_LENGTH = b"content-length:"

Flow = Generator[bytes, bytes, None]
"""Yields one request after the other; is sent the body of each answer."""


@final
class Connection:
    """One keep-alive connection to a port of this machine; opened anew where the peer closes it.

    Args:
        port: The port.
    """

    __slots__ = ("_buffer", "_port", "sock")

    def __init__(self, port: int) -> None:
        self._port = port
        self._buffer = b""
        self.sock: socket.socket | None = None

    def send(self, request: bytes) -> bool:
        """Send a request; True where that took a new socket."""
        is_new = self.sock is None
        if self.sock is None:
            self.sock = socket.create_connection(("127.0.0.1", self._port), timeout=TIMEOUT_S)
            self.sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        self.sock.sendall(request)
        return is_new

    def read(self) -> bytes | None:
        """Read what has come; return the body of the answer once it is whole.

        Raises:
            RuntimeError: The answer is no success.
            EOFError: The peer closed the connection before it.
        """
        if self.sock is None:
            raise EOFError("nothing was asked")
        data = self.sock.recv(READ_BYTES)
        if not data:
            raise EOFError("the peer closed the connection within an answer")
        if self._buffer:
            data = self._buffer + data
        end = data.find(_END)
        if end < 0:
            self._buffer = data
            return None
        head = data[:end].lower()
        at = head.index(_LENGTH) + len(_LENGTH)
        due = end + 4 + int(head[at:].split(b"\r\n", 1)[0])
        if len(data) < due:
            self._buffer = data
            return None
        self._buffer = b""
        if len(data) > due:
            raise RuntimeError("more came than was asked for")
        if b"connection: close" in head:
            self.close()
        body = data[end + 4 :]
        if not head.startswith(b"http/1.1 200"):
            raise RuntimeError(f"{head[:40]!r}: {body[:300]!r}")
        return body

    def ask(self, request: bytes) -> bytes:
        """Send a request and wait for the body of its answer."""
        self.send(request)
        while (body := self.read()) is None:
            pass
        return body

    def close(self) -> None:
        """Close the socket; the next request opens another."""
        if self.sock is not None:
            self.sock.close()
            self.sock = None
        self._buffer = b""


def drive(port: int, flows: Iterable[Flow]) -> float:
    """Carry out all flows at once, each on a connection of its own; return the seconds it took.

    Raises:
        RuntimeError: An answer was no success, or none came for a minute.
        EOFError: A connection was closed within an answer.
    """
    poll = select.epoll()
    running: dict[int, tuple[Flow, Connection]] = {}
    connections: list[Connection] = []

    def step(flow: Flow, connection: Connection, body: bytes | None) -> None:
        try:
            request = next(flow) if body is None else flow.send(body)
        except StopIteration:
            connection.close()
            return
        if connection.send(request) and connection.sock is not None:
            running[connection.sock.fileno()] = (flow, connection)
            poll.register(connection.sock.fileno(), select.EPOLLIN)

    began = time.perf_counter()
    try:
        for flow in flows:
            connections.append(Connection(port))
            step(flow, connections[-1], None)
        while running:
            ready = poll.poll(TIMEOUT_S)
            if not ready:
                raise RuntimeError(f"no answer came within {TIMEOUT_S:.0f} s")
            for number, _ in ready:
                flow, connection = running[number]
                body = connection.read()
                if body is None:
                    continue
                if connection.sock is None:  # closing it took it out of the poll
                    del running[number]
                step(flow, connection, body)
                if connection.sock is None:
                    running.pop(number, None)
    finally:
        poll.close()
        for connection in connections:
            connection.close()
    return time.perf_counter() - began
