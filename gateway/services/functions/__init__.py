"""Local Python functions, called as AWS Lambda calls them: each in a process of its own."""

from gateway.services.functions.errors import (
    FunctionAnswerTooLarge,
    FunctionBusy,
    FunctionCrashed,
    FunctionError,
    FunctionFailed,
    FunctionNotFound,
    FunctionNotNow,
    FunctionQuarantined,
    FunctionsStopped,
    FunctionTimedOut,
    PayloadRefused,
)
from gateway.services.functions.function import Timing
from gateway.services.functions.functions import Functions
from gateway.services.functions.names import resolve_name
from gateway.services.functions.reports import FunctionStatus
from gateway.services.functions.settings import FunctionSettings

__all__ = [
    "FunctionAnswerTooLarge",
    "FunctionBusy",
    "FunctionCrashed",
    "FunctionError",
    "FunctionFailed",
    "FunctionNotFound",
    "FunctionNotNow",
    "FunctionQuarantined",
    "FunctionSettings",
    "FunctionStatus",
    "FunctionTimedOut",
    "Functions",
    "FunctionsStopped",
    "PayloadRefused",
    "Timing",
    "resolve_name",
]
