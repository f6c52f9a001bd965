"""The house rules as a checker: which room may import which, and what a file must look like.

Reads source text only. Returns sentences, so that a test can show all that is wrong at once.
"""

from __future__ import annotations

import ast
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

# The rooms of the gateway, top to bottom: a room imports from those below it, never from above.
ROOMS = (
    "cli",
    "app",
    "config",
    "control",
    "aws_api",
    "uplink",
    "devices",
    "engine",
    "shadows",
    "services",
    "broker",
    "identity",
    "registry",
    "store",
    "http",
    "mqtt",
)
GROUND_FLOOR = ("address", "clock", "errors", "message", "metrics")

# Who may import a room at all, where not everyone above it may.
ONLY_FOR = {"app": {"cli"}, "config": {"cli", "app"}}

# Rooms that know very little of what is below them.
ONLY_KNOWS = {
    "http": {"address", "errors", "metrics"},
    "mqtt": set(),
    "address": set(),
    "clock": set(),
    "errors": set(),
    "message": set(),
    "metrics": set(),
}

# The top-level packages beside the gateway, and the first-party packages that each may import.
FIRST_PARTY = {"gateway", "rules", "shadow", "drivers", "firmware_sim", "tests", "benchmarks"}
MAY_IMPORT = {
    "gateway": {"rules", "shadow", "drivers"},
    "rules": set(),
    "shadow": set(),
    "drivers": set(),
    "firmware_sim": set(),
}

# Rooms that may use the pure packages; for the others they do not exist.
MAY_USE_PURE = {
    "rules": {"cli", "app", "engine"},
    "shadow": {"cli", "app", "shadows"},
    "drivers": {"cli", "app", "devices"},
}

# Libraries that stay behind one seam: the modules that may import them begin like this.
SEAMS = {
    "aiohttp": ("gateway.http.",),
    "multidict": ("gateway.http.",),
    "yarl": ("gateway.http.",),
    "tinydb": ("gateway.registry.",),
    "sqlite3": ("gateway.store.", "gateway.services.", "gateway.broker.session_records."),
    "gpiozero": ("drivers.",),
    "lgpio": ("drivers.",),
    "serial": ("drivers.",),
    "pymodbus": ("drivers.",),
    "cryptography": ("gateway.identity.", "gateway.store."),
    "boto3": (),
    "botocore": ("gateway.uplink.",),
    "paho": ("firmware_sim.", "gateway.uplink."),
    "uvloop": ("gateway.cli.",),
    "pickle": (),
}

VAGUE_NAMES = {"utils", "util", "helpers", "helper", "manager", "misc", "common"}
MAX_LINES = 500
THINK_AGAIN_LINES = 400


@dataclass(frozen=True, slots=True)
class Import:
    """One import statement's module, and whether only the type checker sees it."""

    module: str
    line: int
    typing_only: bool


@dataclass(frozen=True, slots=True)
class Module:
    """One source file of the product."""

    name: str
    path: Path
    tree: ast.Module
    lines: int

    @property
    def package(self) -> str:
        return self.name.partition(".")[0]

    @property
    def room(self) -> str:
        """The room of the gateway; empty for the gateway itself and other packages."""
        return room_of(self.name)


def room_of(module: str) -> str:
    parts = module.split(".")
    return parts[1] if parts[0] == "gateway" and len(parts) > 1 else ""


def modules(root: Path) -> list[Module]:
    """Read the product's sources below this folder."""
    found = []
    for package in MAY_IMPORT:
        folder = root / package
        if package == "firmware_sim":
            folder = root / "firmware-sim" / package
        for path in sorted(folder.rglob("*.py")):
            text = path.read_text(encoding="utf-8")
            parts = [package, *path.relative_to(folder).with_suffix("").parts]
            if parts[-1] == "__init__":
                parts.pop()
            tree = ast.parse(text, str(path))
            found.append(Module(".".join(parts), path.relative_to(root), tree, text.count("\n")))
    return found


def imports(tree: ast.AST, *, typing_only: bool = False) -> Iterator[Import]:
    """Yield what a file imports, at any depth: a late import is one, too."""
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.Import):
            for alias in node.names:
                yield Import(alias.name, node.lineno, typing_only)
        elif isinstance(node, ast.ImportFrom):
            if node.level:
                yield Import("." * node.level + (node.module or ""), node.lineno, typing_only)
            elif node.module in FIRST_PARTY:  # `from gateway import broker` names a module
                for alias in node.names:
                    yield Import(f"{node.module}.{alias.name}", node.lineno, typing_only)
            else:
                yield Import(node.module or "", node.lineno, typing_only)
        elif isinstance(node, ast.If) and _is_type_checking(node.test):
            for child in node.body:
                yield from imports(ast.Module([child], []), typing_only=True)
            for child in node.orelse:
                yield from imports(ast.Module([child], []), typing_only=typing_only)
        else:
            yield from imports(node, typing_only=typing_only)


def import_problems(root: Path) -> list[str]:
    """Say which imports the house does not allow."""
    return [
        f"{module.path}:{found.line}: {problem}"
        for module in modules(root)
        for found in imports(module.tree)
        if (problem := _problem(module, found))
    ]


def form_problems(root: Path, reasons: dict[str, str]) -> list[str]:
    """Say which files have no docstring, a vague name, too many lines or a wrong `__all__`.

    Args:
        root: The project's folder.
        reasons: Why a file may be longer than 400 lines, by its path.
    """
    problems = []
    for module in modules(root):
        where = str(module.path)
        if not ast.get_docstring(module.tree):
            problems.append(f"{where}: has no docstring")
        if module.path.stem in VAGUE_NAMES:
            problems.append(f"{where}: its name does not say what is inside")
        if module.lines > MAX_LINES:
            problems.append(f"{where}: has {module.lines} lines, more than {MAX_LINES}")
        elif module.lines > THINK_AGAIN_LINES and where not in reasons:
            problems.append(f"{where}: has {module.lines} lines: split it, or give the reason")
        bound = set(_bound_names(module.tree))
        for name in _exported(module.tree):
            if name not in bound and not (root / module.path.parent / f"{name}.py").exists():
                problems.append(f"{where}: __all__ names {name}, which is not there")
    return problems


def _is_type_checking(test: ast.expr) -> bool:
    name = test.attr if isinstance(test, ast.Attribute) else getattr(test, "id", "")
    return name == "TYPE_CHECKING"


def _problem(module: Module, found: Import) -> str:
    if found.module.startswith("."):
        return "imports relatively; write the whole name"
    package = found.module.partition(".")[0]
    if package in SEAMS and not f"{module.name}.".startswith(SEAMS[package] or "-"):
        return f"imports {package}, which stays behind {' and '.join(SEAMS[package]) or 'no seam'}"
    if package not in FIRST_PARTY:
        return ""
    if package != module.package and package not in MAY_IMPORT[module.package]:
        return f"{module.package} imports {package}"
    if package in MAY_USE_PURE and module.package == "gateway":
        message_types = module.name == "gateway.message" and found.typing_only
        if module.room not in MAY_USE_PURE[package] and not message_types:
            return f"{module.name} imports {package}"
        return ""
    return _room_problem(module.room, room_of(found.module)) if package == "gateway" else ""


def _room_problem(room: str, other: str) -> str:
    if room == other or other.startswith("__"):
        return ""
    for name in (room, other):
        if name not in ROOMS + GROUND_FLOOR:
            return f"{name or 'gateway/__init__'} has no place in the order of rooms"
    if other in ONLY_FOR and room not in ONLY_FOR[other]:
        return f"{room} imports {other}, which is for {' and '.join(sorted(ONLY_FOR[other]))} only"
    if room in ONLY_KNOWS and other not in ONLY_KNOWS[room]:
        return f"{room} imports {other}, and may not know it"
    if room in ROOMS and other in ROOMS and ROOMS.index(other) < ROOMS.index(room):
        return f"{room} imports {other}, which is above it"
    return ""


def _exported(tree: ast.Module) -> list[str]:
    for node in tree.body:
        targets = node.targets if isinstance(node, ast.Assign) else []
        if any(isinstance(target, ast.Name) and target.id == "__all__" for target in targets):
            assert isinstance(node, ast.Assign)
            names: list[str] = ast.literal_eval(node.value)
            return names
    return []


def _bound_names(tree: ast.AST) -> Iterator[str]:
    for node in ast.iter_child_nodes(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name
        elif isinstance(node, ast.Import | ast.ImportFrom):
            for alias in node.names:
                yield (alias.asname or alias.name).partition(".")[0]
        elif isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id
        else:
            yield from _bound_names(node)
