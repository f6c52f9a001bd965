"""The rules engine's settings, each default named once, with its unit and reason."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["RulesSettings"]


@dataclass(frozen=True, slots=True)
class RulesSettings:
    """The `[rules]` section."""

    dir: Path | None = field(
        default=None,
        metadata={
            "unit": "folder",
            "doc": "Where rule files are: every *.json in it, each as written for "
            "`aws iot create-topic-rule --cli-input-json`. Without it there are no rules.",
        },
    )
