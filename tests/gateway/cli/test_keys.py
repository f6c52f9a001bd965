"""`weir keys`, on a control socket and a ring."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.cli.main import main
from gateway.control.keys import key_endpoints
from gateway.store.encryption import SQS_MANAGED, KeyRing
from tests.rig.control_room import ControlRoom

MASTER = {"WEIR_MASTER_KEY": "c29tZXdoZXJlIGVsc2UsIG5vdCBvbiB0aGUgY2FyZCE="}

Weir = Callable[..., tuple[int, str, str]]


@pytest.fixture
def ring(tmp_path: Path) -> KeyRing:
    return KeyRing.open(tmp_path, {}, wall_ms=lambda: 1_800_000_000_000)


@pytest.fixture
def room(tmp_path: Path, ring: KeyRing) -> Iterator[ControlRoom]:
    with ControlRoom(tmp_path, endpoints=key_endpoints(ring)) as running:
        yield running


@pytest.fixture
def weir(room: ControlRoom, capsys: pytest.CaptureFixture[str]) -> Weir:
    def run(*arguments: str) -> tuple[int, str, str]:
        code = main(["keys", *arguments, "--data-dir", str(room.data_dir)])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def test_a_table_of_all_keys(room: ControlRoom, ring: KeyRing, weir: Weir) -> None:
    assert weir("list") == (0, "no keys\n", "")
    room.call(ring.ensure(SQS_MANAGED))
    room.call(ring.create("pump"))
    room.call(ring.rotate("pump"))
    room.call(ring.disable("pump"))
    code, out, err = weir("list")
    assert (code, err) == (0, "")
    pump, managed = ring.all()
    lines = [line.split() for line in out.splitlines()]
    assert lines[0] == ["2", "keys"]
    assert lines[3] == [
        "alias/pump", "disabled", pump.versions[1].id, "2027-01-15", "08:00:00", "1", pump.id,
    ]  # fmt: skip
    assert lines[4] == [
        SQS_MANAGED, "enabled", managed.versions[0].id, "2027-01-15", "08:00:00", "0", managed.id,
    ]  # fmt: skip
    assert out.endswith(
        "keys.json is not wrapped by a master key: who takes the card can read it.\n"
    )


def test_at_80_columns_ids_are_whole(
    room: ControlRoom, ring: KeyRing, weir: Weir, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("COLUMNS", "80")
    made = room.call(ring.create("pump"))
    _, out, _ = weir("list")
    assert made.id in out
    assert all(len(line) <= 80 for line in out.splitlines())


def test_a_wrapped_file_is_told(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    ring = KeyRing.open(tmp_path, MASTER)
    with ControlRoom(tmp_path, endpoints=key_endpoints(ring)) as room:
        room.call(ring.ensure(SQS_MANAGED))
        assert main(["keys", "list", "--data-dir", str(tmp_path)]) == 0
    assert capsys.readouterr().out.endswith("keys.json is wrapped by a master key.\n")


def test_a_key_is_made_rotated_switched_off_and_on(ring: KeyRing, weir: Weir) -> None:
    code, out, err = weir("create", "pump")
    (key,) = ring.all()
    assert (code, out, err) == (0, f"alias/pump is there, with the id {key.id}.\n", "")
    code, out, err = weir("rotate", "pump")
    (key,) = ring.all()
    assert (code, err) == (0, "")
    assert out.startswith(f"alias/pump has the new version {key.versions[-1].id}. New messages ")
    assert weir("disable", key.id) == (0, "alias/pump is disabled.\n", "")
    assert ring.info("pump").state == "disabled"
    assert weir("enable", "alias/pump") == (0, "alias/pump is enabled.\n", "")


def test_programs_get_what_the_gateway_answers(ring: KeyRing, weir: Weir) -> None:
    made = json.loads(weir("create", "pump", "--json")[1])
    assert (made["name"], made["state"]) == ("alias/pump", "enabled")
    assert json.loads(weir("list", "--json")[1]) == {"wrapped": False, "keys": [made]}
    rotated = json.loads(weir("rotate", "pump", "--json")[1])
    assert rotated["versions"][-1]["id"] == ring.info("pump").versions[-1].id


@pytest.mark.parametrize("action", ["rotate", "enable", "disable"])
@pytest.mark.parametrize("name", ["no", "", "a/b\x1b", "\udcff"])
def test_a_key_that_there_is_not(weir: Weir, action: str, name: str) -> None:
    code, out, err = weir(action, name)
    assert (code, out) == (1, "")
    assert err.startswith("weir: there is no key '")
    assert err.endswith("See which there are with weir keys list.\n")
    assert "\x1b" not in err


def test_the_gateways_own_key_is_not_switched_off(
    room: ControlRoom, ring: KeyRing, weir: Weir
) -> None:
    room.call(ring.ensure(SQS_MANAGED))
    code, out, err = weir("disable", SQS_MANAGED)
    assert (code, out) == (1, "")
    assert err.startswith("weir: sqs-managed is the gateway's own key, which is always enabled.\n")
