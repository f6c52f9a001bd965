"""The shapes of parameters: what the table of actions is written in.

Owns types for strings, numbers, objects, lists and maps with their bounds. Data only: reading
a document by them is another module's, and no action is named here.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import TypeAlias

__all__ = ["Flag", "Form", "Items", "Map", "Record", "Shape", "Text", "Whole"]


@dataclass(frozen=True, slots=True)
class Form:
    """What a text must look like as a whole.

    Attributes:
        pattern: What it must match from end to end.
        complaint: What is said, after the text, of one that does not match.
        remedy: What to do about it; may be empty.
    """

    pattern: re.Pattern[str]
    complaint: str
    remedy: str = ""


@dataclass(frozen=True, slots=True)
class Text:
    """A string.

    The lengths hold for the text as written; choices and form for its value, where that is known
    when the rule is read.

    Attributes:
        takes_templates: Whether `${…}` in it is a template; otherwise it is plain text.
        choices: The only values; empty if there are others.
        min_characters: Its least length.
        max_characters: Its greatest length, or None.
        form: What it looks like, or None.
        is_topic: Whether `$$` at its beginning stands for `$`.
    """

    takes_templates: bool = False
    choices: tuple[str, ...] = ()
    min_characters: int = 0
    max_characters: int | None = None
    form: Form | None = None
    is_topic: bool = False


@dataclass(frozen=True, slots=True)
class Whole:
    """A whole number from `minimum` to `maximum`."""

    minimum: int
    maximum: int


@dataclass(frozen=True, slots=True)
class Flag:
    """True or false."""


@dataclass(frozen=True, slots=True)
class Record:
    """An object with known members.

    Attributes:
        required: The members that must be there.
        optional: The members that may.
        any_of: Groups of members of which at least one must be there completely; empty if that
            does not matter.
    """

    required: Mapping[str, Shape] = field(default_factory=dict)
    optional: Mapping[str, Shape] = field(default_factory=dict)
    any_of: tuple[tuple[str, ...], ...] = ()

    def members(self) -> dict[str, Shape]:
        """Return all members with their shapes, the required ones first."""
        return {**self.required, **self.optional}


@dataclass(frozen=True, slots=True)
class Items:
    """An array of `minimum` to `maximum` (None: any number of) items of one shape."""

    item: Shape
    minimum: int = 0
    maximum: int | None = None


@dataclass(frozen=True, slots=True)
class Map:
    """An object whose keys are free, of at most `maximum` members."""

    key: Text
    value: Text
    maximum: int


Shape: TypeAlias = Text | Whole | Flag | Record | Items | Map
