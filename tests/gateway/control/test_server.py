"""The control socket, asked over a real unix socket with a real store and router behind it."""

from __future__ import annotations

import asyncio
import base64
import grp
import json
import os
import socket
import stat
from collections.abc import Iterator
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.client import ControlClient, GatewayNotRunning, GatewayRefused
from tests.rig.control_room import CLIENTS, ENVIRONMENT, STATUS, ControlRoom


@pytest.fixture
def room(tmp_path: Path) -> Iterator[ControlRoom]:
    with ControlRoom(tmp_path, env=ENVIRONMENT) as running:
        yield running


def client(room: ControlRoom) -> ControlClient:
    return ControlClient(room.socket)


def publish(room: ControlRoom, topic: str, payload: bytes = b"x", **more: Any) -> dict[str, object]:
    document = {"topic": topic, "payload": base64.b64encode(payload).decode(), **more}
    return client(room).post("/v1/publish", document)


def raw(room: ControlRoom, request: bytes) -> tuple[int, dict[str, Any]]:
    with closing(socket.socket(socket.AF_UNIX)) as sock:
        sock.settimeout(5)
        sock.connect(str(room.socket))
        sock.sendall(request)
        with sock.makefile("rb") as answer:
            status = int(answer.readline().split()[1])
            fields = dict(line.split(b": ", 1) for line in iter(answer.readline, b"\r\n"))
            return status, json.loads(answer.read(int(fields[b"Content-Length"])))


def ask(room: ControlRoom, method: str, target: str, body: bytes = b"") -> tuple[int, Any]:
    head = f"{method} {target} HTTP/1.1\r\nHost: x\r\nConnection: close\r\n"
    return raw(room, f"{head}Content-Length: {len(body)}\r\n\r\n".encode() + body)


def test_nobody_else_may_open_the_socket(room: ControlRoom) -> None:
    found = room.socket.stat()
    try:
        weir = grp.getgrnam("weir").gr_gid
    except KeyError:
        weir = None
    shared = weir is not None and (os.geteuid() == 0 or weir in os.getgroups())
    assert stat.S_IMODE(found.st_mode) == (0o660 if shared else 0o600)
    if shared:
        assert found.st_gid == weir


def test_status_is_the_document_of_the_composition_root(room: ControlRoom) -> None:
    assert client(room).get("/v1/status") == STATUS


def test_status_draws_dataclasses_as_objects(tmp_path: Path) -> None:
    @dataclass(frozen=True, slots=True)
    class Status:
        name: str
        folder: Path

    with ControlRoom(tmp_path, status={"rules": [Status("hot", Path("/rules.d"))]}) as room:
        shown = client(room).get("/v1/status")
        assert shown == {"rules": [{"name": "hot", "folder": "/rules.d"}]}


def test_env_gives_what_points_clients_here(room: ControlRoom) -> None:
    assert client(room).get("/v1/env") == ENVIRONMENT


def test_env_without_an_aws_endpoint_says_what_to_add(tmp_path: Path) -> None:
    with ControlRoom(tmp_path) as room, pytest.raises(GatewayRefused, match="no AWS") as caught:
        client(room).get("/v1/env")
    assert caught.value.status == 404
    assert "[aws]" in caught.value.hint


def test_clients_are_listed_and_shown_by_their_percent_encoded_identifier(
    room: ControlRoom,
) -> None:
    assert client(room).get("/v1/clients") == {"clients": CLIENTS}
    assert client(room).get("/v1/clients/pump%2F1") == CLIENTS[0]
    assert client(room).get("/v1/clients/pump/1") == CLIENTS[0]
    assert client(room).get("/v1/clients/b%C3%BCro") == CLIENTS[1]


@pytest.mark.parametrize("target", ["", "pump", "pump%2F1/", "%FF", "%", "{id}"])
def test_an_unknown_client_is_404(room: ControlRoom, target: str) -> None:
    with pytest.raises(GatewayRefused, match=r"no client .* has a session") as caught:
        client(room).get(f"/v1/clients/{target}")
    assert caught.value.status == 404
    assert "weir client list" in caught.value.hint


def test_a_publish_reaches_subscribers(room: ControlRoom) -> None:
    lines = client(room).stream("/v1/tail", filter="bench/#")
    assert next(lines) == {"following": "bench/#"}
    assert publish(room, "bench/1", b"\xff\x00", qos=0) == {"durable": False}
    publish(room, "elsewhere")
    publish(room, "bench/2", b"21.5")
    messages = [next(lines), next(lines)]
    assert messages == [
        {
            "topic": "bench/1",
            "payload": base64.b64encode(b"\xff\x00").decode(),
            "encoding": "base64",
            "qos": 0,
            "retain": False,
        },
        {
            "topic": "bench/2",
            "payload": "21.5",
            "encoding": "utf-8",
            "qos": 1,
            "retain": False,
        },
    ]


def test_a_durable_publish_is_answered_when_it_is_on_disk(tmp_path: Path) -> None:
    # The first commit starts the interval: the second publish would be answered long before its
    # own commit if nobody waited for it.
    with ControlRoom(tmp_path, commit_interval_ms=150) as room:
        for number in range(3):
            assert publish(room, "durable/x", b"%d" % number) == {"durable": True}
            assert room.kept_on_disk() == [b"%d" % n for n in range(number + 1)]


BAD = [
    (b"{", "no JSON"),
    (b"[]", "no JSON object"),
    (b'{"payload": ""}', "topic is missing"),
    (b'{"topic": 1}', "topic is missing or no text"),
    (b'{"topic": "a", "payload": 1}', "payload is no text"),
    (b'{"topic": "a", "payload": "%"}', "not base64"),
    (b'{"topic": "a", "qos": 3}', "QoS 3"),
    (b'{"topic": "a", "qos": true}', "QoS True"),
    (b'{"topic": "a", "retained": true}', "unknown keys retained"),
    (b'{"topic": "a/#"}', "wildcard"),
    (b'{"topic": ""}', "empty"),
]


@pytest.mark.parametrize(("body", "reason"), BAD, ids=[reason for _, reason in BAD])
def test_a_bad_publish_is_refused_with_its_reason(
    room: ControlRoom, body: bytes, reason: str
) -> None:
    status, answer = ask(room, "POST", "/v1/publish", body)
    assert status == 400
    assert reason in answer["error"]["message"]
    assert answer["error"]["hint"]


def test_a_payload_over_the_limit_is_refused(room: ControlRoom) -> None:
    with pytest.raises(GatewayRefused, match="1048577 bytes"):
        publish(room, "a", bytes(1024 * 1024 + 1))
    assert publish(room, "a", bytes(1024 * 1024)) == {"durable": False}


def test_a_store_that_takes_nothing_is_503(room: ControlRoom) -> None:
    room.call(room.store.close())
    with pytest.raises(GatewayRefused, match="stopping") as caught:
        publish(room, "durable/x")
    assert caught.value.status == 503


@pytest.mark.parametrize(
    ("method", "target", "status", "reason"),
    [
        ("GET", "/v1/nothing", 404, "there is nothing at /v1/nothing"),
        ("GET", "/", 404, "there is nothing at /"),
        ("POST", "/v1/status", 405, "/v1/status is not for POST"),
        ("GET", "/v1/publish", 405, "/v1/publish is not for GET"),
        ("POST", "/v1/clients/x", 405, "/v1/clients/x is not for POST"),
        ("GET", "/v1/tail?filter=a%2F%23%2Fb", 400, "# is not the last level"),
        ("GET", "/v1/tail?filter=", 400, "empty"),
        ("GET", "/v1/tail?filtre=a", 400, "no parameter 'filtre'"),
        ("GET", "/v1/tail?filter=a&filter=b", 400, "filter comes twice"),
    ],
)
def test_a_wrong_request_is_answered_with_its_reason(
    room: ControlRoom, method: str, target: str, status: int, reason: str
) -> None:
    found, answer = ask(room, method, target)
    assert found == status
    assert reason in answer["error"]["message"]


def test_a_refused_body_has_the_same_form(room: ControlRoom) -> None:
    status, answer = raw(
        room, b"POST /v1/publish HTTP/1.1\r\nHost: x\r\nContent-Length: 9999999\r\n\r\n"
    )
    assert (status, answer["error"]["code"]) == (413, "refused")


def test_tails_are_bounded_and_end_with_their_readers(room: ControlRoom) -> None:
    tails = [client(room).stream("/v1/tail") for _ in range(16)]
    for tail in tails:
        next(tail)
    assert room.subscriptions() == 16
    with pytest.raises(GatewayRefused, match="16 live views"):
        next(client(room).stream("/v1/tail"))
    for tail in tails:
        tail.close()  # type: ignore[attr-defined]
    room.call(_until(lambda: room.metrics.snapshot()["control.tails"] == 0))
    assert room.subscriptions() == 0


async def _until(condition: Any) -> None:
    async with asyncio.timeout(5):
        while not condition():
            await asyncio.sleep(0)


def test_stopping_ends_a_tail_and_removes_the_socket(tmp_path: Path) -> None:
    with ControlRoom(tmp_path) as room:
        lines = client(room).stream("/v1/tail")
        next(lines)
        room.call(room.server.stop())
        assert list(lines) == []
        assert not room.socket.exists()
        with pytest.raises(GatewayNotRunning, match="no gateway is running"):
            client(room).get("/v1/status")
