"""What calling a function can end in, apart from its answer.

Owns the tree of errors; knows nothing of processes. Each says whether the same call may be tried
again, and after what time where there is one.
"""

from __future__ import annotations

from typing import ClassVar

from gateway.errors import Disposition, GatewayError

__all__ = [
    "FunctionAnswerTooLarge",
    "FunctionBusy",
    "FunctionCrashed",
    "FunctionError",
    "FunctionFailed",
    "FunctionNotFound",
    "FunctionNotNow",
    "FunctionQuarantined",
    "FunctionTimedOut",
    "FunctionsStopped",
    "PayloadRefused",
]


class FunctionError(GatewayError):
    """The root of what a call can end in.

    Attributes:
        may_retry: Whether another try of the same call can end otherwise.
    """

    code = "function"
    disposition = Disposition.QUARANTINE
    may_retry: ClassVar[bool] = False


class FunctionNotFound(FunctionError):  # noqa: N818 - named after what happened, as all here
    """The settings declare no function of this name."""

    code = "function-not-found"


class PayloadRefused(FunctionError):  # noqa: N818
    """The payload is no JSON text, or larger than a call may be."""

    code = "function-payload-refused"


class FunctionFailed(FunctionError):  # noqa: N818
    """The handler raised, or its file cannot be imported.

    Attributes:
        error_type: The exception's name, or AWS's name of what the runtime found wrong.
        error_message: The exception's text, cut where it is long.
    """

    code = "function-failed"
    disposition = Disposition.RETRY
    may_retry = True

    def __init__(
        self, message: str, *, hint: str = "", error_type: str = "", error_message: str = ""
    ) -> None:
        super().__init__(message, hint=hint)
        self.error_type = error_type
        self.error_message = error_message


class FunctionTimedOut(FunctionError):  # noqa: N818
    """The function, or the wait for it, took longer than it may."""

    code = "function-timed-out"
    disposition = Disposition.RETRY
    may_retry = True


class FunctionCrashed(FunctionError):  # noqa: N818
    """The function's process ended, ran out of memory, or spoke no sense."""

    code = "function-crashed"
    disposition = Disposition.RETRY
    may_retry = True


class FunctionAnswerTooLarge(FunctionError):  # noqa: N818
    """The handler returned more than an answer may have."""

    code = "function-answer-too-large"


class FunctionNotNow(FunctionError):  # noqa: N818
    """The function was not called, and can be after some time.

    Args:
        message: What is wrong, in one sentence.
        hint: What a person can do about it.
        retry_after_s: How long to wait.
    """

    code = "function-not-now"
    disposition = Disposition.RETRY
    may_retry = True

    def __init__(self, message: str, *, hint: str = "", retry_after_s: float) -> None:
        super().__init__(message, hint=hint)
        self.retry_after_s = retry_after_s


class FunctionQuarantined(FunctionNotNow):
    """The function crashed several times in a row and rests."""

    code = "function-quarantined"


class FunctionBusy(FunctionNotNow):
    """As many calls wait for the function as may."""

    code = "function-busy"


class FunctionsStopped(FunctionError):  # noqa: N818
    """The gateway is stopping."""

    code = "functions-stopped"
    disposition = Disposition.RETRY
    may_retry = True
