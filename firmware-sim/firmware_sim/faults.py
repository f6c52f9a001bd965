"""What goes wrong with a board, as pure transformations of what it was going to say.

Owns when a fault is on and what comes out then. Knows no port: a line in, chunks out, and
whether the plug is in.
"""

from __future__ import annotations

import random
from collections.abc import Iterable
from dataclasses import dataclass
from enum import Enum

__all__ = ["Fault", "FaultKind", "Output", "garbage", "parse_fault", "split", "with_faults"]


class FaultKind(Enum):
    """What a board can do wrong."""

    SILENCE = "silence"
    GARBAGE = "garbage"
    SPLIT = "split"
    UNPLUG = "unplug"


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault that comes again and again, counted in readings.

    Attributes:
        kind: What goes wrong.
        every: Readings from one beginning to the next.
        length: How many of these it lasts: the last ones, so that a board begins healthy.
    """

    kind: FaultKind
    every: int
    length: int = 1

    def __post_init__(self) -> None:
        if not 1 <= self.length <= self.every:
            raise ValueError(f"a fault of {self.length} in every {self.every} readings is none")

    def is_on(self, tick: int) -> bool:
        """Return whether it is on at this reading, the first being 0."""
        return tick % self.every >= self.every - self.length


@dataclass(frozen=True, slots=True)
class Output:
    """What a board does in place of one reading.

    Attributes:
        plugged: Whether it is plugged in.
        chunks: What it writes, one write each.
    """

    plugged: bool
    chunks: tuple[bytes, ...]


def with_faults(
    faults: Iterable[Fault], tick: int, line: bytes, randomness: random.Random
) -> Output:
    """Return what comes out in place of a line.

    Args:
        faults: The faults of the board; where several are on, the greater one wins.
        tick: Which reading this is, from 0.
        line: What a healthy board would write, its line end included.
        randomness: Where garbage and cuts come from.
    """
    on = {fault.kind for fault in faults if fault.is_on(tick)}
    if FaultKind.UNPLUG in on:
        return Output(False, ())
    if FaultKind.SILENCE in on:
        return Output(True, ())
    if FaultKind.GARBAGE in on:
        return Output(True, (garbage(len(line), randomness),))
    if FaultKind.SPLIT in on:
        return Output(True, split(line, randomness))
    return Output(True, (line,))


def garbage(size_bytes: int, randomness: random.Random) -> bytes:
    """Return noise as a line at the wrong speed gives it: never text, with a line end at last."""
    return bytes(randomness.randrange(0x80, 0x100) for _ in range(max(1, size_bytes - 1))) + b"\n"


def split(line: bytes, randomness: random.Random) -> tuple[bytes, ...]:
    """Cut a line into two to four pieces that together are the line."""
    count = min(randomness.randint(1, 3), len(line) - 1)
    cuts = sorted(randomness.sample(range(1, len(line)), count)) if count > 0 else []
    return tuple(line[start:end] for start, end in zip([0, *cuts], [*cuts, len(line)], strict=True))


def parse_fault(text: str) -> Fault:
    """Read a fault from a command line.

    Args:
        text: `KIND:EVERY` or `KIND:EVERY:LENGTH`, such as `unplug:60:5`.

    Raises:
        ValueError: It is not of this form.
    """
    kind, _, rest = text.partition(":")
    every, _, length = rest.partition(":")
    try:
        return Fault(FaultKind(kind), int(every), int(length or "1"))
    except ValueError as error:
        kinds = ", ".join(kind.value for kind in FaultKind)
        raise ValueError(
            f'"{text}" is no fault: write KIND:EVERY or KIND:EVERY:LENGTH in readings, such as '
            f"unplug:60:5; kinds are {kinds}"
        ) from error
