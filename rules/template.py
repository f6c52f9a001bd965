"""Substitution templates: text with `${expression}` in an action's fields.

Owns finding the expressions and putting their values in. What they mean is the compiler's.

Source: AWS IoT Core Developer Guide, "Substitution templates". That an Undefined expression fails
the action is this gateway's choice.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Final, final

from rules.bounds import check_expression
from rules.compiler import Compiler
from rules.conversions import to_text
from rules.errors import EvaluationFailed, SqlError, TemplateUndefined
from rules.expression import Code
from rules.lexer import Lines
from rules.message import Context, Environment, Message
from rules.parser import parse_expression
from rules.statement import dialect_of
from rules.syntax import Node
from rules.values import DEFAULT_VERSION, MAX_TEXT_CHARACTERS, Dialect

__all__ = ["Template", "compile_template"]

# What matters to the scanner inside an expression: whole strings, and braces.
_QUOTED_OR_BRACE: Final = re.compile(r"""'[^']*+'|"[^"]*+"|[{}'"]""")


@final
class _Expression:
    """One `${...}` of a template: its code and its text."""

    __slots__ = ("code", "text")

    def __init__(self, code: Code, text: str) -> None:
        self.code = code
        self.text = text


def compile_template(
    text: str,
    version: str = DEFAULT_VERSION,
    *,
    start_characters: int = 0,
    variables: Sequence[str] | None = (),
    allow_reaching: bool = True,
) -> Template:
    """Compile a template.

    Args:
        text: The field of the action as it stands in the rule.
        version: The rule's SQL version.
        start_characters: How many characters at the beginning are not part of the template;
            positions in errors count them.
        variables: The rule's `Statement.variables`; None where its statement cannot be read: then
            any variable is accepted.
        allow_reaching: Whether functions that reach out may be used; error actions may not.

    Raises:
        SqlError: An expression is malformed, or a `${` has no end.
    """
    compiler = Compiler(dialect_of(version), variables, allow_reaching=allow_reaching)
    lines = Lines(text)
    parts: list[str | _Expression] = []
    expressions: list[Node] = []
    at = start_characters
    while True:
        opening = text.find("${", at)
        if opening < 0:
            break
        if opening > at:
            parts.append(text[at:opening])
        closing = _closing_brace(text, opening + 2)
        if closing is None:
            position = lines.position(opening)
            raise SqlError(
                "the '${' that begins here has no closing '}'",
                position.line,
                position.column,
                expected="'}'",
                found="the end of the text",
            )
        node = parse_expression(text, lines, opening + 2, closing)
        check_expression(node)
        expressions.append(node)
        parts.append(_Expression(compiler.compile(node), text[opening + 2 : closing]))
        at = closing + 1
    if at < len(text):
        parts.append(text[at:])
    return Template(text, compiler, tuple(expressions), _folded(parts, compiler.dialect))


def _closing_brace(text: str, start: int) -> int | None:
    depth = 0
    for match in _QUOTED_OR_BRACE.finditer(text, start):
        found = match.group()
        if found == "{":
            depth += 1
        elif found == "}":
            if depth == 0:
                return match.start()
            depth -= 1
    return None


def _folded(parts: list[str | _Expression], dialect: Dialect) -> tuple[str | _Expression, ...]:
    """Put constant expressions in now, and join the texts that meet."""
    folded: list[str | _Expression] = []
    for part in parts:
        if isinstance(part, _Expression) and part.code.is_constant:
            value = to_text(part.code.value, dialect)
            if isinstance(value, str):
                part = value
        if isinstance(part, str) and folded and isinstance(folded[-1], str):
            folded[-1] += part
        else:
            folded.append(part)
    return tuple(folded)


@final
class Template:
    """A compiled template.

    Attributes:
        text: The template as written.
        expressions: What stands in its `${…}`, in order.
        constant: Its value, if that is the same for every message; otherwise None.
        reaches_out: Whether it has functions that ask `Environment.outside`.
        warnings: What is allowed but can hardly be meant, a sentence each.
    """

    __slots__ = (
        "_dialect",
        "_parts",
        "constant",
        "expressions",
        "reaches_out",
        "text",
        "warnings",
    )

    def __init__(
        self,
        text: str,
        compiler: Compiler,
        expressions: tuple[Node, ...],
        parts: tuple[str | _Expression, ...],
    ) -> None:
        self.text = text
        self.expressions = expressions
        self.reaches_out = compiler.reaches_out
        self.warnings = tuple(compiler.warnings)
        self._dialect = compiler.dialect
        self._parts = parts
        self.constant: str | None = None
        if not parts:
            self.constant = ""
        elif len(parts) == 1 and isinstance(parts[0], str):
            self.constant = parts[0]

    def render(self, message: Message, environment: Environment) -> str:
        """Return the text for one message, of a rule without SET.

        Raises:
            TemplateUndefined: An expression is Undefined or Null, which have no text.
            EvaluationFailed: A function that reaches out could not be answered, or the text is too
                long.
        """
        return self.render_in(Context(message, environment))

    def render_in(self, context: Context) -> str:
        """Return the text in the context that the rule's statement was evaluated in.

        Names mean the original payload's members, and variables what SET computed. Raises as
        `render` does.
        """
        if self.constant is not None:
            return self.constant
        members = context.message.read()
        context.dynamodb_calls = 0  # a template is an evaluation of its own, with a call of its own
        texts: list[str] = []
        room = MAX_TEXT_CHARACTERS
        for part in self._parts:
            if isinstance(part, str):
                texts.append(part)
                continue
            value = to_text(part.code.run(members, context), self._dialect)
            if not isinstance(value, str):
                raise TemplateUndefined(self.text, part.text)
            room -= len(value)
            if room < 0:
                raise EvaluationFailed(
                    f"the template {self.text[:200]!r} would have more than "
                    f"{MAX_TEXT_CHARACTERS} characters"
                )
            texts.append(value)
        return "".join(texts)
