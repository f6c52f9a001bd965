"""How an action fails: for good, or so that another try may help.

Owns the two errors that carry an action's failure from whoever carries it out to the rule. Knows
no action by name.
"""

from __future__ import annotations

from gateway.errors import Disposition, GatewayError

__all__ = ["ActionFailed", "TryAgain"]


class ActionFailed(GatewayError):  # noqa: N818 - named after what happened
    """An action could not be carried out; the rule's other actions go on."""

    code = "action-failed"
    disposition = Disposition.QUARANTINE


class TryAgain(ActionFailed):
    """An action of the outbox failed this time; it is tried again, others go on meanwhile.

    Args:
        message: What is wrong, in one sentence.
        hint: What a person can do about it.
        after_s: How long to wait.
    """

    code = "action-failed-once"
    disposition = Disposition.RETRY

    def __init__(self, message: str, *, hint: str = "", after_s: float) -> None:
        super().__init__(message, hint=hint)
        self.after_s = after_s
