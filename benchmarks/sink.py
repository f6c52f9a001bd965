"""The generator's own yardstick: a peer that reads, counts bytes and answers from a ring.

It does next to nothing per message, so the rate against it is what the generator can do alone.
"""

from __future__ import annotations

import multiprocessing
import socket

from benchmarks.generator import READ_BYTES, RING, Ring


class Sink:
    """A process that takes one client's PUBLISH packets, all of one size."""

    def __init__(self, ring: Ring) -> None:
        self._ring = ring
        self._server = socket.create_server(("127.0.0.1", 0))
        self.port = int(self._server.getsockname()[1])
        context = multiprocessing.get_context("fork")
        self._process = context.Process(target=self._serve, daemon=True)

    def __enter__(self) -> Sink:
        self._process.start()
        return self

    def __exit__(self, *exc: object) -> None:
        self._process.terminate()
        self._process.join()
        self._server.close()

    def _serve(self) -> None:
        sock, _ = self._server.accept()
        sock.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        sock.recv(READ_BYTES)  # CONNECT
        sock.sendall(b"\x20\x02\x00\x00")
        taken = answered = 0
        while data := sock.recv(READ_BYTES):
            taken += len(data)
            while self._ring.qos and answered < taken // self._ring.size:
                some = min(taken // self._ring.size - answered, RING)
                at = answered % RING
                sock.sendall(self._ring.acks[at * 4 : (at + some) * 4])
                answered += some
