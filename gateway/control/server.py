"""The control socket's server: who may open it, and the endpoints of the gateway as a whole.

Owns `data_dir/control.sock`, its limits, and the endpoints of status, messages, environment and
clients. What the answers are made of, and further endpoints, are given by the composition root.
"""

from __future__ import annotations

import asyncio
import base64
import binascii
import grp
import logging
import os
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from pathlib import Path
from types import MappingProxyType
from typing import Final, cast, final

import orjson

from gateway.broker import Router
from gateway.broker.inspection import ClientDetails, ClientSummary
from gateway.control.routing import (
    NDJSON,
    Endpoints,
    Refused,
    Routes,
    error_response,
    json_response,
    query,
)
from gateway.control.tail import Latest, Tail
from gateway.errors import RegistryError, StoreError, StoreFull
from gateway.http.message import Refusal, Request, Response, StreamingResponse
from gateway.http.server import HttpServer
from gateway.http.settings import HttpLimits
from gateway.message import Message, Publisher
from gateway.metrics import Metrics
from gateway.mqtt.errors import InvalidTopic
from gateway.mqtt.topics import check_topic_filter
from gateway.store import Store

__all__ = ["ControlServer"]

_log = logging.getLogger(__name__)

GROUP: Final = "weir"

# A publish of a whole MQTT packet in base64 fits, with room for its topic.
_LIMITS: Final = HttpLimits(
    max_body_bytes=2 * 1024 * 1024, max_held_bytes=8 * 1024 * 1024, max_connections=64
)
MAX_PAYLOAD_BYTES: Final = 1024 * 1024
MAX_TAILS: Final = 16

_CLOSE_S: Final = 1.0

_PUBLISHER: Final = Publisher("control")

# What else the server's own refusals are told with; by the path.
_TOO_LARGE: Final = MappingProxyType(
    {
        "/v1/publish": f"Send at most {MAX_PAYLOAD_BYTES} bytes of payload.",
        "/v1/rules/apply": f"Apply at most {_LIMITS.max_body_bytes} bytes of rules at a time.",
    }
)


@final
class ControlServer:
    """Serves administrators of this machine.

    Args:
        path: Where the socket goes; whoever calls `start` holds the data directory's lock.
        router: Where a person's messages go, and live views come from.
        store: What a durable publish waits for.
        metrics: Where requests are counted.
        status: Gives the status document; its values may be dataclasses.
        env: Gives the variables that point AWS clients here; None where there is no AWS endpoint.
        clients: Gives every MQTT client in a line; by default there are none.
        client: Gives all that is known of the client with this identifier; None: unknown.
        endpoints: Further endpoints: method and endpoint by path template.
        monotonic_s: The clock.
    """

    def __init__(
        self,
        path: Path,
        *,
        router: Router,
        store: Store,
        metrics: Metrics,
        status: Callable[[], Mapping[str, object]],
        env: Callable[[], Mapping[str, str]] | None = None,
        clients: Callable[[], Sequence[ClientSummary]] = list,
        client: Callable[[str], ClientDetails | None] = lambda client_id: None,
        endpoints: Endpoints = MappingProxyType({}),
        monotonic_s: Callable[[], float] = time.monotonic,
    ) -> None:
        self._path = path
        self._router = router
        self._store = store
        self._status = status
        self._env = env
        self._clients = clients
        self._client = client
        self._latest = Latest(router, monotonic_s)
        self._tails: set[Tail] = set()
        own: Endpoints = {
            "/v1/status": ("GET", self._get_status),
            "/v1/publish": ("POST", self._post_publish),
            "/v1/tail": ("GET", self._get_tail),
            "/v1/env": ("GET", self._get_env),
            "/v1/clients": ("GET", self._get_clients),
            "/v1/clients/{id+}": ("GET", self._get_client),
        }
        self._routes = Routes({**own, **endpoints})
        self._server = HttpServer(
            self._answer, _LIMITS, metrics=metrics, name="control", refuse=_refuse
        )
        metrics.gauge("control.tails", lambda: len(self._tails))

    async def start(self) -> None:
        """Listen: mode 0660 for the group `weir` where this process may give it, 0600 otherwise.

        Raises:
            SettingsError: The path cannot be a socket.
        """
        group = _group()
        if group is None:
            _log.info(
                "the control socket is for this user only: no group %s to share it with", GROUP
            )
        await self._server.listen_unix(
            self._path, mode=0o600 if group is None else 0o660, group=group
        )

    async def stop(self) -> None:
        """End live views, answer what is under way, and remove the socket."""
        await self._server.close(_CLOSE_S)
        self._latest.close()
        for tail in list(self._tails):
            tail.close()

    # --- requests --------------------------------------------------------------------------------

    async def _answer(self, request: Request) -> Response | StreamingResponse:
        try:
            return await self._routes.answer(request)
        except Refused as refused:
            return error_response(refused.status, refused.reason, str(refused), refused.hint)
        except InvalidTopic as invalid:
            return error_response(400, invalid.cause, str(invalid), "Correct the topic.")
        except (StoreError, RegistryError) as failed:
            return error_response(503, failed.code, str(failed), failed.hint)

    async def _get_status(self, request: Request) -> Response:
        document = dict(self._status())
        if "recent" in query(request, {"recent"}):
            document["recent"] = self._latest.look()
        return json_response(document)

    async def _post_publish(self, request: Request) -> Response:
        message = _message(request.body)
        if self._store.congested:
            raise StoreFull("too much waits to be written just now", hint="Publish it again.")
        joined_before = self._store.joined
        self._router.publish(message)
        durable = self._store.joined != joined_before
        if durable:
            await self._commit()
        return json_response({"durable": durable})

    async def _get_tail(self, request: Request) -> StreamingResponse:
        topic_filter = query(request, {"filter"}).get("filter", "#")
        if len(self._tails) >= MAX_TAILS:
            raise Refused(
                503,
                "too-many-tails",
                f"{MAX_TAILS} live views are open already",
                "Close one of them.",
            )
        check_topic_filter(topic_filter)
        return StreamingResponse(200, self._follow(topic_filter), NDJSON)

    async def _follow(self, topic_filter: str) -> AsyncIterator[bytes]:
        # Subscribed here and not before: a stream that never starts is never cleaned up either.
        tail = Tail(self._router, topic_filter)
        self._tails.add(tail)
        try:
            async for lines in tail.lines():
                yield lines
        finally:
            tail.close()
            self._tails.discard(tail)

    async def _get_env(self, request: Request) -> Response:
        if self._env is None:
            raise Refused(
                404,
                "no-aws-endpoint",
                "this gateway has no AWS endpoint",
                "Add a section [aws] to its settings, and restart it.",
            )
        return json_response(dict(self._env()))

    async def _get_clients(self, request: Request) -> Response:
        return json_response({"clients": self._clients()})

    async def _get_client(self, request: Request, client_id: str) -> Response:
        details = self._client(client_id)
        if details is None:
            raise Refused(
                404,
                "no-such-client",
                f"no client {client_id!r} is connected or has a session",
                "See which there are with weir client list.",
            )
        return json_response(details)

    async def _commit(self) -> None:
        """Wait until the open batch is on disk.

        Raises:
            StoreError: It could not be written.
        """
        committed: asyncio.Future[None] = asyncio.get_running_loop().create_future()

        def receipt(failure: StoreError | None) -> None:
            if committed.done():  # the caller hung up meanwhile
                return
            if failure is None:
                committed.set_result(None)
            else:
                committed.set_exception(failure)

        self._store.on_commit(receipt)
        await committed


def _group() -> str | None:
    """Return the administrators' group, if this process may give a file to it."""
    try:
        group_id = grp.getgrnam(GROUP).gr_gid
    except KeyError:
        return None
    may_give = os.geteuid() == 0 or group_id in (os.getegid(), *os.getgroups())
    return GROUP if may_give else None


def _message(body: bytes) -> Message:
    def refused(message: str, hint: str) -> Refused:
        return Refused(400, "bad-publish", message, hint)

    form = 'Send {"topic": text, "payload": text in base64, "qos": 0, 1 or 2}.'
    try:
        document: object = orjson.loads(body)
    except orjson.JSONDecodeError as fault:
        raise refused(f"the body is no JSON: {fault}", form) from None
    if not isinstance(document, dict):
        raise refused("the body is no JSON object", form)
    fields = cast("dict[str, object]", document)
    if unknown := fields.keys() - {"topic", "payload", "qos"}:
        raise refused(f"the body has the unknown keys {', '.join(sorted(unknown))}", form)
    topic, payload, qos = fields.get("topic"), fields.get("payload", ""), fields.get("qos", 1)
    if not isinstance(topic, str):
        raise refused("the topic is missing or no text", form)
    if not isinstance(payload, str):
        raise refused("the payload is no text", form)
    if isinstance(qos, bool) or qos not in (0, 1, 2):
        raise refused(f"QoS {qos!r} is neither 0, 1 nor 2", form)
    try:
        data = base64.b64decode(payload, validate=True)
    except (binascii.Error, ValueError):
        raise refused("the payload is not base64", form) from None
    if len(data) > MAX_PAYLOAD_BYTES:
        raise refused(
            f"the payload has {len(data)} bytes", f"Send at most {MAX_PAYLOAD_BYTES} bytes."
        )
    return Message(topic, data, int(qos), False, _PUBLISHER)


def _refuse(refusal: Refusal, request: Request) -> Response:
    too_large = refusal is Refusal.BODY_TOO_LARGE
    hint = _TOO_LARGE.get(request.path, "Send less.") if too_large else ""
    return error_response(refusal.status, "refused", refusal.value, hint)
