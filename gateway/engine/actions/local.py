"""Actions carried out at once: what joins the transaction of the publish that causes it.

Owns the local meaning of each such action, as callables made once per rule, and the same for an
action whose templates are rendered already. An action that fails raises ActionFailed; StoreError
passes through and refuses the publish that caused it.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Mapping
from typing import Final, Protocol, TypeAlias, final

import rules
from gateway.engine.actions.republishing import RepublishBudget, compile_republish, republish
from gateway.engine.actions.templates import render
from gateway.engine.failures import ActionFailed
from gateway.message import Message
from gateway.services.sqs import SqsError
from gateway.services.sqs.names import name_problem, resolve_name

__all__ = ["FastAction", "LocalActions", "Perform", "SqsQueue", "render_action"]

# Names and topics come out of payloads: what of them goes into logs and status has a bound.
_SHOWN_CHARACTERS: Final = 200

_OTHERS_RUN: Final = "The rule's other actions run."

Perform: TypeAlias = Callable[[Message, rules.Context, bytes], None]

FastAction: TypeAlias = Callable[[Mapping[str, object], bytes], None]
"""Carries an action out at once: its parameters with templates replaced, and what it sends."""


class SqsQueue(Protocol):
    """What the `sqs` action needs of a queue."""

    def send(self, body: bytes) -> None:
        """Add a message to the open batch."""


@final
class LocalActions:
    """The actions that are carried out at once.

    Args:
        queue: Finds a queue by name.
        publish: Routes a message inside the gateway.
        gateway_ms: Gateway time in milliseconds.
        services: The actions of services, by their key.
    """

    def __init__(
        self,
        *,
        queue: Callable[[str], SqsQueue | None],
        publish: Callable[[Message], None],
        gateway_ms: Callable[[], int],
        services: Mapping[str, FastAction],
    ) -> None:
        self._queue = queue
        self._publish = publish
        self._gateway_ms = gateway_ms
        self._services = services
        self.budget = RepublishBudget()

    def compile(self, action: rules.Action, rule_name: str) -> Perform:
        """Return the callable that carries out one action of a rule."""
        if isinstance(action, rules.SqsAction):
            return _sqs(action, self._queue)
        if isinstance(action, rules.RepublishAction):
            return compile_republish(
                action,
                rule_name=rule_name,
                publish=self._publish,
                budget=self.budget,
                gateway_ms=self._gateway_ms,
            )
        if isinstance(action, rules.ServiceAction) and action.kind in self._services:
            return _service(action, self._services[action.kind])
        return _unsupported(action)

    def carry_out(
        self,
        kind: str,
        parameters: Mapping[str, object],
        output: bytes,
        *,
        rule_name: str,
        depth: int,
        for_error: bool = False,
    ) -> None:
        """Carry out an action whose templates are rendered.

        Args:
            kind: The action's key.
            parameters: What stands under it.
            output: What it sends.
            rule_name: The rule.
            depth: How many republish actions led to the message behind it.
            for_error: It is the rule's error action.

        Raises:
            ActionFailed: It could not be carried out.
            StoreError: Nothing new is taken just now.
        """
        if kind == "sqs":
            url = str(parameters["queueUrl"])
            use_base64 = parameters.get("useBase64") is True
            _send(self._queue, resolve_name(url), output, use_base64=use_base64)
        elif kind == "republish":
            republish(
                parameters,
                output,
                rule_name=rule_name,
                depth=depth,
                publish=self._publish,
                budget=self.budget,
                gateway_ms=self._gateway_ms,
                for_error=for_error,
            )
        elif kind in self._services:
            self._services[kind](parameters, output)
        else:
            raise ActionFailed(f"the action '{kind}' has no meaning on this gateway")


def render_action(action: rules.Action, context: rules.Context) -> Mapping[str, object]:
    """Return what stands under an action's key, each template replaced by its text.

    Raises:
        ActionFailed: An expression of a template has no value.
    """
    if isinstance(action, rules.UnsupportedAction):
        raise ActionFailed(action.problem, hint=_OTHERS_RUN)
    try:
        parameters = action.render(context)[action.kind]
    except (rules.TemplateUndefined, rules.EvaluationFailed) as error:
        raise ActionFailed(str(error), hint=error.hint) from error
    return parameters if isinstance(parameters, Mapping) else {}


def _sqs(action: rules.SqsAction, find_queue: Callable[[str], SqsQueue | None]) -> Perform:
    template = action.queue_url
    use_base64 = action.use_base64
    constant = None if template.constant is None else resolve_name(template.constant)

    def perform(message: Message, context: rules.Context, output: bytes) -> None:
        # A URL or ARN is resolved by its last part, whatever host, region and account it names.
        name = constant
        if name is None:
            name = resolve_name(render(template, context))
        _send(find_queue, name, output, use_base64=use_base64)

    return perform


def _send(
    find_queue: Callable[[str], SqsQueue | None], name: str, output: bytes, *, use_base64: bool
) -> None:
    queue = find_queue(name)
    if queue is None:
        raise _no_queue(name)
    try:
        queue.send(base64.b64encode(output) if use_base64 else output)
    except SqsError as error:
        raise ActionFailed(f"queue {name!r} refused the message: {error}") from error


def _no_queue(name: str) -> ActionFailed:
    hint = ""
    if not name_problem(name, fifo=False):  # it may be a payload's: only a good one is shown as is
        hint = f'Create it, or add to the settings: [[sqs.queues]] name = "{name}"'
    return ActionFailed(f"there is no queue {name[:_SHOWN_CHARACTERS]!r}", hint=hint)


def _service(action: rules.ServiceAction, run: FastAction) -> Perform:
    def perform(message: Message, context: rules.Context, output: bytes) -> None:
        run(render_action(action, context), output)

    return perform


def _unsupported(action: rules.Action) -> Perform:
    def perform(message: Message, context: rules.Context, output: bytes) -> None:
        render_action(action, context)  # says why
        raise ActionFailed(f"nothing here carries out '{action.kind}'", hint=_OTHERS_RUN)

    return perform
