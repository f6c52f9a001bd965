"""Reads a regular expression of Java.

Owns the syntax outside of square brackets, and what flags make of it. Where Java's documentation
is silent, this follows its implementation: a `{` that begins no number is an error, a second
counted quantifier repeats nothing, a group's number has as many digits as still name a group.

Source: java.util.regex.Pattern (Java 21).
"""

from __future__ import annotations

import re
from typing import Final, final

from rules.regex.character_sets import (
    EVERYTHING,
    NOTHING,
    FlatSet,
    negation,
    of_characters,
)
from rules.regex.classes import MAX_NESTING, read_character, read_class, read_set, too_deep
from rules.regex.errors import InvalidPattern, UnsupportedPattern
from rules.regex.properties import TERMINATORS, VERTICAL
from rules.regex.scanner import Flag, Scanner
from rules.regex.tree import (
    EMPTY,
    Atomic,
    Backreference,
    Choice,
    Grapheme,
    Greed,
    Group,
    Look,
    Node,
    OneOf,
    Point,
    Repeat,
    Sequence,
    Tree,
    longest,
)

__all__ = ["parse"]

_FLAGS: Final = {
    "i": Flag.IGNORE_CASE,
    "d": Flag.UNIX_LINES,
    "m": Flag.MULTILINE,
    "s": Flag.DOT_ALL,
    "u": Flag.UNICODE_CASE,
    "x": Flag.COMMENTS,
    "U": Flag.UNICODE_CLASS | Flag.UNICODE_CASE,
}
_LOOKS: Final = {"=": (False, False), "!": (False, True), "<=": (True, False), "<!": (True, True)}
_COUNTS: Final = re.compile(r"\{([0-9]+)(?:(,)([0-9]*))?\}")
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9]*")
_LARGEST_COUNT: Final = 2**31 - 1

# Most of most patterns: characters that mean themselves, with no quantifier behind them.
_LITERALS: Final = re.compile(r"(?:[\x00-#%-'\,\-/-Z_-z~\]}](?<![?])(?![*+?{]))+")
_ASCII: Final = tuple(OneOf(FlatSet(((code_point, code_point),))) for code_point in range(128))
_NOT_LITERAL: Final = Flag.IGNORE_CASE | Flag.COMMENTS

_NOT_A_TERMINATOR: Final = negation(TERMINATORS)
_NOT_A_LINE_FEED: Final = negation(of_characters("\n"))
_NEVER: Final = OneOf(NOTHING)
_LINE_BREAK: Final = Choice(
    (
        Sequence((OneOf(of_characters("\r")), OneOf(of_characters("\n")))),
        OneOf(VERTICAL),
    )
)


def parse(pattern: str) -> Tree:
    """Return what a pattern means.

    Raises:
        InvalidPattern: It is no regular expression of Java.
        UnsupportedPattern: It is nested too deep, or uses what is not there.
    """
    parser = _Parser(pattern)
    root = parser.choice(0)
    if parser.scanner.peek():
        raise InvalidPattern("a closing parenthesis has no opening one")
    return Tree(root, parser.groups, parser.names)


@final
class _Parser:
    __slots__ = ("groups", "names", "scanner")

    def __init__(self, pattern: str) -> None:
        self.scanner = Scanner(pattern)
        self.groups = 0
        self.names: dict[str, int] = {}

    def choice(self, depth: int) -> Node:
        if depth > MAX_NESTING:
            raise too_deep()
        branches = [self._sequence(depth)]
        while self.scanner.take_if("|"):
            branches.append(self._sequence(depth))
        return branches[0] if len(branches) == 1 else Choice(tuple(branches))

    def _sequence(self, depth: int) -> Node:
        items: list[Node] = []
        scanner = self.scanner
        while (character := scanner.peek()) and character not in "|)":
            if not scanner.flags & _NOT_LITERAL:
                run = _LITERALS.match(scanner.text, scanner.position)
                if run is not None:
                    items.extend([_ASCII[ord(literal)] for literal in run[0]])
                    scanner.position = run.end()
                    continue
            item = self._atom(character, depth)
            if item is not None:
                items.append(self._quantified(item))
        return items[0] if len(items) == 1 else Sequence(tuple(items)) if items else EMPTY

    def _atom(self, character: str, depth: int) -> Node | None:
        """Read one item without its quantifier; None: it was only flags."""
        scanner = self.scanner
        if character == "{":
            return EMPTY  # a quantifier of nothing
        scanner.take()
        if character == "(":
            return self._group(depth)
        if character == "[":
            return OneOf(read_class(scanner, depth + 1))
        if character == "\\":
            return self._escape()
        if character == ".":
            if scanner.has(Flag.DOT_ALL):
                return OneOf(EVERYTHING)
            unix = scanner.has(Flag.UNIX_LINES)
            return OneOf(_NOT_A_LINE_FEED if unix else _NOT_A_TERMINATOR)
        if character == "^":
            if not scanner.has(Flag.MULTILINE):
                return Point.TEXT_START
            return self._line(Point.LINE_START, Point.LINE_START_UNIX)
        if character == "$":
            if not scanner.has(Flag.MULTILINE):
                return self._line(Point.FINAL_END, Point.FINAL_END_UNIX)
            return self._line(Point.LINE_END, Point.LINE_END_UNIX)
        if character in "*+?":
            raise InvalidPattern(f"the quantifier {character} has nothing to repeat")
        return self._literal(ord(character))

    def _line(self, java: Point, unix: Point) -> Point:
        return unix if self.scanner.has(Flag.UNIX_LINES) else java

    def _literal(self, code_point: int) -> Node:
        return OneOf(self.scanner.set_of([(code_point, code_point)]))

    def _escape(self) -> Node:
        scanner = self.scanner
        letter = scanner.peek_raw()
        point = self._point(letter)
        if point is not None:
            scanner.take_raw()
            if letter == "b" and scanner.looks_at("{"):
                raise UnsupportedPattern(r"\b{g} is not there")
            return point
        characters = read_set(scanner)
        if characters is not None:
            return OneOf(characters)
        if letter == "R":
            scanner.take_raw()
            return _LINE_BREAK
        if letter == "X":
            scanner.take_raw()
            return Grapheme()
        if letter and letter in "123456789":
            return self._numbered_backreference()
        if letter == "k":
            return self._named_backreference()
        return self._literal(read_character(scanner))

    def _point(self, letter: str) -> Point | None:
        unicode = self.scanner.has(Flag.UNICODE_CLASS)
        if letter == "b":
            return Point.BOUNDARY_UNICODE if unicode else Point.BOUNDARY
        if letter == "B":
            return Point.NO_BOUNDARY_UNICODE if unicode else Point.NO_BOUNDARY
        if letter == "Z":
            return self._line(Point.FINAL_END, Point.FINAL_END_UNIX)
        plain = {"A": Point.TEXT_START, "z": Point.TEXT_END, "G": Point.SEARCH_START}
        return plain.get(letter)

    def _numbered_backreference(self) -> Node:
        scanner = self.scanner
        number = int(scanner.take_raw())
        while (digit := scanner.peek_raw()) and digit in "0123456789":
            longer = number * 10 + int(digit)
            if longer > self.groups:
                break
            number = longer
            scanner.take_raw()
        return _NEVER if number > self.groups else self._reference(number)

    def _named_backreference(self) -> Node:
        scanner = self.scanner
        scanner.take_raw()
        name = scanner.take_until(">") if scanner.take_raw() == "<" else None
        if name not in self.names:
            raise InvalidPattern(rf"\k needs the name of a group before it, not {name!r}")
        return self._reference(self.names[name])

    def _reference(self, number: int) -> Backreference:
        return Backreference(number, is_folded=self.scanner.has(Flag.IGNORE_CASE))

    def _group(self, depth: int) -> Node | None:
        scanner = self.scanner
        outer = scanner.flags
        if not scanner.looks_at("?"):
            self.groups += 1
            return self._closed(Group(self.groups, EMPTY), outer, depth)
        scanner.take_raw()
        kind = scanner.take_raw()
        if kind == "<" and scanner.peek_raw() in ("=", "!"):
            kind += scanner.take_raw()
        if kind in _LOOKS:
            return self._closed(Look(EMPTY, *_LOOKS[kind]), outer, depth)
        if kind == ">":
            return self._closed(Atomic(EMPTY), outer, depth)
        if kind == ":":
            return self._closed(None, outer, depth)
        if kind == "<":
            return self._named_group(outer, depth)
        scanner.position -= 1
        self._read_flags()
        end = scanner.take_raw()
        if end == ")":
            return None  # the flags hold to the end of the group around them
        if end == ":":
            return self._closed(None, outer, depth)
        raise InvalidPattern("(? begins nothing that is known")

    def _named_group(self, outer: int, depth: int) -> Node:
        name = self.scanner.take_until(">")
        if name is None or _NAME.fullmatch(name) is None:
            raise InvalidPattern("(?< needs the name of a group: letters and digits, then >")
        if name in self.names:
            raise InvalidPattern(f"the group {name!r} is there twice")
        self.groups += 1
        self.names[name] = self.groups
        return self._closed(Group(self.groups, EMPTY), outer, depth)

    def _closed(self, around: Group | Look | Atomic | None, outer: int, depth: int) -> Node:
        """Read a group's content and its closing parenthesis; put it into what is around it."""
        item = self.choice(depth + 1)
        if not self.scanner.take_if(")"):
            raise InvalidPattern("a parenthesis is not closed")
        self.scanner.flags = outer
        if isinstance(around, Group):
            return Group(around.number, item)
        if isinstance(around, Atomic):
            return Atomic(item)
        if around is None:
            return item
        if around.is_behind and longest(item) is None:
            raise InvalidPattern("a lookbehind has no longest length")
        return Look(item, around.is_behind, around.is_negative)

    def _read_flags(self) -> None:
        scanner = self.scanner
        is_off = False
        while True:
            letter = scanner.peek_raw()
            if letter == "-" and not is_off:
                is_off = True
            elif letter in _FLAGS:
                flag = _FLAGS[letter]
                scanner.flags = scanner.flags & ~flag if is_off else scanner.flags | flag
            else:
                return
            scanner.take_raw()

    def _quantified(self, item: Node) -> Node:
        scanner = self.scanner
        sign = scanner.peek()
        low, high = 0, None
        if sign == "{":
            low, high = self._counts()
        elif sign and sign in "*+?":
            scanner.take()
            low = 1 if sign == "+" else 0
            high = 1 if sign == "?" else None
        else:
            return item
        following = scanner.peek()
        greed = Greed(following) if following and following in "?+" else Greed.GREEDY
        if greed is not Greed.GREEDY:
            scanner.take()
        return Repeat(item, low, high, greed)

    def _counts(self) -> tuple[int, int | None]:
        scanner = self.scanner
        found = _COUNTS.match(scanner.text, scanner.position)
        if found is None:
            raise InvalidPattern("{ needs a number and a closing brace")
        scanner.position = found.end()
        low = int(found[1][:20])
        high = low if found[2] is None else int(found[3][:20]) if found[3] else None
        if low > _LARGEST_COUNT or (high is not None and not low <= high <= _LARGEST_COUNT):
            raise InvalidPattern(f"the counts in {found[0]} are wrong")
        return low, high
