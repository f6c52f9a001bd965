"""The codec under the checks of the coverage-guided fuzzer, with packets that are nearly right."""

from __future__ import annotations

import random

import pytest

from gateway.mqtt import properties
from gateway.mqtt.errors import MqttError
from tests.fuzz.codec import check_codec, seeds
from tests.fuzz.scripts import draw_pool, spoil

SEED = 20261201


def streams(count: int) -> list[bytes]:
    """Return packets of all kinds, spoiled at a place or two."""
    rng, pool = random.Random(SEED), draw_pool(SEED)
    packets = [*pool.packets[4], *pool.packets[5], *pool.connects[4], *pool.connects[5]]
    return [spoil(rng, bytearray(rng.choice(packets))) for _ in range(count)]


def test_any_bytes_are_a_packet_or_an_error_with_a_cause() -> None:
    found = sum(check_codec(data) for data in [*seeds(), *streams(3000)])
    assert found > 1000


def test_a_planted_fault_of_the_codec_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    """Topic aliases are read with their bytes in the wrong order, so that writing changes them."""
    (row,) = (row for row in properties.PROPERTIES if row.field == "topic_alias")
    wrong = properties.Kind(
        "two bytes",
        lambda data, at: (int.from_bytes(data[at : at + 2], "little"), at + 2),
        row.kind.encode,
    )
    monkeypatch.setattr(type(row), "check", lambda self, value: None)
    monkeypatch.setitem(
        properties._BY_IDENTIFIER,
        row.identifier,
        properties.Property(row.identifier, row.name, row.field, wrong, row.packets),
    )
    with pytest.raises(AssertionError, match="when it is read again"):
        for data in streams(3000):
            check_codec(data)


def test_an_error_without_a_known_cause_is_found(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(
        "gateway.mqtt.wire._truncated", lambda: MqttError("no-such-cause", "planted")
    )
    with pytest.raises(AssertionError, match="no-such-cause"):
        for data in streams(3000):
            check_codec(data)
