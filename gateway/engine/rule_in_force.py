"""One rule in force: a message in, its statement evaluated, its actions carried out or taken on.

Owns what happens to one message of one rule, in its order, and what of it is counted. A failure of
one action changes nothing for the others. Knows nothing of other rules.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from contextlib import suppress
from typing import final

import rules
from gateway.broker import LocalSubscriber
from gateway.engine.actions.local import Perform, render_action
from gateway.engine.actions.republishing import MAX_REPUBLISHES_PER_ENTRY
from gateway.engine.aftermath import REACHING, SLOW, Aftermath, Equipment
from gateway.engine.error_action import (
    NOT_TOLD,
    Cause,
    as_written,
    failure_of,
    statement_failure,
)
from gateway.engine.failures import ActionFailed
from gateway.engine.outbox import ERROR_ACTION, STATEMENT, Failure
from gateway.engine.reaching import reaching_parameters
from gateway.engine.tally import ActionStatus, RuleStatus, Tally
from gateway.engine.traces.ring import Outcome, Traced
from gateway.errors import StoreError, fault_told
from gateway.message import Message
from rules.calls import calls_in

__all__ = ["RuleInForce"]


@final
class RuleInForce:
    """One rule: its compiled statement, its actions, its counters.

    Attributes:
        document: The rule.
        subscribers: How its messages reach it; empty while it is disabled.
        statement: The counts of its statement.
        tallies: Those of its actions, in order.
        error_tally: That of its error action.
        since: The sequence of the latest traced message when the rule came in force.
    """

    __slots__ = (
        "_aftermath",
        "_begin",
        "_environment",
        "_equipment",
        "_evaluate_in",
        "_evaluated",
        "_fast",
        "_fired",
        "_secretive",
        "_slow",
        "document",
        "error_tally",
        "evaluated",
        "matched",
        "since",
        "statement",
        "subscribers",
        "tallies",
    )

    def __init__(self, document: rules.RuleDocument, equipment: Equipment) -> None:
        name, clock = document.name, equipment.monotonic_s
        self.document = document
        self.subscribers: tuple[LocalSubscriber, ...] = ()
        self.evaluated = 0
        self.matched = 0
        self.since = equipment.traces.last_sequence
        self.statement = Tally(name, "its statement", clock)
        self.tallies = tuple(
            Tally(name, f"action {number} ({action.kind})", clock)
            for number, action in enumerate(document.actions, start=1)
        )
        self.error_tally = Tally(name, "its error action", clock)
        self._equipment = equipment
        self._aftermath = Aftermath(document, equipment, self.tallies, self.error_tally, self.word)
        self._environment = equipment.environment
        self._evaluate_in = document.statement.evaluate_in
        self._evaluated = equipment.evaluated
        self._begin = equipment.traces.begin
        numbered = list(enumerate(document.actions))
        self._fast: tuple[tuple[int, Perform], ...] = tuple(
            (number, equipment.actions.compile(action, name))
            for number, action in numbered
            if action.kind not in SLOW
        )
        self._slow = tuple((number, action) for number, action in numbered if action.kind in SLOW)
        self._secretive = frozenset(number for number, action in numbered if _holds_secrets(action))
        # What nearly every message comes to: shared, so that it costs none.
        self._fired = Outcome(name)

    # --- on the way of a message --------------------------------------------------------------

    def deliver(self, message: Message) -> None:
        """Evaluate one message and carry out the actions.

        Raises:
            StoreError: Something durable was refused: so is the publish.
        """
        traced: Traced | None = message.traced
        if traced is None:
            traced = self._begin(message)
        context = rules.Context(traced.subject, self._environment)
        self._evaluated.value += 1
        self.evaluated += 1
        try:
            output = self._evaluate_in(context)
        except rules.EvaluationFailed as error:
            self._no_result(message, context, f"{error}; no action ran")
            return
        except Exception as error:
            # The outermost frame of a rule: a fault of the gateway's own stays with this rule.
            self._no_result(message, context, fault_told(error), error)
            return
        if output is None:
            return
        failures: list[Failure] | None = None
        faults: dict[int, Exception] | None = None
        for number, perform in self._fast:
            try:
                perform(message, context, output)
            except ActionFailed as error:
                failures = failures or []
                failures.append(self._failure(number, context, error.told()))
            except StoreError:
                raise  # the publish is refused, and comes again: nothing of it counts
            except Exception as error:
                failures, faults = failures or [], faults or {}
                failures.append(self._failure(number, context, fault_told(error)))
                faults[number] = error
        if failures is not None or self._slow:
            self._settle(message, context, output, failures or [], faults or {})
        else:
            traced.outcomes.append(self._fired)
        self.matched += 1

    def take_on(self, message: Message) -> None:
        """Leave one message to the outbox: this rule reaches out, and that may take its time.

        Raises:
            StoreError: Something durable was refused: so is the publish.
        """
        traced: Traced | None = message.traced
        if traced is None:
            traced = self._begin(message)
        cause = self._cause(traced)
        name = self.document.name
        parameters = reaching_parameters(name, message, self._environment.now_ms())
        context = rules.Context(traced.subject, self._environment)
        job = cause.job(name, message.payload, error_action=self._aftermath.stored(context))
        outbox = self._equipment.outbox
        try:
            target = outbox.admit(REACHING, parameters, job.size_bytes)
        except ActionFailed as error:
            self._no_result(message, None, error.told())
            return
        outbox.add(job, [(target, STATEMENT, parameters)])
        self._equipment.traces.note(traced, Outcome(name, waiting={STATEMENT}))

    def count_evaluation(self) -> None:
        """Count an evaluation that was not on the way of a message."""
        self._evaluated.value += 1
        self.evaluated += 1

    # --- the rest of a message ----------------------------------------------------------------

    def finish(
        self,
        cause: Cause,
        context: rules.Context,
        output: bytes,
        rendered: Sequence[Mapping[str, object] | ActionFailed],
    ) -> tuple[dict[int, str], set[int]]:
        """Carry out the actions for a message whose statement was evaluated apart.

        Args:
            cause: The message.
            context: Where the statement was evaluated.
            output: What it gave.
            rendered: The parameters of each action, or why there are none.

        Returns:
            Why actions have failed so far, by their number; and the numbers of those that are in
            the outbox now.

        Raises:
            StoreError: Something durable was refused; all of it is to be done again.
        """
        actions = self._equipment.actions
        actions.budget.renew(MAX_REPUBLISHES_PER_ENTRY)
        failures: list[Failure] = []
        faults: dict[int, Exception] = {}
        slow: list[tuple[int, Mapping[str, object]]] = []
        for number, (action, parameters) in enumerate(
            zip(self.document.actions, rendered, strict=True)
        ):
            kind = action.kind
            try:
                if isinstance(parameters, ActionFailed):
                    raise parameters
                if kind in SLOW:
                    slow.append((number, parameters))
                else:
                    actions.carry_out(
                        kind,
                        parameters,
                        output,
                        rule_name=self.document.name,
                        depth=cause.depth,
                    )
            except ActionFailed as error:
                known = as_written(action) if isinstance(parameters, ActionFailed) else parameters
                reason = self.word(number, error.told())
                failures.append(failure_of(kind, number, known, reason))
            except StoreError:
                raise
            except Exception as error:
                # As on the way of a message: a fault of the gateway's own stays with this action.
                failures.append(failure_of(kind, number, as_written(action), fault_told(error)))
                faults[number] = error
        waiting = self._aftermath.hand_over(cause, context, output, failures, slow, faults)
        self.matched += 1
        return {failure.number: failure.message for failure in failures}, waiting

    def word(self, number: int, reason: str) -> str:
        """Return what may be told of why an action failed."""
        return NOT_TOLD if number in self._secretive else reason

    def fail_statement(self, cause: Cause, context: rules.Context, reason: str) -> None:
        """Count a statement that was evaluated apart and came to no result; tell of it.

        Raises:
            StoreError: The error action could not be taken.
        """
        self._equipment.actions.budget.renew(MAX_REPUBLISHES_PER_ENTRY)
        self._aftermath.act_on_error(
            cause, context, [statement_failure(self.document.name, reason)]
        )
        self.statement.fail(cause.topic, reason)

    def ended(self, number: int, topic: str, failure: str) -> None:
        """Count an action of the outbox that is at an end."""
        if number == ERROR_ACTION:
            tally = self.error_tally
        elif 0 <= number < len(self.tallies):
            tally = self.tallies[number]
        else:
            tally = self.statement
        if failure:
            tally.fail(topic, failure)
        else:
            tally.done += 1

    @property
    def failed(self) -> int:
        """How many actions failed for good, and how often the statement came to no result."""
        return self.statement.failed + sum(tally.failed for tally in self.tallies)

    def status(self) -> RuleStatus:
        """Return how it is doing."""
        document, waiting = self.document, self._equipment.outbox.waiting
        name = document.name
        latest = [self.statement, *self.tallies, self.error_tally]
        error_action = None
        if document.error_action is not None:
            error_action = ActionStatus(
                document.error_action.kind,
                self.error_tally.done,
                self.error_tally.failed,
                waiting[name, ERROR_ACTION],
                self.error_tally.last_failure,
            )
        return RuleStatus(
            name=name,
            topic_filter=document.statement.topic_filter or "",
            evaluated=self.evaluated,
            matched=self.matched,
            failed=self.failed,
            disabled=document.disabled,
            problem=next((tally.last_failure for tally in latest if tally.last_failure), ""),
            waiting=waiting[name, STATEMENT],
            actions=tuple(
                ActionStatus(
                    action.kind,
                    tally.done if action.kind in SLOW else self.matched - tally.failed,
                    tally.failed,
                    waiting[name, number],
                    tally.last_failure,
                )
                for number, (action, tally) in enumerate(
                    zip(document.actions, self.tallies, strict=True)
                )
            ),
            error_action=error_action,
        )

    # --- inside -------------------------------------------------------------------------------

    def _cause(self, traced: Traced) -> Cause:
        trace_id = self._equipment.traces.id_of(traced)
        return Cause(
            traced.topic, traced.publisher.client_id, trace_id, traced.depth, traced.payload
        )

    def _failure(self, number: int, context: rules.Context, reason: str) -> Failure:
        action = self.document.actions[number]
        parameters = as_written(action)
        if self.document.error_action is not None:  # else nobody asks what it was for
            with suppress(ActionFailed):
                parameters = render_action(action, context)
        return failure_of(action.kind, number, parameters, reason)

    def _no_result(
        self,
        message: Message,
        context: rules.Context | None,
        reason: str,
        fault: Exception | None = None,
    ) -> None:
        name = self.document.name
        traced: Traced = message.traced
        self._equipment.actions.budget.follow(message)
        if self.document.error_action is not None:
            context = context or rules.Context(traced.subject, self._environment)
            self._aftermath.act_on_error(
                self._cause(traced), context, [statement_failure(name, reason)]
            )
        self.statement.fail(traced.topic, reason, fault)
        self._equipment.traces.note(traced, Outcome(name, error=reason))

    def _settle(
        self,
        message: Message,
        context: rules.Context,
        output: bytes,
        failures: list[Failure],
        faults: Mapping[int, Exception],
    ) -> None:
        """Take on the slow actions, or tell of the failures."""
        traced: Traced = message.traced
        self._equipment.actions.budget.follow(message)
        slow: list[tuple[int, Mapping[str, object]]] = []
        for number, action in self._slow:
            try:
                slow.append((number, render_action(action, context)))
            except ActionFailed as error:
                failures.append(failure_of(action.kind, number, as_written(action), error.told()))
        waiting = self._aftermath.hand_over(
            self._cause(traced), context, output, failures, slow, faults
        )
        failed = {failure.number: failure.message for failure in failures}
        outcome = Outcome(self.document.name, failures=failed, waiting=waiting)
        self._equipment.traces.note(traced, outcome)


def _holds_secrets(action: rules.Action) -> bool:
    """Tell whether a template of an action asks for a secret."""
    return action.reaches_out and any(
        call.name.lower() == "get_secret"
        for template in action.templates()
        for call in calls_in(list(template.expressions))
    )
