"""Rules that reach out: their statements ask functions, tables and secrets, so they run apart.

Owns the evaluation of such a rule on a thread, from the outbox, after the message's commit. What is
asked, and of whom, is `outside`'s. Knows nothing of how an action is carried out.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Final, Protocol, TypeVar, cast, final

import rules
from gateway.engine.actions.local import render_action
from gateway.engine.error_action import Cause
from gateway.engine.failures import ActionFailed
from gateway.engine.outbox import NewJob
from gateway.engine.subjects import make_subject
from gateway.engine.traces.ring import Traces
from gateway.message import Message, Publisher
from rules.values import Value

__all__ = ["ReachingRule", "ReachingRules", "reaching_parameters"]

# Each rule has one evaluation under way at most, which may wait for its answer for seconds. Beyond
# so many rules at once, they take turns. A thread that waits takes some fifty kilobytes.
MAX_THREADS: Final = 64

# How long what waits for a rule that is not there goes on waiting: its file may be broken, and
# somebody at it.
PATIENCE_S: Final = 600.0

Answer = TypeVar("Answer")

Rendered = Sequence[Mapping[str, object] | ActionFailed]


class ReachingRule(Protocol):
    """What is needed of a rule."""

    document: rules.RuleDocument

    def count_evaluation(self) -> None:
        """Count one."""

    def finish(
        self, cause: Cause, context: rules.Context, output: bytes, rendered: Rendered
    ) -> tuple[dict[int, str], set[int]]:
        """Carry out the actions."""

    def fail_statement(self, cause: Cause, context: rules.Context, reason: str) -> None:
        """Count a statement that came to no result; tell of it."""


def reaching_parameters(rule_name: str, message: Message, at_ms: int) -> dict[str, object]:
    """Return what the outbox keeps of a message for a rule that reaches out, beside its job.

    Args:
        rule_name: The rule.
        message: The message.
        at_ms: When it came, in milliseconds since 1970.
    """
    publisher = message.publisher
    return {
        "rule": rule_name,
        "atMs": at_ms,
        "principal": publisher.principal,
        "sourceIp": publisher.source_ip,
        "publisher": publisher.name,
        "properties": message.properties.hex(),
    }


@final
class ReachingRules:
    """Runs the work of rules that reach out; to the outbox it is one kind of action.

    Args:
        find: Gives the rule of a name, or None.
        outside: Answers the functions that reach out; called on threads.
        traces: Where what rules do is kept for a while.
        account: The account number that appears in ARNs.
    """

    concurrency = 1

    def __init__(
        self,
        find: Callable[[str], ReachingRule | None],
        outside: rules.Outside,
        traces: Traces,
        *,
        account: str,
    ) -> None:
        self._find = find
        # Statements are evaluated one at a time: more threads at once would only take the
        # interpreter from the event loop. While one waits for an answer, another has its turn.
        self._turn = threading.Lock()
        self._outside = _Elsewhere(outside, self._turn)
        self._traces = traces
        self._account = account
        self._came = asyncio.Event()
        self._missing_since_s: dict[str, float] = {}
        self._threads = ThreadPoolExecutor(MAX_THREADS, thread_name_prefix="weir-rule")

    def close(self) -> None:
        """Wait for nothing: what is under way ends by its own time limits."""
        self._threads.shutdown(wait=False, cancel_futures=True)

    def came(self) -> None:
        """Take note that a rule has come: somebody may wait for it."""
        self._came.set()
        self._came = asyncio.Event()

    def target(self, parameters: Mapping[str, object]) -> str:
        """Return the rule's name."""
        return str(parameters["rule"])

    async def run(
        self, parameters: Mapping[str, object], payload: bytes, attempt: int, job: NewJob
    ) -> None:
        """Evaluate one message and carry out the rule's actions.

        Args:
            parameters: As `reaching_parameters` made them.
            payload: The message's payload.
            attempt: Which try this is.
            job: The rest of it.

        Raises:
            ActionFailed: The rule is not there any more.
            StoreError: Something durable was refused; all of it is to be done again.
        """
        name = self.target(parameters)
        rule = await self._wait_for(name)
        trace_id = job.trace_id
        publisher = Publisher(
            str(parameters["publisher"]),
            client_id=job.client_id,
            principal=cast("str | None", parameters["principal"]),
            source_ip=cast("str | None", parameters["sourceIp"]),
        )
        cause = Cause(job.topic, job.client_id, trace_id, job.depth, payload)
        properties = bytes.fromhex(str(parameters["properties"]))
        subject = make_subject(job.topic, payload, publisher, properties, trace_id)
        at_ms = cast(int, parameters["atMs"])
        environment = rules.Environment(lambda: at_ms, self._account, outside=self._outside)
        context = rules.Context(subject, environment)
        rule.count_evaluation()
        outcome = self._traces.outcome(trace_id, name)
        loop = asyncio.get_running_loop()
        try:
            output, rendered = await loop.run_in_executor(
                self._threads, self._evaluate, rule.document, context
            )
        except rules.EvaluationFailed as error:
            reason = f"{error}; no action ran"
            rule.fail_statement(cause, context, reason)
            if outcome is not None:
                outcome.error = reason
            return
        if output is not None:
            failures, waiting = rule.finish(cause, context, output, rendered)
            if outcome is not None:
                outcome.failures, outcome.waiting = failures, waiting
        elif outcome is not None:
            traced = self._traces.find(trace_id)
            if traced is not None:  # its WHERE was not true, as of all rules that are not listed
                traced.outcomes.remove(outcome)

    async def _wait_for(self, name: str) -> ReachingRule:
        """Return a rule, if need be once it is there; nothing else of its lane could run."""
        rule = self._find(name)
        if rule is not None:
            self._missing_since_s.pop(name, None)
            return rule
        loop = asyncio.get_running_loop()
        since_s = self._missing_since_s.setdefault(name, loop.time())
        try:
            async with asyncio.timeout_at(since_s + PATIENCE_S):
                while rule is None:
                    await self._came.wait()
                    rule = self._find(name)
        except TimeoutError:
            raise ActionFailed(
                f"the rule {name} is not there any more",
                hint="Its messages waited for it; put it back before long to have them evaluated.",
            ) from None
        del self._missing_since_s[name]
        return rule

    def _evaluate(
        self, document: rules.RuleDocument, context: rules.Context
    ) -> tuple[bytes | None, Rendered]:
        """Return what the statement gives, and each action's parameters or why there are none."""
        with self._turn:
            output = document.statement.evaluate_in(context)
            rendered: list[Mapping[str, object] | ActionFailed] = []
            if output is not None:
                for action in document.actions:
                    try:
                        rendered.append(render_action(action, context))
                    except ActionFailed as error:
                        rendered.append(error)
            return output, rendered


@final
class _Elsewhere(rules.Outside):
    """Asks, and lets others have the turn meanwhile."""

    def __init__(self, asked: rules.Outside, turn: threading.Lock) -> None:
        self._asked = asked
        self._turn = turn

    def thing_shadow(self, thing_name: str, shadow_name: str | None) -> bytes | None:
        return self._ask(lambda: self._asked.thing_shadow(thing_name, shadow_name))

    def invoke_lambda(self, function_arn: str, payload: bytes) -> bytes | None:
        return self._ask(lambda: self._asked.invoke_lambda(function_arn, payload))

    def dynamodb_item(self, table_name: str, key: Mapping[str, Value]) -> bytes | None:
        return self._ask(lambda: self._asked.dynamodb_item(table_name, key))

    def secret(self, secret_id: str) -> rules.Secret | None:
        return self._ask(lambda: self._asked.secret(secret_id))

    def registry_data(self, api: str, thing_name: str) -> bytes | None:
        return self._ask(lambda: self._asked.registry_data(api, thing_name))

    def descriptor_set(self, bucket: str, key: str) -> bytes | None:
        return self._ask(lambda: self._asked.descriptor_set(bucket, key))

    def _ask(self, question: Callable[[], Answer]) -> Answer:
        self._turn.release()
        try:
            return question()
        finally:
            self._turn.acquire()
