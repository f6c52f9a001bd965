"""The conformance statements of both versions of MQTT, their tests, and the page that lists them.

A test belongs to a statement by its name: `test_MQTT_3_1_0_1_…` to [MQTT-3.1.0-1]. Sources are
read, not run. Written to the documentation by

    python -m tests.conformance.table > docs/reference/conformance.md
"""

from __future__ import annotations

import ast
import re
import sys
import tomllib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

HERE = Path(__file__).resolve().parent
PAGE = HERE.parents[1] / "docs" / "reference" / "conformance.md"

# The share of a version's statements that may have a reason in place of a test.
MAX_REASONS = 0.05

_ID = re.compile(r"MQTT-\d+\.\d+\.\d+-\d+")
_TEST = re.compile(r"test_MQTT_(\d+)_(\d+)_(\d+)_(\d+)_[a-z]\w*")


@dataclass(frozen=True, slots=True)
class Statement:
    """One normative statement: what it says in short, and why it has no test where it has none."""

    id: str
    says: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Version:
    """One version of the standard.

    Attributes:
        name: As people call it.
        statements: All its normative statements, in its order.
        tests: The tests of each statement as `file.py::function`, by its id.
        strays: Tests that are not named after a statement.
    """

    name: str
    statements: tuple[Statement, ...]
    tests: dict[str, tuple[str, ...]]
    strays: tuple[str, ...]

    @property
    def tested(self) -> int:
        """How many statements have a test."""
        return sum(statement.id in self.tests for statement in self.statements)

    @property
    def reasons(self) -> int:
        """How many statements have a reason in place of a test."""
        return sum(bool(statement.reason) for statement in self.statements)


def read_version(name: str, table: Path, folder: Path) -> Version:
    """Read a version's statements from a TOML file and its tests from the files of a folder."""
    with table.open("rb") as file:
        entries = tomllib.load(file)["statement"]
    tests: dict[str, list[str]] = {}
    strays = []
    for test in _test_names(folder):
        numbers = _TEST.fullmatch(test.rpartition("::")[2])
        if numbers is None:
            strays.append(test)
        else:
            chapter, section, part, number = numbers.groups()
            tests.setdefault(f"MQTT-{chapter}.{section}.{part}-{number}", []).append(test)
    return Version(
        name,
        tuple(Statement(**entry) for entry in entries),
        {statement: tuple(names) for statement, names in tests.items()},
        tuple(strays),
    )


def versions() -> list[Version]:
    """Read both versions, the older one first."""
    return [
        read_version("MQTT 3.1.1", HERE / "mqtt311.toml", HERE / "mqtt311"),
        read_version("MQTT 5.0", HERE / "mqtt5.toml", HERE / "mqtt5"),
    ]


def problems(version: Version) -> list[str]:
    """Say what is missing, unknown, double or too much in a version's table."""
    found = [f"{test} is not named after a statement" for test in version.strays]
    seen: set[str] = set()
    for statement in version.statements:
        if not _ID.fullmatch(statement.id):
            found.append(f"{statement.id} is not the name of a statement")
        if statement.id in seen:
            found.append(f"{statement.id} stands there twice")
        seen.add(statement.id)
        if not statement.says:
            found.append(f"{statement.id} says nothing")
        if statement.id not in version.tests and not statement.reason:
            found.append(f"{statement.id} has neither a test nor a reason")
        if statement.id in version.tests and statement.reason:
            found.append(f"{statement.id} has a test, and a reason to have none")
    for unknown in sorted(version.tests.keys() - seen):
        found.extend(f"{test} tests {unknown}, unknown" for test in version.tests[unknown])
    if version.reasons > MAX_REASONS * len(version.statements):
        found.append(
            f"{version.reasons} of {len(version.statements)} statements have a reason in place of "
            f"a test: more than {MAX_REASONS:.0%}"
        )
    return found


def page(of: Sequence[Version]) -> str:
    """Write the documentation's page."""
    lines = [
        "# Conformance to MQTT",
        "",
        "Every normative statement of MQTT 3.1.1 and MQTT 5.0, in short and in our own words, with",
        "the tests that hold Weir to it. The tests are in `tests/conformance/`; each gives raw",
        "packets to a broker on a real store and looks at the packets that come back. A statement",
        "without a test says why. Statements about clients are tested by what the broker does with",
        "a client that breaks them.",
        "",
        "Where a listener follows AWS IoT Core instead, see",
        "[MQTT as AWS IoT Core has it](mqtt-aws-profile.md).",
        "",
        "| Version | Statements | Tested | With a reason in place of a test |",
        "| --- | --- | --- | --- |",
    ]
    lines += [
        f"| {version.name} | {len(version.statements)} | {version.tested} | {version.reasons} |"
        for version in of
    ]
    for version in of:
        lines += [
            "",
            f"## {version.name}",
            "",
            "| Statement | What it says | Test |",
            "| --- | --- | --- |",
        ]
        lines += [
            f"| {statement.id} | {_cell(statement.says)} | {_evidence(version, statement)} |"
            for statement in version.statements
        ]
    return "\n".join(lines) + "\n"


def _test_names(folder: Path) -> Iterator[str]:
    for path in sorted(folder.glob("test_*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8"), str(path)).body:
            if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
                if node.name.startswith("test"):
                    yield f"{path.name}::{node.name}"
            elif isinstance(node, ast.ClassDef) and node.name.startswith("Test"):
                yield f"{path.name}::{node.name}"  # the tests stand alone here, not in classes


def _cell(text: str) -> str:
    return text.replace("|", r"\|").replace("<", "&lt;")


def _evidence(version: Version, statement: Statement) -> str:
    tests = version.tests.get(statement.id, ())
    return "<br>".join(f"`{test}`" for test in tests) or f"none: {_cell(statement.reason)}"


if __name__ == "__main__":
    sys.stdout.write(page(versions()))
