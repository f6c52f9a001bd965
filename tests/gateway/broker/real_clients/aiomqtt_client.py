"""aiomqtt, on an event loop in a thread of its own, at 3.1.1 and at 5."""

from __future__ import annotations

import asyncio
import contextlib
import queue
import threading
from collections.abc import Coroutine
from typing import Any, TypeVar

import aiomqtt
from paho.mqtt.client import MQTT_CLEAN_START_FIRST_ONLY
from paho.mqtt.packettypes import PacketTypes

from tests.gateway.broker.real_clients.paho_client import from_paho, to_paho
from tests.gateway.broker.real_clients.real_client import (
    PATIENCE_S,
    Arrival,
    Connected,
    Properties,
    WillMessage,
)

T = TypeVar("T")


def to_aiomqtt(will: WillMessage) -> aiomqtt.Will:
    """Return aiomqtt's object for a will."""
    given = to_paho(PacketTypes.WILLMESSAGE, will.properties)
    return aiomqtt.Will(will.topic, will.payload, will.qos, will.retain, given)


class AiomqttClient:
    """See `RealClient`. aiomqtt hides the CONNACK and the server's DISCONNECT."""

    max_qos = 2

    def __init__(self, level: int) -> None:
        self.level = level
        self.arrivals: queue.Queue[Arrival] = queue.Queue()
        self.closed: queue.Queue[int | None] = queue.Queue()
        self._loop: asyncio.AbstractEventLoop
        self._thread: threading.Thread | None = None
        self._client: aiomqtt.Client
        self._reading: asyncio.Task[None]

    def connect(
        self,
        port: int,
        client_id: str,
        *,
        clean_start: bool = True,
        will: WillMessage | None = None,
        properties: Properties | None = None,
    ) -> Connected:
        async def enter() -> None:
            five = self.level == 5
            self._client = aiomqtt.Client(
                "127.0.0.1",
                port,
                identifier=client_id,
                protocol=aiomqtt.ProtocolVersion.V5 if five else aiomqtt.ProtocolVersion.V311,
                clean_session=None if five else clean_start,
                clean_start=clean_start if five else MQTT_CLEAN_START_FIRST_ONLY,
                properties=to_paho(PacketTypes.CONNECT, properties),
                will=None if will is None else to_aiomqtt(will),
            )
            await self._client.__aenter__()
            self._reading = asyncio.create_task(self._read())

        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever)
        self._thread.start()
        try:
            self._run(enter())
        except BaseException:
            self._stop()
            raise
        return Connected(None, 0, {})

    def subscribe(
        self, topic_filter: str, qos: int = 0, properties: Properties | None = None
    ) -> int:
        given = to_paho(PacketTypes.SUBSCRIBE, properties)
        granted = self._run(self._client.subscribe(topic_filter, qos, properties=given))
        return granted[0] if isinstance(granted[0], int) else granted[0].value

    def unsubscribe(self, topic_filter: str) -> None:
        self._run(self._client.unsubscribe(topic_filter))

    def publish(
        self,
        topic: str,
        payload: bytes,
        qos: int = 0,
        *,
        retain: bool = False,
        properties: Properties | None = None,
    ) -> None:
        given = to_paho(PacketTypes.PUBLISH, properties)
        self._run(self._client.publish(topic, payload, qos, retain, given))

    def disconnect(self, properties: Properties | None = None) -> None:
        self._close()

    def die(self) -> None:
        async def cut() -> None:
            socket: Any = self._client._client.socket()  # it has no way to go without a word
            if socket is not None:
                with contextlib.suppress(OSError):  # the broker may have closed it just now
                    socket.shutdown(2)

        if self._thread is not None:
            self._run(cut())
            self._close()

    def _close(self) -> None:
        async def leave() -> None:
            try:
                await self._client.__aexit__(None, None, None)
            except aiomqtt.MqttError:
                pass  # the connection was gone already
            await self._reading

        if self._thread is not None:
            self._run(leave())
            self._stop()

    def _stop(self) -> None:
        self._loop.call_soon_threadsafe(self._loop.stop)
        assert self._thread is not None
        self._thread.join(PATIENCE_S)
        self._thread = None
        self._loop.close()

    async def _read(self) -> None:
        try:
            async for message in self._client.messages:
                self.arrivals.put(
                    Arrival(
                        str(message.topic),
                        message.payload if isinstance(message.payload, bytes) else b"",
                        message.qos,
                        message.retain,
                        from_paho(message.properties),
                    )
                )
        except aiomqtt.MqttError:
            pass
        finally:
            self.closed.put(None)

    def _run(self, coroutine: Coroutine[Any, Any, T]) -> T:
        return asyncio.run_coroutine_threadsafe(coroutine, self._loop).result(PATIENCE_S)
