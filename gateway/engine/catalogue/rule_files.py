"""Rules as a person or a program wrote them: the payload of a document, and of every rule file.

Owns what of a document is its `topicRulePayload`, and how one is put into words that `rules` reads.
Knows nothing of the rules in force.

Source: AWS IoT API reference, `CreateTopicRule`, `GetTopicRule`.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Final

import orjson

from gateway.engine.catalogue.loading import RuleFileProblem, load_rules
from rules import DEFAULT_VERSION, Problem, RuleDocument, RuleDocumentError, parse_rule

__all__ = [
    "Payload",
    "RuleFile",
    "is_same",
    "read_payload",
    "read_rule",
    "read_rule_files",
    "read_text",
]

Payload = dict[str, object]
"""The `topicRulePayload` of a rule, as JSON."""

# Real rules nest some ten levels. What writes JSON again has limits of its own, far above this.
MAX_DEPTH: Final = 64

# Members beside the payload's own, where a document has no wrapper or is GetTopicRule's answer.
_NOT_THE_PAYLOADS: Final = frozenset(("ruleName", "createdAt"))

# What a payload means that does not say it.
_DEFAULTS: Final[Payload] = {
    "description": "",
    "ruleDisabled": False,
    "awsIotSqlVersion": DEFAULT_VERSION,
}


@dataclass(frozen=True, slots=True)
class RuleFile:
    """A file that gave a rule.

    Attributes:
        file: The file.
        payload: What it says.
        document: The same, ready to run.
        written_ms: When it was last written, in milliseconds since 1970.
    """

    file: Path
    payload: Payload
    document: RuleDocument
    written_ms: int


def read_rule(name: str, payload: Payload, *, source: str) -> tuple[Payload, RuleDocument]:
    """Return a payload as JSON keeps it, and the rule that it is.

    Args:
        name: The rule's name.
        payload: Its payload; it is not kept.
        source: What to call it in errors.

    Raises:
        RuleDocumentError: It cannot be used.
    """
    try:
        text = orjson.dumps({"ruleName": name, "topicRulePayload": payload})
    except orjson.JSONEncodeError as error:
        problem = Problem("$.topicRulePayload", f"it cannot be written as JSON: {error}")
        raise RuleDocumentError(source, (problem,)) from None
    document = parse_rule(text, source=source)
    return read_payload(text, source), document


def read_text(text: bytes, *, source: str) -> tuple[Payload, RuleDocument]:
    """Return the payload of a document, and the rule that it is.

    Args:
        text: The document, in any form that a rule file may have.
        source: What to call it in errors; a file name without its ending is the rule's name where
            the document has none.

    Raises:
        RuleDocumentError: It cannot be used.
    """
    document = parse_rule(text, source=source, default_name=Path(source).stem)
    return read_payload(text, source), document


def read_payload(text: bytes, source: str) -> Payload:
    """Return the payload of a document that `rules` can read.

    Raises:
        RuleDocumentError: It is nested too deeply to be written again.
    """
    document: Payload = orjson.loads(text)
    inner = document.get("topicRulePayload")
    if inner is None and "sql" not in document:
        inner = document.get("rule")
    if isinstance(inner, dict):
        document = inner
    if _is_too_deep(document):
        problem = Problem("$", f"it is nested deeper than {MAX_DEPTH} levels", "write it flatter")
        raise RuleDocumentError(source, (problem,))
    return {key: value for key, value in document.items() if key not in _NOT_THE_PAYLOADS}


def is_same(one: Payload, other: Payload) -> bool:
    """Tell whether two payloads make the same rule, also where one leaves out what is the usual."""
    return {**_DEFAULTS, **one} == {**_DEFAULTS, **other}


def read_rule_files(folder: Path | None) -> tuple[list[RuleFile], list[RuleFileProblem]]:
    """Read every `*.json` of a folder: those that give a rule, and those that give none.

    Blocks; a thread of its own is the place for it.
    """
    loaded = load_rules(folder)
    found: list[RuleFile] = []
    problems = list(loaded.problems)
    for file, document in loaded.rules:
        text = loaded.texts[file]
        try:
            payload = read_payload(text, file.name)
            written_ms = file.stat().st_mtime_ns // 1_000_000
        except OSError as error:
            problems.append(RuleFileProblem(file, (f"it cannot be read: {error}",)))
        except RuleDocumentError as error:
            told = tuple(str(problem) for problem in error.problems)
            problems.append(RuleFileProblem(file, told, error.problems, text))
        else:
            found.append(RuleFile(file, payload, document, written_ms))
    return found, problems


def _is_too_deep(value: object) -> bool:
    level = [value]
    for _ in range(MAX_DEPTH):
        level = [
            inner
            for outer in level
            if isinstance(outer, dict | list)
            for inner in (outer.values() if isinstance(outer, dict) else outer)
        ]
        if not level:
            return False
    return True
