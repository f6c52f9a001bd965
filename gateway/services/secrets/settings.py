"""The settings of the local secrets."""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path

__all__ = ["SecretsSettings"]


@dataclass(frozen=True, slots=True)
class SecretsSettings:
    """The `[secrets]` section."""

    file: Path | None = field(
        default=None,
        metadata={
            "unit": "file",
            "doc": "A JSON file of secrets by name, each a text, an object, or "
            '{"SecretBinary": base64}; what get_secret() answers from. Mode 0600 and owned by the '
            "gateway's user or root, or it is not read. A change holds at once. Without it there "
            "are no secrets.",
        },
    )
