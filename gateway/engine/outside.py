"""What functions that reach out are told: by local functions, tables, secrets and buckets.

Owns the way from a thread that evaluates a statement to whoever has the answer, and that no answer
is waited for without end. Device shadows and a registry of things are not there yet: asking them
fails and says so.
"""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine, Mapping
from typing import Any, Final, TypeVar, final

import rules
from gateway.engine.actions.functions import SQL_TIMEOUT_S, invoke_for_sql
from gateway.errors import GatewayError
from gateway.services.dynamodb import Tables
from gateway.services.dynamodb import resolve_name as resolve_table
from gateway.services.functions import Functions
from gateway.services.s3 import Buckets
from gateway.services.secrets import Secrets, SecretsError
from rules.outside import MAX_DESCRIPTOR_BYTES
from rules.values import Value

__all__ = ["LocalAnswers"]

Answer = TypeVar("Answer")

# Longer than a function may take: the loop itself may be busy.
_WAIT_S: Final = SQL_TIMEOUT_S + 3.0


@final
class LocalAnswers(rules.Outside):
    """Answers from this gateway; its methods are called on threads.

    Args:
        functions: The local functions.
        tables: The local tables.
        secrets: The local secrets.
        buckets: Where protobuf descriptors are.
        loop: Where functions and tables live.
    """

    def __init__(
        self,
        functions: Functions,
        tables: Tables,
        secrets: Secrets,
        buckets: Buckets,
        loop: asyncio.AbstractEventLoop,
    ) -> None:
        self._functions = functions
        self._tables = tables
        self._secrets = secrets
        self._buckets = buckets
        self._loop = loop

    def invoke_lambda(self, function_arn: str, payload: bytes) -> bytes | None:
        """Call a local function with a JSON text and return what it answers, a JSON text."""
        return self._ask("aws_lambda", invoke_for_sql(self._functions, function_arn, payload))

    def dynamodb_item(self, table_name: str, key: Mapping[str, Value]) -> bytes | None:
        """Return the item with this key as a plain JSON object."""

        async def get() -> bytes | None:
            return self._tables.get(resolve_table(table_name), key)

        return self._ask("get_dynamodb", get())

    def secret(self, secret_id: str) -> rules.Secret | None:
        """Return a secret, by name or ARN."""
        try:
            found = self._secrets.get(secret_id)
        except SecretsError as error:
            raise rules.EvaluationFailed(f"get_secret: {error}", hint=error.hint) from error
        return None if found is None else rules.Secret(found.string, found.binary)

    def descriptor_set(self, bucket: str, key: str) -> bytes | None:
        """Return a serialized FileDescriptorSet of protobuf, from a local bucket."""
        try:
            return self._buckets.read(bucket, key, MAX_DESCRIPTOR_BYTES)
        except GatewayError as error:
            raise rules.EvaluationFailed(f"decode: {error}", hint=error.hint) from error

    def _ask(self, function: str, answer: Coroutine[Any, Any, Answer]) -> Answer:
        """Have the loop answer, and wait for it here, on a thread."""
        asked = asyncio.run_coroutine_threadsafe(answer, self._loop)
        try:
            return asked.result(_WAIT_S)
        except rules.EvaluationFailed:
            raise
        except GatewayError as error:
            raise rules.EvaluationFailed(f"{function}: {error}", hint=error.hint) from error
        except TimeoutError as error:
            asked.cancel()
            raise rules.EvaluationFailed(
                f"{function}: there was no answer within {_WAIT_S:.0f} s"
            ) from error
