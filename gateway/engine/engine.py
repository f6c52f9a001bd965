"""The rules in force: each finds its messages through the topic tree, evaluates, and acts.

Owns which rules are in force and how messages reach them. One broken rule, or one failing action,
changes nothing for the others. Where rules come from is the catalogue's.

Source: AWS IoT Core Developer Guide, "Rules", "Reducing messaging costs with Basic Ingest".
"""

from __future__ import annotations

import logging
from collections.abc import Callable, Mapping
from typing import final

import rules
from gateway.broker import Router
from gateway.broker.basic_ingest import BASIC_INGEST
from gateway.engine.actions.local import FastAction, LocalActions, SqsQueue
from gateway.engine.actions.republishing import MAX_REPUBLISHES_PER_ENTRY
from gateway.engine.aftermath import REACHING, Equipment, carry_out_error_action
from gateway.engine.catalogue.loading import told
from gateway.engine.error_action import Cause, failure_of
from gateway.engine.outbox import ERROR_ACTION, Job, LaneStatus, Outbox, SlowAction
from gateway.engine.reaching import ReachingRules
from gateway.engine.rule_in_force import RuleInForce
from gateway.engine.settings import RulesSettings
from gateway.engine.tally import RuleStatus, Tally
from gateway.engine.traces.ring import Traces
from gateway.metrics import Metrics
from gateway.mqtt.topics import Dialect
from gateway.store import Store

__all__ = ["Engine"]

log = logging.getLogger(__name__)


@final
class Engine:
    """Runs rules.

    Args:
        router: Where rules subscribe, and republished messages go.
        store: Where the outbox is kept.
        settings: Its limits.
        queue: Finds a queue by name for the `sqs` action.
        services: What carries out actions at once, by the action's key.
        slow: What carries out actions from the outbox, by the action's key.
        outside: Answers the functions that reach out; called on threads.
        now_ms: Wall time for `timestamp()`, in milliseconds since 1970.
        gateway_ms: Gateway time, from which messages expire.
        monotonic_s: Tells one burst of failures from the next.
        account: The account number that appears in ARNs.
        metrics: Where evaluations are counted.

    Attributes:
        traces: What rules did lately.
    """

    def __init__(
        self,
        router: Router,
        store: Store,
        settings: RulesSettings,
        *,
        queue: Callable[[str], SqsQueue | None],
        services: Mapping[str, FastAction],
        slow: Mapping[str, SlowAction],
        outside: rules.Outside,
        now_ms: Callable[[], int],
        gateway_ms: Callable[[], int],
        monotonic_s: Callable[[], float],
        account: str,
        metrics: Metrics,
    ) -> None:
        self._router = router
        self._monotonic_s = monotonic_s
        environment = rules.Environment(now_ms=now_ms, account=account)
        self.traces = Traces(
            settings.trace_messages,
            settings.trace_bytes,
            monotonic_s=monotonic_s,
            now_ms=now_ms,
            new_uuid=environment.new_uuid,
        )
        self._reaching = ReachingRules(self.find, outside, self.traces, account=account)
        self._outbox = Outbox(
            store,
            {**slow, REACHING: self._reaching},
            ended=self._ended,
            failed=self._failed,
            describe=failure_of,
            word=self._word,
            max_bytes=settings.outbox_max_bytes,
            max_target_bytes=settings.outbox_target_bytes,
            metrics=metrics,
        )
        self._equipment = Equipment(
            environment=environment,
            actions=LocalActions(
                queue=queue, publish=router.publish, gateway_ms=gateway_ms, services=services
            ),
            outbox=self._outbox,
            traces=self.traces,
            evaluated=metrics.counter(
                "rules.evaluated", "evaluations on the way of a message, one per rule and message"
            ),
            monotonic_s=monotonic_s,
        )
        self._rules: dict[str, RuleInForce] = {}
        # What fails for rules that have gone is counted and logged somewhere, too.
        self._gone = Tally("(gone)", "what was left of it in the outbox", monotonic_s)
        metrics.gauge("rules.matched", lambda: sum(rule.matched for rule in self._rules.values()))
        metrics.gauge(
            "rules.failed_actions", lambda: sum(rule.failed for rule in self._rules.values())
        )

    def start(self) -> None:
        """Take up what the last process left in the outbox; rules are in force by now."""
        self._outbox.start()

    async def stop(self) -> None:
        """Stop the actions that run; they run again after the next start."""
        await self._outbox.stop()
        self._reaching.close()

    # --- which rules --------------------------------------------------------------------------

    def put(self, document: rules.RuleDocument) -> None:
        """Put a rule in force, in place of the one of its name; it begins with new counts.

        Raises:
            InvalidTopic: Its FROM is no topic filter.
        """
        rule = RuleInForce(document, self._equipment)
        if not document.disabled:
            deliver = rule.take_on if document.reaches_out else rule.deliver
            filters = [f"{BASIC_INGEST}{document.name}/#"]
            if document.statement.topic_filter is not None:
                filters.insert(0, document.statement.topic_filter)
            rule.subscribers = tuple(
                self._router.subscribe_local(topic_filter, deliver, Dialect.AWS)
                for topic_filter in filters
            )
        before = self._rules.get(document.name)
        if before is not None and before.document.sql == document.sql:
            rule.since = before.since  # only its actions have changed, or whether it is enabled
        self._rules[document.name] = rule
        if before is not None:
            self._unsubscribe(before)
        self._reaching.came()
        for warning in document.warnings:
            log.warning("rule %s: %s", document.name, told(warning))

    def remove(self, name: str) -> None:
        """Take a rule out of force, if it is there."""
        rule = self._rules.pop(name, None)
        if rule is not None:
            self._unsubscribe(rule)

    @property
    def in_force(self) -> Mapping[str, RuleInForce]:
        """Every rule by its name, disabled ones included."""
        return self._rules

    def find(self, name: str) -> RuleInForce | None:
        """Return the rule of this name."""
        return self._rules.get(name)

    # --- for people ---------------------------------------------------------------------------

    def status(self) -> list[RuleStatus]:
        """Return every rule, by name."""
        return [rule.status() for _, rule in sorted(self._rules.items())]

    def status_of(self, name: str) -> RuleStatus | None:
        """Return how one rule is doing."""
        rule = self._rules.get(name)
        return None if rule is None else rule.status()

    def outbox_status(self) -> list[LaneStatus]:
        """Return every target that actions wait for."""
        return self._outbox.status()

    # --- inside -------------------------------------------------------------------------------

    def _unsubscribe(self, rule: RuleInForce) -> None:
        for subscriber in rule.subscribers:
            self._router.unsubscribe_local(subscriber)

    def _word(self, job: Job, number: int, reason: str) -> str:
        """Return what may be told of why an action of the outbox failed."""
        rule = self._rules.get(job.new.rule)
        return reason if rule is None else rule.word(number, reason)

    def _ended(self, job: Job, number: int, failure: str) -> None:
        """Note that an action of the outbox is at an end."""
        rule = self._rules.get(job.new.rule)
        if rule is not None:
            rule.ended(number, job.new.topic, failure)
        elif failure:
            self._gone.fail(job.new.topic, f"{job.new.rule}: {failure}")
        trace_id, name = job.new.trace_id, job.new.rule
        if number == ERROR_ACTION:
            result = "failed" if failure else "done"
            self.traces.note_error_action(trace_id, name, result, failure)
            return
        self.traces.end(trace_id, name, number, failure)

    def _failed(self, job: Job) -> None:
        """Carry out the error action of a job of which an action failed."""
        new = job.new
        if new.error_action is None:
            return
        rule = self._rules.get(new.rule)
        self._equipment.actions.budget.renew(MAX_REPUBLISHES_PER_ENTRY)
        carry_out_error_action(
            self._equipment,
            new.rule,
            self._gone if rule is None else rule.error_tally,
            new.error_action,
            Cause(new.topic, new.client_id, new.trace_id, new.depth, new.payload),
            sorted(job.failures, key=lambda failure: failure.number),
        )
