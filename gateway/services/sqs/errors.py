"""What the SQS engine refuses, as exceptions that carry AWS's code.

Owns the tree; knows nothing of the wire. `code` is the error shape's name in the service model or,
where AWS raises an error that no operation lists, the name that its JSON protocol gives.

Source: the Amazon SQS API reference, errors of each operation.
"""

from __future__ import annotations

from typing import ClassVar

from gateway.errors import Disposition, GatewayError

__all__ = [
    "BatchEntryIdsNotDistinct",
    "BatchRequestTooLong",
    "EmptyBatchRequest",
    "InvalidAddress",
    "InvalidAttributeName",
    "InvalidAttributeValue",
    "InvalidBatchEntryId",
    "InvalidMessageContents",
    "InvalidParameterValue",
    "KmsDisabled",
    "KmsNotFound",
    "MessageNotInflight",
    "MissingParameter",
    "OverLimit",
    "PurgeQueueInProgress",
    "QueueDoesNotExist",
    "QueueNameExists",
    "ReceiptHandleIsInvalid",
    "RequestThrottled",
    "ResourceNotFound",
    "SqsError",
    "TooManyEntriesInBatchRequest",
    "UnsupportedOperation",
]


class SqsError(GatewayError):
    """The root of what a queue or the service refuses."""

    code: ClassVar[str] = "InvalidParameterValueException"
    disposition = Disposition.QUARANTINE


class InvalidParameterValue(SqsError):  # noqa: N818 - these are AWS's names
    """A parameter is out of its range or has another form than AWS asks for."""

    code = "InvalidParameterValueException"


class MissingParameter(SqsError):  # noqa: N818
    """A parameter that AWS requires is absent or empty."""

    code = "MissingRequiredParameterException"


class InvalidMessageContents(SqsError):  # noqa: N818
    """The body has characters that AWS does not allow, or is no UTF-8."""

    code = "InvalidMessageContents"


class QueueDoesNotExist(SqsError):  # noqa: N818
    """No queue has this name, or it has been deleted."""

    code = "QueueDoesNotExist"

    def __init__(self) -> None:
        super().__init__("The specified queue does not exist.")


class QueueNameExists(SqsError):  # noqa: N818
    """A queue of this name has other attributes."""

    code = "QueueNameExists"


class PurgeQueueInProgress(SqsError):  # noqa: N818
    """The queue is being purged, or was within the last minute."""

    code = "PurgeQueueInProgress"
    disposition = Disposition.RETRY

    def __init__(self, name: str, interval_s: int) -> None:
        super().__init__(
            f"Only one PurgeQueue operation on {name} is allowed every {interval_s} seconds."
        )


class InvalidAttributeName(SqsError):  # noqa: N818
    """A queue attribute that cannot be set."""

    code = "InvalidAttributeName"


class InvalidAttributeValue(SqsError):  # noqa: N818
    """A queue attribute's value is out of its range."""

    code = "InvalidAttributeValue"


class UnsupportedOperation(SqsError):  # noqa: N818
    """AWS serves it, this gateway does not yet."""

    code = "UnsupportedOperation"


class ReceiptHandleIsInvalid(SqsError):  # noqa: N818
    """The text is no receipt handle, or belongs to another queue."""

    code = "ReceiptHandleIsInvalid"

    def __init__(self, handle: str) -> None:
        super().__init__(
            f'The input receipt handle "{handle[:256]}" is not a valid receipt handle.'
        )


class MessageNotInflight(SqsError):  # noqa: N818
    """The message is visible again, so its visibility timeout cannot be changed."""

    code = "MessageNotInflight"

    def __init__(self) -> None:
        super().__init__("The specified message isn't in flight.")


class OverLimit(SqsError):  # noqa: N818
    """As many messages are in flight, or statements in a policy, as a queue may have."""

    code = "OverLimit"
    disposition = Disposition.RETRY


class RequestThrottled(SqsError):  # noqa: N818
    """As many receives are waiting as the gateway lets wait."""

    code = "RequestThrottled"
    disposition = Disposition.RETRY


class ResourceNotFound(SqsError):  # noqa: N818
    """A queue or a task that a message move task names is not there."""

    code = "ResourceNotFoundException"


class InvalidAddress(SqsError):  # noqa: N818
    """The queue URL names no queue at all."""

    code = "InvalidAddress"


class EmptyBatchRequest(SqsError):  # noqa: N818
    """A batch without entries."""

    code = "EmptyBatchRequest"


class TooManyEntriesInBatchRequest(SqsError):  # noqa: N818
    """A batch with more entries than AWS allows."""

    code = "TooManyEntriesInBatchRequest"


class BatchEntryIdsNotDistinct(SqsError):  # noqa: N818
    """Two entries of a batch have one id."""

    code = "BatchEntryIdsNotDistinct"


class InvalidBatchEntryId(SqsError):  # noqa: N818
    """A batch entry's id has other characters than AWS allows, or is too long."""

    code = "InvalidBatchEntryId"


class BatchRequestTooLong(SqsError):  # noqa: N818
    """The messages of a batch are larger together than one message may be."""

    code = "BatchRequestTooLong"


class KmsNotFound(SqsError):  # noqa: N818
    """The key that bodies are sealed with is not there."""

    code = "KmsNotFound"


class KmsDisabled(SqsError):  # noqa: N818
    """The key that bodies are sealed with is disabled."""

    code = "KmsDisabled"
