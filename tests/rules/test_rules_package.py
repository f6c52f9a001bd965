"""The package as a library: its public names, its purity, its reference page."""

from __future__ import annotations

import ast
import doctest
import re
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


def test_every_module_names_what_is_public() -> None:
    for path in PACKAGE.glob("*.py"):
        tree = ast.parse(path.read_text())
        assert ast.get_docstring(tree), path
        assigned = [target.id for node in tree.body if isinstance(node, ast.Assign)
                    for target in node.targets if isinstance(target, ast.Name)]  # fmt: skip
        assert "__all__" in assigned, path


def test_it_imports_nothing_of_the_gateway_and_no_io() -> None:
    allowed = {"rules", "orjson", "__future__", "bisect", "collections", "dataclasses", "decimal",
               "difflib", "enum", "json", "operator", "re", "typing"}  # fmt: skip
    for path in PACKAGE.glob("*.py"):
        for node in ast.walk(ast.parse(path.read_text())):
            if isinstance(node, ast.ImportFrom):
                assert node.level == 0, path
                assert (node.module or "").split(".")[0] in allowed, path
            elif isinstance(node, ast.Import):
                for name in node.names:
                    assert name.name.split(".")[0] in allowed, path


def test_the_example_of_the_package_runs() -> None:
    outcome = doctest.testmod(rules)
    assert outcome.attempted == 3
    assert outcome.failed == 0


def test_the_reference_page_lists_every_function_and_version() -> None:
    text = PAGE.read_text()
    there = set(re.findall(r"^\| `(\w+)\(", text, re.MULTILINE))
    supported = {each.name for each in FUNCTIONS.values() if each.build is not None}
    assert there - {"CAST"} == supported
    later = text.split("## Not there yet", 1)[1]
    for function in FUNCTIONS.values():
        assert (f"`{function.name}`" in later) is (function.build is None), function.name
    for version in DIALECTS:
        assert f"`{version}`" in text
