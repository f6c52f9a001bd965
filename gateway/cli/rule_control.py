"""`weir rule list`, `show`, `enable`, `disable` and `apply`: the rules of the running gateway.

Owns these commands; `rule_list_picture` draws what the gateway answers.
"""

from __future__ import annotations

import argparse
import json
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast

from gateway.cli.action import UNBROKEN, finish, print_lines, quoted
from gateway.cli.client import ControlClient
from gateway.cli.location import control_socket
from gateway.cli.output import harmless, sentence
from gateway.errors import SettingsError

if TYPE_CHECKING:
    from gateway.cli.commands import Commands
    from gateway.control.rule_documents import AppliedRules, RuleList, ShownRule
    from gateway.engine.catalogue.loading import RuleFileProblem

__all__ = ["add_parsers", "run_apply", "run_list", "run_show", "run_switch"]

# A thousand rules are a thousand writes, and a slow card may take a while for each.
_APPLY_S: Final = 600.0

_EXIT_FAILED: Final = 1
_EXIT_WRONG: Final = 2


def add_parsers(actions: Commands) -> None:
    """Add them to the actions of `weir rule`."""
    every = actions.add_parser(
        "list",
        help="show all rules in a table",
        description="Show every rule of the running gateway, and what gave no rule.",
        allow_abbrev=False,
    )
    finish(every, run_list)
    one = actions.add_parser(
        "show",
        help="show one rule in full",
        description="Show one rule: what each of its actions has come to, and its document.",
        allow_abbrev=False,
    )
    one.add_argument("name", metavar="NAME", help="the rule's name")
    finish(one, run_show)
    for word, says in (("enable", "let a rule run"), ("disable", "let a rule rest")):
        switch = actions.add_parser(
            word,
            help=says,
            description=f"{says.capitalize()}, at once and after every start. A rule that comes "
            "from a file is switched in its file, by ruleDisabled.",
            allow_abbrev=False,
        )
        switch.add_argument("name", metavar="NAME", help="the rule's name")
        finish(switch, run_switch)
    apply = actions.add_parser(
        "apply",
        help="put the rules of a folder in force",
        description="Judge every *.json of a folder, and put its rules in force if all of them "
        "can run: all or none. The gateway's own folder of rules is read again; of any other "
        "folder the rules are created or replaced as by the AWS API.",
        allow_abbrev=False,
    )
    apply.add_argument("folder", metavar="DIR", type=Path, help="the folder")
    apply.add_argument("--dry-run", action="store_true", help="say what it would do, and do not")
    finish(apply, run_apply)


def run_list(options: argparse.Namespace) -> int:
    """Show all rules; return the exit code.

    Raises:
        GatewayError: The gateway does not answer.
    """
    document = ControlClient(control_socket(options)).get("/v1/rules")
    if options.json:
        print(json.dumps(document))
        return 0
    from gateway.cli.rule_list_picture import draw_rules

    print_lines(draw_rules(cast("RuleList", document)))
    return 0


def run_show(options: argparse.Namespace) -> int:
    """Show one rule; return the exit code.

    Raises:
        GatewayError: The gateway does not answer, or has no such rule.
    """
    document = ControlClient(control_socket(options)).get(f"/v1/rules/{quoted(options.name)}")
    if options.json:
        print(json.dumps(document))
        return 0
    from gateway.cli.rule_list_picture import draw_document, draw_rule

    shown = cast("ShownRule", document)
    print_lines(draw_rule(shown))
    print_lines(draw_document(shown), width=UNBROKEN)
    return 0


def run_switch(options: argparse.Namespace) -> int:
    """Enable or disable a rule; return the exit code.

    Raises:
        GatewayError: The gateway does not answer, or refuses.
    """
    client = ControlClient(control_socket(options))
    document = client.post(f"/v1/rules/{quoted(options.name)}/{options.action}", {})
    if options.json:
        print(json.dumps(document))
    else:
        print(f"{options.name} is {options.action}d.")
    return 0


def run_apply(options: argparse.Namespace) -> int:
    """Put the rules of a folder in force; return the exit code.

    Raises:
        SettingsError: There is no such folder, or nothing in it.
        GatewayError: The gateway does not answer, or refuses.
    """
    folder: Path = options.folder
    texts, problems = _judge(folder)
    if problems:
        if options.json:
            print(json.dumps(_refused(problems)))
        _tell(folder, problems)
        return _EXIT_WRONG
    client = ControlClient(control_socket(options), timeout_s=_APPLY_S)
    own = client.get("/v1/rules")["dir"]
    is_own = isinstance(own, str) and _is_same(Path(own), folder)
    if not texts and not is_own:
        raise SettingsError(f"there are no rule files (*.json) in {folder}")
    query = "?dry_run" if options.dry_run else ""
    if is_own:
        answer = client.post(f"/v1/rules/reload{query}", {})
    else:
        rules = [{"source": source, "text": text} for source, text in texts]
        answer = client.post(f"/v1/rules/apply{query}", {"rules": rules})
    applied = cast("AppliedRules", answer)
    if options.json:
        print(json.dumps(answer))
    else:
        from gateway.cli.rule_list_picture import draw_applied

        print_lines(draw_applied(applied, dry_run=options.dry_run))
        for refused in applied["refused"]:
            for problem in refused["problems"]:
                print(harmless(sentence(f"weir: {refused['source']}: {problem}")), file=sys.stderr)
    return _EXIT_FAILED if applied["refused"] else 0


def _judge(folder: Path) -> tuple[list[tuple[str, str]], list[RuleFileProblem]]:
    """Return every rule file's name and text, and what gives no rule; then no texts."""
    from gateway.engine.catalogue.loading import told
    from gateway.engine.catalogue.rule_files import read_rule_files

    if not folder.is_dir():
        raise SettingsError(f"{folder} is no folder", hint="name a folder with rule files")
    found, problems = read_rule_files(folder)
    if problems:
        return [], problems
    texts = []
    for each in found:
        for warning in each.document.warnings:
            print(harmless(sentence(f"warning: {each.file}: {told(warning)}")), file=sys.stderr)
        try:
            texts.append((each.file.name, each.file.read_text(encoding="utf-8")))
        except (OSError, UnicodeDecodeError) as error:
            raise SettingsError(f"{each.file} cannot be read: {error}") from None
    return texts, []


def _refused(problems: Sequence[RuleFileProblem]) -> AppliedRules:
    """Return what the gateway would answer, had it been asked: it does nothing either."""
    return {
        "created": [],
        "replaced": [],
        "unchanged": [],
        "removed": [],
        "refused": [
            {"source": str(found.file), "problems": list(found.problems)} for found in problems
        ],
    }


def _tell(folder: Path, problems: Sequence[RuleFileProblem]) -> None:
    from gateway.cli.rule_problems import place_of

    count = len(problems)
    lines = [
        f"weir: {count} of the files in {folder} give{'s' if count == 1 else ''} no rule, so "
        "nothing was changed:"
    ]
    for found in problems:
        for at, problem in enumerate(found.problems):
            lines.append(f"  {harmless(sentence(f'{found.file}: {problem}'))}")
            if found.found:
                lines += place_of(found.found[at], found.document)
    print("\n".join(lines), file=sys.stderr)


def _is_same(own: Path, folder: Path) -> bool:
    try:
        return own.samefile(folder)
    except OSError:
        return False
