"""The user id of an access key's user, as `sts get-caller-identity` and SQS's SenderId tell it."""

from __future__ import annotations

from base64 import b32encode
from functools import lru_cache
from hashlib import sha256

__all__ = ["user_id"]


@lru_cache(maxsize=256)  # asked for every message that is sent
def user_id(account: str, name: str) -> str:
    """Return an id in the form of AWS's, the same for each of a user's keys and after a restart.

    Args:
        account: The account number.
        name: The user's name.
    """
    digest = sha256(f"{account}/{name}".encode()).digest()
    return "AIDA" + b32encode(digest[:10]).decode("ascii")
