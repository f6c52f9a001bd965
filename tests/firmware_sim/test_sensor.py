"""The simulated quantity: settable, repeatable, and noisy as asked."""

from __future__ import annotations

import statistics

import pytest

from firmware_sim.sensor import Sensor, requested_celsius


def test_a_quiet_sensor_measures_its_value() -> None:
    sensor = Sensor(21.5)
    assert [sensor.measure(at) for at in (0, 10, 1e6)] == [21.5, 21.5, 21.5]
    sensor.celsius = -5.06
    assert sensor.measure(0) == -5.06


def test_noise_is_repeatable_by_its_seed_and_as_wide_as_asked() -> None:
    first, again, other = (Sensor(20, noise=0.5, seed=seed) for seed in (1, 1, 2))
    values = [first.measure(0) for _ in range(2000)]
    assert values == [again.measure(0) for _ in range(2000)]
    assert values != [other.measure(0) for _ in range(2000)]
    assert statistics.mean(values) == pytest.approx(20, abs=0.05)
    assert statistics.stdev(values) == pytest.approx(0.5, abs=0.05)


def test_swing_and_drift_move_it() -> None:
    sensor = Sensor(25, swing=4, swing_period_s=60, drift_per_hour=1)
    assert sensor.measure(15) == pytest.approx(29, abs=0.01)
    assert sensor.measure(45) == pytest.approx(21.01, abs=0.01)
    assert sensor.measure(7200) == pytest.approx(27, abs=0.01)


def test_a_swing_takes_time() -> None:
    with pytest.raises(ValueError, match="swing_period_s"):
        Sensor(swing_period_s=0)


@pytest.mark.parametrize(
    ("command", "celsius"),
    [(b"30", 30.0), (b'{"celsius": -1.5}', -1.5), (b'{"celsius":35,"by":"x"}', 35.0)],
)
def test_commands_that_set_a_value(command: bytes, celsius: float) -> None:
    assert requested_celsius(command) == celsius


@pytest.mark.parametrize(
    "command",
    [b"", b"warm", b"true", b'"30"', b"[30]", b"{}", b"NaN", b'{"celsius":null}', b"\xff"],
)
def test_commands_that_do_not(command: bytes) -> None:
    assert requested_celsius(command) is None
