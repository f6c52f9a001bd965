"""`weir credentials` and `weir env --credentials`, on a control socket and a real file."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from gateway.cli.main import main
from gateway.identity.credentials import Credentials
from tests.gateway.control.credential_room import CredentialRoom

OWN = {"Statement": {"Effect": "Allow", "Action": "sqs:*", "Resource": "arn:aws:sqs:*:*:alarms"}}

Weir = Callable[..., tuple[int, str, str]]


@pytest.fixture
def room(tmp_path: Path) -> Iterator[CredentialRoom]:
    with CredentialRoom(tmp_path / "data") as running:
        yield running


@pytest.fixture
def weir(room: CredentialRoom, capsys: pytest.CaptureFixture[str]) -> Weir:
    def run(*arguments: object) -> tuple[int, str, str]:
        code = main([*map(str, arguments), "--data-dir", str(room.data_dir)])
        out, err = capsys.readouterr()
        return code, out, err

    return run


def words(text: str) -> list[list[str]]:
    return [line.split() for line in text.splitlines()]


def test_a_key_is_made_and_its_secret_shown_once(room: CredentialRoom, weir: Weir) -> None:
    code, out, err = weir("credentials", "create", "reader", "--policy", "read-only")
    assert (code, err) == (0, "")
    key = room.credentials.find("reader")
    assert words(out)[:4] == [
        ["reader"],
        ["access", "key", "id", key.access_key_id],
        ["secret", "access", "key", key.secret_access_key],
        ["policy", "read-only"],
    ]
    assert "\x1b" not in out
    code, out, _ = weir("credentials", "list")
    lines = words(out)
    assert (code, lines[0]) == (0, ["2", "credentials"])
    assert lines[2] == ["Name", "Access", "key", "id", "State", "Policy"]
    default = room.credentials.default.access_key_id
    assert lines[3] == ["default", default, "active", "full", "weir", "env", "gives", "this", "one"]
    assert lines[4] == ["reader", key.access_key_id, "active", "read-only"]
    for command in (("list",), ("list", "--json"), ("disable", "reader"), ("enable", "reader")):
        assert key.secret_access_key not in weir("credentials", *command)[1]


def test_a_policy_of_ones_own_comes_from_a_file(
    room: CredentialRoom, weir: Weir, tmp_path: Path
) -> None:
    file = tmp_path / "alarms.json"
    file.write_text(json.dumps(OWN))
    made = json.loads(weir("credentials", "create", "pump", "--policy", file, "--json")[1])
    assert (made["policy"], made["document"]) == ("custom", OWN)
    policy = room.credentials.policy(made["access_key_id"])
    assert policy is not None and policy.allows("sqs:SendMessage", "arn:aws:sqs:r:1:alarms")
    assert not policy.allows("sqs:SendMessage", "arn:aws:sqs:r:1:other")
    file.write_text('{"Statement": {"Effect": "Allow", "Action": "sqs:*", "Condition": {}}}')
    code, out, err = weir("credentials", "create", "more", "--policy", file)
    assert (code, out) == (1, "")
    assert err == (
        "weir: Statement[0].Condition is not evaluated here.\n"
        "  Name what is allowed in Action and Resource instead.\n"
    )


@pytest.mark.parametrize("what", ["missing", "folder", "binary", "large"])
def test_a_policy_that_cannot_be_read(weir: Weir, tmp_path: Path, what: str) -> None:
    file = tmp_path / "policy.json"
    if what == "folder":
        file.mkdir()
    elif what != "missing":
        file.write_bytes(b"\xff" if what == "binary" else b" " * 300_000)
    code, out, err = weir("credentials", "create", "pump", "--policy", file)
    assert (code, out) == (2, "")
    assert err.startswith(f"weir: {file} ")
    assert err.endswith("Name a file with an IAM policy, or one of full, read-only.\n")


def test_without_a_policy_a_key_may_do_everything(room: CredentialRoom, weir: Weir) -> None:
    assert weir("credentials", "create", "admin")[0] == 0
    assert room.credentials.find("admin").policy.unrestricted


def test_a_key_is_rotated_disabled_enabled_and_deleted(room: CredentialRoom, weir: Weir) -> None:
    weir("credentials", "create", "pump")
    key = room.credentials.find("pump")
    key_id = key.access_key_id
    out = weir("credentials", "rotate", key_id)[1]
    secret = room.credentials.secret(key_id)
    assert secret is not None and secret in out and key.secret_access_key not in out
    assert weir("credentials", "disable", "pump") == (0, f"pump ({key_id}) is disabled.\n", "")
    assert room.credentials.secret(key_id) is None
    assert ["pump", key_id, "disabled", "full"] in words(weir("credentials", "list")[1])
    assert weir("credentials", "enable", key_id) == (0, f"pump ({key_id}) is enabled.\n", "")
    assert json.loads(weir("credentials", "delete", "pump", "--json")[1])["name"] == "pump"
    assert [key.name for key in Credentials.open(room.data_dir).all()] == ["default"]


@pytest.mark.parametrize("action", ["rotate", "disable", "enable", "delete"])
@pytest.mark.parametrize("name", ["nobody", "", "a/b\x1b", "\udcff"])
def test_a_key_that_there_is_not(weir: Weir, action: str, name: str) -> None:
    code, out, err = weir("credentials", action, name)
    assert (code, out) == (1, "")
    assert err.startswith("weir: ") and "\x1b" not in err
    if name == "nobody":
        assert err == (
            "weir: no credential is called 'nobody'.\n"
            "  See which there are with weir credentials list.\n"
        )


def test_the_last_key_stays(weir: Weir) -> None:
    code, out, err = weir("credentials", "delete", "default")
    assert (code, out) == (1, "")
    assert err == (
        "weir: default cannot be deleted: it is the last active credential that may do "
        "everything.\n  Create another first with weir credentials create NAME.\n"
    )


def test_a_gateway_that_asks_nobody_says_so(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with CredentialRoom(tmp_path / "data", auth="none") as room:
        assert main(["credentials", "list", "--data-dir", str(room.data_dir)]) == 0
    assert 'aws.auth is "none": nobody is asked for a key' in capsys.readouterr().out


def test_the_environment_of_any_key(room: CredentialRoom, weir: Weir) -> None:
    weir("credentials", "create", "reader", "--policy", "read-only")
    key = room.credentials.find("reader")
    code, out, _ = weir("env", "--credentials", "reader")
    assert code == 0
    assert f"export AWS_ACCESS_KEY_ID={key.access_key_id}\n" in out
    by_id = json.loads(weir("env", "--credentials", key.access_key_id, "--json")[1])
    assert by_id["AWS_SECRET_ACCESS_KEY"] == key.secret_access_key
    code, out, err = weir("env", "--credentials", "nobody")
    assert (code, out) == (1, "")
    assert "no credential is called 'nobody'" in err


def test_the_environment_of_a_key_while_no_gateway_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    data = tmp_path / "data"
    with CredentialRoom(data) as room:
        main(["credentials", "create", "reader", "--data-dir", str(data)])
        secret = room.credentials.find("reader").secret_access_key
    config = tmp_path / "weir.toml"
    config.write_text(f'[gateway]\ndata_dir = "{data}"\n[aws]\nbind = "127.0.0.1:4566"\n')
    capsys.readouterr()
    assert main(["env", "--credentials", "reader", "--config", str(config), "--plain"]) == 0
    assert f"AWS_SECRET_ACCESS_KEY={secret}" in capsys.readouterr().out
    assert main(["env", "--credentials", "nobody", "--config", str(config)]) == 1
    assert re.search("no credential is called", capsys.readouterr().err)


@pytest.mark.parametrize("arguments", [["list"], ["create", "a"], ["rotate", "a"]])
def test_no_gateway_runs(
    tmp_path: Path, capsys: pytest.CaptureFixture[str], arguments: list[str]
) -> None:
    assert main(["credentials", *arguments, "--data-dir", str(tmp_path)]) == 1
    assert capsys.readouterr().err.startswith("weir: no gateway is running: ")
