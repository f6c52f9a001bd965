"""`weir rule test` for one message: arguments in, a picture or JSON out.

Owns reading the arguments, files included; what a rule makes of the message is `rule_trial`'s.
"""

from __future__ import annotations

import argparse
import os
import shutil
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Final

import rules
from gateway.cli.lines import render
from gateway.cli.output import wants_colour
from gateway.cli.rule_context import Surroundings, check_ms, read_properties
from gateway.cli.rule_fixtures import Fixtures
from gateway.cli.rule_input import WrongInput, check_text, decode_base64
from gateway.cli.rule_picture import draw
from gateway.cli.rule_problems import draw_problems, draw_sql_error
from gateway.cli.rule_trial import Subject, as_json, judge
from gateway.cli.wrapping import wrap
from gateway.mqtt.errors import InvalidTopic
from gateway.mqtt.topics import check_topic_name
from rules.fields import nearest
from rules.values import DIALECTS

__all__ = ["run"]

EXIT_FIRES: Final = 0
EXIT_DOES_NOT_FIRE: Final = 1
"""Or it fires, and one of its actions would fail."""
EXIT_WRONG: Final = 2

MAX_FILE_BYTES: Final = 16 * 1024 * 1024

# Only a terminal has an edge to cut at.
_NOT_A_TERMINAL: Final = (1_000_000, 0)


def run(options: argparse.Namespace) -> int:
    """Test a rule with one message; print; return the exit code.

    Raises:
        WrongInput: An argument cannot be used.
    """
    sql, document = _rule_text(options)
    if options.topic is None:
        raise WrongInput("a topic is missing", hint="name the message's topic with --topic")
    topic = check_text(options.topic, "the topic")
    try:
        check_topic_name(topic)
    except InvalidTopic as error:
        raise WrongInput(str(error)) from None
    payload = _payload(options)
    surroundings = _surroundings(options)
    try:
        subject = _compiled(sql, document, options)
    except rules.SqlError as error:
        return _wrong(draw_sql_error(error, sql or ""))
    except rules.RuleDocumentError as error:
        return _wrong(draw_problems(error, document or b""))
    trial = judge(subject, topic, payload, surroundings)
    if options.json:
        print(as_json(trial))
    else:
        width, _ = shutil.get_terminal_size(_NOT_A_TERMINAL)
        lines = wrap(draw(trial, width), width)
        for line in render(lines, width=width, height=None, colour=wants_colour(sys.stdout)):
            print(line)
    return EXIT_DOES_NOT_FIRE if trial.output is None or trial.failing else EXIT_FIRES


def _wrong(lines: Sequence[str]) -> int:
    for line in lines:
        print(line, file=sys.stderr)
    return EXIT_WRONG


def _rule_text(options: argparse.Namespace) -> tuple[str | None, bytes | None]:
    """Return the SQL or the document under test; exactly one of them."""
    if (options.file is None) == (options.sql is None):
        raise WrongInput(
            "name one rule to test", hint="give a FILE with a rule document, or --sql and SQL"
        )
    if options.sql is not None:
        return check_text(options.sql, "the SQL"), None
    if options.sql_version is not None:
        raise WrongInput(
            "--sql-version does not go with a rule document",
            hint="the document names its own in awsIotSqlVersion",
        )
    return None, _read(options.file)


def _compiled(sql: str | None, document: bytes | None, options: argparse.Namespace) -> Subject:
    if sql is not None:
        return Subject(rules.compile(sql, _version(options.sql_version)))
    file = Path(options.file)
    rule = rules.parse_rule(document or b"", source=file.name, default_name=file.stem)
    return Subject(rule.statement, rule)


def _version(given: str | None) -> str:
    if given is None:
        return rules.DEFAULT_VERSION
    if given not in DIALECTS:
        near = nearest(given, DIALECTS)
        raise WrongInput(
            f"--sql-version: unknown SQL version {given!r}",
            hint=f"did you mean {near}?" if near else "there are " + ", ".join(DIALECTS),
        )
    return given


def _payload(options: argparse.Namespace) -> bytes:
    if options.payload_file == "-":
        return sys.stdin.buffer.read()
    if options.payload_file is not None:
        return _read(options.payload_file)
    if options.payload_base64 is not None:
        return decode_base64(options.payload_base64, "--payload-base64")
    return os.fsencode(options.payload or "")


def _surroundings(options: argparse.Namespace) -> Surroundings:
    def text(value: str | None, option: str) -> str | None:
        return None if value is None else check_text(value, option)

    at: int | None = options.timestamp
    fixtures = None
    if options.fixtures is not None:
        try:
            fixtures = Fixtures.read(_read(options.fixtures).decode())
        except UnicodeDecodeError:
            raise WrongInput(f"{options.fixtures} is no UTF-8") from None
    given = Surroundings(
        client_id=text(options.client_id, "--client-id"),
        principal=text(options.principal, "--principal"),
        source_ip=text(options.source_ip, "--source-ip"),
        trace_id=text(options.trace_id, "--trace-id"),
        timestamp_ms=None if at is None else check_ms(at, "--timestamp"),
        properties=None if options.mqtt5 is None else read_properties(options.mqtt5),
        fixtures=fixtures,
    )
    account = text(options.account, "--account")
    return given if account is None else replace(given, account=account)


def _read(name: str) -> bytes:
    file = Path(name)
    try:
        if file.is_file() and file.stat().st_size > MAX_FILE_BYTES:
            raise WrongInput(f"{file} is larger than {MAX_FILE_BYTES} bytes")
        return file.read_bytes()
    except OSError as error:
        raise WrongInput(f"{file} cannot be read: {error.strerror or error}") from None
