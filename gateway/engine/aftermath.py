"""What a rule leaves behind for one message: actions for the outbox, or its error action.

Owns the step from a rule's failures to its error action, which is taken at once or once the last of
its slow actions is at an end. Knows nothing of statements.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Final, final

import orjson

import rules
from gateway.engine.actions.local import LocalActions, render_action
from gateway.engine.error_action import Cause, error_message, failure_of
from gateway.engine.failures import ActionFailed
from gateway.engine.outbox import ERROR_ACTION, Failure, Outbox
from gateway.engine.tally import Tally
from gateway.engine.traces.ring import Traces
from gateway.errors import StoreError, fault_told
from gateway.metrics import Counter

__all__ = ["REACHING", "SLOW", "Aftermath", "Equipment", "carry_out_error_action"]

SLOW: Final = frozenset(("http", "lambda", "s3"))
"""The actions that run from the outbox."""

REACHING: Final = "rule"
"""What the outbox calls the work of a rule that reaches out: all of it, its statement included."""


@dataclass(frozen=True, slots=True)
class Equipment:
    """What all rules work with.

    Attributes:
        environment: What statements may ask on the event loop.
        actions: The actions that are carried out at once.
        outbox: The others.
        traces: Where what rules do is kept for a while.
        evaluated: Counts evaluations.
        monotonic_s: The clock.
    """

    environment: rules.Environment
    actions: LocalActions
    outbox: Outbox
    traces: Traces
    evaluated: Counter
    monotonic_s: Callable[[], float]


@final
class Aftermath:
    """What one rule leaves behind.

    Args:
        document: The rule.
        equipment: What rules work with.
        tallies: The counts of its actions, in order.
        error_tally: Those of its error action.
        word: Gives what may be told of why an action failed: its number, and why.
    """

    __slots__ = ("_document", "_equipment", "_error_tally", "_tallies", "_word")

    def __init__(
        self,
        document: rules.RuleDocument,
        equipment: Equipment,
        tallies: Sequence[Tally],
        error_tally: Tally,
        word: Callable[[int, str], str],
    ) -> None:
        self._document = document
        self._equipment = equipment
        self._tallies = tallies
        self._error_tally = error_tally
        self._word = word

    def hand_over(
        self,
        cause: Cause,
        context: rules.Context,
        output: bytes,
        failures: list[Failure],
        slow: Sequence[tuple[int, Mapping[str, object]]],
        faults: Mapping[int, Exception],
    ) -> set[int]:
        """Let the outbox take slow actions on, or tell the error action; count what failed.

        Args:
            cause: The message.
            context: Where the statement was evaluated.
            output: What it gave.
            failures: The actions that have failed; those that the outbox does not take come to it.
            slow: The others, with their parameters.
            faults: Of failures, those that are the gateway's own, by the action's number.

        Returns:
            The numbers of the actions that the outbox has taken.

        Raises:
            StoreError: Something durable was refused; nothing is counted.
        """
        outbox = self._equipment.outbox
        stored = self.stored(context) if slow else None
        job = cause.job(self._document.name, output, error_action=stored)
        admitted: list[tuple[str, int, Mapping[str, object]]] = []
        for number, parameters in slow:
            kind = self._document.actions[number].kind
            try:
                admitted.append(
                    (outbox.admit(kind, parameters, job.size_bytes), number, parameters)
                )
            except ActionFailed as error:
                reason = self._word(number, error.told())
                failures.append(failure_of(kind, number, parameters, reason))
        if admitted:
            outbox.add(replace(job, failures=tuple(failures)), admitted)
        elif failures:
            self.act_on_error(cause, context, failures)
        for failure in failures:
            fault = faults.get(failure.number)
            self._tallies[failure.number].fail(cause.topic, failure.message, fault)
        return {number for _, number, _ in admitted}

    def stored(self, context: rules.Context) -> str | None:
        """Return the error action as the outbox keeps it; None if there is none.

        That is JSON: its kind, its parameters with templates replaced, and why that failed.
        """
        action = self._document.error_action
        if action is None:
            return None
        try:
            return orjson.dumps([action.kind, render_action(action, context), ""]).decode()
        except ActionFailed as error:
            # Kept, so that whoever fails finds out and says so.
            return orjson.dumps([action.kind, {}, error.told()]).decode()

    def act_on_error(
        self, cause: Cause, context: rules.Context, failures: Sequence[Failure]
    ) -> None:
        """Tell the rule's error action of failures, if it has one.

        Raises:
            StoreError: Something durable was refused.
        """
        stored = self.stored(context)
        if stored is not None:
            carry_out_error_action(
                self._equipment, self._document.name, self._error_tally, stored, cause, failures
            )


def carry_out_error_action(
    equipment: Equipment,
    rule_name: str,
    tally: Tally,
    stored: str,
    cause: Cause,
    failures: Sequence[Failure],
) -> None:
    """Tell a rule's error action of failures; one that fails itself is only counted and logged.

    Args:
        equipment: What rules work with.
        rule_name: The rule; it need not be in force any more.
        tally: Where the error action is counted.
        stored: The error action, as `Aftermath.stored` gives it.
        cause: The message.
        failures: What failed for good.

    Raises:
        StoreError: Something durable was refused.
    """
    kind, parameters, problem = orjson.loads(stored)
    note = partial(equipment.traces.note_error_action, cause.trace_id, rule_name)
    try:
        if problem:
            raise ActionFailed(problem)
        output = error_message(rule_name, cause, failures)
        if kind not in SLOW:
            equipment.actions.carry_out(
                kind, parameters, output, rule_name=rule_name, depth=cause.depth, for_error=True
            )
            tally.done += 1
            note("done")
            return
        target = equipment.outbox.admit(kind, parameters, len(output))
        equipment.outbox.add(cause.job(rule_name, output), [(target, ERROR_ACTION, parameters)])
        note("waiting")
    except ActionFailed as error:
        tally.fail(cause.topic, error.told())
        note("failed", error.told())
    except StoreError:
        raise
    except Exception as error:
        # The outermost frame of an error action: nobody is left to tell but the log.
        reason = fault_told(error)
        tally.fail(cause.topic, reason, error)
        note("failed", reason)
