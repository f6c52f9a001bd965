"""The buffer: bounded in bytes, in order, and every lost reading is told."""

from __future__ import annotations

from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.devices.buffer import ENTRY_OVERHEAD_BYTES, Overflow, ReadingBuffer

ENTRY = ENTRY_OVERHEAD_BYTES + 2  # topic "t" and a payload of one byte


def kept(buffer: ReadingBuffer) -> list[bytes]:
    taken: list[bytes] = []
    assert buffer.drain(lambda topic, payload: taken.append(payload) is None)
    return taken


def filled(overflow: Overflow, count: int = 5, room: int = 3) -> tuple[ReadingBuffer, list[int]]:
    buffer = ReadingBuffer(room * ENTRY, overflow)
    return buffer, [buffer.add("t", bytes([n])) for n in range(count)]


def test_drop_oldest_keeps_the_newest() -> None:
    buffer, lost = filled(Overflow.DROP_OLDEST)
    assert lost == [0, 0, 0, 1, 1]
    assert kept(buffer) == [b"\x02", b"\x03", b"\x04"]
    assert buffer.size_bytes == 0


def test_drop_new_keeps_the_first() -> None:
    buffer, lost = filled(Overflow.DROP_NEW)
    assert lost == [0, 0, 0, 1, 1]
    assert kept(buffer) == [b"\x00", b"\x01", b"\x02"]


def test_one_great_reading_pushes_out_several() -> None:
    buffer, _ = filled(Overflow.DROP_OLDEST, count=3)
    assert buffer.add("t", b"x" * (ENTRY + 1)) == 2
    assert len(buffer) == 2


def test_a_reading_greater_than_the_buffer_pushes_out_nothing() -> None:
    buffer, _ = filled(Overflow.DROP_OLDEST, count=3)
    assert buffer.add("t", b"x" * 10_000) == 1
    assert len(buffer) == 3


def test_draining_stops_at_the_first_that_is_not_taken() -> None:
    buffer, _ = filled(Overflow.DROP_OLDEST, count=3)
    answers = iter([True, False])
    assert not buffer.drain(lambda topic, payload: next(answers))
    assert kept(buffer) == [b"\x01", b"\x02"]


def test_what_is_added_while_draining_comes_after() -> None:
    buffer, _ = filled(Overflow.DROP_OLDEST, count=3)
    taken: list[bytes] = []

    def publish(topic: str, payload: bytes) -> bool:
        taken.append(payload)
        if payload == b"\x00":
            buffer.add("t", b"!")
        return True

    assert buffer.drain(publish)
    assert taken == [b"\x00", b"\x01", b"\x02", b"!"]
    assert buffer.size_bytes == 0


@settings(derandomize=True, max_examples=80, deadline=None)
@given(
    sizes=st.lists(st.integers(0, 500), max_size=40),
    limit=st.integers(100, 1500),
    overflow=st.sampled_from(Overflow),
)
def test_nothing_is_lost_untold_and_the_limit_holds(
    sizes: list[int], limit: int, overflow: Overflow
) -> None:
    buffer = ReadingBuffer(limit, overflow)
    lost = 0
    for size in sizes:
        lost += buffer.add("t", b"x" * size)
        assert 0 <= buffer.size_bytes <= limit
    assert len(buffer) + lost == len(sizes)
    assert buffer.clear() == len(sizes) - lost
