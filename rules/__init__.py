"""AWS IoT rules: SQL text to compiled statements to values, templates, rule documents.

A library of its own: pure, without I/O, imports nothing of the gateway. Time and whatever else is
outside comes in through `Environment`.

    >>> statement = compile("SELECT celsius, topic(2) AS bench FROM 'site/+' WHERE celsius > 30")
    >>> message = Message("site/7", b'{"celsius": 31.5}')
    >>> statement.evaluate(message, Environment(now_ms=lambda: 0))
    b'{"celsius":31.5,"bench":"7"}'
"""

from rules.actions import (
    Action,
    RepublishAction,
    RepublishHeaders,
    ServiceAction,
    SqsAction,
    UnsupportedAction,
)
from rules.calls import calls_of
from rules.documents import RuleDocument, parse_rule
from rules.errors import (
    BudgetSpent,
    EvaluationFailed,
    Problem,
    RuleDocumentError,
    RulesError,
    SqlError,
    TemplateUndefined,
)
from rules.explanation import Clause, Explanation, explain, show
from rules.message import Context, Environment, Message, MqttProperties
from rules.outside import Outside, Secret
from rules.statement import Statement, compile  # noqa: A004 - as in `re`
from rules.template import Template, compile_template
from rules.values import DEFAULT_VERSION

__all__ = [
    "DEFAULT_VERSION",
    "Action",
    "BudgetSpent",
    "Clause",
    "Context",
    "Environment",
    "EvaluationFailed",
    "Explanation",
    "Message",
    "MqttProperties",
    "Outside",
    "Problem",
    "RepublishAction",
    "RepublishHeaders",
    "RuleDocument",
    "RuleDocumentError",
    "RulesError",
    "Secret",
    "ServiceAction",
    "SqlError",
    "SqsAction",
    "Statement",
    "Template",
    "TemplateUndefined",
    "UnsupportedAction",
    "calls_of",
    "compile",
    "compile_template",
    "explain",
    "parse_rule",
    "show",
]
