"""The drivers' own errors: what the hardware did, and what a person can do about it.

The tree::

    DriverError
    ├── HardwareUnavailable   it cannot be opened now: absent, in use, not permitted   try again
    ├── HardwareVanished      it was open and went away: unplugged, reset              try again
    └── CommandRejected       this one command cannot be carried out                   do not repeat

Every error carries a stable `code`, a sentence (`str(error)`) and a `hint`. Owns no policy: whether
and when to try again is for whoever runs the driver.
"""

from __future__ import annotations

from typing import ClassVar

__all__ = ["CommandRejected", "DriverError", "HardwareUnavailable", "HardwareVanished"]


class DriverError(Exception):
    """The root of what drivers raise.

    Args:
        message: What is wrong and where, in one sentence.
        hint: What a person can do about it; empty where the message says it all.
    """

    code: ClassVar[str] = "driver"

    def __init__(self, message: str, *, hint: str = "") -> None:
        super().__init__(message)
        self.hint = hint


class HardwareUnavailable(DriverError):  # noqa: N818 - a state of the hardware, not a fault of ours
    """The hardware cannot be opened now."""

    code = "hardware-unavailable"


class HardwareVanished(DriverError):  # noqa: N818 - see above
    """The hardware was in use and went away."""

    code = "hardware-vanished"


class CommandRejected(DriverError):  # noqa: N818 - see above
    """This command cannot be carried out; nothing of it happened."""

    code = "command-rejected"
