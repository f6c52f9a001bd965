"""One local access key: its id, its secret, whose it is and what it may do.

Owns how keys are drawn and what they may be called. Knows no file and no request.
"""

from __future__ import annotations

import re
import secrets
import string
from dataclasses import dataclass, field, replace
from typing import Final, final

from gateway.identity.policy import FULL, Policy

__all__ = ["DEFAULT_NAME", "AccessKey", "name_problem"]

DEFAULT_NAME: Final = "default"
"""The name of the key that the first start makes."""

# The shapes of AWS's own, which some clients check: AKIA and 16 of base 32; 40 of base 64.
_ID_ALPHABET: Final = string.ascii_uppercase + "234567"
_SECRET_ALPHABET: Final = string.ascii_letters + string.digits + "+/"

# As AWS has it for the names of users, which these are in ARNs.
_NAME: Final = re.compile(r"[A-Za-z0-9_+=,.@-]{1,64}")
_ID: Final = re.compile(r"AKIA[A-Z2-7]{16}")


@final
@dataclass(frozen=True, slots=True)
class AccessKey:
    """One access key.

    Attributes:
        access_key_id: Its public name, 20 characters.
        secret_access_key: What signatures are made with, 40 characters.
        name: What a person calls it; it stands in ARNs as the name of a user.
        policy: What it may do.
        active: Whether it may be used at all.
    """

    access_key_id: str
    secret_access_key: str = field(repr=False)
    name: str = DEFAULT_NAME
    policy: Policy = FULL
    active: bool = True

    @classmethod
    def generate(cls, name: str = DEFAULT_NAME, policy: Policy = FULL) -> AccessKey:
        """Return a new key from the system's source of randomness."""
        access_key_id = "AKIA" + "".join(secrets.choice(_ID_ALPHABET) for _ in range(16))
        return cls(access_key_id, _new_secret(), name, policy)

    def with_new_secret(self) -> AccessKey:
        """Return this key with another secret, from the system's source of randomness."""
        return replace(self, secret_access_key=_new_secret())

    @property
    def is_administrators(self) -> bool:
        """Whether it may be used, and for everything."""
        return self.active and self.policy.unrestricted


def name_problem(name: str) -> str:
    """Return why this cannot be a key's name; empty where it can."""
    if _NAME.fullmatch(name) is None:
        return "a name has 1 to 64 letters, digits and characters of +=,.@_-"
    if _ID.fullmatch(name) is not None:
        return "it looks like an access key id, and could be taken for one"
    return ""


def _new_secret() -> str:
    return "".join(secrets.choice(_SECRET_ALPHABET) for _ in range(40))
