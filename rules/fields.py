"""Members of a JSON document, read as types: every problem is noted with its path, none raised.

Owns the wording of "missing", "wrong type" and "unknown key". Knows nothing of rules.
"""

from __future__ import annotations

import difflib
from collections.abc import Collection, Iterable
from typing import Final, final

from rules.errors import Problem

__all__ = ["Fields", "json_type", "nearest"]

# A document may hold tens of thousands of keys: so many are compared with what they might mean.
_COMPARED_KEYS: Final = 30


def json_type(value: object) -> str:
    """Name a value's JSON type, with its article."""
    if value is None:
        return "null"
    if isinstance(value, bool):
        return "a Boolean"
    if isinstance(value, int | float):
        return "a number"
    if isinstance(value, str):
        return "a string"
    return "an array" if isinstance(value, list) else "an object"


def nearest(key: str, known: Iterable[str]) -> str:
    """Return the known key a person may have meant; empty if none is near."""
    by_lower_case = {each.lower(): each for each in known}
    near = difflib.get_close_matches(key.lower(), by_lower_case, n=1, cutoff=0.6)
    return by_lower_case[near[0]] if near else ""


@final
class Fields:
    """The members of one JSON object.

    Args:
        members: The object.
        path: Where it stands, as a JSON path.
        problems: Where problems go; shared by all objects of a document.
    """

    __slots__ = ("members", "path", "problems")

    def __init__(self, members: dict[str, object], path: str, problems: list[Problem]) -> None:
        self.members = members
        self.path = path
        self.problems = problems

    def report(self, key: str, message: str, remedy: str = "") -> None:
        """Note a problem of one member."""
        self.problems.append(Problem(self.path_of(key), message, remedy))

    def path_of(self, key: str) -> str:
        """Return the JSON path of one member."""
        return f"{self.path}.{key}"

    def check_keys(self, known: Iterable[str]) -> None:
        """Note every member that is none of the known ones."""
        names = tuple(known)
        for count, key in enumerate(key for key in self.members if key not in names):
            near = nearest(key, names) if count < _COMPARED_KEYS else ""
            remedy = f"did you mean '{near}'?" if near else "known keys: " + ", ".join(names)
            self.report(key, f"unknown key '{key}'", remedy)

    def text(self, key: str, default: str | None = None) -> str | None:
        """Return a string member; None, and a problem, if it is missing without default or none."""
        if key not in self.members:
            if default is None:
                self.report_missing(key, "a string")
            return default
        value = self.members[key]
        if isinstance(value, str):
            return value
        self._wrong_type(key, value, "a string")
        return None

    def flag(self, key: str) -> bool:
        """Return a Boolean member; false if it is missing."""
        value = self.members.get(key, False)
        if isinstance(value, bool):
            return value
        self._wrong_type(key, value, "true or false")
        return False

    def nested(self, key: str) -> Fields | None:
        """Return an object member; None, and a problem, if it is missing or none."""
        if key not in self.members:
            self.report_missing(key, "an object")
            return None
        value = self.members[key]
        if isinstance(value, dict):
            return Fields(value, self.path_of(key), self.problems)
        self._wrong_type(key, value, "an object")
        return None

    def array(self, key: str) -> list[object] | None:
        """Return an array member; None, and a problem, if it is missing or none."""
        if key not in self.members:
            self.report_missing(key, "an array")
            return None
        value = self.members[key]
        if isinstance(value, list):
            return value
        self._wrong_type(key, value, "an array")
        return None

    def report_missing(self, key: str, expected: str, known: Collection[str] = ()) -> None:
        """Note that a member is missing.

        Args:
            key: Its key.
            expected: Its type, with its article.
            known: Keys that mean something else, and so are no misspelling of it.
        """
        others = [each for each in self.members if each not in known]
        near = nearest(key, others[:_COMPARED_KEYS])
        remedy = f"'{near}' looks like it" if near else f"add '{key}', {expected}"
        self.report(key, f"'{key}' is missing", remedy)

    def _wrong_type(self, key: str, value: object, expected: str) -> None:
        self.report(key, f"'{key}' must be {expected}, is {json_type(value)}")
