"""The package as a library: its public names, its purity, its reference page."""

from __future__ import annotations

import ast
import doctest
import re
import subprocess
import sys
from pathlib import Path

import rules
from rules.functions import FUNCTIONS
from rules.values import DIALECTS

PACKAGE = Path(rules.__file__).parent
PAGE = PACKAGE.parent / "docs" / "reference" / "sql.md"


def test_the_public_names_exist_once() -> None:
    assert len(set(rules.__all__)) == len(rules.__all__)
    for name in rules.__all__:
        assert getattr(rules, name) is not None


MODULES = tuple(PACKAGE.rglob("*.py"))
# Of the standard library: what computes. And the libraries, each behind the modules that use it.
COMPUTING = {
    "__future__", "abc", "array", "base64", "bisect", "collections", "dataclasses", "datetime",
    "decimal", "difflib", "enum", "functools", "hashlib", "itertools", "json", "math", "operator",
    "re", "string", "struct", "time", "typing", "unicodedata",
}  # fmt: skip
SEAMS = {
    "google": "protobuf",
    "importlib": ("dates/zones.py", "regex"),  # what few statements need is loaded late
    "orjson": "",
    "random": "message.py",  # the default of an argument
    "re2": "regex/linear.py",
    "regex": "regex/limited.py",
    "weakref": "statement.py",
    "uuid": "message.py",  # likewise
    "zoneinfo": "dates",
}


def test_every_module_names_what_is_public() -> None:
    for path in MODULES:
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree), path
        assigned = [target.id for node in tree.body if isinstance(node, ast.Assign)
                    for target in node.targets if isinstance(target, ast.Name)]  # fmt: skip
        assert "__all__" in assigned, path


def imported(path: Path) -> set[str]:
    found = set()
    for node in ast.walk(ast.parse(path.read_text())):
        if isinstance(node, ast.ImportFrom):
            assert node.level == 0, path
            found.add((node.module or "").split(".")[0])
        elif isinstance(node, ast.Import):
            found.update(name.name.split(".")[0] for name in node.names)
    return found


def test_it_imports_nothing_of_the_gateway_and_no_io() -> None:
    for path in MODULES:
        place = path.relative_to(PACKAGE).as_posix()
        for name in imported(path) - COMPUTING - {"rules"}:
            assert name in SEAMS, f"{place} imports {name}"
            assert place.startswith(SEAMS[name]), f"{place} imports {name}"


def test_importing_it_loads_no_library_that_few_statements_need() -> None:
    libraries = ["google.protobuf", "regex", "re2", "zoneinfo", "asyncio", "socket",
                 "rules.regex", "rules.dates", "rules.protobuf"]  # fmt: skip
    code = f"import sys, rules; print([m for m in sys.modules if m in {libraries!r}])"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert done.stdout.strip() == "[]"


def test_the_example_of_the_package_runs() -> None:
    outcome = doctest.testmod(rules)
    assert outcome.attempted == 3
    assert outcome.failed == 0


def test_the_reference_page_lists_every_function_and_version() -> None:
    text = PAGE.read_text()
    functions = text.split("\n## Functions\n", 1)[1].split("\n## ", 1)[0]
    rows = {
        name: line.split("|")[2].strip()
        for line in functions.splitlines()
        if line.startswith("| `")
        for name in re.findall(r"`(\w+)\(", line.split("|")[1])
    }
    assert rows.pop("CAST") == "2015-10-08"
    assert rows == {each.name: each.since.version for each in FUNCTIONS.values()}
    for version in DIALECTS:
        assert f"`{version}`" in text
