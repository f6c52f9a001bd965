"""Rule documents: the JSON of `aws iot create-topic-rule`, checked and compiled.

Owns the document's form. One reading finds every problem, so that a person mends a file once.
Knows nothing of files: the caller brings text and says what it is called.

Source: AWS IoT API reference, `CreateTopicRule`, `TopicRulePayload`.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Final

import orjson

from rules.actions import Action, TemplateTerms, read_action
from rules.errors import Problem, RuleDocumentError, SqlError
from rules.fields import Fields, json_type
from rules.json_faults import json_fault
from rules.statement import Statement, compile  # noqa: A004 - as in `re`
from rules.values import DEFAULT_VERSION, DIALECTS, V2016

__all__ = ["MAX_ACTIONS", "MAX_DOCUMENT_BYTES", "RuleDocument", "parse_rule"]

MAX_DOCUMENT_BYTES: Final = 256 * 1024
MAX_ACTIONS: Final = 10

_NAME: Final = re.compile(r"[a-zA-Z0-9_]{1,128}")
_NAME_REMEDY: Final = "a rule's name has 1 to 128 letters, digits and underscores"
_WRAPPER_KEYS: Final = ("ruleName", "topicRulePayload", "tags")
_PAYLOAD_KEYS: Final = (
    "sql",
    "actions",
    "description",
    "ruleDisabled",
    "awsIotSqlVersion",
    "errorAction",
)
# GetTopicRule answers {"ruleArn": …, "rule": {…}}; its rule has these two as well.
_ANSWER_KEYS: Final = ("ruleArn", "rule")
_ANSWERED_RULE_KEYS: Final = (*_PAYLOAD_KEYS, "ruleName", "createdAt")


@dataclass(frozen=True, slots=True)
class RuleDocument:
    """A rule, ready to run.

    Attributes:
        name: The rule's name.
        sql: Its statement as written.
        version: Its SQL version.
        description: Empty if there is none.
        disabled: Whether it does not run.
        actions: 0 to 10 actions, unsupported ones included.
        error_action: What gets the failures of the others, or None.
        statement: The compiled statement.
        source: What the caller called the document.
        warnings: What is wrong without making the rule unusable.
    """

    name: str
    sql: str
    version: str
    description: str
    disabled: bool
    actions: tuple[Action, ...]
    error_action: Action | None
    statement: Statement
    source: str
    warnings: tuple[Problem, ...]

    @property
    def reaches_out(self) -> bool:
        """Whether its statement, or a template of its actions, asks `Environment.outside`."""
        return self.statement.reaches_out or any(action.reaches_out for action in self.actions)


def parse_rule(text: str | bytes, *, source: str, default_name: str | None = None) -> RuleDocument:
    """Read one rule document.

    Args:
        text: JSON: `{"ruleName": …, "topicRulePayload": {…}}`, a bare payload `{"sql": …}`, or what
            GetTopicRule answers.
        source: What to call it in errors, such as the file's name.
        default_name: The rule's name where the document has none.

    Raises:
        RuleDocumentError: The document cannot be used; it lists every problem.
    """
    problems: list[Problem] = []
    warnings: list[Problem] = []
    rule = None
    fields = _load(text, problems)
    if fields is not None:
        rule = _read_rule(fields, source, default_name, warnings)
    if rule is None or problems:
        raise RuleDocumentError(source, tuple(problems))
    return rule


def _load(text: str | bytes, problems: list[Problem]) -> Fields | None:
    try:
        data = text.encode() if isinstance(text, str) else text
    except UnicodeEncodeError:
        problems.append(Problem("$", "the text holds half of a surrogate pair"))
        return None
    if len(data) > MAX_DOCUMENT_BYTES:
        problems.append(
            Problem("$", f"{len(data)} bytes; a rule has at most {MAX_DOCUMENT_BYTES} bytes")
        )
        return None
    try:
        document: object = orjson.loads(data)
    except orjson.JSONDecodeError:
        fault = json_fault(data)
        if fault is not None:
            message = f"not valid JSON at {fault.place}: {fault.problem}"
            problems.append(Problem("$", message, fault.remedy))
        return None
    if not isinstance(document, dict):
        problems.append(Problem("$", f"a rule is a JSON object, this is {json_type(document)}"))
        return None
    return Fields(document, "$", problems)


def _read_rule(
    fields: Fields, source: str, default_name: str | None, warnings: list[Problem]
) -> RuleDocument | None:
    payload: Fields | None = fields
    named = fields
    if "topicRulePayload" in fields.members or "sql" not in fields.members:
        if "rule" in fields.members:
            fields.check_keys(_ANSWER_KEYS)
            payload = fields.nested("rule")
            if payload is not None:
                named = payload
                payload.check_keys(_ANSWERED_RULE_KEYS)
        elif "actions" in fields.members:  # a bare payload that lacks its sql
            fields.check_keys((*_PAYLOAD_KEYS, "ruleName"))
        else:
            fields.check_keys(_WRAPPER_KEYS)
            payload = fields.nested("topicRulePayload")
            if payload is not None:
                payload.check_keys(_PAYLOAD_KEYS)
    else:
        fields.check_keys((*_PAYLOAD_KEYS, "ruleName"))
    name = _name(named, default_name)
    if payload is None:
        return None
    version = _version(payload)
    statement = _statement(payload, version, warnings)
    # A statement that is no good is one problem; it is none of the templates' that name its SET.
    variables = None if statement is None else statement.variables
    actions = _actions(payload, TemplateTerms(version, variables), warnings)
    error_action = None
    if "errorAction" in payload.members:
        error_action = read_action(
            payload.members["errorAction"],
            payload.path_of("errorAction"),
            TemplateTerms(version, variables, allow_reaching=False),
            payload.problems,
            warnings,
            is_error_action=True,
        )
    description = payload.text("description", "")
    disabled = payload.flag("ruleDisabled")
    if name is None or statement is None or description is None:
        return None
    return RuleDocument(
        name=name,
        sql=statement.sql,
        version=version,
        description=description,
        disabled=disabled,
        actions=actions,
        error_action=error_action,
        statement=statement,
        source=source,
        warnings=tuple(warnings),
    )


def _name(fields: Fields, default_name: str | None) -> str | None:
    if "ruleName" in fields.members or default_name is None:
        name = fields.text("ruleName")
        if name is not None and _NAME.fullmatch(name) is None:
            fields.report("ruleName", f"{name!r} is not a rule's name", _NAME_REMEDY)
        return name
    if _NAME.fullmatch(default_name) is None:
        fields.report(
            "ruleName",
            f"missing, and {default_name!r} cannot stand in for it",
            f"add 'ruleName'; {_NAME_REMEDY}",
        )
    return default_name


def _version(payload: Fields) -> str:
    version = payload.text("awsIotSqlVersion", DEFAULT_VERSION)
    if version is None:
        return V2016.version  # a problem already; go on with the version that refuses least
    if version not in DIALECTS:
        known = ", ".join(DIALECTS)
        payload.report("awsIotSqlVersion", f"unknown SQL version {version!r}", f"known: {known}")
        return V2016.version
    return version


def _statement(payload: Fields, version: str, warnings: list[Problem]) -> Statement | None:
    sql = payload.text("sql")
    if sql is None:
        return None
    try:
        statement = compile(sql, version)
    except SqlError as error:
        payload.report("sql", str(error), error.hint)
        return None
    warnings.extend(Problem(payload.path_of("sql"), warning) for warning in statement.warnings)
    return statement


def _actions(payload: Fields, terms: TemplateTerms, warnings: list[Problem]) -> tuple[Action, ...]:
    values = payload.array("actions")
    if values is None:
        return ()
    path = payload.path_of("actions")
    if len(values) > MAX_ACTIONS:
        payload.report("actions", f"{len(values)} actions; a rule has at most {MAX_ACTIONS}")
        values = values[:MAX_ACTIONS]
    actions: list[Action] = []
    for index, value in enumerate(values):
        action = read_action(value, f"{path}[{index}]", terms, payload.problems, warnings)
        if action is not None:
            actions.append(action)
    return tuple(actions)
