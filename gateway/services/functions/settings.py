"""The settings of a function, each default named once, with its unit and reason."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from gateway.services.functions.names import name_problem

__all__ = ["MAX_PAYLOAD_BYTES", "FunctionSettings"]

# AWS's limit of a synchronous call, for both directions.
MAX_PAYLOAD_BYTES: Final = 6 * 1024 * 1024

_MAX_TIMEOUT_S: Final = 900.0
_MIN_TIMEOUT_S: Final = 0.1
# Python with its runner takes 10 MB, with boto3 some 40.
_MIN_MEMORY_BYTES: Final = 64_000_000
_MAX_MEMORY_BYTES: Final = 10_240 * 1024 * 1024
_MAX_ENVIRONMENT_CHARACTERS: Final = 4096

_VARIABLE: Final = re.compile(r"[A-Za-z][A-Za-z0-9_]+", re.ASCII)
# The runtime's own, as in AWS; the two regions are among them.
_RESERVED: Final = re.compile(
    r"_HANDLER|_X_AMZN_TRACE_ID|TZ|AWS_(DEFAULT_)?REGION|AWS_EXECUTION_ENV|AWS_LAMBDA_.*"
    r"|AWS_(ACCESS_KEY_ID|SECRET_ACCESS_KEY|SESSION_TOKEN)|LAMBDA_(TASK_ROOT|RUNTIME_DIR)"
)


@dataclass(frozen=True, slots=True)
class FunctionSettings:
    """One `[[lambda.functions]]` section: a Python function in a file, run as in AWS Lambda.

    Attributes are documented by their metadata, from which the settings reference is made.
    """

    name: str = field(
        metadata={
            "unit": "text",
            "doc": "The function's name: 1 to 64 letters, digits, hyphens and underscores. Rules "
            "name it, or any ARN with this name, whatever region, account, alias and version.",
        },
    )
    file: Path = field(
        metadata={
            "unit": "file",
            "doc": "The Python file. Its folder is the working directory and the first place "
            "that modules are imported from. A changed file is in force at the next call.",
        },
    )
    handler: str = field(
        default="lambda_handler",
        metadata={
            "unit": "text",
            "doc": "The name of the handler in the file: called with (event, context).",
        },
    )
    timeout_s: float = field(
        default=3.0,
        metadata={
            "unit": "seconds",
            "doc": "How long one call may take, 0.1 to 900; then the process is killed. AWS's "
            "default. Importing the file is not part of it and has 10 s.",
        },
    )
    memory_bytes: int = field(
        default=128 * 1024 * 1024,
        metadata={
            "unit": "bytes",
            "doc": "How much memory each process of the function may have for itself, 64 MB to "
            "10 GiB. AWS's default.",
        },
    )
    max_answer_bytes: int = field(
        default=MAX_PAYLOAD_BYTES,
        metadata={
            "unit": "bytes",
            "doc": "Largest JSON text that the handler's result may have, 64 bytes to 6 MiB "
            "(AWS's limit).",
        },
    )
    environment: tuple[str, ...] = field(
        default=(),
        metadata={
            "unit": "text",
            "doc": 'Environment variables of the function, each as "NAME=value"; up to 4096 '
            "characters in all, as in AWS.",
        },
    )

    def problems(self) -> list[str]:
        """Return what cannot be used in these settings, a sentence each."""
        found = []
        problem = name_problem(self.name)
        if problem:
            found.append(f'the function\'s name "{self.name}" cannot be used: {problem}')
        if self.file.suffix != ".py":
            found.append(f'file is "{self.file}"; it must be a Python file, ending in .py')
        if "." in self.handler:
            found.append(
                f'handler is "{self.handler}"; write only the part after the last point: the '
                "module is the file"
            )
        elif not self.handler.isidentifier():
            found.append(f'handler is "{self.handler}", which is no name of a Python function')
        if not _MIN_TIMEOUT_S <= self.timeout_s <= _MAX_TIMEOUT_S:
            found.append(f"timeout_s is {self.timeout_s:g}; it must be between 0.1 and 900 (15min)")
        if not _MIN_MEMORY_BYTES <= self.memory_bytes <= _MAX_MEMORY_BYTES:
            found.append(
                f"memory_bytes is {self.memory_bytes}; it must be between 64 MB and 10 GiB"
            )
        if not 64 <= self.max_answer_bytes <= MAX_PAYLOAD_BYTES:
            found.append(
                f"max_answer_bytes is {self.max_answer_bytes}; it must be between 64 and "
                f"{MAX_PAYLOAD_BYTES} (6MiB)"
            )
        found.extend(self._environment_problems())
        return found

    def _environment_problems(self) -> list[str]:
        found = []
        for number, entry in enumerate(self.environment, 1):
            name, equals, value = entry.partition("=")
            if not equals or _VARIABLE.fullmatch(name) is None or "\0" in value:
                # What stands there may be a secret, so it is not shown.
                found.append(
                    f'environment has an entry (number {number}) that is not "NAME=value" with a '
                    "name of letters, digits and underscores that begins with a letter"
                )
            elif _RESERVED.fullmatch(name):
                found.append(f"environment sets {name}, which the runtime sets itself; remove it")
        if sum(map(len, self.environment)) > _MAX_ENVIRONMENT_CHARACTERS:
            found.append(
                f"environment has more than {_MAX_ENVIRONMENT_CHARACTERS} characters; put the "
                "rest into a file beside the function's"
            )
        return found

    @property
    def variables(self) -> dict[str, str]:
        """The environment variables by name."""
        return dict(entry.split("=", 1) for entry in self.environment)

    @property
    def memory_mb(self) -> int:
        """The memory limit as functions see it: 128 for `128MB` as for `128MiB`."""
        unit = 1_000_000 if self.memory_bytes % 1_000_000 == 0 else 1024 * 1024
        return self.memory_bytes // unit
