"""Rule files: a folder's documents, each either a rule or a report of what is wrong with it.

Owns reading `rules.d/`; one bad file never keeps the others from loading. Reads files; `rules`
does the rest.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from rules import Problem, RuleDocument, RuleDocumentError, parse_rule
from rules.documents import MAX_DOCUMENT_BYTES

__all__ = ["MAX_DOCUMENT_BYTES", "LoadedRules", "RuleFileProblem", "load_rules", "told"]

_PLACE: Final = re.compile(r"line \d+, column \d+(?=: )")


@dataclass(frozen=True, slots=True)
class RuleFileProblem:
    """Why a file gave no rule.

    Attributes:
        file: The file.
        problems: A sentence each, with the place in the document and the remedy.
        found: The same, each in its parts; none where the file could not be read.
        document: The file's bytes; empty likewise.
    """

    file: Path
    problems: tuple[str, ...]
    found: tuple[Problem, ...] = ()
    document: bytes = b""


@dataclass(frozen=True, slots=True)
class LoadedRules:
    """What a folder gave.

    Attributes:
        rules: The rules, each with its file.
        problems: The files that gave none.
        texts: What stood in the files of the rules.
    """

    rules: tuple[tuple[Path, RuleDocument], ...]
    problems: tuple[RuleFileProblem, ...]
    texts: Mapping[Path, bytes] = field(default_factory=dict)


def load_rules(folder: Path | None) -> LoadedRules:
    """Read every `*.json` of a folder, in the order of their names.

    A folder that is missing or cannot be read is one problem; a rule name that occurs twice is a
    problem of the later file.
    """
    if folder is None:
        return LoadedRules((), ())
    try:
        # Listed by hand: glob() takes a folder that may not be read for an empty one.
        files = sorted(file for file in folder.iterdir() if file.suffix == ".json")
    except OSError as error:
        missing = isinstance(error, FileNotFoundError)
        reason = "does not exist" if missing else f"cannot be read: {error.strerror}"
        problem = f"the rules folder {folder} {reason}; create it, or correct rules.dir"
        return LoadedRules((), (RuleFileProblem(folder, (problem,)),))
    rules: list[tuple[Path, RuleDocument]] = []
    problems: list[RuleFileProblem] = []
    texts: dict[Path, bytes] = {}
    files_by_name: dict[str, Path] = {}
    for file in files:
        text = b""
        try:
            text = _read(file)
            document = parse_rule(text, source=file.name, default_name=file.stem)
        except RuleDocumentError as error:
            found = error.problems
            problems.append(RuleFileProblem(file, tuple(map(told, found)), found, text))
            continue
        except OSError as error:
            problems.append(RuleFileProblem(file, (f"it cannot be read: {error}",)))
            continue
        earlier = files_by_name.setdefault(document.name, file)
        if earlier is not file:
            reason = f"the rule {document.name} is in {earlier.name} already; rename one of them"
            problems.append(RuleFileProblem(file, (reason,)))
            continue
        rules.append((file, document))
        texts[file] = text
    return LoadedRules(tuple(rules), tuple(problems), texts)


def told(problem: Problem) -> str:
    """Return a problem as it is told beside a file's name: a place in the SQL is none in the file.

    Args:
        problem: A problem or warning of a rule document.
    """
    place = _PLACE.match(problem.message) if problem.path.endswith(".sql") else None
    if place is None:
        return str(problem)
    message = f"{place[0]} of the SQL{problem.message[place.end() :]}"
    return str(Problem(problem.path, message, problem.remedy))


def _read(file: Path) -> bytes:
    if not file.is_file():  # opening a pipe would wait for ever
        raise OSError("it is no regular file")
    if file.stat().st_size > MAX_DOCUMENT_BYTES:
        raise OSError(f"it is larger than {MAX_DOCUMENT_BYTES} bytes, the limit of a rule document")
    return file.read_bytes()
