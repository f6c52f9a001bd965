"""Redrive policies: where a queue's unwanted messages go, and whose a dead-letter queue takes.

Owns the two JSON documents RedrivePolicy and RedriveAllowPolicy: what they may say, and how they
are given back. Knows no queues: whether a target exists is asked where queues are known.

Source: the attributes of SetQueueAttributes in the Amazon SQS API reference.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

import orjson

from gateway.services.sqs.errors import InvalidAttributeValue, InvalidParameterValue
from gateway.services.sqs.names import resolve_name

__all__ = [
    "MAX_RECEIVE_COUNT",
    "MAX_SOURCE_QUEUES",
    "RedriveAllowPolicy",
    "RedrivePolicy",
    "invalid_redrive_policy",
    "parse_redrive_allow_policy",
    "parse_redrive_policy",
]

MAX_RECEIVE_COUNT: Final = 1000
MAX_SOURCE_QUEUES: Final = 10
"""How many queues a RedriveAllowPolicy may name."""

_PERMISSIONS: Final = ("allowAll", "denyAll", "byQueue")
_POLICY_KEYS: Final = ("deadLetterTargetArn", "maxReceiveCount")
_ALLOW_KEYS: Final = frozenset({"redrivePermission", "sourceQueueArns"})

# Ten ARNs fit easily; more than that is not kept.
_MAX_DOCUMENT_CHARS: Final = 8192
_MAX_ARN_CHARS: Final = 256

# How much of a refused document an error repeats.
_MAX_SHOWN: Final = 512


@final
@dataclass(frozen=True, slots=True)
class RedrivePolicy:
    """Where a message goes that has been received often enough.

    Attributes:
        dead_letter_target_arn: The dead-letter queue's ARN.
        max_receive_count: How often a message may be received before it goes there, 1 to 1000.
    """

    dead_letter_target_arn: str
    max_receive_count: int

    @property
    def target(self) -> str:
        """The dead-letter queue's name: the last part of its ARN."""
        return resolve_name(self.dead_letter_target_arn)

    def text(self) -> str:
        """Return the JSON as AWS gives it back."""
        return orjson.dumps(
            {
                "deadLetterTargetArn": self.dead_letter_target_arn,
                "maxReceiveCount": self.max_receive_count,
            }
        ).decode()


@final
@dataclass(frozen=True, slots=True)
class RedriveAllowPolicy:
    """Which queues may name this one as their dead-letter queue.

    Attributes:
        permission: `allowAll`, `denyAll` or `byQueue`.
        source_queues: Names of those that may, where it is `byQueue`.
    """

    permission: str = "allowAll"
    source_queues: tuple[str, ...] = ()

    def allows(self, source: str) -> bool:
        """Tell whether the queue of this name may."""
        if self.permission == "byQueue":
            return source in self.source_queues
        return self.permission == "allowAll"


def parse_redrive_policy(text: str) -> RedrivePolicy:
    """Return what a RedrivePolicy says.

    Args:
        text: JSON; the count may be a number or a text.

    Raises:
        InvalidParameterValue: It is no JSON object, lacks a part, or has one of another form.
    """
    document = _object(text)
    if document is None:
        raise invalid_redrive_policy(text, "Redrive policy is not a valid JSON map.")
    for key in reversed(_POLICY_KEYS):
        if document.get(key) is None:
            raise invalid_redrive_policy(
                text, f"Redrive policy does not contain mandatory attribute: {key}."
            )
    if len(document) > len(_POLICY_KEYS):
        raise invalid_redrive_policy(
            text, "Only following attributes are supported: [maxReceiveCount, deadLetterTargetArn]."
        )
    arn, count = document["deadLetterTargetArn"], _count(document["maxReceiveCount"])
    if count is None:
        raise invalid_redrive_policy(
            text,
            f"Invalid value for maxReceiveCount: {str(document['maxReceiveCount'])[:80]}, valid "
            f"values are from 1 to {MAX_RECEIVE_COUNT} both inclusive.",
        )
    if not isinstance(arn, str) or not _is_arn(arn):
        raise invalid_redrive_policy(text, "Invalid value for deadLetterTargetArn.")
    if arn.split(":")[2] != "sqs":
        raise invalid_redrive_policy(
            text, "Only SQS queues are valid resources for deadLetterTargetArn."
        )
    return RedrivePolicy(arn, count)


def parse_redrive_allow_policy(text: str) -> RedriveAllowPolicy:
    """Return what a RedriveAllowPolicy says; an empty text is that nothing has been said.

    Raises:
        InvalidAttributeValue: It is no JSON object of the two members there are.
        InvalidParameterValue: It names queues where it must not, none where it must, or too many.
    """
    if not text:
        return RedriveAllowPolicy()
    document = _object(text)
    if document is None or document.keys() - _ALLOW_KEYS:
        raise _unsupported_format()
    permission, arns = document.get("redrivePermission"), document.get("sourceQueueArns", [])
    if permission not in _PERMISSIONS or not isinstance(arns, list):
        raise _unsupported_format()
    if not all(isinstance(arn, str) and _is_arn(arn) for arn in arns):
        raise _unsupported_format()
    if permission != "byQueue":
        if arns:
            raise _not_allowed(
                text,
                "To specify one or more source queue ARNs, you must set redrivePermission to "
                "byQueue.",
            )
        return RedriveAllowPolicy(str(permission))
    if not arns:
        raise _not_allowed(
            text,
            "When you specify the byQueue permission type, you must also specify one or more "
            "sourceQueueArns values.",
        )
    if len(arns) > MAX_SOURCE_QUEUES:
        raise _not_allowed(
            text,
            f"The maximum number of source queue ARNs you can specify is {MAX_SOURCE_QUEUES}.",
        )
    return RedriveAllowPolicy("byQueue", tuple(resolve_name(arn) for arn in arns))


def invalid_redrive_policy(text: str, reason: str) -> InvalidParameterValue:
    """Return the error for a RedrivePolicy, in AWS's words."""
    return InvalidParameterValue(
        f"Value {_shown(text)} for parameter RedrivePolicy is invalid. Reason: {reason}"
    )


def _not_allowed(text: str, reason: str) -> InvalidParameterValue:
    return InvalidParameterValue(
        f"Value {_shown(text)} for parameter RedriveAllowPolicy is invalid. Reason: Amazon SQS "
        f"can't create the redrive allow policy. {reason}"
    )


def _unsupported_format() -> InvalidAttributeValue:
    return InvalidAttributeValue(
        "Invalid value for the parameter RedriveAllowPolicy. Reason: Amazon SQS can't create the "
        "redrive allow policy, as it\u2019s in an unsupported format."
    )


def _shown(text: str) -> str:
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…"


def _object(text: str) -> Mapping[str, object] | None:
    if len(text) > _MAX_DOCUMENT_CHARS:
        return None
    try:
        document = orjson.loads(text)
    except orjson.JSONDecodeError:
        return None
    return document if isinstance(document, dict) else None


def _count(value: object) -> int | None:
    if isinstance(value, str) and value.isascii() and value.isdigit() and len(value) <= 4:
        value = int(value)
    if isinstance(value, int) and not isinstance(value, bool) and 1 <= value <= MAX_RECEIVE_COUNT:
        return value
    return None


def _is_arn(text: str) -> bool:
    parts = text.split(":")
    return len(text) <= _MAX_ARN_CHARS and len(parts) == 6 and parts[0] == "arn" and all(parts)
