"""Rule files: a folder's documents, each either a rule or a report of what is wrong with it.

Owns reading `rules.d/`; one bad file never keeps the others from loading. Reads files; `rules`
does the rest.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rules import RuleDocument, RuleDocumentError, parse_rule

__all__ = ["LoadedRules", "RuleFileProblem", "load_rules"]

# AWS's limit of a rule document (256 KB of UTF-8).
MAX_DOCUMENT_BYTES = 256 * 1024


@dataclass(frozen=True, slots=True)
class RuleFileProblem:
    """Why a file gave no rule.

    Attributes:
        file: The file.
        problems: A sentence each, with the place in the document and the remedy.
    """

    file: Path
    problems: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class LoadedRules:
    """What a folder gave: rules by file, and the files that gave none."""

    rules: tuple[tuple[Path, RuleDocument], ...]
    problems: tuple[RuleFileProblem, ...]


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
    files_by_name: dict[str, Path] = {}
    for file in files:
        try:
            document = _read(file)
        except RuleDocumentError as error:
            problems.append(RuleFileProblem(file, tuple(str(p) for p in error.problems)))
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
    return LoadedRules(tuple(rules), tuple(problems))


def _read(file: Path) -> RuleDocument:
    if not file.is_file():  # opening a pipe would wait for ever
        raise OSError("it is no regular file")
    if file.stat().st_size > MAX_DOCUMENT_BYTES:
        raise OSError(f"it is larger than {MAX_DOCUMENT_BYTES} bytes, the limit of a rule document")
    return parse_rule(file.read_bytes(), source=file.name, default_name=file.stem)
