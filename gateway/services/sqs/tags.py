"""Tags: what people write onto a queue to find it again.

Owns which tags there may be. Source: TagQueue and UntagQueue in the Amazon SQS API reference, and
the restrictions of tags in the Amazon SQS developer guide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Final

from gateway.services.sqs.errors import InvalidParameterValue, MissingParameter

__all__ = ["MAX_KEY_CHARS", "MAX_TAGS", "MAX_VALUE_CHARS", "with_tags", "without_tags"]

MAX_TAGS: Final = 50
MAX_KEY_CHARS: Final = 128
MAX_VALUE_CHARS: Final = 256

_RESERVED: Final = "aws:"


def with_tags(tags: Mapping[str, str], added: Mapping[str, str], queue_name: str) -> dict[str, str]:
    """Return a queue's tags with others added; one of the same key is replaced.

    Raises:
        MissingParameter: There is nothing to add.
        InvalidParameterValue: A key or a value is too long or reserved, or there are too many.
    """
    if not added:
        raise MissingParameter("The request must contain the parameter Tags.")
    for key, value in added.items():
        _check_key(key)
        if len(value) > MAX_VALUE_CHARS:
            raise InvalidParameterValue(
                f"Tag values must be between 0 and {MAX_VALUE_CHARS} characters in length."
            )
    together = {**tags, **added}
    if len(together) > MAX_TAGS:
        raise InvalidParameterValue(f"Too many tags added for queue {queue_name}.")
    return together


def without_tags(tags: Mapping[str, str], keys: Sequence[str]) -> dict[str, str]:
    """Return a queue's tags without those of these keys; a key that is not there is no matter.

    Raises:
        MissingParameter: No key is named.
        InvalidParameterValue: A key is one that no tag can have.
    """
    if not keys:
        raise MissingParameter("The request must contain the parameter TagKeys.")
    for key in keys:
        _check_key(key)
    return {key: value for key, value in tags.items() if key not in keys}


def _check_key(key: str) -> None:
    if not 1 <= len(key) <= MAX_KEY_CHARS:
        raise InvalidParameterValue(
            f"Tag keys must be between 1 and {MAX_KEY_CHARS} characters in length."
        )
    if key.lower().startswith(_RESERVED):
        raise InvalidParameterValue(
            f"Tag keys starting with '{_RESERVED}' are reserved for system use."
        )
