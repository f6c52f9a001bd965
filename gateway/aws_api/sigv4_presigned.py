"""Presigned requests: the signature in the query string, so that a URL is all it takes.

Owns the parameters `X-Amz-…` of such a URL and how long it is good for. What they sign, and whether
rightly, is `sigv4`'s business.

Source: "Create a signed AWS API request" in the AWS IAM User Guide.
"""

from __future__ import annotations

import re
from typing import Final, final
from urllib.parse import unquote

from gateway.aws_api.errors import incomplete_signature

__all__ = ["DEFAULT_LIFETIME_S", "MAX_LIFETIME_S", "SIGNATURE", "Presigned", "read_presigned"]

DEFAULT_LIFETIME_S: Final = 15 * 60
"""How long a URL is good for that does not say."""

MAX_LIFETIME_S: Final = 7 * 24 * 3600
"""The longest that a URL may be good for: a signing key lasts no longer."""

SIGNATURE: Final = "X-Amz-Signature"

_NEEDED: Final = (
    "X-Amz-Algorithm",
    "X-Amz-Credential",
    SIGNATURE,
    "X-Amz-SignedHeaders",
    "X-Amz-Date",
)
_EXPIRES: Final = "X-Amz-Expires"
_TOKEN: Final = "X-Amz-Security-Token"  # noqa: S105 - a parameter's name
_KNOWN: Final = frozenset((*_NEEDED, _EXPIRES, _TOKEN))
_LIFETIME: Final = re.compile(r"[0-9]{1,6}")


@final
class Presigned:
    """What a presigned URL says of its signature, decoded.

    Attributes:
        algorithm: The algorithm's name.
        credential: The access key and the scope.
        signed_headers: The names of the signed header fields.
        signature: The signature.
        timestamp: When it was signed.
        lifetime_s: How long after that it is good for, in seconds.
        has_token: Whether it carries a session's token.
    """

    __slots__ = (
        "algorithm",
        "credential",
        "has_token",
        "lifetime_s",
        "signature",
        "signed_headers",
        "timestamp",
    )

    def __init__(self, parameters: dict[str, str]) -> None:
        self.algorithm = parameters["X-Amz-Algorithm"]
        self.credential = parameters["X-Amz-Credential"]
        self.signed_headers = parameters["X-Amz-SignedHeaders"]
        self.signature = parameters[SIGNATURE]
        self.timestamp = parameters["X-Amz-Date"]
        self.lifetime_s = _lifetime_s(parameters.get(_EXPIRES))
        self.has_token = _TOKEN in parameters


def read_presigned(query_string: str) -> Presigned | None:
    """Return what a query string says of a signature; None if it speaks of none.

    Raises:
        AwsError: `IncompleteSignatureException` where it says too little, or something twice.
    """
    if "X-Amz-Signature" not in query_string and "X-Amz-Algorithm" not in query_string:
        return None
    parameters: dict[str, str] = {}
    for pair in query_string.split("&"):
        name, _, value = pair.partition("=")
        if name in _KNOWN:
            if name in parameters:
                raise incomplete_signature(f"AWS query-string parameter '{name}' comes twice.")
            parameters[name] = unquote(value, errors="surrogateescape")
    lacking = [name for name in _NEEDED if not parameters.get(name)]
    if len(lacking) == len(_NEEDED):
        return None  # the words stood in something else
    if lacking:
        said = "".join(f"AWS query-string parameters must include '{name}'. " for name in lacking)
        raise incomplete_signature(f"{said}Re-examine the query-string parameters.")
    return Presigned(parameters)


def _lifetime_s(text: str | None) -> int:
    if text is None:
        return DEFAULT_LIFETIME_S
    lifetime_s = int(text) if _LIFETIME.fullmatch(text) else 0
    if not 1 <= lifetime_s <= MAX_LIFETIME_S:
        raise incomplete_signature(
            f"{_EXPIRES} must be a number of seconds between 1 and {MAX_LIFETIME_S}."
        )
    return lifetime_s
