"""What is wrong with a date pattern, and the limits that hold for both languages."""

from __future__ import annotations

from typing import Final

from rules.errors import RulesError

__all__ = ["EPOCH_MS_LIMIT", "MAX_PATTERN_CHARACTERS", "PatternError"]

MAX_PATTERN_CHARACTERS: Final = 1000

# Both libraries keep milliseconds in 64 bits: the years -292,275,055 to 292,278,994.
EPOCH_MS_LIMIT: Final = 2**63


class PatternError(RulesError, ValueError):
    """The text is no pattern of the language it should be in."""

    code = "date-pattern"
