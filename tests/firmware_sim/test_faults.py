"""Faults: what comes out in place of a healthy line."""

from __future__ import annotations

import random

import pytest

from firmware_sim.faults import Fault, FaultKind, Output, parse_fault, split, with_faults

LINE = b'{"celsius":21.5}\n'


def outputs(*faults: Fault, count: int = 10) -> list[Output]:
    randomness = random.Random(5)
    return [with_faults(faults, tick, LINE, randomness) for tick in range(count)]


def test_a_healthy_board_says_its_lines() -> None:
    assert outputs(count=3) == [Output(True, (LINE,))] * 3


def test_an_unplugged_board_says_nothing_and_comes_back() -> None:
    plugged = [output.plugged for output in outputs(Fault(FaultKind.UNPLUG, 5, 2))]
    assert plugged == [True, True, True, False, False] * 2


def test_silence_is_plugged_in() -> None:
    assert outputs(Fault(FaultKind.SILENCE, 2))[1] == Output(True, ())


def test_garbage_is_a_line_that_is_no_text() -> None:
    (chunk,) = outputs(Fault(FaultKind.GARBAGE, 1), count=1)[0].chunks
    assert chunk.endswith(b"\n") and len(chunk) == len(LINE)
    with pytest.raises(UnicodeDecodeError):
        chunk.decode("utf-8")


@pytest.mark.parametrize("line", [LINE, b"ab", b"a", b""])
def test_split_pieces_are_the_line(line: bytes) -> None:
    randomness = random.Random(1)
    for _ in range(50):
        pieces = split(line, randomness)
        assert b"".join(pieces) == line
        assert len(pieces) >= 2 or len(line) < 2
        assert all(pieces) or not line


def test_the_greater_fault_wins() -> None:
    both = (Fault(FaultKind.SPLIT, 1), Fault(FaultKind.UNPLUG, 1))
    assert outputs(*both, count=1) == [Output(False, ())]


def test_faults_of_a_command_line() -> None:
    assert parse_fault("unplug:60:5") == Fault(FaultKind.UNPLUG, 60, 5)
    assert parse_fault("garbage:10") == Fault(FaultKind.GARBAGE, 10, 1)


@pytest.mark.parametrize("text", ["", "fire:3", "garbage", "garbage:x", "split:2:3", "silence:0"])
def test_what_is_no_fault_is_explained(text: str) -> None:
    with pytest.raises(ValueError, match=r"unplug:60:5; kinds are silence"):
        parse_fault(text)
