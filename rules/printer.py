"""The printer: a syntax tree as SQL text, which parses to the same tree.

Owns where parentheses are needed. Used in messages to people and to test the parser.
"""

from __future__ import annotations

import re
from decimal import Decimal
from typing import Final

from rules.expression_parser import PRECEDENCE, RESERVED
from rules.syntax import (
    ArrayLiteral,
    Attribute,
    Binary,
    Boolean,
    Call,
    Case,
    Cast,
    Exists,
    Member,
    Node,
    Null,
    Number,
    ObjectLiteral,
    Query,
    SelectItem,
    Star,
    Subquery,
    Text,
    Unary,
    Variable,
)

__all__ = ["print_expression", "print_query"]

# How an expression begins that makes VALUE before it a keyword.
_PLAIN: Final = re.compile(
    rf"['@0-9(\[{{]|(?!(?:{'|'.join(sorted(RESERVED))}|IN)\b)[a-z_]", re.IGNORECASE
)
_NOT: Final = 3
_SIGN: Final = 7
_PRIMARY: Final = 8


def print_query(query: Query) -> str:
    """Write a statement as SQL."""
    parts = []
    if query.assignments:
        assignments = (f"@{a.name} = {print_expression(a.expression)}" for a in query.assignments)
        parts.append(f"SET {', '.join(assignments)}")
    parts.append(_select(query.items, query.is_value))
    if query.topic_filter is not None:
        parts.append(f"FROM {_quoted(query.topic_filter)}")
    if query.where is not None:
        parts.append(f"WHERE {print_expression(query.where)}")
    return " ".join(parts)


def _select(items: tuple[SelectItem, ...], is_value: bool) -> str:
    if is_value:
        text = print_expression(items[0].expression)
        # parentheses, where VALUE before the expression would be read as an attribute
        return f"SELECT VALUE {text}" if _PLAIN.match(text) else f"SELECT VALUE ({text})"
    return "SELECT " + ", ".join(_item(item) for item in items)


def _subquery(query: Subquery) -> str:
    # a string needs parentheses, for it would look like a topic filter
    least = _PRIMARY + isinstance(query.source, Text)
    parts = [_select(query.items, query.is_value), f"FROM {_operand(query.source, least)}"]
    if query.alias is not None:
        parts.append(f"AS {query.alias}")
    if query.where is not None:
        parts.append(f"WHERE {print_expression(query.where)}")
    return f"({' '.join(parts)})"


def _case(node: Case) -> str:
    parts = [f"CASE ({print_expression(node.operand)})"]
    for condition, result in node.branches:
        parts.append(f"WHEN {print_expression(condition)} THEN {print_expression(result)}")
    if node.otherwise is not None:
        parts.append(f"ELSE {print_expression(node.otherwise)}")
    return " ".join((*parts, "END"))


def print_expression(node: Node) -> str:
    """Write an expression as SQL, with the parentheses it needs and no others."""
    match node:
        case Number(value=value):
            # an exponent has no plus sign in IoT SQL
            text = str(value).replace("E+", "E")
            is_plain_decimal = isinstance(value, Decimal) and text.isdigit()
            return f"{text}.0" if is_plain_decimal else text
        case Text(value=value):
            return _quoted(value)
        case Boolean(value=value):
            return "TRUE" if value else "FALSE"
        case Null():
            return "NULL"
        case Star():
            return "*"
        case Attribute(name=name):
            return name
        case Variable(name=name):
            return f"@{name}"
        case ArrayLiteral(items=items):
            return f"[{', '.join(print_expression(each) for each in items)}]"
        case ObjectLiteral(members=members):
            pairs = (f"{_quoted(key)}: {print_expression(each)}" for key, each in members)
            return f"{{{', '.join(pairs)}}}"
        case Case():
            return _case(node)
        case Subquery():
            return _subquery(node)
        case Exists(query=query):
            return f"EXISTS {_subquery(query)}"
        case Member(target=target, name=name):
            # the dot behind a bare number would be its decimal point
            number = isinstance(target, Number)
            return f"{_operand(target, _PRIMARY + number)}.{name}"
        case Call(name=name, arguments=arguments):
            return f"{name}({', '.join(print_expression(each) for each in arguments)})"
        case Cast(operand=operand, type_name=type_name):
            return f"CAST({print_expression(operand)} AS {type_name})"
        case Unary(operator="-", operand=operand):
            return f"-{_operand(operand, _PRIMARY)}"
        case Unary(operator=operator, operand=operand):
            return f"{operator} {_operand(operand, _NOT + 1)}"
        case Binary(operator=operator, left=left, right=right):
            binds = PRECEDENCE[operator]
            # all operators group to the left; comparisons do not group at all
            left_least = binds + 1 if binds == PRECEDENCE["="] else binds
            return f"{_operand(left, left_least)} {operator} {_operand(right, binds + 1)}"


def _operand(node: Node, least: int) -> str:
    text = print_expression(node)
    return text if _binds(node) >= least else f"({text})"


def _binds(node: Node) -> int:
    if isinstance(node, Binary):
        return PRECEDENCE[node.operator]
    if isinstance(node, Unary):
        return _SIGN if node.operator == "-" else _NOT
    return _PRIMARY


def _item(item: SelectItem) -> str:
    text = print_expression(item.expression)
    return f"{text} AS {'.'.join(item.alias)}" if item.alias else text


def _quoted(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"
