"""`weir status`, `client`, `pub`, `tail` and `env` as processes, with a real control socket."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from gateway.cli.main import main
from gateway.identity.credentials import Credentials
from tests.rig.control_room import CLIENTS, ENVIRONMENT, STATUS, ControlRoom

SETTINGS = '[gateway]\ndata_dir = "data"\nregion = "eu-central-1"\n'


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    (tmp_path / "data").mkdir()
    (tmp_path / "weir.toml").write_text(SETTINGS)
    return tmp_path


@pytest.fixture
def room(folder: Path) -> Iterator[ControlRoom]:
    with ControlRoom(folder / "data", env=ENVIRONMENT) as running:
        yield running


def command(folder: Path, *arguments: str, **more: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, "-m", "gateway.cli.main", *arguments],
        cwd=folder,
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env={**os.environ, "PYTHONUNBUFFERED": "1"},
        **more,
    )


def weir(folder: Path, *arguments: str, stdin: str = "") -> tuple[int, str, str]:
    process = command(folder, *arguments)
    out, err = process.communicate(stdin, timeout=30)
    return process.returncode, out, err


def interrupt(process: subprocess.Popen[str]) -> tuple[int, str]:
    process.send_signal(signal.SIGINT)
    _, err = process.communicate(timeout=30)
    return process.returncode, err


@pytest.mark.parametrize(
    "arguments",
    [["status"], ["status", "--watch"], ["client", "list"], ["pub", "a", "1"], ["tail"]],
)
def test_no_gateway_runs(folder: Path, arguments: list[str]) -> None:
    code, out, err = weir(folder, *arguments)
    assert (code, out) == (1, "")
    assert err == (
        f"weir: no gateway is running: nothing answers on {folder}/data/control.sock.\n"
        "  Start one with weir run, or name another with --config or --data-dir.\n"
    )


def test_status_for_people_and_for_programs(room: ControlRoom, folder: Path) -> None:
    code, out, _ = weir(folder, "status")
    assert code == 0
    assert out.startswith("greenhouse-1  ready  up 01:02:03  2 clients on 127.0.0.1:1883")
    assert "\x1b" not in out  # no terminal, no styles
    code, out, _ = weir(folder, "status", "--json", "--data-dir", "data")
    assert json.loads(out) == STATUS


def test_the_live_view_adds_lines_where_there_is_no_terminal(
    room: ControlRoom, folder: Path
) -> None:
    process = command(folder, "status", "--watch")
    assert process.stdout is not None
    first = process.stdout.readline()
    assert (
        first == "up 01:02:03 | - commits/s | rule too_hot 12 hits | rule broken.json 0 hits |"
        " queue alarms 3\n"
    )
    room.publish("bench", b'{"celsius": 21.5}')
    assert "bench celsius 21.5" in process.stdout.readline()
    assert interrupt(process) == (0, "")


def test_clients_for_people_and_for_programs(room: ControlRoom, folder: Path) -> None:
    code, out, _ = weir(folder, "client", "list")
    assert code == 0
    assert out.startswith("2 clients, 1 connected\n\n  Client")
    assert "büro" in out and "\x1b" not in out
    assert "büro" not in weir(folder, "client", "list", "--connected")[1]
    every = json.loads(weir(folder, "client", "list", "--json")[1])
    assert every == {"clients": CLIENTS}
    here = json.loads(weir(folder, "client", "list", "--json", "--connected")[1])
    assert here == {"clients": CLIENTS[:1]}


def test_one_client_for_people_and_for_programs(room: ControlRoom, folder: Path) -> None:
    code, out, _ = weir(folder, "client", "show", "pump/1", "--data-dir", "data")
    assert code == 0
    assert out.startswith("pump/1  connected  for ")
    assert "\x1b" not in out
    assert json.loads(weir(folder, "client", "show", "--json", "büro")[1]) == CLIENTS[1]


@pytest.mark.parametrize("client_id", ["pump", "", "a b\x1b", os.fsdecode(b"\xff")])
def test_an_unknown_client_is_told_with_where_to_look(
    room: ControlRoom, client_id: str, capsys: pytest.CaptureFixture[str]
) -> None:
    assert main(["client", "show", client_id, "--data-dir", str(room.data_dir)]) == 1
    out, err = capsys.readouterr()
    known = client_id if client_id.isprintable() else None
    assert out == "" and "\x1b" not in err
    assert known is None or f"weir: no client '{known}' is connected or has a session.\n" in err
    assert err.endswith("\n  See which there are with weir client list.\n")


def test_pub_takes_its_payload_as_an_argument_or_from_stdin(
    room: ControlRoom, folder: Path
) -> None:
    assert weir(folder, "pub", "durable/x", '{"a": 1}') == (0, "", "")
    assert weir(folder, "pub", "durable/x", "-", "--json", stdin="ü\n") == (
        0,
        '{"durable": true}\n',
        "",
    )
    assert weir(folder, "pub", "durable/x", "--qos", "0")[0] == 0
    assert room.kept_on_disk() == [b'{"a": 1}', "ü\n".encode(), b""]


def test_pub_says_why_a_topic_is_refused(room: ControlRoom, folder: Path) -> None:
    code, _, err = weir(folder, "pub", "a/#", "1")
    assert code == 1
    assert err == "weir: the topic name 'a/#' holds a wildcard (+ or #).\n  Correct the topic.\n"


def test_tail_shows_what_is_published_and_nothing_a_terminal_acts_on(
    room: ControlRoom, folder: Path
) -> None:
    process = command(folder, "tail", "bench/#", "--count", "3")
    assert process.stderr is not None
    assert process.stderr.readline() == "weir: following bench/#\n"
    room.publish("elsewhere", b"x")
    room.publish("bench/1", b"21.5")
    room.publish("bench/2", b"\x1b[2Jcleared")
    room.publish("bench/3", b"\xff")
    out, _ = process.communicate(timeout=30)
    assert process.returncode == 0
    assert out.splitlines() == ["bench/1 21.5", r"bench/2 \x1b[2Jcleared", "bench/3 base64:/w=="]


def test_tail_ends_with_ctrl_c_and_gives_json(room: ControlRoom, folder: Path) -> None:
    process = command(folder, "tail", "--json")
    assert process.stderr is not None and process.stdout is not None
    process.stderr.readline()
    room.publish("a", b"1")
    assert json.loads(process.stdout.readline()) == {
        "topic": "a",
        "payload": "1",
        "encoding": "utf-8",
        "qos": 1,
        "retain": False,
    }
    assert interrupt(process) == (0, "")


def test_tail_ends_quietly_when_its_reader_has_seen_enough(room: ControlRoom, folder: Path) -> None:
    process = command(folder, "tail")
    assert process.stderr is not None and process.stdout is not None
    process.stderr.readline()
    process.stdout.close()
    room.publish("a", b"1", count=2000)
    assert process.wait(30) == 0
    assert process.stderr.read() == ""
    process.stderr.close()
    assert process.stdin is not None
    process.stdin.close()


def test_env_in_its_three_forms(room: ControlRoom, folder: Path) -> None:
    code, out, _ = weir(folder, "env")
    assert (code, out) == (
        0,
        "export AWS_ENDPOINT_URL=http://127.0.0.1:4566\nexport AWS_REGION=us-east-1\n",
    )
    plain = "AWS_ENDPOINT_URL=http://127.0.0.1:4566 AWS_REGION=us-east-1\n"
    assert weir(folder, "env", "--plain")[1] == plain
    assert json.loads(weir(folder, "env", "--json", "--data-dir", "data")[1]) == ENVIRONMENT


def test_env_without_a_running_gateway_comes_from_the_files(folder: Path) -> None:
    with (folder / "weir.toml").open("a") as file:
        file.write('[aws]\nbind = "localhost:4566"\n')
    code, out, err = weir(folder, "env", "--json")
    assert (code, out) == (1, "")
    assert "there are no keys" in err and "start the gateway once" in err.lower()
    assert not (folder / "data" / "credentials.json").exists()  # it made none itself
    key = Credentials.open(folder / "data").default
    code, out, _ = weir(folder, "env", "--json")
    assert (code, json.loads(out)) == (
        0,
        {
            "AWS_ENDPOINT_URL": "http://localhost:4566",
            "AWS_ACCESS_KEY_ID": key.access_key_id,
            "AWS_SECRET_ACCESS_KEY": key.secret_access_key,
            "AWS_DEFAULT_REGION": "eu-central-1",
            "AWS_REGION": "eu-central-1",
        },
    )


def test_env_tells_a_user_who_may_not_read_the_keys_what_to_do(
    capsys: pytest.CaptureFixture[str],
) -> None:
    # Not pytest's own folder: nobody but its owner may enter that one.
    with tempfile.TemporaryDirectory() as name:
        folder = Path(name)
        folder.chmod(0o755)
        config = folder / "weir.toml"
        config.write_text(SETTINGS + "[aws]\n")
        (folder / "data").mkdir(mode=0o700)
        asked = ["env", "--config", str(config)]
        assert main(asked) == 1  # and everything is imported
        assert "there are no keys" in capsys.readouterr().err
        (folder / "data").chmod(0)
        user = os.geteuid()
        if user == 0:
            os.seteuid(65534)
        try:
            code = main(asked)
        finally:
            os.seteuid(user)
            (folder / "data").chmod(0o700)
    out, err = capsys.readouterr()
    assert (code, out) == (1, "")
    assert "are not for this user" in err and "Become a member of the group weir" in err


def test_a_payload_that_is_too_large_is_refused_with_the_limit(
    room: ControlRoom, folder: Path
) -> None:
    code, out, err = weir(folder, "pub", "a", "-", stdin="x" * 2_000_000)
    assert (code, out) == (1, "")
    assert "the body is larger than the limit.\n  Send at most 1048576 bytes" in err


@pytest.mark.parametrize(
    ("section", "reason"),
    [("", "has no AWS endpoint"), ('[aws]\nbind = "127.0.0.1:0"\n', "start the gateway first")],
)
def test_env_says_why_there_is_nothing_to_print(folder: Path, section: str, reason: str) -> None:
    (folder / "weir.toml").write_text(SETTINGS + section)
    code, out, err = weir(folder, "env")
    assert (code, out) == (1, "")
    assert reason in err.lower() or reason in err
