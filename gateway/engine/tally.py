"""What a rule's actions have come to: counts, the last failure, and one log line per burst.

Owns the numbers that people see of a rule. Knows nothing of how an action is carried out.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from typing import Final, final

__all__ = ["ActionStatus", "RuleStatus", "Tally"]

log = logging.getLogger(__name__)

# A failure is logged when the action has not failed for so long; meanwhile it is counted.
QUIET_S: Final = 60.0

# Topics come from devices: what of them goes into the log has a bound.
_SHOWN_CHARACTERS: Final = 200


@dataclass(frozen=True, slots=True)
class ActionStatus:
    """How one action of a rule is doing, for people.

    Attributes:
        kind: The action's key.
        done: How often it was carried out.
        failed: How often it failed for good.
        waiting: How often it waits in the outbox, or runs.
        last_failure: Why it failed last; empty if it never did.
    """

    kind: str
    done: int
    failed: int
    waiting: int
    last_failure: str


@dataclass(frozen=True, slots=True)
class RuleStatus:
    """How one rule is doing, for people.

    Attributes:
        name: The rule's name.
        topic_filter: What it listens to; empty without FROM.
        evaluated: Messages that its statement looked at.
        matched: Messages for which WHERE was true.
        failed: Actions that failed for good, and statements that came to no result.
        disabled: The document says so.
        problem: The last failure; empty if there was none.
        waiting: Messages that wait for the statement itself, because it reaches out.
        actions: Its actions, in order.
        error_action: Its error action, if it has one.
    """

    name: str
    topic_filter: str
    evaluated: int
    matched: int
    failed: int
    disabled: bool
    problem: str
    waiting: int = 0
    actions: tuple[ActionStatus, ...] = ()
    error_action: ActionStatus | None = None


@final
class Tally:
    """The counts of one action, or of a rule's statement.

    Args:
        rule_name: The rule.
        what: What to call it in the log: `action 1 (sqs)`, `its statement`.
        monotonic_s: Tells one burst of failures from the next.

    Attributes:
        done: How often it was carried out; for actions of the outbox only.
        failed: How often it failed for good.
        last_failure: Why it failed last.
    """

    __slots__ = (
        "_failed_at_s",
        "_monotonic_s",
        "_rule_name",
        "_what",
        "done",
        "failed",
        "last_failure",
    )

    def __init__(self, rule_name: str, what: str, monotonic_s: Callable[[], float]) -> None:
        self.done = 0
        self.failed = 0
        self.last_failure = ""
        self._rule_name = rule_name
        self._what = what
        self._monotonic_s = monotonic_s
        self._failed_at_s: float | None = None

    def fail(self, topic: str, reason: str, fault: Exception | None = None) -> None:
        """Count a failure, and log the first of a burst.

        Args:
            topic: The topic of the message.
            reason: Why, and what to do about it.
            fault: A fault of the gateway's own, for its traceback.
        """
        self.failed += 1
        self.last_failure = reason
        now_s = self._monotonic_s()
        before_s, self._failed_at_s = self._failed_at_s, now_s
        if before_s is None or now_s - before_s >= QUIET_S:
            log.warning(
                "rule %s: %s failed for a message on %r: %s",
                self._rule_name,
                self._what,
                topic[:_SHOWN_CHARACTERS],
                reason,
                exc_info=fault,
            )
