"""Why bytes are no JSON: the place, what stands there, and what people mostly meant.

Owns the sentences. Knows nothing of rules, files or messages: the caller says what the bytes are.

Source: RFC 8259, sections 2 to 8.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import orjson

__all__ = ["JsonFault", "json_fault"]


@dataclass(frozen=True, slots=True)
class JsonFault:
    """Why bytes are no JSON.

    Attributes:
        place: `line 2, column 3`, in characters from 1, or `byte 7`, from 1.
        problem: What is wrong, without the place.
        remedy: What to do about it; empty where that would be a guess.
    """

    place: str
    problem: str
    remedy: str


_COMMENT: Final = re.compile(r"//|/\*|#")

# Typographic quotes.
_CURLY: Final = "[\u2018\u2019\u201c\u201d\u201e\u00ab\u00bb]"

# What may stand where a key or a value begins: a pattern of it, what it is, what to do instead. The
# first counts.
_MISTAKES: Final = tuple(
    (re.compile(pattern), what, remedy)
    for pattern, what, remedy in (
        ("'", "a single quote", "JSON has double quotes"),
        (
            _CURLY,
            "a typographic quote",
            'write straight quotes: "…"',
        ),
        (r"(?:True|False|TRUE|FALSE)\b", "a word with capitals", "write true or false"),
        (r"(?:None|NULL|nil|undefined)\b", "a word that JSON has not", "write null"),
        (r"[^\W\d]", "a text without quotes", 'names and texts stand in double quotes: "…"'),
    )
)

_MARKS: Final = (
    (b"\xef\xbb\xbf", "a byte order mark"),
    (b"\xff\xfe", "the mark of UTF-16"),
    (b"\xfe\xff", "the mark of UTF-16"),
)

# How much before the place is looked at.
_BEFORE: Final = 200


def json_fault(data: bytes) -> JsonFault | None:
    """Return why bytes are no JSON; None if they are."""
    for mark, what in _MARKS:
        if data.startswith(mark):
            return JsonFault("byte 1", f"it begins with {what}", "save it as UTF-8 without BOM")
    try:
        text = data.decode()
    except UnicodeDecodeError as error:
        problem = f"it is no UTF-8: the byte 0x{data[error.start]:02X} cannot stand there"
        return JsonFault(f"byte {error.start + 1}", problem, "save it as UTF-8")
    try:
        orjson.loads(data)
    except orjson.JSONDecodeError as error:
        place = f"line {error.lineno}, column {error.colno}"
        return JsonFault(place, *_explained(text, error.pos, error.msg))
    return None


def _explained(text: str, at: int, message: str) -> tuple[str, str]:
    """Return what is wrong at a place of a text, and the remedy.

    Args:
        text: The text.
        at: The place's index.
        message: What orjson says; all the knowledge there is of what it expected.
    """
    if not text.strip():
        return "it is empty", ""
    if "control character" in message:
        if text[at] in "\r\n":
            return "a line ends inside a string", r"write a line break as \n"
        return message, r"write a tab as \t" if text[at] == "\t" else ""
    if "escape" in message:
        return message, r"write a backslash as \\"
    if "trailing comma" in message:
        return message, "remove the comma"
    if "unexpected" not in message or at >= len(text):
        return message, ""
    if _COMMENT.match(text, at):
        return "a comment; JSON has none", 'put remarks into "description"'
    if "expected ','" in message:
        return _between_members(text, at, message)
    if "expected a" in message:
        for pattern, what, remedy in _MISTAKES:
            if pattern.match(text, at):
                return what, remedy
    return message, ""


def _between_members(text: str, at: int, message: str) -> tuple[str, str]:
    """Return what is wrong where a comma or the end is expected, and the remedy."""
    line_before = text[max(at - _BEFORE, 0) : at].rpartition("\n")[2].rstrip(" \t")
    if line_before.endswith('"'):
        remedy = r"""inside a string write \" or use '…'"""
        if text[at] == '"':
            remedy = f"put a comma between two strings; {remedy}"
        return "a string ends before this place", remedy
    return message, "put a comma before it" if text[at] in '"{[' else ""
