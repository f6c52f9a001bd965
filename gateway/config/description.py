"""The settings described: every one there is, and what they come to for one file.

Owns the tables that documentation and `weir check --print` are made of; knows nothing of formats.
"""

from __future__ import annotations

import dataclasses
import typing
from collections.abc import Iterator
from dataclasses import dataclass

from gateway.config.settings import SECTIONS, Settings
from gateway.config.values import field_type, show_setting

if typing.TYPE_CHECKING:
    from _typeshed import DataclassInstance

__all__ = ["EffectiveSetting", "Setting", "describe", "effective"]


@dataclass(frozen=True, slots=True)
class Setting:
    """One setting there is.

    Attributes:
        section: The dotted name of its section, such as `mqtt.listeners`.
        key: Its key.
        type: What it takes, in words.
        default: Its default as TOML; None where it must be set, empty where it may be left out.
        unit: Its unit, or the values it can have.
        doc: What it does, and why the default is what it is.
    """

    section: str
    key: str
    type: str
    default: str | None
    unit: str
    doc: str


@dataclass(frozen=True, slots=True)
class EffectiveSetting:
    """One setting as it holds for a gateway.

    Attributes:
        place: Its place, such as `store.max_bytes` or `mqtt.listeners[0].bind`.
        value: Its value as TOML; empty where it is left out.
        line: The line of the file that sets it; None for a default.
    """

    place: str
    value: str
    line: int | None


def describe() -> list[Setting]:
    """Return every setting there is, in the order of the sections and their fields."""
    found = []
    for section in SECTIONS:
        hints = typing.get_type_hints(section.settings)
        for field in dataclasses.fields(section.settings):
            unit = str(field.metadata.get("unit", ""))
            default: str | None = None
            if field.default_factory is not dataclasses.MISSING:
                default = show_setting(field.default_factory(), unit)
            elif field.default is not dataclasses.MISSING:
                default = "" if field.default is None else show_setting(field.default, unit)
            found.append(
                Setting(
                    section.name,
                    field.name,
                    str(field_type(hints[field.name])),
                    default,
                    unit,
                    str(field.metadata.get("doc", "")),
                )
            )
    return found


def effective(settings: Settings) -> list[EffectiveSetting]:
    """Return every setting that holds, with the line that sets it."""
    found: list[EffectiveSetting] = []
    for section in SECTIONS:
        held = getattr(settings, section.attribute)
        if held is None:
            continue
        if isinstance(held, tuple):
            for index, entry in enumerate(held):
                found += _of(f"{section.name}[{index}]", entry, settings)
        else:
            found += _of(section.name, held, settings)
    return found


def _of(
    place: str, settings_of_section: DataclassInstance, settings: Settings
) -> Iterator[EffectiveSetting]:
    for field in dataclasses.fields(settings_of_section):
        value = getattr(settings_of_section, field.name)
        name = f"{place}.{field.name}"
        shown = "" if value is None else show_setting(value, str(field.metadata.get("unit", "")))
        yield EffectiveSetting(name, shown, settings.lines.get(name))
