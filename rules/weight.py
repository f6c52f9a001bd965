"""How large a value is when it is written, and how long it takes to go through it.

Owns these measures. The same array may stand in a value many times over and cost nothing, until it
is written: so whoever writes values that a statement put together weighs them first.
"""

from __future__ import annotations

from decimal import Decimal
from typing import Final

from rules.values import MAX_DIGITS, Value

__all__ = ["toil", "weigh"]

# The shortest of their kind, so that nothing is taken for larger than it is.
_FLOAT_CHARACTERS: Final = 3
_DECIMAL_CHARACTERS: Final = 4
_OTHER_CHARACTERS: Final = 4


def weigh(value: Value, limit: int) -> int:
    """Return how many characters the JSON text of a value has at least, and about.

    Args:
        value: The value.
        limit: Where to stop counting: a result above it says no more than that it is above.
    """
    total = 0
    waiting = [value]
    while waiting:
        each = waiting.pop()
        if isinstance(each, str):
            total += len(each)
        elif isinstance(each, list):
            total += len(each)
            waiting.extend(each)
        elif isinstance(each, dict):
            total += len(each) + sum(map(len, each))
            waiting.extend(each.values())
        elif type(each) is int:
            total += 1 + (each.bit_length() >> 2)  # three bits and a third are a digit
        elif type(each) is float:
            total += _FLOAT_CHARACTERS
        elif isinstance(each, Decimal):
            # up to 34 digits are written out, whatever the exponent
            total += max(_DECIMAL_CHARACTERS, min(each.adjusted(), MAX_DIGITS))
        else:
            total += _OTHER_CHARACTERS
        if total > limit:
            break
    return total


# A comparison with an item of an array takes about six steps; a text is read quickly.
_STEPS_PER_ITEM: Final = 6
_CHARACTERS_PER_STEP: Final = 8


def toil(value: Value, limit: int) -> int:
    """Return about how many steps (see `Context.steps_left`) it takes to go through a value.

    Args:
        value: The value.
        limit: Where to stop counting: a result above it says no more than that it is above.
    """
    total = 0
    waiting = [value]
    while waiting and total <= limit:
        each = waiting.pop()
        if isinstance(each, str):
            total += len(each) // _CHARACTERS_PER_STEP
        elif isinstance(each, list):
            total += _STEPS_PER_ITEM * len(each)
            waiting.extend(each)
        elif isinstance(each, dict):
            total += _STEPS_PER_ITEM * len(each) + sum(map(len, each)) // _CHARACTERS_PER_STEP
            waiting.extend(each.values())
    return total
