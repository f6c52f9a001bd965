"""`weir check`: judge the settings and the rule files without running anything.

Owns what a person reads about them; the settings' and the rules' own packages do the judging.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Collection, Iterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from gateway.cli.location import add_config_option, find_config
from gateway.cli.output import sentence, style, wants_colour
from gateway.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.cli.commands import Commands
    from gateway.config import Settings
    from gateway.engine.loading import RuleFileProblem
    from rules import RuleDocument

__all__ = ["Verdict", "add_parser", "judge", "run"]

_EXIT_WRONG = 2


@dataclass(slots=True)
class Verdict:
    """What was found.

    Attributes:
        file: The settings file.
        settings: The settings; None where they cannot be used.
        rules: How many rules can run.
        problems: What must be corrected, a sentence each.
        warnings: What can hardly be meant, a sentence each.
        lines_to_add: TOML lines that would declare what rules name and the settings do not.
        places: The line that a problem names, and one with a caret; by the problem.
    """

    file: Path
    settings: Settings | None = None
    rules: int = 0
    problems: list[str] = field(default_factory=list)
    warnings: list[str] = field(default_factory=list)
    lines_to_add: list[str] = field(default_factory=list)
    places: dict[str, list[str]] = field(default_factory=dict)


def add_parser(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "check",
        help="judge the settings and the rules",
        description="Judge the settings file and the rule files, and run nothing. Exit code 2 if "
        "anything must be corrected; warnings alone leave it at 0.",
        allow_abbrev=False,
    )
    add_config_option(parser)
    parser.add_argument(
        "--print",
        action="store_true",
        dest="print_settings",
        help="print every setting that holds, and the line that it comes from",
    )
    parser.add_argument("--json", action="store_true", help="print the verdict as a JSON object")
    parser.set_defaults(run=run, parser=parser)


def run(options: argparse.Namespace) -> int:
    """Judge and print; return the exit code.

    Raises:
        SettingsError: There is no settings file to judge.
    """
    verdict = judge(find_config(options))
    if options.json:
        _print_json(verdict, with_settings=options.print_settings)
    else:
        _print_text(verdict, with_settings=options.print_settings)
    return _EXIT_WRONG if verdict.problems else 0


def judge(file: Path) -> Verdict:
    """Return what is to be said about a settings file and the rules it names."""
    from gateway.config import load

    verdict = Verdict(file)
    try:
        settings = verdict.settings = load(file)
    except SettingsError as error:
        verdict.problems = [sentence(problem) for problem in error.problems]
        return verdict
    data_dir = settings.gateway.data_dir
    if data_dir.exists() and not data_dir.is_dir():
        verdict.problems.append(
            f"{file}: gateway.data_dir is {data_dir}, which is no folder; name another."
        )
    _judge_rules(settings, verdict)
    if not settings.listeners and settings.aws is None and not settings.devices:
        verdict.warnings.append(
            f"{file}: nothing can reach this gateway; add a section [[mqtt.listeners]] or [aws]."
        )
    return verdict


def _judge_rules(settings: Settings, verdict: Verdict) -> None:
    from gateway.engine import load_rules

    loaded = load_rules(settings.rules.dir)
    verdict.rules = len(loaded.rules)
    for found in loaded.problems:
        _note_problems(found, verdict)
    for file, document in loaded.rules:
        verdict.warnings += [f"{file}: {warning}" for warning in _warnings(document)]
    _judge_queues(loaded.rules, {queue.name for queue in settings.queues}, verdict)


def _note_problems(found: RuleFileProblem, verdict: Verdict) -> None:
    from gateway.cli.rule_problems import place_of

    for at, problem in enumerate(found.problems):
        told = sentence(f"{found.file}: {problem}")
        verdict.problems.append(told)
        if found.found:
            verdict.places[told] = place_of(found.found[at], found.document)


def _warnings(document: RuleDocument) -> Iterator[str]:
    """Give what can hardly be meant by a rule that can run, a sentence each."""
    from gateway.cli.rule_topic import NO_BASIC_INGEST, loop
    from gateway.engine.loading import told
    from rules import RepublishAction

    for warning in document.warnings:
        yield sentence(told(warning))
    topic_filter = document.statement.topic_filter
    if topic_filter is None:
        yield (
            f"the rule {document.name} has no FROM, and {NO_BASIC_INGEST}: it never runs. "
            "Add FROM and a topic filter."
        )
    if document.reaches_out:
        yield (
            f"the rule {document.name} has functions that ask for shadows, functions, tables, "
            "secrets, things or descriptors; nothing in this gateway answers them yet, so it fails "
            "for every message."
        )
    for action in document.actions:
        if isinstance(action, RepublishAction) and action.topic.constant is not None:
            circle = loop(action.topic.constant, topic_filter)
            if circle:
                yield f"the rule {document.name} {circle}."


def _judge_queues(
    rules: Sequence[tuple[Path, RuleDocument]], declared: Collection[str], verdict: Verdict
) -> None:
    """Warn of each queue that rules send to and the settings do not declare, once."""
    from gateway.cli.rule_actions import queue_fault
    from gateway.services.sqs.names import resolve_name
    from rules import SqsAction

    senders: dict[str, dict[str, Path]] = {}
    for file, document in rules:
        for action in (*document.actions, document.error_action):
            if isinstance(action, SqsAction) and action.queue_url.constant is not None:
                name = resolve_name(action.queue_url.constant)
                if name not in declared:
                    senders.setdefault(name, {})[document.name] = file
    for name, files in senders.items():
        where = _listed([str(file) for file in files.values()])
        who = ("the rules {} send" if len(files) > 1 else "the rule {} sends").format(
            _listed(list(files))
        )
        told = f"{where}: {who} to the queue {json.dumps(name, ensure_ascii=False)}"
        problem = queue_fault(name)
        if problem:
            verdict.warnings.append(sentence(f"{told}, but {problem}"))
            continue
        verdict.warnings.append(
            f"{told}, which the settings do not declare; create it by the API, or add the lines "
            "below to the settings."
        )
        verdict.lines_to_add += ["[[sqs.queues]]", f"name = {json.dumps(name)}"]


def _listed(names: Sequence[str]) -> str:
    return " and ".join(part for part in (", ".join(names[:-1]), names[-1]) if part)


def _print_json(verdict: Verdict, *, with_settings: bool) -> None:
    from gateway.config import effective

    document: dict[str, object] = {
        "file": str(verdict.file),
        "ok": not verdict.problems,
        "rules": verdict.rules,
        "problems": verdict.problems,
        "warnings": verdict.warnings,
        "lines_to_add": verdict.lines_to_add,
    }
    if with_settings and verdict.settings is not None:
        document["settings"] = [
            {"place": setting.place, "value": setting.value, "line": setting.line}
            for setting in effective(verdict.settings)
        ]
    print(json.dumps(document, ensure_ascii=False))


def _print_text(verdict: Verdict, *, with_settings: bool) -> None:
    colour = wants_colour(sys.stdout)
    if with_settings and verdict.settings is not None:
        _print_settings(verdict.settings, colour=colour)
    for problem in verdict.problems:
        print(f"{style('problem', 'bad', colour=colour)}  {problem}")
        for line in verdict.places.get(problem, ()):
            print(f"     {line}")
    for warning in verdict.warnings:
        print(f"{style('warning', 'bold', colour=colour)}  {warning}")
    if verdict.lines_to_add:
        print("\nThe lines to add:\n")
        for line in verdict.lines_to_add:
            print(f"    {line}")
        print()
    if verdict.problems:
        print(f"{verdict.file}: {_count(len(verdict.problems), 'problem')} to correct.")
    else:
        print(f"{verdict.file}: good, with {_count(verdict.rules, 'rule')}.")


def _print_settings(settings: Settings, *, colour: bool) -> None:
    from gateway.config import effective

    held = effective(settings)
    widths = max(len(setting.place) for setting in held), max(len(s.value) for s in held)
    for setting in held:
        origin = "default" if setting.line is None else f"{settings.source}:{setting.line}"
        line = f"{setting.place:<{widths[0]}}  {setting.value or '(none)':<{widths[1]}}"
        print(f"{line}  {style(origin, 'dim', colour=colour)}")
    print()


def _count(number: int, what: str) -> str:
    return f"{number} {what}" if number == 1 else f"{number} {what}s"
