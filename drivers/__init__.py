"""What talks to hardware: serial lines, GPIO pins, and the framing in between.

A library of its own: it imports nothing of the gateway. Framing and debouncing are pure; the
adapters around them are thin. Importing this package imports no hardware library; the modules
`drivers.serial_port` and `drivers.gpio` do, where a configured device needs them.
"""

from drivers.driver import Driver, DriverState, DriverStatus, Emit, Reading
from drivers.errors import CommandRejected, DriverError, HardwareUnavailable, HardwareVanished

__all__ = [
    "CommandRejected",
    "Driver",
    "DriverError",
    "DriverState",
    "DriverStatus",
    "Emit",
    "HardwareUnavailable",
    "HardwareVanished",
    "Reading",
]
