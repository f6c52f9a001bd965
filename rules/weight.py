"""How large a value is when it is written.

Owns that measure. The same array may stand in a value many times over and cost nothing, until it
is written: so whoever writes values that a statement put together weighs them first.
"""

from __future__ import annotations

from rules.values import Value

__all__ = ["weigh"]


def weigh(value: Value, limit: int) -> int:
    """Return about how many characters the JSON text of a value has, numbers counting as one each.

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
        else:
            total += 1
        if total > limit:
            break
    return total
