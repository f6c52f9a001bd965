"""What a runner's error means: the sentence, the hint and whether a person must see to it."""

from __future__ import annotations

from typing import Final

from gateway.services.functions.errors import (
    FunctionAnswerTooLarge,
    FunctionCrashed,
    FunctionError,
    FunctionFailed,
    PayloadRefused,
)
from gateway.services.functions.process import Answer
from gateway.services.functions.settings import FunctionSettings

__all__ = ["SHOWN_CHARACTERS", "failure_of"]

SHOWN_CHARACTERS: Final = 500
"""How much of a function's own words goes into errors and status."""


def failure_of(answer: Answer, settings: FunctionSettings) -> FunctionError:
    """Return the error that an answer with an error stands for.

    A FunctionCrashed means that the process is of no use any more.
    """
    title = f'the function "{settings.name}"'
    kind, message = answer.text("kind"), answer.text("message")[:SHOWN_CHARACTERS]
    if kind == "memory":
        return FunctionCrashed(
            f"{title} ran out of memory: it may have {settings.memory_bytes} bytes",
            hint="Give it more with memory_bytes, or let it hold less at a time.",
        )
    if kind == "payload":
        return PayloadRefused(
            f"the payload for {title} is no JSON text: {message}",
            hint="Functions take JSON only. For other payloads SELECT encode(*, 'base64').",
        )
    if kind == "large":
        return FunctionAnswerTooLarge(
            f"{title} returned {message} bytes; it may return {settings.max_answer_bytes}",
            hint="Return less, or set max_answer_bytes.",
        )
    error_type, line = answer.text("type"), answer.text("line")
    where = f"{settings.file}:{line}" if line not in ("", "0") else f"{settings.file}"
    what = "cannot be imported" if kind == "import" else "raised"
    return FunctionFailed(
        f"{title} {what}: {error_type}: {message} ({where})",
        error_type=error_type,
        error_message=message,
    )
