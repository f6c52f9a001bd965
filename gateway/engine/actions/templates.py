"""Templates of actions, rendered: one that has no value fails its action.

Owns the step from the language's errors to the engine's. Knows no action.
"""

from __future__ import annotations

import rules
from gateway.engine.failures import ActionFailed

__all__ = ["render"]


def render(template: rules.Template, context: rules.Context) -> str:
    """Return a template's text for one message.

    Raises:
        ActionFailed: An expression of it has no value.
    """
    try:
        return template.render_in(context)
    except (rules.TemplateUndefined, rules.EvaluationFailed) as error:
        raise ActionFailed(str(error), hint=error.hint) from error
