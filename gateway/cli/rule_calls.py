"""Which functions that reach out a rule calls, and with what that is known beforehand.

Owns the literals of such calls. Evaluates nothing, and does not know what there is to reach.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import rules
from rules.functions import FUNCTIONS
from rules.syntax import Text

__all__ = ["OutsideCall", "outside_calls"]


@dataclass(frozen=True, slots=True)
class OutsideCall:
    """One call of a function that asks `rules.Outside`.

    Attributes:
        function: Its name, in lower case.
        arguments: Each argument's text where it is a literal string, otherwise None.
    """

    function: str
    arguments: tuple[str | None, ...]


def outside_calls(document: rules.RuleDocument, function: str) -> Iterator[OutsideCall]:
    """Give every such call of one function that a rule has, in no particular order.

    Args:
        document: The rule.
        function: The function's name, in lower case.
    """
    if not document.reaches_out:
        return
    for call in rules.calls_of(document):
        known = FUNCTIONS.get(call.name.lower())
        if known is None or known.name != function:
            continue
        if len(call.arguments) in known.asks_outside:
            literals = (arg.value if isinstance(arg, Text) else None for arg in call.arguments)
            yield OutsideCall(function, tuple(literals))
