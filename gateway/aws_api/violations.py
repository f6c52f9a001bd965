"""How a service words a request that breaks its model.

Owns the sentences and codes; the checker finds what is wrong and asks here for the error. Most
services answer with `ValidationException`; SQS, older than that, has words of its own.

Sources: the messages that AWS's JSON services and SQS answer with, and their API references.
"""

from __future__ import annotations

from collections.abc import Collection
from typing import Final, Protocol, final

from gateway.aws_api.errors import CORAL, AwsError, serialization

__all__ = ["CommonViolations", "SqsViolations", "Violations", "wrong_type"]


class Violations(Protocol):
    """The errors for what a model forbids; wrong types read alike everywhere (`wrong_type`).

    A path is the member as a caller would write it: `Entries.1.MessageBody`.
    """

    @property
    def unchecked_enums(self) -> Collection[str]:
        """`Structure.Member` where values beyond the model's enum are taken all the same."""
        ...

    def missing(self, path: str) -> AwsError:
        """Return the error for a required member that is absent or null."""
        ...

    def constraint(self, path: str, value: object, requirement: str) -> AwsError:
        """Return the error for a value out of its range, length or pattern.

        Args:
            path: The member.
            value: The value.
            requirement: What the member must be, such as `have length less than or equal to 80`.
        """
        ...

    def not_in_enum(self, path: str, value: str, shape: str, enum: Collection[str]) -> AwsError:
        """Return the error for a string that is none of those its shape lists."""
        ...


_MAX_SHOWN: Final = 256
"""How much of a refused value an error repeats."""


def _shown(value: object) -> str:
    text = str(value)
    return text if len(text) <= _MAX_SHOWN else text[:_MAX_SHOWN] + "…"


def _json_name(value: object) -> str:
    if isinstance(value, bool):
        return "TRUE_VALUE" if value else "FALSE_VALUE"
    if isinstance(value, str):
        return "STRING_VALUE"
    return "NUMBER_VALUE" if isinstance(value, int) else "DECIMAL_VALUE"


def wrong_type(path: str, value: object, wanted: str) -> AwsError:
    """Return the error for a value of another JSON type than its shape's.

    Args:
        path: The member.
        value: What was there.
        wanted: The shape's type in AWS's words: `String`, `Integer`, `list`, `structure or map`, …
    """
    if isinstance(value, dict):
        said = "Start of structure or map found where not expected."
    elif isinstance(value, list):
        said = "Start of list found where not expected"
    elif wanted in ("list", "structure or map"):
        said = f"Expected {wanted} or null"
    else:
        article = "an" if wanted[0] in "AEIOU" else "a"
        said = f"{_json_name(value)} can not be converted to {article} {wanted}"
    return serialization(f"{said} ({path})" if path else said)


@final
class CommonViolations:
    """The words of most services: one `ValidationException` that names the member.

    Args:
        code: What the service calls the error, where it has a name of its own for it.
        namespace: What stands before `#` in its `__type`.
    """

    unchecked_enums: Collection[str] = ()

    def __init__(
        self,
        code: str = "ValidationException",
        *,
        namespace: str | None = "com.amazon.coral.validate",
    ) -> None:
        self._code = code
        self._namespace = namespace

    def missing(self, path: str) -> AwsError:
        """Return the error for a required member that is absent or null."""
        return self._error(f"Value null at '{path}'", "not be null")

    def constraint(self, path: str, value: object, requirement: str) -> AwsError:
        """Return the error for a value out of its range, length or pattern."""
        return self._error(f"Value '{_shown(value)}' at '{path}'", requirement)

    def not_in_enum(self, path: str, value: str, shape: str, enum: Collection[str]) -> AwsError:
        """Return the error for a string that is none of those its shape lists."""
        listed = ", ".join(enum)
        return self._error(
            f"Value '{_shown(value)}' at '{path}'", f"satisfy enum value set: [{listed}]"
        )

    def _error(self, subject: str, requirement: str) -> AwsError:
        return AwsError(
            self._code,
            f"1 validation error detected: {subject} failed to satisfy constraint: "
            f"Member must {requirement}",
            400,
            namespace=self._namespace,
        )


@final
class SqsViolations:
    """The words of SQS, which date from its Query protocol."""

    # ReceiveMessage takes the names of message attributes here, though the model's enum is that of
    # the queue's attributes.
    unchecked_enums: Collection[str] = ("ReceiveMessageRequest.AttributeNames",)

    def missing(self, path: str) -> AwsError:
        """Return the error for a required member that is absent or null."""
        return AwsError(
            "MissingRequiredParameterException",
            f"The request must contain the parameter {path}.",
            400,
            "MissingParameter",
            namespace=CORAL,
        )

    def constraint(self, path: str, value: object, requirement: str) -> AwsError:
        """Return the error for a value out of its range, length or pattern."""
        return self._invalid(path, value, f"Must {requirement}.")

    def not_in_enum(self, path: str, value: str, shape: str, enum: Collection[str]) -> AwsError:
        """Return the error for a string that is none of those its shape lists."""
        if shape in ("QueueAttributeName", "MessageSystemAttributeName"):
            return AwsError("InvalidAttributeName", f"Unknown Attribute {_shown(value)}.")
        return self._invalid(path, value, f"Must be one of {', '.join(enum)}.")

    @staticmethod
    def _invalid(path: str, value: object, reason: str) -> AwsError:
        return AwsError(
            "InvalidParameterValueException",
            f"Value {_shown(value)} for parameter {path} is invalid. Reason: {reason}",
            400,
            "InvalidParameterValue",
            namespace=CORAL,
        )
