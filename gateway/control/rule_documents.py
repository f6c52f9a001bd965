"""The shape of the documents about rules: what `/v1/rules` answers and the command draws.

Owns names and types only, so that whoever fills a document and whoever reads it agree. Keys may be
added; none changes its meaning.
"""

from __future__ import annotations

from typing import TypedDict

__all__ = ["ActionLine", "AppliedRules", "BrokenRule", "RuleLine", "RuleList", "ShownRule"]


class ActionLine(TypedDict):
    """One action; `waiting` counts what stands in the outbox."""

    kind: str
    done: int
    failed: int
    waiting: int
    last_failure: str


class RuleLine(TypedDict):
    """One rule; `source` is `file` or `api`, `topic_filter` is empty without FROM.

    `shadows` says that an API rule of the same name is hidden by the file.
    """

    name: str
    topic_filter: str
    evaluated: int
    matched: int
    failed: int
    waiting: int
    disabled: bool
    problem: str
    actions: list[ActionLine]
    error_action: ActionLine | None
    source: str
    file: str | None
    shadows: bool


class BrokenRule(TypedDict):
    """What gave no rule: a file's path, or the name of an API rule."""

    file: str
    problem: str


class RuleList(TypedDict):
    """All rules; `dir` is the gateway's folder of rule files, or null."""

    dir: str | None
    rules: list[RuleLine]
    broken: list[BrokenRule]


class ShownRule(RuleLine):
    """One rule in full; `rule` is its `topicRulePayload`, `created_ms` since 1970."""

    rule: dict[str, object]
    arn: str
    created_ms: int
    warnings: list[str]


class RefusedRule(TypedDict):
    """A document that gave no rule, and why, a sentence each."""

    source: str
    problems: list[str]


class AppliedRules(TypedDict):
    """What came of rules that were applied, by name."""

    created: list[str]
    replaced: list[str]
    unchanged: list[str]
    removed: list[str]
    refused: list[RefusedRule]
