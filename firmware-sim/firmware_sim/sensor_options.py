"""The command line options that describe a sensor, the same for every simulated device."""

from __future__ import annotations

import argparse

from firmware_sim.sensor import Sensor

__all__ = ["add_sensor_options", "sensor_of"]


def add_sensor_options(parser: argparse.ArgumentParser) -> None:
    """Add the options that describe a sensor and its rate."""
    parser.add_argument("--rate", type=_rate, default=1.0, help="readings a second (1)")
    parser.add_argument("--celsius", type=float, default=21.5, help="the value (21.5)")
    parser.add_argument("--noise", type=float, default=0.0, help="standard deviation (0)")
    parser.add_argument("--drift", type=float, default=0.0, help="degrees an hour (0)")
    parser.add_argument("--swing", type=float, default=0.0, help="amplitude of a sine (0)")
    parser.add_argument("--swing-period", type=float, default=60.0, help="its seconds (60)")
    parser.add_argument("--seed", type=int, default=0, help="of noise and garbage (0)")


def sensor_of(options: argparse.Namespace) -> Sensor:
    """Make the sensor that the options describe."""
    return Sensor(
        options.celsius,
        noise=options.noise,
        drift_per_hour=options.drift,
        swing=options.swing,
        swing_period_s=options.swing_period,
        seed=options.seed,
    )


def _rate(text: str) -> float:
    rate = float(text)
    if not 0 < rate <= 1000:
        raise argparse.ArgumentTypeError("readings a second are above 0 and at most 1000")
    return rate
