"""What the functions that reach out ask: shadows, functions, tables, secrets, the registry, files.

Owns the one narrow interface between statements and whatever is beyond the message. Its user
supplies an object that answers what there is; the rest fails with a reason.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Final, final

from rules.errors import EvaluationFailed
from rules.values import Value

__all__ = ["MAX_DESCRIPTOR_BYTES", "NOTHING_OUTSIDE", "Outside", "Secret"]

# AWS's limit for a FileDescriptorSet: whoever answers need not bring more.
MAX_DESCRIPTOR_BYTES: Final = 32 * 1024


@final
@dataclass(frozen=True, slots=True)
class Secret:
    """A secret's value: exactly one of the two is there."""

    string: str | None = None
    binary: bytes | None = None


class Outside:
    """Answers the functions that reach out. Override what there is.

    JSON comes as text in bytes, so that its numbers are read as exactly as a payload's. None says
    that what was asked for does not exist. All methods may block.

    Every method raises EvaluationFailed where the question cannot be answered: then the rule ends
    for this message, without its actions.
    """

    def thing_shadow(self, thing_name: str, shadow_name: str | None) -> bytes | None:
        """Return the document of a shadow as GetThingShadow gives it; None: the classic shadow."""
        raise EvaluationFailed("get_thing_shadow: there are no device shadows to ask here")

    def invoke_lambda(self, function_arn: str, payload: bytes) -> bytes | None:
        """Call a function with a JSON text and return what it answers, a JSON text."""
        raise EvaluationFailed("aws_lambda: there are no functions to call here")

    def dynamodb_item(self, table_name: str, key: Mapping[str, Value]) -> bytes | None:
        """Return the item with this key as a plain JSON object."""
        raise EvaluationFailed("get_dynamodb: there are no tables to ask here")

    def secret(self, secret_id: str) -> Secret | None:
        """Return a secret, by name or ARN."""
        raise EvaluationFailed("get_secret: there are no secrets to ask for here")

    def registry_data(self, api: str, thing_name: str) -> bytes | None:
        """Return the answer of DescribeThing or ListThingGroupsForThing."""
        raise EvaluationFailed("get_registry_data: there is no registry of things to ask here")

    def descriptor_set(self, bucket: str, key: str) -> bytes | None:
        """Return a serialized FileDescriptorSet of protobuf, by the place it would have in S3."""
        raise EvaluationFailed("decode: there are no protobuf descriptors registered here")


NOTHING_OUTSIDE: Final = Outside()
