"""What `weir check` found, before anybody prints it.

Owns the verdict, and how a place in the settings is told. Judges nothing.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.config import Settings

__all__ = ["Verdict", "at"]


@dataclass(slots=True)
class Verdict:
    """What was found.

    Attributes:
        file: The settings file.
        settings: The settings; None where they cannot be used.
        rules: How many rules can run.
        problems: What must be corrected, a sentence each.
        warnings: What can hardly be meant, a sentence each.
        notes: What is as it may be, and depends on something outside, a sentence each.
        lines_to_add: TOML lines that would declare what rules name and the settings do not.
        places: The line that a problem names, and one with a caret; by the problem.
    """

    file: Path
    settings: Settings | None = None
    rules: int = 0
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)
    lines_to_add: list[str] = field(default_factory=list)
    places: dict[str, list[str]] = field(default_factory=dict)


def at(settings: Settings, place: str) -> str:
    """Return where a value of the settings is told to stand: the file, its line, its key.

    Args:
        settings: The settings.
        place: The key, such as `lambda.functions[0].file`.
    """
    line = settings.lines.get(place)
    return f"{settings.source}: {place}" if line is None else f"{settings.source}:{line}: {place}"
