"""Which functions a rule calls: in its statement, and in the templates of its actions.

Owns the walk over what was read. Evaluates nothing.
"""

from __future__ import annotations

from collections.abc import Iterator

from rules.documents import RuleDocument
from rules.syntax import Call, Node, children

__all__ = ["calls_in", "calls_of"]


def calls_of(document: RuleDocument, *, statement_only: bool = False) -> Iterator[Call]:
    """Give every call of a rule, those of its error action included.

    Args:
        document: The rule.
        statement_only: Whether to leave out the templates.
    """
    query = document.statement.query
    roots = [assignment.expression for assignment in query.assignments]
    roots += [item.expression for item in query.items]
    if query.where is not None:
        roots.append(query.where)
    if not statement_only:
        for action in (*document.actions, document.error_action):
            if action is not None:
                for template in action.templates():
                    roots += template.expressions
    return calls_in(roots)


def calls_in(nodes: list[Node]) -> Iterator[Call]:
    """Give every call in these expressions; a name is as it was written."""
    waiting = list(nodes)
    while waiting:
        node = waiting.pop()
        if isinstance(node, Call):
            yield node
        waiting.extend(children(node))
