"""The endpoints of keys, asked over a real unix socket with a real ring behind them."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest

from gateway.cli.client import ControlClient, GatewayRefused
from gateway.control.keys import key_endpoints
from gateway.store.encryption import SQS_MANAGED, KeyRing
from tests.rig.control_room import ControlRoom


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing.open(tmp_path, {}, wall_ms=lambda: 1_800_000_000_000)


@pytest.fixture
def room(tmp_path: Path, ring: KeyRing) -> Iterator[ControlRoom]:
    with ControlRoom(tmp_path, endpoints=key_endpoints(ring)) as running:
        running.call(ring.ensure(SQS_MANAGED))
        yield running


def every(room: ControlRoom) -> Any:
    return ControlClient(room.socket).get("/v1/keys")


def change(room: ControlRoom, name: str, action: str) -> Any:
    return ControlClient(room.socket).post(f"/v1/keys/{quote(name, safe='')}/{action}", {})


def refused(room: ControlRoom, name: str, action: str) -> tuple[int, str]:
    with pytest.raises(GatewayRefused) as caught:
        change(room, name, action)
    assert caught.value.hint
    return caught.value.status, str(caught.value)


def test_keys_are_listed_without_their_secrets(tmp_path: Path, room: ControlRoom) -> None:
    document = every(room)
    (key,) = document["keys"]
    assert document["wrapped"] is False
    assert key.keys() == {"name", "id", "state", "built_in", "created_ms", "versions"}
    assert (key["name"], key["state"], key["built_in"]) == (SQS_MANAGED, "enabled", True)
    assert key["created_ms"] == 1_800_000_000_000
    (version,) = key["versions"]
    assert version.keys() == {"id", "created_ms"}
    assert version["id"] in (tmp_path / "keys.json").read_text()


def test_a_key_is_made_rotated_switched_off_and_on(room: ControlRoom, ring: KeyRing) -> None:
    made = change(room, "greenhouse/2", "create")
    assert (made["name"], made["state"]) == ("alias/greenhouse/2", "enabled")
    rotated = change(room, "alias/greenhouse/2", "rotate")
    assert rotated["versions"][0] == made["versions"][0]
    assert len(rotated["versions"]) == 2
    assert change(room, made["id"], "disable")["state"] == "disabled"
    assert ring.info("greenhouse/2").state == "disabled"
    assert change(room, "greenhouse/2", "enable")["state"] == "enabled"
    assert every(room)["keys"][0] == {**rotated, "state": "enabled"}


def test_what_cannot_be_done_is_refused_with_its_reason(room: ControlRoom) -> None:
    change(room, "pump", "create")
    change(room, "pump", "disable")
    assert refused(room, "pump", "create") == (409, "there is a key alias/pump already")
    assert refused(room, "pump", "rotate") == (409, "the key alias/pump is disabled")
    assert refused(room, SQS_MANAGED, "disable")[0] == 409
    assert refused(room, "a b", "create") == (400, "'a b' is no name of a key")
    for action in ("rotate", "enable", "disable"):
        for name in ("no", "a/b\x1b", "alias/no"):
            assert refused(room, name, action) == (404, f"there is no key {name!r}")


def test_a_disk_that_refuses_is_told(tmp_path: Path, room: ControlRoom) -> None:
    (tmp_path / ".keys.json.new").mkdir()
    status, message = refused(room, "pump", "create")
    assert status == 503
    assert message.startswith(f"cannot write {tmp_path / 'keys.json'}")
    assert len(every(room)["keys"]) == 1
