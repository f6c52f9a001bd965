"""Single values: from what TOML gives to what a settings field holds, and back to text.

Owns the types a field may have, and sizes and durations with units. Knows nothing of sections.
"""

from __future__ import annotations

import json
import math
import re
import types
import typing
from dataclasses import dataclass
from pathlib import Path
from typing import Final

__all__ = ["FieldType", "Unusable", "convert", "field_type", "show", "show_setting"]

_MAX_INT: Final = 2**63 - 1

_SIZES: Final = {
    "B": 1,
    "kB": 1000,
    "KB": 1000,
    "MB": 1000**2,
    "GB": 1000**3,
    "TB": 1000**4,
    "KiB": 1024,
    "MiB": 1024**2,
    "GiB": 1024**3,
    "TiB": 1024**4,
}
_DURATIONS_MS: Final = {
    "ms": 1,
    "s": 1000,
    "min": 60_000,
    "h": 3_600_000,
    "d": 86_400_000,
}
_QUANTITY: Final = re.compile(r"([0-9]{1,18}(?:\.[0-9]{1,9})?) ?([A-Za-z]+)", re.ASCII)

_SIZE_REMEDY: Final = 'write a number of bytes, or a size such as "512MB" or "4MiB"'
_DURATION_REMEDY: Final = 'write a number of {unit}, or a duration such as "30s" or "5min"'
_QUANTITIES: Final = ("bytes", "seconds", "milliseconds")


class Unusable(ValueError):  # noqa: N818 - reads as a sentence where it is raised
    """A value cannot be what its field needs; the text goes on from the key's name."""


@dataclass(frozen=True, slots=True)
class FieldType:
    """What a settings field takes.

    Attributes:
        base: bool, int, float, str or Path; of each member, where it is an array.
        is_array: Whether it takes an array.
        optional: Whether it may be None, which in TOML is leaving it out.
    """

    base: type
    is_array: bool
    optional: bool

    def __str__(self) -> str:
        name = {bool: "true or false", int: "whole number", float: "number", str: "text"}.get(
            self.base, "path"
        )
        return f"array of {name}" if self.is_array else name


def field_type(hint: object) -> FieldType:
    """Return what a field with this type annotation takes.

    Raises:
        TypeError: The annotation is none that a settings file can hold.
    """
    optional = False
    if typing.get_origin(hint) in (types.UnionType, typing.Union):
        members = [member for member in typing.get_args(hint) if member is not type(None)]
        optional = len(members) < len(typing.get_args(hint))
        (hint,) = members
    is_array = typing.get_origin(hint) is tuple
    if is_array:
        hint = typing.get_args(hint)[0]
    if hint not in (bool, int, float, str, Path):
        raise TypeError(f"a settings field cannot be of type {hint}")
    assert isinstance(hint, type)  # noqa: S101 - one of the five
    return FieldType(hint, is_array, optional)


def convert(value: object, kind: FieldType, unit: str, folder: Path) -> object:
    """Return what the field holds for this TOML value.

    Args:
        value: What tomllib gave.
        kind: What the field takes.
        unit: The field's unit; `bytes`, `seconds` and `milliseconds` take text with a unit too.
        folder: Where relative paths start.

    Raises:
        Unusable: The value is of another type, or out of every range.
    """
    if kind.is_array:
        if not isinstance(value, list):
            raise Unusable(f"is {show(value)}; write an array, such as [{show(value)}]")
        return tuple(_single(member, kind.base, unit, folder) for member in value)
    return _single(value, kind.base, unit, folder)


def _single(value: object, base: type, unit: str, folder: Path) -> object:
    if base is bool:
        if isinstance(value, bool):
            return value
        raise Unusable(f"is {show(value)}; write true or false, without quotes")
    if base is str:
        if not isinstance(value, str):
            raise Unusable(f'is {show(value)}; write text in quotes, such as "{show(value)}"')
        return value
    if base is Path:
        return _path(value, folder)
    return _number(value, base, unit)


def _number(value: object, base: type, unit: str) -> int | float:
    quantity: int | float
    if isinstance(value, str) and unit in _QUANTITIES:
        quantity = _quantity(value, unit)
    elif isinstance(value, bool) or not isinstance(value, int | float):
        raise Unusable(f"is {show(value)}; {_remedy(base, unit)}")
    else:
        quantity = value
    if isinstance(quantity, float) and not math.isfinite(quantity):
        raise Unusable(f"is {quantity}; {_remedy(base, unit)}")
    if abs(quantity) > _MAX_INT:
        raise Unusable("is larger than any number this gateway counts with; write a smaller one")
    if quantity < 0 and unit in _QUANTITIES:
        raise Unusable(f"is {show(value)}, which is negative; use 0 or more")
    if base is float:
        return float(quantity)
    if quantity != int(quantity):
        raise Unusable(f"is {show(value)}, which is no whole number of {unit}; round it")
    if isinstance(value, float):
        raise Unusable(f"is {value}; write a whole number, without a point")
    return int(quantity)


def _quantity(text: str, unit: str) -> int | float:
    match = _QUANTITY.fullmatch(text.strip())
    factors = _SIZES if unit == "bytes" else _DURATIONS_MS
    if match is None or match[2] not in factors:
        raise Unusable(f"is {show(text)}; {_remedy(int, unit)}")
    number = float(match[1]) if "." in match[1] else int(match[1])
    amount = number * factors[match[2]]
    if unit == "seconds":
        amount = amount / 1000
    return int(amount) if amount == int(amount) else amount


def _path(value: object, folder: Path) -> Path:
    if not isinstance(value, str) or not value:
        raise Unusable(f"is {show(value)}; write a path in quotes")
    if "\0" in value:
        raise Unusable("holds a NUL character; remove it")
    if value.startswith("~"):
        raise Unusable(f"is {show(value)}; only a shell knows ~, so write the whole path")
    return folder / value


def _remedy(base: type, unit: str) -> str:
    if unit == "bytes":
        return _SIZE_REMEDY
    if unit in _QUANTITIES:
        return _DURATION_REMEDY.format(unit=unit)
    return "write a whole number" if base is int else "write a number"


def show(value: object) -> str:
    """Return a value as a person would write it in TOML, cut where it is long."""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, str):
        return json.dumps(value if len(value) <= 80 else value[:79] + "…", ensure_ascii=False)
    if isinstance(value, Path):
        return json.dumps(str(value), ensure_ascii=False)
    if isinstance(value, dict):
        return "a table"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(show(member) for member in value[:8]) + "]"
    return str(value)


def show_setting(value: object, unit: str) -> str:
    """Return a setting's value as TOML; bytes as a size where that is exact."""
    if unit == "bytes" and isinstance(value, int) and value:
        for name in ("GiB", "MiB", "KiB"):
            if value % _SIZES[name] == 0:
                return f'"{value // _SIZES[name]}{name}"'
    return show(value)
