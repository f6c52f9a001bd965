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
from gateway.engine.actions import ActionFailed, Perform, SqsQueue, compile_action
from gateway.engine.loading import LoadedRules
from gateway.message import Message
from gateway.metrics import Counter, Metrics
from gateway.mqtt.topics import Dialect

__all__ = ["Engine", "RuleStatus"]

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class RuleStatus:
    """How one rule file is doing, for people.

    Attributes:
        name: The rule's name, or the file's where the file gave no rule.
        topic_filter: What it listens to; empty where the file gave no rule.
        matched: Messages for which WHERE was true.
        failed: Actions that failed.
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
        "_evaluate",
        "_evaluated",
        "_failing",
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
    ) -> None:
        self.document = document
        self.subscriber: LocalSubscriber | None = None
        self.matched = 0
        self.failed = 0
        self.last_failure = ""
        self._actions = actions
        self._environment = environment
        self._evaluate = document.statement.evaluate
        self._evaluated = evaluated
        self._failing = False

    def deliver(self, message: Message) -> None:
        """Evaluate one message and carry out the actions.

        Raises:
            StoreError: Something durable was refused: so is the publish.
        """
        subject = message.subject
        if subject is None:
            publisher = message.publisher
            subject = message.subject = rules.Message(
                message.topic,
                message.payload,
                publisher.client_id,
                publisher.principal,
                publisher.source_ip,
            )
        self._evaluated.value += 1
        output = self._evaluate(subject, self._environment)
        if output is None:
            return
        self.matched += 1
        for perform in self._actions:
            try:
                perform(message, subject, output)
            except ActionFailed as error:
                self._note_failure(message, error)
            else:
                self._failing = False

    def _note_failure(self, message: Message, error: ActionFailed) -> None:
        self.failed += 1
        self.last_failure = f"{error}. {error.hint}".rstrip(". ") + "."
        if not self._failing:  # once per burst
            self._failing = True
            log.warning(
                "rule %s: an action failed for a message on %s: %s",
                self.document.name,
                message.topic,
                self.last_failure,
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
        account: The account number that appears in ARNs.
        metrics: Where evaluations are counted.
    """

    def __init__(
        self,
        router: Router,
        *,
        queue: Callable[[str], SqsQueue | None],
        now_ms: Callable[[], int],
        account: str,
        metrics: Metrics,
    ) -> None:
        self._router = router
        self._queue = queue
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
                environment=self._environment,
                queue=self._queue,
                publish=self._router.publish,
            )
            for action in document.actions
        )
        rule = _RuleInForce(document, actions, self._environment, self._evaluated)
        topic_filter = document.statement.topic_filter
        if topic_filter is None:
            rule.last_failure = "it has no FROM, and Basic Ingest is not there yet: it never runs."
            log.warning("rule %s: %s", document.name, rule.last_failure)
        elif not document.disabled:
            rule.subscriber = self._router.subscribe_local(topic_filter, rule.deliver, Dialect.AWS)
        return rule
