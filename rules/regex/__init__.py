"""Regular expressions in Java's dialect that cannot be made to hang.

Owns the public names: the two ways to compile, and what they give. A library of its own, but for
the longest text that IoT SQL makes.

Source: java.util.regex.Pattern and Matcher, which AWS IoT's functions follow.
"""

from __future__ import annotations

from rules.regex.errors import InvalidPattern, PatternError, UnsupportedPattern
from rules.regex.pattern import Pattern, compile, compile_from_message  # noqa: A004 - as in `re`

__all__ = [
    "InvalidPattern",
    "Pattern",
    "PatternError",
    "UnsupportedPattern",
    "compile",
    "compile_from_message",
]
