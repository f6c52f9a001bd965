"""What IoT's operations share: an error of the gateway in words, and the tokens of a list's pages.

Owns only that. A page's token is the key of its last entry, so that entries which come and go
meanwhile are neither told twice nor left out.
"""

from __future__ import annotations

from base64 import urlsafe_b64decode, urlsafe_b64encode
from collections.abc import Iterable, Mapping
from typing import TypeVar

from gateway.aws_api.errors import AwsError
from gateway.errors import RegistryError

__all__ = ["page_of", "unavailable"]

_Entry = TypeVar("_Entry")


def unavailable(error: RegistryError) -> AwsError:
    """Return what a caller gets when the disk refused; a later try may succeed."""
    return AwsError("ServiceUnavailableException", error.told(), fault="Receiver")


def page_of(
    entries: Iterable[tuple[str, _Entry]], parameters: Mapping[str, object]
) -> tuple[list[_Entry], str | None]:
    """Return one page of a list, and the token for the next one; None where there is none.

    Args:
        entries: All entries with their keys, in the keys' order.
        parameters: The request's: `maxResults` (all where it is absent) and `nextToken`.

    Raises:
        AwsError: The token is none of these.
    """
    token, most = parameters.get("nextToken"), parameters.get("maxResults")
    left = list(entries)
    if isinstance(token, str):
        after = _key_of(token)
        left = [(key, entry) for key, entry in left if key > after]
    page = left[:most] if isinstance(most, int) else left
    following = _token_of(page[-1][0]) if len(page) < len(left) else None
    return [entry for _, entry in page], following


def _token_of(key: str) -> str:
    return urlsafe_b64encode(key.encode()).decode()


def _key_of(token: str) -> str:
    try:
        key = urlsafe_b64decode(token.encode()).decode()
    except ValueError:  # binascii.Error and UnicodeError are among them
        key = ""
    if not key.isprintable() or not key or _token_of(key) != token:
        raise AwsError("InvalidRequestException", "The nextToken is none that was given out here.")
    return key
