"""A broker behind a real listener, and bare TCP clients in the same process."""

from __future__ import annotations

import asyncio
import socket
import struct
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.broker import Listener, ListenerSettings, MqttFront, MqttSettings
from gateway.mqtt.encoding import encode_connect, encode_subscribe
from gateway.mqtt.packets import Connect, Subscribe, SubscriptionRequest
from gateway.store import StoreSettings
from tests.rig.mqtt_bench import ACCEPTED, Bench, open_bench

ANY_PORT = ListenerSettings(bind="127.0.0.1:0", anonymous=True)
PATIENCE_S = 20.0


class TcpClient:
    """A client on a real socket; small receive buffers make it slow when it does not read."""

    def __init__(self, sock: socket.socket) -> None:
        self.sock = sock
        self.loop = asyncio.get_running_loop()

    async def send(self, data: bytes) -> None:
        await asyncio.wait_for(self.loop.sock_sendall(self.sock, data), PATIENCE_S)

    async def read(self, size: int) -> bytes:
        """Read exactly this many bytes, or fewer where the gateway closes."""
        data = b""
        while len(data) < size:
            more = await asyncio.wait_for(
                self.loop.sock_recv(self.sock, size - len(data)), PATIENCE_S
            )
            if not more:
                break
            data += more
        return data

    async def read_to_end(self) -> bytes:
        """Read until the gateway closes."""
        data = b""
        try:
            while more := await asyncio.wait_for(self.loop.sock_recv(self.sock, 65536), PATIENCE_S):
                data += more
        except ConnectionResetError:
            pass
        return data

    async def connected(self, client_id: str, **fields: Any) -> TcpClient:
        await self.send(encode_connect(Connect("MQTT", 4, client_id=client_id, **fields)))
        assert await self.read(4) == ACCEPTED
        return self

    async def subscribe(self, topic_filter: str, qos: int) -> None:
        await self.send(encode_subscribe(Subscribe(1, (SubscriptionRequest(topic_filter, qos),))))
        assert await self.read(5) == b"\x90\x03\0\1" + bytes((qos,))

    def reset(self) -> None:
        """Break the connection as a pulled cable's timeout does."""
        self.sock.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))
        self.sock.close()


class Running:
    """A broker behind a listener."""

    def __init__(self, bench: Bench, listener: Listener) -> None:
        self.bench = bench
        self.listener = listener
        self.clients: list[TcpClient] = []

    async def open(
        self, listener: Listener | None = None, *, receive_buffer_bytes: int | None = None
    ) -> TcpClient:
        sock = socket.socket()
        sock.setblocking(False)
        if receive_buffer_bytes is not None:
            sock.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, receive_buffer_bytes)
        client = TcpClient(sock)
        self.clients.append(client)
        port = (listener or self.listener).port
        await client.loop.sock_connect(sock, ("127.0.0.1", port))
        return client

    async def client(self, client_id: str = "c", **fields: Any) -> TcpClient:
        return await (await self.open()).connected(client_id, **fields)


async def until(condition: Callable[[], object]) -> None:
    """Let the loop run until something in this process is true."""
    async with asyncio.timeout(PATIENCE_S):
        while not condition():
            await asyncio.sleep(0)


@asynccontextmanager
async def listening(
    folder: Path,
    settings: MqttSettings | None = None,
    store_settings: StoreSettings | None = None,
) -> AsyncIterator[Running]:
    stores = (store_settings,) if store_settings else ()
    async with open_bench(folder, settings, *stores) as bench:
        listener = Listener(MqttFront(bench.broker), ANY_PORT)
        await listener.start()
        running = Running(bench, listener)
        try:
            yield running
        finally:
            listener.stop()
            bench.broker.close()
            bench.broker.close()  # a second call does not wait for the peers
            await until(lambda: not bench.broker.connection_count and not bench.broker._unnamed)
            for client in running.clients:
                client.sock.close()
