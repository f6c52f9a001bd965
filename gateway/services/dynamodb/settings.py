"""The settings of a local table, each default named once, with its unit and reason.

Owns also which names a table may have, and how one is found from an ARN.

Source: Amazon DynamoDB Developer Guide, "Quotas" and "Supported data types and naming rules".
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Final

__all__ = ["KEY_TYPES", "TableSettings", "name_problem", "resolve_name"]

MIB: Final = 1024 * 1024

KEY_TYPES: Final = ("STRING", "NUMBER")

_NAME: Final = re.compile(r"[A-Za-z0-9_.-]{3,255}")
_MAX_KEY_NAME_BYTES: Final = 255
_MIN_BYTES: Final = MIB


def name_problem(name: str) -> str:
    """Return why this cannot be a table's name; empty where it can."""
    if _NAME.fullmatch(name) is None:
        return "it must be 3 to 255 letters, digits, underscores, hyphens and dots"
    return ""


def resolve_name(name_or_arn: str) -> str:
    """Return the table's name: the last part, whatever region and account come before."""
    return re.split("[/:]", name_or_arn)[-1]


@dataclass(frozen=True, slots=True)
class TableSettings:
    """One `[[dynamodb.tables]]` section: a table that is there whenever the gateway runs.

    Attributes are documented by their metadata, from which the settings reference is made.
    """

    name: str = field(
        metadata={
            "unit": "text",
            "doc": "The table's name: 3 to 255 letters, digits, underscores, hyphens and dots. "
            "Rules name it so, or by an ARN that ends in it.",
        },
    )
    partition_key: str = field(
        metadata={
            "unit": "text",
            "doc": "The attribute that is the table's partition key (hash key). Once the table has "
            "items, its key attributes must stay as they are.",
        },
    )
    partition_key_type: str = field(
        default="STRING",
        metadata={"unit": "STRING or NUMBER", "doc": "The type of the partition key's values."},
    )
    sort_key: str | None = field(
        default=None,
        metadata={
            "unit": "text",
            "doc": "The attribute that is the table's sort key (range key). Without it an item is "
            "found by its partition key alone.",
        },
    )
    sort_key_type: str = field(
        default="STRING",
        metadata={"unit": "STRING or NUMBER", "doc": "The type of the sort key's values."},
    )
    max_bytes: int = field(
        default=64 * MIB,
        metadata={
            "unit": "bytes",
            "doc": "What the table's items may weigh together: their JSON and their keys. Above it "
            "what would make the table larger is refused, and the action fails; deletes are always "
            "admitted. Part of store.max_bytes.",
        },
    )

    def problems(self) -> list[str]:
        """Return what cannot be used in these settings, a sentence each."""
        found = []
        problem = name_problem(self.name)
        if problem:
            found.append(f'the table\'s name "{self.name}" cannot be used: {problem}')
        for key in ("partition_key", "sort_key"):
            name = getattr(self, key)
            kind = getattr(self, f"{key}_type")
            if name is not None and not 1 <= len(name.encode()) <= _MAX_KEY_NAME_BYTES:
                found.append(f"{key} has {len(name.encode())} bytes; it must have 1 to 255")
            if kind not in KEY_TYPES:
                found.append(f'{key}_type is "{kind}"; it must be "STRING" or "NUMBER"')
        if self.sort_key == self.partition_key:
            found.append("sort_key is the same attribute as partition_key; name another")
        if self.max_bytes < _MIN_BYTES:
            found.append(f"max_bytes is {self.max_bytes}; it must be at least 1MiB")
        return found
