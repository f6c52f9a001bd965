"""AWS's errors as values: what an operation raises and the front writes onto the wire.

Owns the error type, the errors every AWS service shares, and the codes the SQS JSON protocol must
still give in their old Query spelling. Knows nothing of HTTP, requests or engines.

Sources: the common errors of the Amazon SQS API reference; the `awsQueryCompatible` trait of
Smithy for the `x-amzn-query-error` header.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, Literal, final

__all__ = [
    "CORAL",
    "SQS_QUERY_ERRORS",
    "AwsError",
    "Fault",
    "access_denied",
    "incomplete_signature",
    "internal_failure",
    "invalid_signature",
    "malformed_query",
    "missing_action",
    "serialization",
    "service_unavailable",
    "unknown_action",
    "unknown_operation",
    "unrecognized_client",
]

Fault = Literal["Sender", "Receiver"]

CORAL: Final = "com.amazon.coral.service"
"""The namespace of errors that AWS's request front raises, whatever the service."""


@final
class AwsError(Exception):
    """One error in AWS's own terms.

    Args:
        code: The error's shape name, such as `QueueDoesNotExist`.
        message: The sentence the caller reads.
        status: HTTP status; None for what the service's table says, else 400.
        query_code: The code under the old Query protocol, for `x-amzn-query-error`; None for what
            the service's table says, else `code`.
        fault: Whose fault it is, in the Query protocol's words.
        namespace: What stands before `#` in `__type`; None for the service's own namespace.
        members: What its shape has beside the message, such as `resourceArn`; REST-JSON only.
    """

    def __init__(
        self,
        code: str,
        message: str,
        status: int | None = None,
        query_code: str | None = None,
        fault: Fault = "Sender",
        *,
        namespace: str | None = None,
        members: Mapping[str, object] | None = None,
    ) -> None:
        super().__init__(message)
        self.code = code
        self.message = message
        self.status = status
        self.query_code = query_code
        self.fault: Fault = fault
        self.namespace = namespace
        self.members: Mapping[str, object] = members or {}

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


def _coral(
    code: str, message: str, status: int, query_code: str, fault: Fault = "Sender"
) -> AwsError:
    return AwsError(code, message, status, query_code, fault, namespace=CORAL)


def serialization(message: str) -> AwsError:
    """Return the error for a body that is no JSON object or has a value of the wrong type."""
    return _coral("SerializationException", message, 400, "MalformedInput")


def malformed_query(message: str) -> AwsError:
    """Return the error for a form or a query string that cannot be read."""
    return _coral("MalformedQueryString", message, 404, "MalformedQueryString")


def missing_action() -> AwsError:
    """Return the error for a form that names no action."""
    said = "The request must contain the parameter Action."
    return _coral("MissingAction", said, 400, "MissingAction")


def unknown_action(message: str) -> AwsError:
    """Return the error for an action of the Query protocol that no service here has."""
    return _coral("InvalidAction", message, 400, "InvalidAction")


def unknown_operation(message: str) -> AwsError:
    """Return the error for a target that names no operation of any service here."""
    return _coral("UnknownOperationException", message, 400, "InvalidAction")


def access_denied(message: str) -> AwsError:
    """Return the error for a request that carries no signature."""
    return _coral("AccessDeniedException", message, 403, "AccessDenied")


def incomplete_signature(message: str) -> AwsError:
    """Return the error for an Authorization header that lacks a part or has a malformed one."""
    return _coral("IncompleteSignatureException", message, 400, "IncompleteSignature")


def invalid_signature(message: str) -> AwsError:
    """Return the error for a signature that is wrong, too old, or made for something else."""
    return _coral("InvalidSignatureException", message, 403, "SignatureDoesNotMatch")


def unrecognized_client(message: str) -> AwsError:
    """Return the error for an access key id, or a session token, that nobody here issued."""
    return _coral("UnrecognizedClientException", message, 403, "InvalidClientTokenId")


def service_unavailable(message: str) -> AwsError:
    """Return the error for a request that may well succeed later; AWS's SDKs try it again."""
    return _coral("ServiceUnavailable", message, 503, "ServiceUnavailable", "Receiver")


def internal_failure(message: str) -> AwsError:
    """Return the error for a fault of the gateway itself."""
    return _coral("InternalFailure", message, 500, "InternalFailure", "Receiver")


def _sqs(code: str, status: int = 400) -> tuple[str, int]:
    return f"AWS.SimpleQueueService.{code}", status


SQS_QUERY_ERRORS: Final[Mapping[str, tuple[str, int]]] = {
    # Error shape -> (code under the Query protocol, HTTP status). A shape that is not here keeps
    # its own name and 400. The service model carried this table once; it no longer does.
    "BatchEntryIdsNotDistinct": _sqs("BatchEntryIdsNotDistinct"),
    "BatchRequestTooLong": _sqs("BatchRequestTooLong"),
    "EmptyBatchRequest": _sqs("EmptyBatchRequest"),
    "InvalidAddress": ("InvalidAddress", 404),
    "InvalidBatchEntryId": _sqs("InvalidBatchEntryId"),
    "InvalidSecurity": ("InvalidSecurity", 403),
    "KmsAccessDenied": ("KMS.AccessDeniedException", 400),
    "KmsDisabled": ("KMS.DisabledException", 400),
    "KmsInvalidKeyUsage": ("KMS.InvalidKeyUsageException", 400),
    "KmsInvalidState": ("KMS.InvalidStateException", 400),
    "KmsNotFound": ("KMS.NotFoundException", 400),
    "KmsOptInRequired": ("KMS.OptInRequired", 403),
    "KmsThrottled": ("KMS.ThrottlingException", 400),
    "MessageNotInflight": _sqs("MessageNotInflight"),
    "OverLimit": ("OverLimit", 403),
    "PurgeQueueInProgress": _sqs("PurgeQueueInProgress", 403),
    "QueueDeletedRecently": _sqs("QueueDeletedRecently"),
    "QueueDoesNotExist": _sqs("NonExistentQueue"),
    "QueueNameExists": ("QueueAlreadyExists", 400),
    "ReceiptHandleIsInvalid": ("ReceiptHandleIsInvalid", 404),
    "RequestThrottled": ("RequestThrottled", 403),
    "ResourceNotFoundException": ("ResourceNotFoundException", 404),
    "TooManyEntriesInBatchRequest": _sqs("TooManyEntriesInBatchRequest"),
    "UnsupportedOperation": _sqs("UnsupportedOperation"),
}
"""What the SQS errors are under the Query protocol, which `x-amzn-query-error` repeats."""
