"""Templates of actions, rendered: one that has no value fails its action; and what came of them.

Owns the step from the language's errors to the engine's. Knows no action.
"""

from __future__ import annotations

from collections.abc import Mapping

import rules
from gateway.engine.failures import ActionFailed

__all__ = ["render", "text_of"]


def render(template: rules.Template, context: rules.Context) -> str:
    """Return a template's text for one message.

    Raises:
        ActionFailed: An expression of it has no value.
    """
    try:
        return template.render_in(context)
    except (rules.TemplateUndefined, rules.EvaluationFailed) as error:
        raise ActionFailed(str(error), hint=error.hint) from error


def text_of(parameters: Mapping[str, object], name: str) -> str:
    """Return a parameter whose templates are rendered; empty if it is not there, or no text."""
    value = parameters.get(name, "")
    return value if isinstance(value, str) else ""
