"""The TCP side of the broker: sockets to connections and back.

Owns reading, writing and pausing; knows nothing of packets. What gathers in a connection's outlet
during a turn of the loop is written in one call at its end.
"""

from __future__ import annotations

import asyncio
import logging
import socket
from typing import final

from gateway.address import Address
from gateway.broker.broker import Broker
from gateway.broker.connection import Connection
from gateway.broker.lifecycle import DisconnectReason
from gateway.broker.profile import Profile, profile_named
from gateway.broker.settings import ListenerSettings
from gateway.mqtt.errors import MqttError
from gateway.mqtt.reason_codes import ReasonCode

__all__ = ["Listener", "MqttFront"]

log = logging.getLogger(__name__)

# Answers to a client that reads nothing: over three times the PUBACKs of all packet identifiers,
# so whoever gets here sends without end and never reads.
MAX_UNREAD_ANSWER_BYTES = 1024 * 1024


@final
class MqttFront:
    """What all MQTT listeners share: the end-of-turn writes and the pause when commits lag.

    Args:
        broker: Where connections belong.
    """

    def __init__(self, broker: Broker) -> None:
        self.broker = broker
        self.loop = asyncio.get_running_loop()
        self._to_write: list[_Socket] = []
        self._paused: set[_Socket] = set()
        broker.store.after_commit.append(self._resume)

    def write_later(self, connection: _Socket) -> None:
        """Write this connection's outlet at the end of this turn."""
        if not self._to_write:
            self.loop.call_soon(self._write)
        self._to_write.append(connection)

    def pause(self, connection: _Socket) -> None:
        """Read nothing more from this connection until the store has caught up."""
        self._paused.add(connection)
        connection.connection.paused = True
        connection.transport.pause_reading()

    def forget(self, connection: _Socket) -> None:
        """The connection is closed."""
        self._paused.discard(connection)

    def _write(self) -> None:
        connections, self._to_write = self._to_write, []
        for connection in connections:
            connection.write()

    def _resume(self) -> None:
        if self._paused and not self.broker.store.congested:
            paused, self._paused = self._paused, set()
            now_s = self.loop.time()
            for connection in paused:
                connection.resume(now_s)


@final
class _Socket(asyncio.Protocol):
    """One TCP connection."""

    def __init__(self, front: MqttFront, profile: Profile) -> None:
        self._front = front
        self._profile = profile
        self._ending = False
        self._unread_bytes = 0
        self.transport: asyncio.Transport
        self.connection: Connection

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        assert isinstance(transport, asyncio.Transport) or hasattr(transport, "pause_reading")  # noqa: S101
        self.transport = transport  # type: ignore[assignment] # uvloop's has no common base
        front = self._front
        peer = transport.get_extra_info("peername")
        self.connection = Connection(
            front.broker,
            self._profile,
            peer[0] if peer else None,
            lambda: front.write_later(self),
            self._end,
            front.loop.time(),
        )
        if not front.broker.has_room:
            log.warning("refused a connection: max_connections are open")
            self.connection.closed = True
            self.transport.abort()
            return
        limit = front.broker.settings.outgoing_buffer_bytes
        self.transport.set_write_buffer_limits(high=limit, low=limit // 2)
        front.broker.opened(self.connection)

    def data_received(self, data: bytes) -> None:
        front, connection = self._front, self.connection
        if connection.closed:
            return
        try:
            connection.receive(data, front.loop.time())
        except MqttError as error:
            connection.fail(error)
        except Exception:
            # The outermost frame of a connection: whatever went wrong stays with this client.
            log.exception("closing a connection after an internal error")
            connection.disconnect(ReasonCode.UNSPECIFIED_ERROR, DisconnectReason.SERVER_ERROR)
        if front.broker.store.congested and not connection.closed:
            front.pause(self)

    def connection_lost(self, exc: Exception | None) -> None:
        self._front.forget(self)
        self.connection.lost()

    def pause_writing(self) -> None:
        self.connection.outlet.writable = False

    def resume_writing(self) -> None:
        self.connection.outlet.writable = True
        self._unread_bytes = 0
        self._drain()

    def resume(self, now_s: float) -> None:
        self.connection.paused = False
        self.connection.last_seen_s = now_s
        if not self.transport.is_closing():
            self.transport.resume_reading()

    def write(self) -> None:
        if self.connection.outlet.out:
            data = self.connection.outlet.take()
            if not self.transport.is_closing():
                if not self.connection.outlet.writable and self._reads_nothing(len(data)):
                    return
                self._front.broker.counters.bytes_sent.value += len(data)
                self.transport.write(data)
        if self.connection.outlet.more:
            self.connection.outlet.more = False
            self._front.loop.call_soon(self._drain)
        if self._ending:
            self.transport.close()

    def _drain(self) -> None:
        """Send more of what waits for this client, unless it has another connection by now."""
        session = self.connection.session
        if session is not None and session.connection is self.connection:
            session.outgoing.drain()

    def _reads_nothing(self, size_bytes: int) -> bool:
        """Give a client up that lets its answers pile up; messages to it wait elsewhere by now."""
        self._unread_bytes += size_bytes
        if self._unread_bytes <= MAX_UNREAD_ANSWER_BYTES:
            return False
        self._front.broker.reports.not_reading(self.connection)
        self.connection.closed = True
        self.transport.abort()
        return True

    def _end(self) -> None:
        """Write what gathered so far, then close; a second call does not wait for the peer."""
        if self._ending:
            self.transport.abort()
        self._ending = True
        self._front.write_later(self)


@final
class Listener:
    """One listening address."""

    def __init__(self, front: MqttFront, settings: ListenerSettings) -> None:
        self._front = front
        self._settings = settings
        self._profile = profile_named(settings.profile, front.broker.settings)
        self._server: asyncio.Server | None = None

    async def start(self) -> None:
        """Listen.

        Raises:
            OSError: The address cannot be had.
        """
        address = self._settings.address
        self._server = await self._front.loop.create_server(
            lambda: _Socket(self._front, self._profile), address.host, address.port, backlog=512
        )

    @property
    def port(self) -> int:
        """The port that is listened on."""
        assert self._server is not None  # noqa: S101 - start() comes first
        sockets: tuple[socket.socket, ...] = tuple(self._server.sockets)
        port: int = sockets[0].getsockname()[1]
        return port

    @property
    def address(self) -> str:
        """Where it listens, as `host:port`."""
        return str(Address(self._settings.address.host, self.port))

    def stop(self) -> None:
        """Accept no more connections."""
        if self._server is not None:
            self._server.close()
