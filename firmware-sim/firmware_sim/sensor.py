"""A simulated quantity: a value one can set, with noise, drift and a swing around it.

Owns what a sensor would measure at a moment. Knows no device and no clock: the moment is an
argument, and the noise comes from a seed, so that a run can be repeated.
"""

from __future__ import annotations

import json
import math
import random

__all__ = ["Sensor", "requested_celsius"]


class Sensor:
    """A thermometer's surroundings.

    Args:
        celsius: The value it swings around.
        noise: Standard deviation of each reading, in degrees.
        drift_per_hour: Degrees it moves away in an hour.
        swing: Amplitude of a sine around the value, in degrees.
        swing_period_s: Seconds one swing takes.
        seed: Where the noise starts.

    Attributes:
        celsius: The value it swings around; may be set at any time.
    """

    def __init__(
        self,
        celsius: float = 21.5,
        *,
        noise: float = 0.0,
        drift_per_hour: float = 0.0,
        swing: float = 0.0,
        swing_period_s: float = 60.0,
        seed: int = 0,
    ) -> None:
        if swing_period_s <= 0:
            raise ValueError(f"swing_period_s is {swing_period_s}; a swing takes some time")
        self.celsius = celsius
        self._noise = noise
        self._drift_per_hour = drift_per_hour
        self._swing = swing
        self._swing_period_s = swing_period_s
        self._randomness = random.Random(seed)

    def measure(self, at_s: float) -> float:
        """Return one reading, in degrees, rounded as a cheap sensor does.

        Args:
            at_s: Seconds since the simulation began.
        """
        swing = self._swing * math.sin(2 * math.pi * at_s / self._swing_period_s)
        drift = self._drift_per_hour * at_s / 3600
        noise = self._randomness.gauss(0, self._noise) if self._noise else 0.0
        return round(self.celsius + swing + drift + noise, 2)


def requested_celsius(command: bytes) -> float | None:
    """Read a command that sets the value.

    Args:
        command: JSON, a number or `{"celsius": number}`.

    Returns:
        The value, or None where the command is something else.
    """
    try:
        value = json.loads(command)
    except ValueError:
        return None
    if isinstance(value, dict):
        value = value.get("celsius")
    if isinstance(value, bool) or not isinstance(value, (int, float)) or not math.isfinite(value):
        return None
    return float(value)
