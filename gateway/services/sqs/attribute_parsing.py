"""From the attributes of a request to those of a queue, refused as AWS refuses them.

Owns what each text may be, and which attributes go together. Whether a dead-letter queue exists is
asked in `redrive`, where queues are known.

Source: the attributes of CreateQueue and SetQueueAttributes in the Amazon SQS API reference.
"""

from __future__ import annotations

import dataclasses
import re
from collections.abc import Callable, Mapping
from typing import Final

from gateway.services.sqs.attributes import (
    DEDUPLICATION_SCOPES,
    DEFAULT_ATTRIBUTES,
    FIFO_THROUGHPUT_LIMITS,
    NUMBERS,
    RANGES,
    QueueAttributes,
)
from gateway.services.sqs.errors import InvalidAttributeName, InvalidAttributeValue
from gateway.services.sqs.permissions import check_policy
from gateway.services.sqs.redrive_policy import (
    RedrivePolicy,
    parse_redrive_allow_policy,
    parse_redrive_policy,
)

__all__ = ["differing_attribute", "parse_attributes"]

_KEY_ID: Final = re.compile(r"[A-Za-z0-9:/_-]{1,2048}")


def parse_attributes(
    texts: Mapping[str, str], base: QueueAttributes = DEFAULT_ATTRIBUTES
) -> QueueAttributes:
    """Return `base` with the attributes that a request names.

    Args:
        texts: Values under AWS's names. An empty text takes a policy or a key away.
        base: Where the others come from; it says whether the queue is a FIFO queue.

    Raises:
        InvalidAttributeName: An attribute does not exist, cannot be set, or does not go with
            another or with a standard queue.
        InvalidAttributeValue: A value is out of its range or has another form.
        InvalidParameterValue: A redrive policy says something that cannot be.
        OverLimit: The policy has too many statements.
    """
    values: dict[str, object] = {}
    for name, text in texts.items():
        read = _READERS.get(name)
        if read is None:  # it does not exist, or can only be read
            raise InvalidAttributeName(f"Unknown Attribute {name[:80]}.")
        if name in _FIFO_ONLY and not base.fifo:
            raise InvalidAttributeName(_FIFO_ONLY[name])
        field, value = read(name, text)
        values[field] = value
    _settle_encryption(texts, values)
    values.pop("fifo", None)  # a queue's kind is its name's
    found = dataclasses.replace(base, **values)  # type: ignore[arg-type] # each by its reader
    if (
        found.fifo_throughput_limit == "perMessageGroupId"
        and found.deduplication_scope != "messageGroup"
    ):
        raise InvalidAttributeValue(
            "Invalid value for the parameter FifoThroughputLimit. Reason: To set "
            "FifoThroughputLimit to perMessageGroupId, the DeduplicationScope must be messageGroup."
        )
    return found


def differing_attribute(texts: Mapping[str, str], attributes: QueueAttributes) -> str:
    """Return an attribute that a CreateQueue wants otherwise than a queue has it; empty for none.

    Raises:
        SqsError: An attribute cannot be set, or not to this value.
    """
    wanted = parse_attributes(texts, attributes)
    if wanted == attributes:
        return ""
    here, there = attributes.texts(), wanted.texts()
    differing = [name for name in texts if here.get(name) != there.get(name)]
    return differing[0] if differing else next(iter(texts))


def _settle_encryption(texts: Mapping[str, str], values: dict[str, object]) -> None:
    """Let the one kind of encryption that is asked for take the place of the other."""
    if values.get("managed_sse") and values.get("kms_master_key_id"):
        raise InvalidAttributeName(
            "You can use one type of server-side encryption (SSE) at one time. You can either "
            "enable KMS SSE or SQS SSE."
        )
    if values.get("managed_sse"):
        values["kms_master_key_id"] = ""
    elif values.get("kms_master_key_id"):
        values["managed_sse"] = False


def _invalid(name: str, reason: str = "") -> InvalidAttributeValue:
    said = f" Reason: {reason}" if reason else ""
    return InvalidAttributeValue(f"Invalid value for the parameter {name}.{said}")


def _number(name: str, text: str) -> tuple[str, int]:
    low, high = RANGES[name]
    # Nine digits hold every range; int() of a very long text would take long.
    if text.isascii() and text.isdigit() and len(text) <= 9 and low <= int(text) <= high:
        return NUMBERS[name], int(text)
    raise _invalid(name, f"Must be between {low} and {high}.")


def _bool(field: str) -> Callable[[str, str], tuple[str, bool]]:
    def read(name: str, text: str) -> tuple[str, bool]:
        if text.lower() not in ("true", "false"):
            raise _invalid(name)
        return field, text.lower() == "true"

    return read


def _fifo(name: str, text: str) -> tuple[str, bool]:
    if text.lower() != "true":
        raise _invalid(name, "Modifying queue type is not supported.")
    return "fifo", True


def _one_of(field: str, values: tuple[str, ...]) -> Callable[[str, str], tuple[str, str]]:
    def read(name: str, text: str) -> tuple[str, str]:
        if text not in values:
            raise _invalid(name)
        return field, text

    return read


def _key(name: str, text: str) -> tuple[str, str]:
    if text and _KEY_ID.fullmatch(text) is None:
        raise _invalid(name)
    return "kms_master_key_id", text


def _redrive(name: str, text: str) -> tuple[str, RedrivePolicy | None]:
    return "redrive", parse_redrive_policy(text) if text else None


def _redrive_allow(name: str, text: str) -> tuple[str, str]:
    parse_redrive_allow_policy(text)
    return "redrive_allow_policy", text


def _policy(name: str, text: str) -> tuple[str, str]:
    check_policy(text)
    return "policy", text


_READERS: Final[Mapping[str, Callable[[str, str], tuple[str, object]]]] = {
    **dict.fromkeys(NUMBERS, _number),
    "FifoQueue": _fifo,
    "ContentBasedDeduplication": _bool("content_based_deduplication"),
    "DeduplicationScope": _one_of("deduplication_scope", DEDUPLICATION_SCOPES),
    "FifoThroughputLimit": _one_of("fifo_throughput_limit", FIFO_THROUGHPUT_LIMITS),
    "RedrivePolicy": _redrive,
    "RedriveAllowPolicy": _redrive_allow,
    "Policy": _policy,
    "KmsMasterKeyId": _key,
    "SqsManagedSseEnabled": _bool("managed_sse"),
}

_FIFO_ONLY: Final[Mapping[str, str]] = {
    "FifoQueue": "Unknown Attribute FifoQueue.",
    "ContentBasedDeduplication": "Unknown Attribute ContentBasedDeduplication.",
    "DeduplicationScope": (
        "You can specify the DeduplicationScope only when FifoQueue is set to true."
    ),
    "FifoThroughputLimit": (
        "You can specify the FifoThroughputLimit only when FifoQueue is set to true."
    ),
}
