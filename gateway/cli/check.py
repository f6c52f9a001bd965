"""`weir check`: judge the settings and the rule files without running anything.

Owns the command and what it prints; the settings' and the rules' own packages do the judging, and
the modules beside this one say what it comes to.
"""

from __future__ import annotations

import argparse
import json
import sys
from typing import TYPE_CHECKING

from gateway.cli.location import add_config_option, find_config
from gateway.cli.output import harmless, sentence, style, wants_colour
from gateway.cli.verdict import Verdict
from gateway.errors import SettingsError

if TYPE_CHECKING:
    from pathlib import Path

    from gateway.cli.commands import Commands
    from gateway.config import Settings

__all__ = ["add_parser", "judge", "run"]

_EXIT_WRONG = 2


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
    from gateway.cli.check_rules import judge_rules
    from gateway.cli.check_services import judge_services
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
    judge_services(settings, verdict)
    judge_rules(settings, verdict)
    if not settings.listeners and settings.aws is None and not settings.devices:
        verdict.warnings.append(
            f"{file}: nothing can reach this gateway; add a section [[mqtt.listeners]] or [aws]."
        )
    return verdict


def _print_json(verdict: Verdict, *, with_settings: bool) -> None:
    from gateway.config import effective

    document: dict[str, object] = {
        "file": str(verdict.file),
        "ok": not verdict.problems,
        "rules": verdict.rules,
        "problems": verdict.problems,
        "warnings": verdict.warnings,
        "notes": verdict.notes,
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
        print(f"{style('problem', 'bad', colour=colour)}  {harmless(problem)}")
        for line in verdict.places.get(problem, ()):
            print(f"     {line}")
    for warning in verdict.warnings:
        print(f"{style('warning', 'bold', colour=colour)}  {harmless(warning)}")
    for note in verdict.notes:
        print(f"{style('note', 'dim', colour=colour)}     {harmless(note)}")
    if verdict.lines_to_add:
        print("\nThe lines to add:\n")
        for line in verdict.lines_to_add:
            print(f"    {harmless(line)}")
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
