"""The shape of the documents about credentials: what `/v1/credentials` answers.

Owns names and types only, so that whoever fills a document and whoever reads it agree. Keys may be
added; none changes its meaning.
"""

from __future__ import annotations

from typing import TypedDict

__all__ = ["CredentialLine", "CredentialList", "NewCredential"]


class CredentialLine(TypedDict):
    """One access key; `policy` is `full`, `read-only` or `custom`, `document` says what that is.

    `default` says that `weir env` gives this one.
    """

    name: str
    access_key_id: str
    active: bool
    policy: str
    document: dict[str, object]
    default: bool


class CredentialList(TypedDict):
    """All access keys; `auth` is as in the settings: with `none` nobody is asked for one."""

    auth: str
    credentials: list[CredentialLine]


class NewCredential(CredentialLine):
    """One access key with its secret, which is told when it is made and not again."""

    secret_access_key: str
