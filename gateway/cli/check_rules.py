"""The rule files, judged: which give a rule, and what of a rule can hardly be meant.

Owns the sentences about rules for `weir check`; what they need of the settings is judged beside it.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import rules
from gateway.cli.check_constants import judge_constants
from gateway.cli.check_destinations import judge_destinations
from gateway.cli.check_tables import judge_tables
from gateway.cli.check_uses import judge_uses
from gateway.cli.naming import actions_of
from gateway.cli.output import sentence
from gateway.cli.rule_problems import place_of
from gateway.cli.rule_topic import loop
from gateway.engine.catalogue.loading import told
from gateway.engine.catalogue.rule_files import read_rule_files

if TYPE_CHECKING:
    from gateway.cli.verdict import Verdict
    from gateway.config import Settings
    from gateway.engine.catalogue.loading import RuleFileProblem

__all__ = ["judge_rules"]


def judge_rules(settings: Settings, verdict: Verdict) -> None:
    """Judge every file of the folder that `rules.dir` names.

    Args:
        settings: The settings.
        verdict: What was found goes there.
    """
    files, problems = read_rule_files(settings.rules.dir)
    verdict.rules = len(files)
    for problem in problems:
        _note_problems(problem, verdict)
    found = [(file.file, file.document) for file in files]
    for file, document in found:
        verdict.warnings += [f"{file}: {warning}" for warning in _warnings(document)]
    judge_constants(found, verdict)
    judge_uses(found, settings, verdict)
    judge_tables(found, settings, verdict)
    judge_destinations(found, settings, verdict)


def _note_problems(found: RuleFileProblem, verdict: Verdict) -> None:
    for at, problem in enumerate(found.problems):
        told_problem = sentence(f"{found.file}: {problem}")
        verdict.problems.append(told_problem)
        if found.found:
            verdict.places[told_problem] = place_of(found.found[at], found.document)


def _warnings(document: rules.RuleDocument) -> Iterator[str]:
    """Give what can hardly be meant by a rule that can run, a sentence each."""
    for warning in document.warnings:
        yield sentence(told(warning))
    topic_filter = document.statement.topic_filter
    for action in actions_of(document):
        if isinstance(action, rules.RepublishAction) and action.topic.constant is not None:
            circle = loop(action.topic.constant, topic_filter)
            if circle:
                yield f"the rule {document.name} {circle}."
