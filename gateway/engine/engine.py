"""The rules in force: each finds its messages through the topic tree, evaluates, and acts.

Owns the life of a rule in the running gateway and its counters. One broken rule, or one failing
action, changes nothing for the others.
"""

from __future__ import annotations

import logging
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import final

import rules
from gateway.broker import LocalSubscriber, Router
from gateway.engine.actions import (
    ActionFailed,
    Perform,
    RepublishBudget,
    SqsQueue,
    compile_action,
)
from gateway.engine.loading import LoadedRules, told
from gateway.engine.subjects import subject_of
from gateway.errors import StoreError
from gateway.message import Message
from gateway.metrics import Counter, Metrics
from gateway.mqtt.topics import Dialect

__all__ = ["Engine", "RuleStatus"]

log = logging.getLogger(__name__)

# A failure is logged when the action has not failed for so long; meanwhile it is counted.
QUIET_S = 60.0


@dataclass(frozen=True, slots=True)
class RuleStatus:
    """How one rule file is doing, for people.

    Attributes:
        name: The rule's name, or the file's where the file gave no rule.
        topic_filter: What it listens to; empty where the file gave no rule.
        matched: Messages for which WHERE was true.
        failed: Actions that failed, and statements by a fault of the gateway's own.
        disabled: The document says so.
        problem: What is wrong with it, or the last failure; empty where nothing is.
    """

    name: str
    topic_filter: str
    matched: int
    failed: int
    disabled: bool
    problem: str


@final
class _RuleInForce:
    """One rule: its compiled statement, its actions, its counters."""

    __slots__ = (
        "_actions",
        "_environment",
        "_evaluate_in",
        "_evaluated",
        "_failed_at_s",
        "_monotonic_s",
        "document",
        "failed",
        "last_failure",
        "matched",
        "subscriber",
    )

    def __init__(
        self,
        document: rules.RuleDocument,
        actions: tuple[Perform, ...],
        environment: rules.Environment,
        evaluated: Counter,
        monotonic_s: Callable[[], float],
    ) -> None:
        self.document = document
        self.subscriber: LocalSubscriber | None = None
        self.matched = 0
        self.failed = 0
        self.last_failure = ""
        self._actions = actions
        self._environment = environment
        self._evaluate_in = document.statement.evaluate_in
        self._evaluated = evaluated
        self._monotonic_s = monotonic_s
        # When each action failed last. Per action, for beside one that always fails another may
        # always succeed; and by time, for messages of both kinds may alternate.
        self._failed_at_s: dict[int, float] = {}

    def deliver(self, message: Message) -> None:
        """Evaluate one message and carry out the actions.

        Raises:
            StoreError: Something durable was refused: so is the publish.
        """
        context = rules.Context(subject_of(message), self._environment)
        self._evaluated.value += 1
        try:
            output = self._evaluate_in(context)
        except rules.EvaluationFailed as error:
            self._note_failure(-1, message, f"{error}; no action ran")
            return
        except Exception as error:
            # The outermost frame of a rule: a fault of the gateway's own stays with this rule.
            self._note_failure(-1, message, f"this is a fault of Weir's: {error!r:.200}", error)
            return
        if output is None:
            return
        self.matched += 1
        for number, perform in enumerate(self._actions):
            try:
                perform(message, context, output)
            except ActionFailed as error:
                reason = f"{error}. {error.hint}" if error.hint else str(error)
                self._note_failure(number, message, reason)
            except StoreError:
                raise
            except Exception as error:
                self._note_failure(
                    number, message, f"this is a fault of Weir's: {error!r:.200}", error
                )

    def _note_failure(
        self, number: int, message: Message, reason: str, fault: Exception | None = None
    ) -> None:
        self.failed += 1
        self.last_failure = reason
        now_s = self._monotonic_s()
        failed_at_s = self._failed_at_s.get(number)
        self._failed_at_s[number] = now_s
        if failed_at_s is None or now_s - failed_at_s >= QUIET_S:  # once per burst
            log.warning(
                "rule %s: %s failed for a message on %r: %s",
                self.document.name,
                f"action {number + 1}" if number >= 0 else "its statement",
                message.topic[:200],
                reason,
                exc_info=fault,
            )

    def status(self) -> RuleStatus:
        """Return how it is doing."""
        return RuleStatus(
            self.document.name,
            self.document.statement.topic_filter or "",
            self.matched,
            self.failed,
            self.document.disabled,
            self.last_failure,
        )


class Engine:
    """Runs rules.

    Args:
        router: Where rules subscribe, and republished messages go.
        queue: Finds a queue by name for the `sqs` action.
        now_ms: Wall time for `timestamp()`, in milliseconds since 1970.
        monotonic_s: Tells one burst of failures from the next.
        account: The account number that appears in ARNs.
        metrics: Where evaluations are counted.
    """

    def __init__(
        self,
        router: Router,
        *,
        queue: Callable[[str], SqsQueue | None],
        now_ms: Callable[[], int],
        monotonic_s: Callable[[], float],
        account: str,
        metrics: Metrics,
    ) -> None:
        self._router = router
        self._queue = queue
        self._monotonic_s = monotonic_s
        self._budget = RepublishBudget()
        self._environment = rules.Environment(now_ms=now_ms, account=account)
        self._evaluated = metrics.counter(
            "rules.evaluated", "evaluations, one per rule and message"
        )
        self._rules: list[_RuleInForce] = []
        self._broken: list[tuple[Path, str]] = []
        metrics.gauge("rules.matched", lambda: sum(rule.matched for rule in self._rules))
        metrics.gauge("rules.failed_actions", lambda: sum(rule.failed for rule in self._rules))

    def apply(self, loaded: LoadedRules) -> None:
        """Put these rules in force, in place of those before."""
        for rule in self._rules:
            if rule.subscriber is not None:
                self._router.unsubscribe_local(rule.subscriber)
        self._rules = [self._put_in_force(document) for _, document in loaded.rules]
        self._broken = []
        for problem in loaded.problems:
            reasons = "; ".join(problem.problems)
            self._broken.append((problem.file, reasons))
            log.error("rule file %s is not in force: %s", problem.file, reasons)

    def status(self) -> list[RuleStatus]:
        """Return every rule, and every file that gave none."""
        return [rule.status() for rule in self._rules] + [
            RuleStatus(file.name, "", 0, 0, False, reasons) for file, reasons in self._broken
        ]

    def _put_in_force(self, document: rules.RuleDocument) -> _RuleInForce:
        actions = tuple(
            compile_action(
                action,
                rule_name=document.name,
                queue=self._queue,
                publish=self._router.publish,
                budget=self._budget,
            )
            for action in document.actions
        )
        rule = _RuleInForce(
            document, actions, self._environment, self._evaluated, self._monotonic_s
        )
        for warning in document.warnings:
            log.warning("rule %s: %s", document.name, told(warning))
        if document.error_action is not None:
            log.warning("rule %s: its errorAction is not carried out yet", document.name)
        if document.reaches_out:
            log.warning(
                "rule %s: nothing in this gateway answers the functions that it asks yet, so it "
                "fails for every message",
                document.name,
            )
        topic_filter = document.statement.topic_filter
        if topic_filter is None:
            rule.last_failure = "it has no FROM, and Basic Ingest is not there yet: it never runs."
            log.warning("rule %s: %s", document.name, rule.last_failure)
        elif not document.disabled:
            rule.subscriber = self._router.subscribe_local(topic_filter, rule.deliver, Dialect.AWS)
        return rule
