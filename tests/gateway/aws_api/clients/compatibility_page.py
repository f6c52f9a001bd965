"""The tables on SQS in docs/compatibility.md, as tests read them."""

from __future__ import annotations

import re
from pathlib import Path

PAGE = Path(__file__).parents[4] / "docs" / "compatibility.md"


def table(heading: str) -> list[list[str]]:
    """Return the rows of the table below a heading, without its head."""
    text = PAGE.read_text(encoding="utf-8")
    found = re.search(rf"^(#+) {re.escape(heading)}$", text, re.MULTILINE)
    assert found is not None, heading
    next_one = rf"^#{{1,{len(found[1])}}} "
    section = re.split(next_one, text[found.end() :], flags=re.MULTILINE)[0]
    rows = re.findall(r"^\|(.*)\|$", section, re.MULTILINE)
    assert len(rows) > 2, heading
    return [[cell.strip() for cell in row.split("|")] for row in rows[2:]]


def impossible_errors(operations: dict[str, list[str]]) -> set[tuple[str, str]]:
    """Return the pairs of operation and error that the page says cannot occur.

    Args:
        operations: By operation, the errors that the model lists.
    """
    pairs: set[tuple[str, str]] = set()
    for errors, where, why in table("Errors of SQS that do not occur"):
        assert why, errors
        for error in re.findall(r"`(\w+)`", errors):
            having = {name for name, listed in operations.items() if error in listed}
            named = set(re.findall(r"\b[A-Z]\w*", where))
            assert named <= having, (error, named - having)
            chosen = having - named if where.startswith("every operation") else named
            assert chosen, error
            fresh = {(operation, error) for operation in chosen}
            assert not fresh & pairs, (error, "is there twice")
            pairs |= fresh
    return pairs
