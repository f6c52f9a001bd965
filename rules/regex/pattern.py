"""A compiled pattern: which engine runs it on which text, and within which limits.

Owns that choice. Nearly all patterns run on the linear engine. What it cannot do runs on the
limited one, and only on short texts. Very simple patterns run on Python's `re`. Whatever cannot
be answered in time has no answer: None.

A call on a text of 128 KB may take 10 ms. The limits aim at half of that, on the desktop core they
were measured on.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable
from functools import lru_cache
from itertools import islice
from typing import Final, final

from rules.regex.endings import final_terminator, ignores_final_terminator
from rules.regex.errors import PatternError, UnsupportedPattern
from rules.regex.growth import has_few_states
from rules.regex.limited import MAX_CHARACTERS, TIME_LIMIT_S, Limited
from rules.regex.linear import Found, Linear, NotLinear, is_installed
from rules.regex.parser import parse
from rules.regex.plain import MAX_REPLACEMENTS, plain
from rules.regex.replacement import Replacement, parse_replacement
from rules.regex.sizes import OF_MESSAGES, OF_STATEMENTS, Limits
from rules.values import MAX_TEXT_CHARACTERS

__all__ = [
    "Pattern",
    "compile",
    "compile_from_message",
]

_KEPT_PATTERNS: Final = 16
"""How many patterns of messages are kept; with groups, each may take RE2's memory twice."""

_REPLACE_LIMIT_S: Final = 0.005

_SURELY_QUICK: Final = 50_000
"""Matches times characters that take less than a millisecond, so that no clock is asked."""

_STEPS: Final = 800_000
"""How many instructions of RE2 times bytes take about 4 ms."""

_SURROGATES: Final = "surrogatepass"


@final
class Pattern:
    """A compiled pattern.

    Every method gives None where there is no answer in time.

    Args:
        text: The pattern.
        is_linear: Whether the linear engine is there.
        limits: How large it may be.

    Raises:
        InvalidPattern: It is no regular expression of Java.
        UnsupportedPattern: It cannot be run here.
    """

    __slots__ = (
        "_capturing",
        "_has_few_states",
        "_ignores_terminator",
        "_limited",
        "_limits",
        "_linear",
        "_plain",
        "_tree",
    )

    def __init__(self, text: str, *, is_linear: bool, limits: Limits) -> None:
        if len(text) > limits.characters:
            raise UnsupportedPattern(f"it is longer than {limits.characters} characters")
        tree = self._tree = parse(text)
        self._limits = limits
        self._plain = plain(tree.root)
        self._linear: Linear | None = None
        self._capturing: Linear | NotLinear | None = None
        self._limited: Limited | PatternError | None = None
        self._has_few_states: bool | None = None
        self._ignores_terminator = ignores_final_terminator(tree.root)
        if self._plain is not None:
            return
        if is_linear:
            try:
                self._linear = Linear(tree, captures=False, limits=limits)
            except NotLinear:
                self._linear = None
        if self._linear is None:
            self._limited = Limited(tree, limits)

    @property
    def is_plain(self) -> bool:
        """Whether it takes no time worth counting: there is nothing to try twice."""
        return self._plain is not None

    def matches(self, text: str) -> bool | None:
        """Whether the pattern matches somewhere in a text."""
        if self._plain is not None:
            return self._plain.search(text) is not None
        data = self._linear_data(text)
        if data is not None and self._linear is not None:
            return self._linear.search(data, 0) is not None
        limited = self._limited_for(text)
        if limited is None:
            return None
        try:
            return limited.search(text) is not None
        except TimeoutError:
            return None

    def substring(self, text: str) -> str | None:
        """Return what the first match matches; None also where there is none."""
        if self._plain is not None:
            first = self._plain.search(text)
            return None if first is None else first[0]
        data = self._linear_data(text)
        if data is not None and self._linear is not None:
            found = self._linear.search(data, 0)
            if found is None:
                return None
            start, end = found.span()
            return data[start:end].decode(errors=_SURROGATES)
        limited = self._limited_for(text)
        if limited is None:
            return None
        try:
            first_match = limited.search(text)
        except TimeoutError:
            return None
        return None if first_match is None else first_match[0]

    def replace(
        self, text: str, replacement: str, clock: Callable[[], float] = time.thread_time
    ) -> str | None:
        """Return a text with all matches replaced.

        Args:
            text: The text.
            replacement: What to put there, as Java's Matcher.replaceAll reads it.
            clock: Gives seconds; the replacing stops after 5 ms. By default the seconds that this
                thread had the processor: what others take must not change a result.

        Returns:
            The new text; None if time runs out, the result would be too long, or the replacement
            names a group that is not there.
        """
        parts = parse_replacement(replacement, self._tree.groups, self._tree.names)
        if parts is None:
            return None
        if self._plain is not None:
            return _replace_plain(self._plain, text, parts)
        data = self._linear_data(text)
        if data is not None and self._linear is not None:
            replaced = self._replace_linear(self._linear, data, parts, clock)
            terminator = final_terminator(text) if self._ignores_terminator else ""
            return None if replaced is None else replaced + terminator
        limited = self._limited_for(text)
        return None if limited is None else _replace_limited(limited, text, parts, clock)

    def _linear_data(self, text: str) -> bytes | None:
        """Return a text for the linear engine, or None if that engine is not for it."""
        linear = self._linear
        if linear is None:
            return None
        if not linear.suits(text):
            terminator = final_terminator(text) if self._ignores_terminator else ""
            if not terminator:
                return None
            text = text.removesuffix(terminator)
        data = text.encode(errors=_SURROGATES)
        if len(data) * linear.size > _STEPS:
            if self._has_few_states is None:
                limits = self._limits
                self._has_few_states = (
                    linear.size <= limits.automaton_instructions
                    and has_few_states(self._tree.root, limits.automaton_states)
                )
            if not self._has_few_states:
                return None
        return data

    def _limited_for(self, text: str) -> Limited | None:
        if len(text) > MAX_CHARACTERS:
            return None
        if self._limited is None:
            try:
                self._limited = Limited(self._tree, self._limits)
            except PatternError as error:
                self._limited = error  # the next text must not try again
        return self._limited if isinstance(self._limited, Limited) else None

    def _replace_linear(
        self, linear: Linear, data: bytes, parts: Replacement, clock: Callable[[], float]
    ) -> str | None:
        encoded = _encoded(parts)
        has_groups = any(isinstance(part, int) and part > 0 for part in parts)
        deadline = clock() + _REPLACE_LIMIT_S
        pieces: list[bytes] = []
        length = last = position = count = 0
        while position <= len(data) and (found := linear.search(data, position)) is not None:
            start, end = found.span()
            if has_groups:
                found = self._with_groups(data, start, end)
                if found is None:
                    return None
            pieces.append(data[last:start])
            length += start - last
            for part in encoded:
                piece = part if isinstance(part, bytes) else _group(found, data, part)
                pieces.append(piece)
                length += len(piece)
            last = end
            position = end if end > start else _after(data, end)
            count += 1
            if length > 4 * MAX_TEXT_CHARACTERS:
                return None
            # a pause of Python's own must not change what a short text gives
            if count * len(data) > _SURELY_QUICK and clock() > deadline:
                return None
        pieces.append(data[last:])
        if length + len(data) - last > 4 * MAX_TEXT_CHARACTERS:
            return None
        replaced = b"".join(pieces).decode(errors=_SURROGATES)
        return replaced if len(replaced) <= MAX_TEXT_CHARACTERS else None

    def _with_groups(self, data: bytes, start: int, end: int) -> Found | None:
        """Return the match that begins here, with its groups; None if that takes too long."""
        if self._capturing is None:
            try:
                self._capturing = Linear(self._tree, captures=True, limits=self._limits)
            except NotLinear as error:
                self._capturing = error
        if isinstance(self._capturing, NotLinear):
            return None
        if (end - start) * self._capturing.size > _STEPS:
            return None
        return self._capturing.search(data, start)


def _replace_plain(compiled: re.Pattern[str], text: str, parts: Replacement) -> str | None:
    template = "".join(
        r"\g<0>" if isinstance(part, int) else part.replace("\\", r"\\") for part in parts
    )
    longest = sum(len(part) for part in parts if isinstance(part, str))
    copies = sum(isinstance(part, int) for part in parts)
    most = MAX_REPLACEMENTS if not copies else MAX_REPLACEMENTS // 6  # templates are slow
    if min(len(text), most) * longest + (1 + copies) * len(text) > MAX_TEXT_CHARACTERS:
        lengths = [len(found[0]) for found in islice(compiled.finditer(text), most)]
        added = len(lengths) * longest + (copies - 1) * sum(lengths)
        if len(text) + added > MAX_TEXT_CHARACTERS:
            return None
    replaced, count = compiled.subn(template, text, most)
    if count == most or len(replaced) > MAX_TEXT_CHARACTERS:
        return None
    return replaced


def _replace_limited(
    limited: Limited, text: str, parts: Replacement, clock: Callable[[], float]
) -> str | None:
    deadline = clock() + TIME_LIMIT_S
    pieces: list[str] = []
    length = last = position = count = 0
    left = TIME_LIMIT_S
    while position <= len(text) and left > 0:
        try:
            found = limited.search(text, position, left)
        except TimeoutError:
            return None
        if found is None:
            break
        start, end = found.span()
        pieces.append(text[last:start])
        length += start - last
        for part in parts:
            piece = part if isinstance(part, str) else found[part] or ""
            pieces.append(piece)
            length += len(piece)
        last = end
        position = end if end > start else end + 1
        count += 1
        # a pause of Python's own must not change what a short text gives
        if count * len(text) > _SURELY_QUICK:
            left = deadline - clock()
        if length > MAX_TEXT_CHARACTERS:
            return None
    if left <= 0:
        return None
    pieces.append(text[last:])
    length += len(text) - last
    return "".join(pieces) if length <= MAX_TEXT_CHARACTERS else None


def _encoded(parts: Replacement) -> tuple[bytes | int, ...]:
    return tuple(
        part if isinstance(part, int) else part.encode(errors=_SURROGATES) for part in parts
    )


def _group(found: Found, data: bytes, number: int) -> bytes:
    start, end = found.span(number)
    return data[start:end] if start >= 0 else b""


def _after(data: bytes, position: int) -> int:
    """Return where the next character begins."""
    position += 1
    while position < len(data) and data[position] & 0xC0 == 0x80:
        position += 1
    return position


def compile(pattern: str, *, is_linear: bool | None = None) -> Pattern:  # noqa: A001 - as in `re`
    """Compile a pattern that stands in a statement: it may take a few tens of milliseconds.

    Args:
        pattern: The pattern, in Java's syntax.
        is_linear: Whether the linear engine is there; by default, what this machine has.

    Raises:
        InvalidPattern: It is no regular expression of Java.
        UnsupportedPattern: It cannot be run here.
    """
    if is_linear is None:
        is_linear = is_installed()
    return Pattern(pattern, is_linear=is_linear, limits=OF_STATEMENTS)


def compile_from_message(pattern: str, *, is_linear: bool | None = None) -> Pattern | None:
    """Compile a pattern that a message brought: it may be small only, and the last are kept.

    Returns:
        The pattern; None if it is none, or cannot be run here.
    """
    if len(pattern) > OF_MESSAGES.characters:
        return None  # nor is it kept
    return _kept(pattern, is_installed() if is_linear is None else is_linear)


@lru_cache(maxsize=_KEPT_PATTERNS)
def _kept(pattern: str, is_linear: bool) -> Pattern | None:
    try:
        return Pattern(pattern, is_linear=is_linear, limits=OF_MESSAGES)
    except PatternError:
        return None
