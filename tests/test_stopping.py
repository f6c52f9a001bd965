"""Stopping a gateway: at any moment, within ten seconds, whoever is stuck."""

from __future__ import annotations

import os
import shutil
import signal
import socket
import subprocess
import time
from pathlib import Path

import pytest

from gateway.app import STOP_LIMIT_S
from tests.rig.gateway_process import WEIR, GatewayProcess, drain, wait_until
from tests.rig.mqtt_bench import DISCONNECT
from tests.rig.neighbour import Client

LIMIT_S = 10.0


def publish(topic: bytes, payload: bytes) -> bytes:
    """A PUBLISH at QoS 1 of less than 128 bytes, with the identifier 7."""
    body = len(topic).to_bytes(2, "big") + topic + b"\0\7" + payload
    return b"\x32" + bytes((len(body),)) + body


def ended(pid: int) -> bool:
    """Whether a process is gone, or at least its main thread."""
    try:
        return "\nState:\tZ" in Path(f"/proc/{pid}/status").read_text()
    except FileNotFoundError:
        return True


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_what_was_taken_is_committed_and_acknowledged(
    tmp_path: Path, number: signal.Signals
) -> None:
    gateway = GatewayProcess(tmp_path, store="commit_interval_ms = 60000")
    with gateway:
        client = Client(gateway.mqtt_port, "c")
        client.sock.sendall(publish(b"bench/x", b"taken"))
        wait_until(lambda: gateway.status()["metrics"]["store.gathered_bytes"], what="a row")
        began_s = time.monotonic()
        assert gateway.process is not None
        os.kill(gateway.pid, number)
        assert client.last_words() == b"\x40\x02\0\7"
        assert gateway.process.wait(LIMIT_S) == 0
        assert time.monotonic() - began_s < 3
        client.close()
        gateway.config.write_text(gateway.config.read_text().replace("60000", "0"))
        gateway.start()
        assert drain(gateway.sqs()) == ["taken"]


def test_clients_that_read_nothing_keep_nobody(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path) as gateway:
        port = gateway.mqtt_port
        stuck = [Client(port, f"stuck-{n}") for n in range(3)]
        for client in stuck:
            client.sock.sendall(b"\x82\x06\0\1\0\1#\0")
            assert client.read(5) == b"\x90\x03\0\1\0"
        sender = Client(port, "sender")
        for _ in range(60):  # more than the sockets' buffers hold
            packet = b"\x30\xff\xff\x03\0\1x" + b"p" * (65535 - 3)
            sender.sock.sendall(packet)
        sender.sock.sendall(DISCONNECT)
        sender.last_words()
        long_poll = subprocess.Popen(
            [WEIR, "tail", "#", "--config", str(gateway.config)], stdout=subprocess.PIPE
        )
        began_s = time.monotonic()
        assert gateway.stop() == 0
        assert time.monotonic() - began_s < 5
        for client in stuck:
            client.close()
        sender.close()
        long_poll.kill()
        long_poll.communicate()


def test_a_second_signal_changes_nothing(tmp_path: Path) -> None:
    with GatewayProcess(tmp_path) as gateway:
        assert gateway.process is not None
        pid = gateway.pid
        os.kill(pid, signal.SIGTERM)
        try:
            os.kill(pid, signal.SIGTERM)
            os.kill(pid, signal.SIGINT)
        except ProcessLookupError:
            pass  # it was that quick
        assert gateway.process.wait(LIMIT_S) == 0
        assert gateway.process.stdout is not None
        gateway.process.stdout.close()
        assert "Traceback" not in gateway.log_tail()


@pytest.mark.system
def test_a_disk_that_hangs_keeps_the_process_no_longer_than_the_limit(tmp_path: Path) -> None:
    hang = "inject=fdatasync:delay_enter=60000000:when="
    trace = ["strace", "-f", "-qq", "-o", "/dev/null", "-e", "trace=fdatasync", "-e"]
    # The first commits are those of the start.
    gateway = GatewayProcess(tmp_path, prefix=[*trace, f"{hang}40+"])
    with gateway:
        client = Client(gateway.mqtt_port, "c")
        client.sock.settimeout(2)
        acknowledged = 0
        try:
            for n in range(100):
                client.sock.sendall(publish(b"bench/x", b"%d" % n))
                assert client.read(4) == b"\x40\x02\0\7"
                acknowledged += 1
        except TimeoutError:
            pass  # the disk hangs from here on
        assert 0 < acknowledged < 100
        pid = gateway.pid
        began_s = time.monotonic()
        os.kill(pid, signal.SIGTERM)
        # What hangs in the disk hangs on, as it does in the kernel; the process itself has ended.
        wait_until(lambda: ended(pid), what="the end")
        assert time.monotonic() - began_s < LIMIT_S
        assert time.monotonic() - began_s > STOP_LIMIT_S - 1, "the disk did not hang"
        assert "something hangs, most likely the disk" in gateway.log_tail()
        client.close()
        gateway.kill()
        gateway.prefix = []
        gateway.start()
        bodies = drain(gateway.sqs())
        assert bodies[:acknowledged] == [str(n) for n in range(acknowledged)]


@pytest.mark.system
def test_a_signal_while_it_starts(tmp_path: Path) -> None:
    gateway = GatewayProcess(tmp_path)
    with gateway:
        assert gateway.stop() == 0
    # The start waits for its first commit; the signal comes meanwhile.
    inject = "inject=fdatasync:delay_enter=700000:when=1"
    command = ["strace", "-f", "-qq", "-o", str(tmp_path / "trace"), "-e", "trace=fdatasync"]
    gateway.config.write_text(gateway.config.read_text() + '[[sqs.queues]]\nname = "new"\n')
    process = subprocess.Popen(
        [*command, "-e", inject, WEIR, "run", "--config", str(gateway.config)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        start_new_session=True,
    )
    lock = gateway.data_dir / "lock"
    before = lock.read_text()
    wait_until(lambda: lock.read_text() not in ("", before), what="the start")
    pid = int(lock.read_text())
    wait_until((tmp_path / "trace").read_text, what="its first commit")
    os.kill(pid, signal.SIGTERM)
    out, errors = process.communicate(timeout=LIMIT_S + 5)
    assert process.returncode == 0, errors
    assert b"ready" not in out
    assert b"Traceback" not in errors
    with pytest.raises(OSError), socket.socket(socket.AF_UNIX) as sock:
        sock.connect(str(gateway.data_dir / "control.sock"))


def test_a_data_folder_that_is_deleted_ends_the_gateway_before_it_promises_anything(
    tmp_path: Path,
) -> None:
    with GatewayProcess(tmp_path) as gateway:
        assert gateway.process is not None
        client = Client(gateway.mqtt_port, "c")
        client.sock.sendall(publish(b"bench/x", b"kept"))
        assert client.read(4) == b"\x40\x02\0\7"
        shutil.rmtree(gateway.data_dir)
        client.sock.sendall(publish(b"bench/x", b"lost"))
        assert client.last_words() == b"", "an acknowledgement left for a deleted file"
        assert gateway.process.wait(LIMIT_S) == 1
        assert gateway.process.stdout is not None
        gateway.process.stdout.close()
        assert "was deleted or replaced while the gateway ran" in gateway.log_tail()
        client.close()
