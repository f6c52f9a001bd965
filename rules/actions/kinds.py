"""The actions of a rule as types.

Owns what each holds, and what each looks like for one message. Knows nothing of how an action is
carried out. An action that is not supported is a value too: the rule runs without it, and whoever
loads rules can say so.

Source: AWS IoT Core Developer Guide, "Rule actions"; API reference, `Action`.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, TypeAlias

from rules.actions.parameters import render, templates_in
from rules.actions.table import ACTIONS
from rules.message import Context
from rules.template import Template

__all__ = [
    "Action",
    "RepublishAction",
    "RepublishHeaders",
    "ServiceAction",
    "SqsAction",
    "UnsupportedAction",
]


class _Templated(ABC):
    """What an action that is rendered has by its templates."""

    __slots__ = ()

    @abstractmethod
    def templates(self) -> Iterator[Template]:
        """Give every template that it has."""

    @property
    def reaches_out(self) -> bool:
        """Whether a template has functions that ask `Environment.outside`."""
        return any(template.reaches_out for template in self.templates())


@dataclass(frozen=True, slots=True)
class SqsAction(_Templated):
    """Send the payload to an SQS queue.

    Attributes:
        queue_url: The queue's URL.
        role_arn: As written; a gateway has no use for it.
        use_base64: Whether the body is the payload in base64.
    """

    kind: ClassVar[str] = "sqs"

    queue_url: Template
    role_arn: str
    use_base64: bool

    def templates(self) -> Iterator[Template]:
        """Give every template that it has."""
        yield self.queue_url

    def render(self, context: Context) -> dict[str, object]:
        """Return the action as JSON, each template replaced by its text for one message.

        Args:
            context: The one that the rule's statement was evaluated in.

        Raises:
            TemplateUndefined: An expression of a template has no value.
            EvaluationFailed: A function that reaches out could not be answered.
        """
        return {
            self.kind: {
                "queueUrl": self.queue_url.render_in(context),
                "roleArn": self.role_arn,
                "useBase64": self.use_base64,
            }
        }


@dataclass(frozen=True, slots=True)
class RepublishHeaders:
    """The MQTT 5 properties of a republished message. None: absent.

    Attributes:
        payload_format_indicator: `UNSPECIFIED_BYTES` or `UTF8_DATA`.
        content_type: The content type.
        response_topic: The response topic.
        correlation_data: The correlation data, in base64.
        message_expiry: The expiry interval in seconds, as text.
        user_properties: Names and values, in order.
    """

    payload_format_indicator: Template | None = None
    content_type: Template | None = None
    response_topic: Template | None = None
    correlation_data: Template | None = None
    message_expiry: Template | None = None
    user_properties: tuple[tuple[Template, Template], ...] = ()

    def templates(self) -> Iterator[Template]:
        """Give every template that they have."""
        found = (
            self.payload_format_indicator,
            self.content_type,
            self.response_topic,
            self.correlation_data,
            self.message_expiry,
            *(template for pair in self.user_properties for template in pair),
        )
        yield from (template for template in found if template is not None)

    def render(self, context: Context) -> dict[str, object]:
        """Return the headers as JSON, without the absent ones. Raises as the action's `render`."""
        templates = {
            "payloadFormatIndicator": self.payload_format_indicator,
            "contentType": self.content_type,
            "responseTopic": self.response_topic,
            "correlationData": self.correlation_data,
            "messageExpiry": self.message_expiry,
        }
        rendered: dict[str, object] = {
            key: template.render_in(context)
            for key, template in templates.items()
            if template is not None
        }
        if self.user_properties:
            rendered["userProperties"] = [
                {"key": key.render_in(context), "value": value.render_in(context)}
                for key, value in self.user_properties
            ]
        return rendered


@dataclass(frozen=True, slots=True)
class RepublishAction(_Templated):
    """Publish the payload to a topic.

    Attributes:
        topic: The topic; `$$` at its beginning, which stands for `$`, is already `$`.
        role_arn: As written; a gateway has no use for it.
        qos: 0 or 1.
        headers: MQTT 5 properties, or None.
    """

    kind: ClassVar[str] = "republish"

    topic: Template
    role_arn: str
    qos: int
    headers: RepublishHeaders | None = None

    def templates(self) -> Iterator[Template]:
        """Give every template that it has."""
        yield self.topic
        if self.headers is not None:
            yield from self.headers.templates()

    def render(self, context: Context) -> dict[str, object]:
        """Return the action as JSON, each template replaced by its text for one message.

        Args:
            context: The one that the rule's statement was evaluated in.

        Raises:
            TemplateUndefined: An expression of a template has no value.
            EvaluationFailed: A function that reaches out could not be answered.
        """
        rendered: dict[str, object] = {
            "topic": self.topic.render_in(context),
            "roleArn": self.role_arn,
            "qos": self.qos,
        }
        if self.headers is not None:
            rendered["headers"] = self.headers.render(context)
        return {self.kind: rendered}


@dataclass(frozen=True, slots=True)
class ServiceAction(_Templated):
    """An action that some service carries out: a function, an endpoint, a bucket, a table, a log.

    Attributes:
        kind: The action's key.
        parameters: What stands under it, as in the document; a text with `${` that takes templates
            is a Template.
    """

    kind: str
    parameters: Mapping[str, object]

    def templates(self) -> Iterator[Template]:
        """Give every template that it has."""
        return templates_in(self.parameters)

    def render(self, context: Context) -> dict[str, object]:
        """Return the action as JSON, each template replaced by its text for one message.

        Args:
            context: The one that the rule's statement was evaluated in.

        Raises:
            TemplateUndefined: An expression of a template has no value.
            EvaluationFailed: A function that reaches out could not be answered.
        """
        return {self.kind: render(self.parameters, ACTIONS[self.kind], context)}


@dataclass(frozen=True, slots=True)
class UnsupportedAction:
    """An action that cannot be carried out here.

    Attributes:
        kind: The action's key.
        parameters: What stands under it, as in the document; a text with `${` that takes templates
            is a Template (of a map that takes them in its keys, the key as well). Of an unknown
            action all is as written.
        problem: Why it cannot be carried out, in one sentence.
    """

    kind: str
    parameters: Mapping[str, object]
    problem: str
    reaches_out: ClassVar[bool] = False  # it is never rendered

    def templates(self) -> Iterator[Template]:
        """Give every template that it has."""
        return templates_in(self.parameters)

    def render(self, context: Context) -> dict[str, object]:
        """Return the action as JSON, each template replaced by its text for one message.

        Args:
            context: The one that the rule's statement was evaluated in.

        Raises:
            TemplateUndefined: An expression of a template has no value.
            EvaluationFailed: A function that reaches out could not be answered.
        """
        shape = ACTIONS.get(self.kind)
        parameters: object = self.parameters
        return {self.kind: parameters if shape is None else render(parameters, shape, context)}


Action: TypeAlias = SqsAction | RepublishAction | ServiceAction | UnsupportedAction
