"""Whether a value is an item of an array, found without looking at every item.

Owns that search; what is equal is the operators' to say. Texts and numbers are found at once,
arrays, objects, Booleans and Null one after the other.
"""

from __future__ import annotations

from decimal import Decimal
from typing import TypeGuard, final

from rules.operators import equal
from rules.values import V2016, Value, number_text

__all__ = ["Membership"]


def _is_number(value: Value) -> TypeGuard[float | Decimal]:
    return isinstance(value, (int, float, Decimal)) and not isinstance(value, bool)


@final
class Membership:
    """The items of one array.

    Attributes:
        others: Those that are neither texts nor numbers.

    Numbers are kept as their texts: whoever chooses numbers can make their hashes meet.
    """

    __slots__ = ("_numbers", "_texts", "others")

    def __init__(self, items: list[Value]) -> None:
        texts: set[str] = set()
        numbers: set[str] = set()
        self.others: list[Value] = []
        for item in items:
            if isinstance(item, str):
                texts.add(item)
            elif _is_number(item):
                numbers.add(number_text(item, V2016))
            else:
                self.others.append(item)
        self._texts = frozenset(texts)
        self._numbers = frozenset(numbers)

    @staticmethod
    def finds_at_once(value: Value) -> bool:
        """Whether the other items need not be looked at."""
        return isinstance(value, str) or _is_number(value)

    def holds(self, value: Value) -> bool:
        """Whether an item equals a value, by the rules of `=`."""
        if isinstance(value, str):
            return value in self._texts
        if _is_number(value):
            return number_text(value, V2016) in self._numbers
        return any(equal(value, item) for item in self.others)
