"""The functions of IoT SQL, by name.

Owns the whole table; each module below owns one kind of function.

Source: AWS IoT Core Developer Guide, "Functions".
"""

from __future__ import annotations

from typing import Final

from rules.functions import (
    codecs,
    digests,
    doubles,
    numbers,
    of_message,
    patterns,
    reaching,
    strings,
    structures,
    times,
)
from rules.functions.table import CallSite, Function

__all__ = ["FUNCTIONS", "CallSite", "Function"]

_MODULES: Final = (
    numbers,
    doubles,
    strings,
    digests,
    patterns,
    structures,
    codecs,
    times,
    of_message,
    reaching,
)

FUNCTIONS: Final[dict[str, Function]] = {
    function.name.lower(): function for module in _MODULES for function in module.TABLE
}
"""Every function, by its name in lower case."""
