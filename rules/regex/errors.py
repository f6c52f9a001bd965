"""What can be wrong with a regular expression.

Owns the two errors, which callers treat differently: a text that is no pattern in Java has no
value, while a pattern that Java has and this package cannot run deserves a clear refusal.
"""

from __future__ import annotations

__all__ = ["InvalidPattern", "PatternError", "UnsupportedPattern"]


class PatternError(ValueError):
    """A text cannot be used as a regular expression."""


class InvalidPattern(PatternError):  # noqa: N818 - named after what the text is
    """The text is no regular expression of Java."""


class UnsupportedPattern(PatternError):  # noqa: N818 - likewise
    """The text is one, but uses what cannot be run here, or is too large."""
