"""HTTP on a unix socket: who can open it, and what stands in its way."""

from __future__ import annotations

import asyncio
import grp
import os
import socket
import stat
from pathlib import Path

import pytest

from gateway.errors import SettingsError
from gateway.http.message import Request, Response
from gateway.http.server import HttpServer
from gateway.http.settings import HttpLimits
from gateway.http.unix_socket import bind_unix_socket, unlink_socket
from gateway.metrics import Metrics


def mode_of(path: Path) -> int:
    return stat.S_IMODE(path.lstat().st_mode)


def test_the_server_answers_there_and_removes_it_at_closing(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    peers: list[str | None] = []

    async def handler(request: Request) -> Response:
        peers.append(request.peer)
        return Response(200, b"hello")

    async def main() -> None:
        server = HttpServer(handler, HttpLimits(), metrics=Metrics(), name="control")
        await server.listen_unix(path, mode=0o660)
        assert mode_of(path) == 0o660
        reader, writer = await asyncio.open_unix_connection(path)
        writer.write(b"GET /status HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
        assert (await reader.read()).endswith(b"\r\n\r\nhello")
        writer.close()
        await server.close(1)

    asyncio.run(main())
    assert peers == [None]
    assert not path.exists()


@pytest.mark.parametrize("umask", [0o000, 0o077])
def test_it_is_never_open_to_more_than_in_the_end(
    tmp_path: Path, umask: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "control.sock"
    at_bind: list[int] = []
    chmod = os.chmod

    def watched(target: Path, mode: int) -> None:
        at_bind.append(mode_of(path))
        chmod(target, mode)

    monkeypatch.setattr(os, "chmod", watched)
    before = os.umask(umask)
    try:
        sock = bind_unix_socket(path, mode=0o660, group=None)
    finally:
        os.umask(before)
    sock.close()
    assert at_bind == [0o600]
    assert mode_of(path) == 0o660


def test_a_group_of_the_process_is_given_the_socket(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    group = grp.getgrgid(os.getegid())
    bind_unix_socket(path, mode=0o660, group=group.gr_name).close()
    assert path.lstat().st_gid == group.gr_gid


def test_an_unknown_group_is_named_with_the_remedy(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="no-such-group") as caught:
        bind_unix_socket(tmp_path / "s", mode=0o660, group="no-such-group")
    assert "groupadd" in caught.value.hint
    assert not (tmp_path / "s").exists()


def test_a_socket_that_a_dead_process_left_is_replaced(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    dead = socket.socket(socket.AF_UNIX)
    dead.bind(str(path))
    dead.close()
    bind_unix_socket(path, mode=0o600, group=None).close()
    assert mode_of(path) == 0o600


def test_what_is_no_socket_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "control.sock"
    path.write_text("precious")
    with pytest.raises(SettingsError, match="in the way"):
        bind_unix_socket(path, mode=0o600, group=None)
    with pytest.raises(SettingsError, match="in the way"):
        unlink_socket(path)
    assert path.read_text() == "precious"


def test_a_path_too_long_for_a_socket_is_said_to_be(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="107") as caught:
        bind_unix_socket(tmp_path / ("x" * 120), mode=0o600, group=None)
    assert "data_dir" in caught.value.hint


def test_a_folder_that_is_not_there_is_an_error_with_a_remedy(tmp_path: Path) -> None:
    with pytest.raises(SettingsError, match="cannot make the socket"):
        bind_unix_socket(tmp_path / "absent" / "s", mode=0o600, group=None)


def test_removing_what_is_not_there_is_no_error(tmp_path: Path) -> None:
    unlink_socket(tmp_path / "absent")
