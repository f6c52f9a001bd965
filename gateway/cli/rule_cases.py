"""`weir rule test --cases`: JSON lines in, one case each; JSON lines out, one answer each.

Owns the form of cases and answers. A case that is wrong is answered too, so that one bad line does
not end a long run.
"""

from __future__ import annotations

import base64
import io
import json
import os
import stat
from collections.abc import Iterable
from functools import lru_cache
from typing import BinaryIO, Final

import rules
from gateway.cli import raw_json
from gateway.cli.rule_context import Surroundings, read_surroundings
from gateway.cli.rule_input import WrongInput, decode_base64, known_members, members_of, text_of
from gateway.cli.rule_topic import arrive
from gateway.errors import fault_told
from gateway.mqtt.errors import InvalidTopic
from gateway.mqtt.topics import check_topic_name
from rules.values import DIALECTS

__all__ = ["KEYS", "REMARKS", "answer", "answer_all", "outgoing"]

KEYS: Final = (
    "id",
    "sql",
    "sql_version",
    "topic",
    "payload",
    "payload_text",
    "payload_base64",
    "template",
    "context",
)
# For people, or for their own comparison of answers.
REMARKS: Final = ("expected", "expect", "note", "comment", "description", "name")

_KNOWN: Final[dict[str, tuple[str, ...]]] = dict.fromkeys(KEYS, ())
_PAYLOAD_KEYS: Final = ("payload", "payload_text", "payload_base64")

# A template alone belongs to no rule whose default could be meant.
_VERSION_OF_TEMPLATES: Final = "2016-03-23"

# A rule set is often tested with many messages a rule; compiling costs more than evaluating.
_STATEMENTS_KEPT: Final = 256

_compile = lru_cache(_STATEMENTS_KEPT)(rules.compile)


def answer_all(lines: BinaryIO, out: BinaryIO) -> None:
    """Answer every case, in order; blank lines are none.

    Args:
        lines: Cases. Where it is no file, somebody may wait: every answer goes out at once.
        out: Where answers go, a line each.

    Raises:
        WrongInput: A line is no UTF-8; the lines before it are answered.
    """
    somebody_waits = not _is_file(lines)
    for number, text in enumerate(_decoded(lines), start=1):
        if not text.strip(" \t\r\n"):
            continue
        out.write(answer(text, number).encode() + b"\n")
        if somebody_waits:
            out.flush()
    out.flush()


def answer(text: str, number: int) -> str:
    """Return the answer to one case, a JSON text without line ends.

    Args:
        text: The case.
        number: Its line, from 1; an answer without `id` names it.
    """
    identity = "null"
    try:
        members = members_of(text, f"line {number}")
        given = members.get("id", "null")
        identity = raw_json.compact(given) if raw_json.is_json(given) else "null"
        parts = _answer(known_members(members, "the case", _KNOWN, REMARKS))
    except rules.RulesError as error:
        parts = [_error(f"{error}{_in_brackets(error.hint)}")]
    except (WrongInput, InvalidTopic) as error:
        parts = [_error(str(error))]
    except Exception as error:
        # The outermost frame of a case: a fault of Weir's own stays with this case.
        parts = [_error(fault_told(error))]
    return "{" + ",".join([f'"id":{identity}', *parts]) + "}"


def _answer(members: dict[str, str]) -> list[str]:
    sql = text_of(members, "sql")
    template_text = text_of(members, "template")
    if sql is None and template_text is None:
        raise WrongInput("a case has sql, a template, or both")
    default_version = _VERSION_OF_TEMPLATES if sql is None else rules.DEFAULT_VERSION
    version = text_of(members, "sql_version") or default_version
    if version not in DIALECTS:
        raise WrongInput(f"unknown SQL version {version!r}; there are {', '.join(DIALECTS)}")
    statement = None if sql is None else _compile(sql, version)
    template = None
    if template_text is not None:
        variables = () if statement is None else statement.variables
        try:
            template = rules.compile_template(template_text, version, variables=variables)
        except rules.SqlError as error:
            raise WrongInput(f"in the template: {error}{_in_brackets(error.hint)}") from None
    topic = text_of(members, "topic")
    payload = _payload(members)
    context_text = members.get("context", "null")
    surroundings = Surroundings() if context_text == "null" else read_surroundings(context_text)
    seen = ""
    if topic is not None:
        check_topic_name(topic)
        arrival = arrive(topic, statement.topic_filter if statement else None, None)
        seen = arrival.topic
        if not arrival.reaches:
            return ['"no_match":true']
    context = surroundings.context(seen, payload)
    parts: list[str] = []
    if statement is not None:
        output = statement.evaluate_in(context)
        if output is None:
            return ['"no_match":true']
        parts.append(outgoing(output))
    if template is not None:
        parts += _rendered(template, context, is_alone=statement is None)
    return parts


def _in_brackets(hint: str) -> str:
    # A case has another name for it than a rule document.
    hint = hint.replace('"awsIotSqlVersion"', '"sql_version"')
    return f" ({hint})" if hint else ""


def _payload(members: dict[str, str]) -> bytes:
    given = [key for key in _PAYLOAD_KEYS if members.get(key, "null") != "null"]
    if len(given) > 1:
        raise WrongInput(f"a case has one payload; this has {' and '.join(given)}")
    if "payload" in members and given in ([], ["payload"]):
        return members["payload"].encode()
    text = text_of(members, "payload_text")
    if text is not None:
        return text.encode()
    encoded = text_of(members, "payload_base64")
    return b"" if encoded is None else decode_base64(encoded, "payload_base64")


def outgoing(output: bytes) -> str:
    """Return the member that shows an outgoing payload: JSON as JSON, anything else in base64."""
    try:
        text = output.decode()
    except UnicodeDecodeError:
        text = ""
    if text and raw_json.is_json(text):
        return f'"output":{raw_json.compact(text)}'
    return f'"output_base64":"{base64.b64encode(output).decode()}"'


def _rendered(template: rules.Template, context: rules.Context, *, is_alone: bool) -> list[str]:
    """Return the members that show a template's text, or why it has none.

    Of a template alone that is the case's error as well.
    """
    try:
        text = template.render_in(context)
    except (rules.TemplateUndefined, rules.EvaluationFailed) as error:
        parts = ['"template":null', _sentence("template_error", str(error))]
        return [*parts, _error(str(error))] if is_alone else parts
    return [f'"template":{json.dumps(text, ensure_ascii=False)}']


def _error(text: str) -> str:
    return _sentence("error", text)


def _sentence(key: str, text: str) -> str:
    # What is wrong may quote what UTF-8 cannot say.
    text = text.encode(errors="replace").decode()
    return f'"{key}":{json.dumps(text, ensure_ascii=False)}'


def _decoded(lines: BinaryIO) -> Iterable[str]:
    for number, line in enumerate(lines, start=1):
        try:
            yield line.decode()
        except UnicodeDecodeError as error:
            raise WrongInput(
                f"line {number} of the cases is no UTF-8: {error.reason} at byte {error.start}",
                hint="give bytes that are no text as payload_base64",
            ) from None


def _is_file(stream: BinaryIO) -> bool:
    try:
        return stat.S_ISREG(os.fstat(stream.fileno()).st_mode)
    except io.UnsupportedOperation:
        return False
