"""The simulated board, seen from the other end of its line, and as a command."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest
import serial

from firmware_sim.faults import Fault, FaultKind
from firmware_sim.serial_board import SerialBoard


def opened(link: Path, baud: int = 115_200) -> serial.Serial:
    return serial.Serial(str(link), baud, timeout=5)


def test_pyserial_reads_what_it_measures(tmp_path: Path) -> None:
    with SerialBoard(tmp_path / "b", name="x") as board, opened(board.link) as port:
        board.sensor.celsius = -3.25
        board.tick(0.0)
        board.tick(1.0)
        assert json.loads(port.readline()) == {"sensor": "x", "celsius": -3.25, "seq": 1}
        assert json.loads(port.readline())["seq"] == 2


def test_it_sees_the_readers_speed_and_sends_garbage_at_a_wrong_one(tmp_path: Path) -> None:
    with SerialBoard(tmp_path / "b", baud=9600) as board:
        assert board.reader_baud == 9600
        with opened(board.link, 115_200) as port:
            assert board.reader_baud == 115_200
            board.tick(0.0)
            assert b"celsius" not in port.readline()
        with opened(board.link, 9600) as port:
            board.tick(1.0)
            assert b"celsius" in port.readline()


def test_unplugged_it_hangs_up_and_its_link_is_gone(tmp_path: Path) -> None:
    with SerialBoard(tmp_path / "b", faults=[Fault(FaultKind.UNPLUG, 2)]) as board:
        with opened(board.link) as port:
            board.tick(0.0)
            port.readline()
            board.tick(1.0)
            assert not board.plugged and not os.path.lexists(board.link)
            with pytest.raises(serial.SerialException):
                port.readline()
        with pytest.raises(RuntimeError, match="unplugged"):
            board.write_bytes(b"x")
        board.tick(2.0)
        with opened(board.link) as port:
            board.write_line({"back": True})
            assert port.readline() == b'{"back":true}\n'


def test_a_link_left_over_is_replaced(tmp_path: Path) -> None:
    link = tmp_path / "b"
    link.symlink_to("/nowhere")
    with SerialBoard(link) as board, opened(link) as port:
        board.write_line(1)
        assert port.readline() == b"1\n"
    assert os.listdir(tmp_path) == []


def test_while_nobody_reads_it_does_not_hang(tmp_path: Path) -> None:
    with SerialBoard(tmp_path / "b") as board:
        for n in range(2000):
            board.tick(float(n))
        assert board.lost_bytes > 0


def test_a_command_sets_its_value(tmp_path: Path) -> None:
    with SerialBoard(tmp_path / "b") as board, opened(board.link) as port:
        assert board.read_commands() == []
        port.write(b'hello\n{"celsius":4')
        port.flush()
        commands = board.read_commands()
        port.write(b"0}\n")
        port.flush()
        commands += board.read_commands()
        assert commands == [b"hello", b'{"celsius":40}']
        assert board.sensor.celsius == 40


def test_a_speed_that_no_terminal_has_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="12345 baud"):
        SerialBoard(tmp_path / "b", baud=12345)


def test_as_a_command_it_ends_cleanly_at_sigterm(tmp_path: Path) -> None:
    link = tmp_path / "b"
    command = [sys.executable, "-m", "firmware_sim.serial_board", "--link", str(link)]
    options = ["--rate", "200", "--celsius", "33", "--fault", "split:3"]
    with subprocess.Popen([*command, *options], stdout=subprocess.PIPE) as process:
        assert process.stdout is not None
        assert b"plugged in" in process.stdout.readline()
        with opened(link) as port:
            port.readline()
            sequence = [json.loads(port.readline())["seq"] for _ in range(10)]
        process.send_signal(signal.SIGTERM)
        assert process.wait(10) == 0
    assert sequence == list(range(sequence[0], sequence[0] + 10))
    assert not os.path.lexists(link)


def test_a_fault_that_is_none_is_a_usage_error(tmp_path: Path) -> None:
    command = [sys.executable, "-m", "firmware_sim.serial_board", "--link", str(tmp_path / "b")]
    result = subprocess.run([*command, "--fault", "fire:3"], capture_output=True, text=True)
    assert result.returncode == 2
    assert "kinds are silence" in result.stderr
