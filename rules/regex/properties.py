r"""The classes of characters that Java names: \d and its like, and everything in \p{...}.

Owns names and what they mean. Knows nothing of the syntax around a name.

Source: java.util.regex.Pattern, "POSIX character classes", "java.lang.Character classes",
"Classes for Unicode scripts, blocks, categories and binary properties".
"""

from __future__ import annotations

import re
from functools import reduce
from typing import Final

from rules.regex.character_sets import (
    EVERYTHING,
    CharacterSet,
    FlatSet,
    Property,
    negation,
    of_characters,
    of_property,
    of_ranges,
    union,
)
from rules.regex.errors import InvalidPattern

__all__ = ["DIGIT", "HORIZONTAL", "SPACE", "TERMINATORS", "VERTICAL", "WORD", "named", "shorthand"]

DIGIT: Final = of_ranges((0x30, 0x39))
WORD: Final = of_ranges((0x30, 0x39), (0x41, 0x5A), (0x5F, 0x5F), (0x61, 0x7A))
SPACE: Final = of_ranges((0x09, 0x0D), (0x20, 0x20))
HORIZONTAL: Final = of_characters("\t \xa0\u1680\u180e\u202f\u205f\u3000\u2000\u2001\u2002\u2003"
                                  "\u2004\u2005\u2006\u2007\u2008\u2009\u200a")  # fmt: skip
VERTICAL: Final = of_characters("\n\x0b\f\r\x85\u2028\u2029")
TERMINATORS: Final = of_characters("\n\r\x85\u2028\u2029")


def _of_categories(names: str) -> FlatSet:
    return FlatSet((), tuple(Property(name, name) for name in names.split()))


def _all_of(*sets: CharacterSet) -> CharacterSet:
    return reduce(union, sets)


# Linear engines have no table of what is unassigned: it is what no category has.
_ASSIGNED: Final = _of_categories("L M N P S Z Cc Cf Co Cs")
_OTHER: Final = negation(_of_categories("L M N P S Z"))
_WHITE_SPACE: Final = _all_of(
    of_ranges((0x09, 0x0D)), of_characters(" \x85\xa0\u1680\u2028\u2029\u202f\u205f\u3000"),
    of_ranges((0x2000, 0x200A)))  # fmt: skip
_JOIN_CONTROL: Final = of_ranges((0x200C, 0x200D))
_ALPHABETIC: Final = of_property(None, "Alphabetic")
_HEX_DIGIT: Final = of_ranges(
    (0x30, 0x39), (0x41, 0x46), (0x61, 0x66), (0xFF10, 0xFF19), (0xFF21, 0xFF26), (0xFF41, 0xFF46)
)
# Alphabetic are letters, letter numbers, some marks and the circled letters; \w has all marks.
_WORD_UNICODE: Final = _all_of(
    _of_categories("L M Nl Nd Pc"), _JOIN_CONTROL,
    of_ranges((0x24B6, 0x24E9), (0x1F130, 0x1F149), (0x1F150, 0x1F169), (0x1F170, 0x1F189)),
)  # fmt: skip
_CASED: Final = _of_categories("Lu Ll Lt")
_BLANK: Final = union(_of_categories("Zs"), of_characters("\t"))

_POSIX: Final[dict[str, CharacterSet]] = {
    "Lower": of_ranges((0x61, 0x7A)),
    "Upper": of_ranges((0x41, 0x5A)),
    "ASCII": of_ranges((0, 0x7F)),
    "Alpha": of_ranges((0x41, 0x5A), (0x61, 0x7A)),
    "Digit": DIGIT,
    "Alnum": of_ranges((0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A)),
    "Punct": of_ranges((0x21, 0x2F), (0x3A, 0x40), (0x5B, 0x60), (0x7B, 0x7E)),
    "Graph": of_ranges((0x21, 0x7E)),
    "Print": of_ranges((0x20, 0x7E)),
    "Blank": of_characters(" \t"),
    "Cntrl": of_ranges((0, 0x1F), (0x7F, 0x7F)),
    "XDigit": of_ranges((0x30, 0x39), (0x41, 0x46), (0x61, 0x66)),
    "Space": SPACE,
}
_POSIX_UNICODE: Final[dict[str, CharacterSet]] = {
    "Lower": of_property(None, "Lowercase"),
    "Upper": of_property(None, "Uppercase"),
    "Alpha": _ALPHABETIC,
    "Digit": of_property("Nd"),
    "Alnum": union(_ALPHABETIC, of_property("Nd")),
    "Punct": of_property("P"),
    "Graph": of_property(None, "Graph"),
    "Print": of_property(None, "Print"),
    "Blank": _BLANK,
    "Cntrl": of_property("Cc"),
    "XDigit": union(of_property("Nd"), _HEX_DIGIT),
    "Space": _WHITE_SPACE,
}
_JAVA: Final[dict[str, CharacterSet]] = {
    "javaLowerCase": of_property(None, "Lowercase"),
    "javaUpperCase": of_property(None, "Uppercase"),
    "javaAlphabetic": _ALPHABETIC,
    "javaIdeographic": of_property(None, "Ideographic"),
    "javaTitleCase": of_property("Lt"),
    "javaDigit": of_property("Nd"),
    "javaDefined": _ASSIGNED,
    "javaLetter": of_property("L"),
    "javaLetterOrDigit": _of_categories("L Nd"),
    "javaJavaIdentifierStart": _of_categories("L Nl Sc Pc"),
    "javaJavaIdentifierPart": union(_of_categories("L Nl Sc Pc Nd Mn Mc Cf"),
                                    of_ranges((0, 8), (0x0E, 0x1B), (0x7F, 0x9F))),
    "javaUnicodeIdentifierStart": of_property(None, "ID_Start"),
    "javaUnicodeIdentifierPart": _all_of(of_property(None, "ID_Continue"), of_property("Cf"),
                                         of_ranges((0, 8), (0x0E, 0x1B), (0x7F, 0x9F))),
    "javaIdentifierIgnorable": union(of_property("Cf"),
                                     of_ranges((0, 8), (0x0E, 0x1B), (0x7F, 0x9F))),
    "javaSpaceChar": of_property("Z"),
    "javaWhitespace": of_ranges((0x09, 0x0D), (0x1C, 0x20), (0x1680, 0x1680), (0x2000, 0x2006),
                                (0x2008, 0x200A), (0x2028, 0x2029), (0x205F, 0x205F),
                                (0x3000, 0x3000)),
    "javaISOControl": of_ranges((0, 0x1F), (0x7F, 0x9F)),
    "javaMirrored": of_property(None, "Bidi_Mirrored"),
}  # fmt: skip
_BINARY: Final[dict[str, CharacterSet]] = {
    "ALPHABETIC": _ALPHABETIC,
    "LETTER": of_property("L"),
    "IDEOGRAPHIC": of_property(None, "Ideographic"),
    "LOWERCASE": of_property(None, "Lowercase"),
    "UPPERCASE": of_property(None, "Uppercase"),
    "TITLECASE": of_property("Lt"),
    "WHITE_SPACE": _WHITE_SPACE,
    "WHITESPACE": _WHITE_SPACE,
    "CONTROL": of_property("Cc"),
    "PUNCTUATION": of_property("P"),
    "HEX_DIGIT": union(of_property("Nd"), _HEX_DIGIT),
    "HEXDIGIT": union(of_property("Nd"), _HEX_DIGIT),
    "ASSIGNED": _ASSIGNED,
    "NONCHARACTER_CODE_POINT": of_property(None, "Noncharacter_Code_Point"),
    "NONCHARACTERCODEPOINT": of_property(None, "Noncharacter_Code_Point"),
    "DIGIT": of_property("Nd"),
    "ALNUM": union(_ALPHABETIC, of_property("Nd")),
    "BLANK": _BLANK,
    "GRAPH": of_property(None, "Graph"),
    "PRINT": of_property(None, "Print"),
    "WORD": _WORD_UNICODE,
    "JOIN_CONTROL": _JOIN_CONTROL,
    "JOINCONTROL": _JOIN_CONTROL,
}
_CATEGORIES: Final[dict[str, CharacterSet]] = {
    **{name: of_property(name) for name in (
        "L", "Lu", "Ll", "Lt", "Lm", "Lo", "M", "Mn", "Me", "Mc", "N", "Nd", "Nl", "No", "Z", "Zs",
        "Zl", "Zp", "Cc", "Cf", "Co", "Cs", "P", "Pd", "Ps", "Pe", "Pc", "Po", "Pi", "Pf", "S",
        "Sm", "Sc", "Sk", "So")},
    "Cn": negation(_ASSIGNED),
    "C": _OTHER,
    "LC": _CASED,
    "LD": _of_categories("L Nd"),
    "L1": of_ranges((0, 0xFF)),
    "all": EVERYTHING,
}  # fmt: skip
_SIMPLE: Final = {**_CATEGORIES, **_POSIX, **_JAVA}
_CASED_NAMES: Final = frozenset({"Lu", "Ll", "Lt", "javaLowerCase", "javaUpperCase",
                                 "javaTitleCase", "LOWERCASE", "UPPERCASE",
                                 "TITLECASE"})  # fmt: skip
_NAME: Final = re.compile(r"[A-Za-z][A-Za-z0-9_ -]*")


def shorthand(letter: str, *, is_unicode: bool) -> CharacterSet:
    r"""Return the set of \d, \s, \w, \h, \v, or of the capital, which is all the others."""
    lower = letter.lower()
    if is_unicode:
        one = {"d": of_property("Nd"), "s": _WHITE_SPACE, "w": _WORD_UNICODE}.get(lower)
    else:
        one = {"d": DIGIT, "s": SPACE, "w": WORD}.get(lower)
    if one is None:
        one = HORIZONTAL if lower == "h" else VERTICAL
    return one if letter == lower else negation(one)


def named(name: str, *, is_unicode: bool, ignores_case: bool) -> CharacterSet:
    r"""Return the set that \p{name} means.

    Args:
        name: What stands between the braces, or the one letter without braces.
        is_unicode: Whether UNICODE_CHARACTER_CLASS is on.
        ignores_case: Whether CASE_INSENSITIVE is on: then a case means all cases.

    Raises:
        InvalidPattern: There is no such class.
    """
    key, equals, value = name.partition("=")
    if equals:
        return _of_key(key.lower(), value, name, ignores_case)
    if name.startswith("In"):
        return _loose("Block", name[2:], name)
    if name.startswith("Is"):
        short = name[2:]
        upper = short.upper()
        if upper in _BINARY:
            return _CASED if ignores_case and upper in _CASED_NAMES else _BINARY[upper]
        if short in _CATEGORIES:
            return _of_category(short, name, ignores_case)
        return _loose("Script", short, name)
    if ignores_case and name in ("Lower", "Upper") and not is_unicode:
        return _POSIX["Alpha"]
    if ignores_case and (name in _CASED_NAMES or name in ("Lower", "Upper")):
        return _CASED
    one = _POSIX_UNICODE.get(name) if is_unicode else None
    one = one or _SIMPLE.get(name)
    if one is None:
        raise _unknown(name)
    return one


def _of_key(key: str, value: str, name: str, ignores_case: bool) -> CharacterSet:
    if key in ("sc", "script"):
        return _loose("Script", value, name)
    if key in ("blk", "block"):
        return _loose("Block", value, name)
    if key in ("gc", "general_category"):
        return _of_category(value, name, ignores_case)
    raise _unknown(name)


def _of_category(value: str, name: str, ignores_case: bool) -> CharacterSet:
    if value not in _CATEGORIES:
        raise _unknown(name)
    return _CASED if ignores_case and value in _CASED_NAMES else _CATEGORIES[value]


def _loose(kind: str, value: str, name: str) -> CharacterSet:
    """Return a script or block; whether there is such a one, the engines know."""
    if _NAME.fullmatch(value) is None:
        raise _unknown(name)
    linear = None
    if kind == "Script" and len(value) != 4:  # four letters: a code of ISO 15924, or a name
        linear = "_".join(word.capitalize() for word in value.split("_"))
    return of_property(linear, f"{kind}={value}")


def _unknown(name: str) -> InvalidPattern:
    return InvalidPattern(f"there is no class of characters called {name!r}")
