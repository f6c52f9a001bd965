"""A settings class filled from a TOML table, field by field; every problem noted with its line.

Owns the generic reading: types, units, unknown keys and the nearest valid one. Knows no section.
"""

from __future__ import annotations

import dataclasses
import difflib
import re
import typing
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Final, TypeVar, cast, final

from gateway.config.places import KeyPath, Places
from gateway.config.values import Unusable, convert, field_type, show

if TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["Problems", "Reader"]

T = TypeVar("T", bound="DataclassInstance")

_WORD: Final = re.compile(r"[a-z_][a-z0-9_]*")

Table = dict[str, object]


@final
class Problems:
    """What is wrong with one settings file, in the order of its lines.

    Args:
        file: What to call the file.
        places: Where its tables and keys stand.
    """

    def __init__(self, file: Path, places: Places) -> None:
        self._file = file
        self._places = places
        self._found: list[tuple[int, str]] = []

    def add(self, path: KeyPath, sentence: str) -> None:
        """Note a problem of the table or key at `path`."""
        line = self._places.line(path)
        where = str(self._file) if line is None else f"{self._file}:{line}"
        problem = (line or 0, f"{where}: {sentence}")
        if problem not in self._found:
            self._found.append(problem)

    def add_of_class(self, path: KeyPath, sentence: str, table: Mapping[str, object]) -> None:
        """Note what a settings class says of itself, at the key that it names or quotes.

        Args:
            path: The section's or entry's path.
            sentence: What the class says.
            table: What the file says there.
        """
        named = [word for word in _WORD.findall(sentence) if word in table]
        quoted = [
            key for key, value in table.items() if isinstance(value, str) and value in sentence
        ]
        for key in [*named, *quoted]:
            if self._places.line_of_key((*path, key)) is not None:
                self.add((*path, key), sentence)
                return
        self.add(path, sentence)

    def sentences(self) -> tuple[str, ...]:
        """Return every problem, a sentence each, by line."""
        return tuple(text for _, text in sorted(self._found, key=lambda found: found[0]))


@final
class Reader:
    """Reads the tables of one document.

    Args:
        document: What tomllib gave.
        folder: Where relative paths start.
        problems: Where problems are noted.
        not_yet: Keys (dotted, without indexes) of the design that this version does not have,
            each with what to do meanwhile.
    """

    def __init__(
        self, document: Table, folder: Path, problems: Problems, not_yet: Mapping[str, str]
    ) -> None:
        self._document = document
        self._folder = folder
        self._problems = problems
        self._not_yet = not_yet

    def table(self, path: KeyPath) -> Table | None:
        """Return the table at this path; None where there is none."""
        node: object = self._document
        for depth, name in enumerate(path, 1):
            node = node.get(cast(str, name)) if isinstance(node, dict) else None
            if node is None:
                return None
            if not isinstance(node, dict):
                self._problems.add(
                    path[:depth],
                    f"{_dotted(path[:depth])} is {show(node)}; write it as a section, "
                    f"[{_dotted(path[:depth])}]",
                )
                return None
        return cast(Table, node)

    def check_names(self, path: KeyPath, valid: Iterable[str]) -> None:
        """Note every key of the table at `path` that is none of the valid ones."""
        table = self._document if not path else self.table(path)
        if table is not None:
            self._check_keys(path, table, list(valid))

    def one(self, path: KeyPath, cls: type[T], nested: tuple[str, ...] = ()) -> T | None:
        """Return the settings of one table, defaults where it is not there.

        Args:
            path: The table's path.
            cls: The settings class.
            nested: Keys of the table that are sections of their own.

        Returns:
            The settings; None where a required one is missing or unusable.
        """
        return self._fill(path, self.table(path) or {}, cls, nested, judge=True)

    def many(self, path: KeyPath, cls: type[T], *, judge: bool = True) -> list[tuple[KeyPath, T]]:
        """Return the settings of every entry of an array of tables, each with its path.

        Args:
            path: The array's path.
            cls: The settings class.
            judge: Whether to ask each for its own problems; False where the caller does.
        """
        parent: object = self._document if len(path) == 1 else self.table(path[:-1])
        node = parent.get(cast(str, path[-1])) if isinstance(parent, dict) else None
        if node is None:
            return []
        if not isinstance(node, list):
            self._problems.add(
                path, f"{_dotted(path)} holds any number of entries; write [[{_dotted(path)}]]"
            )
            return []
        found = []
        for index, entry in enumerate(node):
            entry_path = (*path, index)
            if not isinstance(entry, dict):
                self._problems.add(
                    entry_path,
                    f"{_dotted(path)} has {show(entry)} as an entry; write [[{_dotted(path)}]] "
                    "and its keys below",
                )
                continue
            settings = self._fill(entry_path, entry, cls, (), judge=judge)
            if settings is not None:
                found.append((entry_path, settings))
        return found

    def _fill(
        self, path: KeyPath, table: Table, cls: type[T], nested: tuple[str, ...], *, judge: bool
    ) -> T | None:
        hints = typing.get_type_hints(cls)
        fields = {field.name: field for field in dataclasses.fields(cls)}
        self._check_keys(path, table, [*fields, *nested])
        values: dict[str, object] = {}
        complete = True
        for name, field in fields.items():
            required = (
                field.default is dataclasses.MISSING
                and field.default_factory is dataclasses.MISSING
            )
            key_path = (*path, name)
            if name not in table:
                if required:
                    complete = False
                    self._problems.add(
                        path, f'{_dotted(key_path)} is missing; add {name} = "…" to it'
                    )
                continue
            unit = str(field.metadata.get("unit", ""))
            try:
                values[name] = convert(table[name], field_type(hints[name]), unit, self._folder)
            except Unusable as error:
                complete = complete and not required
                self._problems.add(key_path, f"{_dotted(key_path)} {error}")
        if not complete:
            return None
        settings = cls(**values)
        problems = getattr(settings, "problems", None)
        if judge and callable(problems):
            for sentence in cast("list[str]", problems()):
                self._problems.add_of_class(path, sentence, table)
        return settings

    def _check_keys(self, path: KeyPath, table: Table, valid: list[str]) -> None:
        what = "setting" if path else "section"
        for key in table:
            if key in valid:
                continue
            dotted = _dotted((*path, key))
            if dotted in self._not_yet:
                self._problems.add(
                    (*path, key), f"{dotted} is not there yet: {self._not_yet[dotted]}"
                )
                continue
            near = difflib.get_close_matches(key, valid, n=1)
            if near:
                remedy = f"did you mean {_dotted((*path, near[0]))}?"
            else:
                remedy = f"there are {', '.join(sorted(valid))}"
            self._problems.add((*path, key), f"{dotted} is no {what}; {remedy}")


def _dotted(path: KeyPath) -> str:
    return ".".join(name for name in path if isinstance(name, str))
