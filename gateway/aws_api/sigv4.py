"""AWS Signature Version 4: who signed a request, and whether it is as it was signed.

Owns the verification, as a function of the request's parts, the secret, and the time. The signature
stands in the header `Authorization` or in the query string, never in both. Does no I/O and knows
no HTTP library.

Everything that could change what a request means must be signed: the method, path, query and body,
the `Host` header, and every `x-amz-…` header that is there.

Source: "Create a signed AWS API request" in the AWS IAM User Guide.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable, Mapping
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final, final

from gateway.aws_api.errors import (
    AwsError,
    access_denied,
    incomplete_signature,
    invalid_signature,
    unrecognized_client,
)
from gateway.aws_api.service import Caller
from gateway.aws_api.sigv4_canonical import (
    canonical_headers,
    canonical_path,
    canonical_queries,
    fields_by_name,
)
from gateway.aws_api.sigv4_presigned import SIGNATURE, read_presigned
from gateway.http.message import Headers

__all__ = ["MAX_SKEW_S", "SignatureVerifier"]

MAX_SKEW_S: Final = 15 * 60
"""How far a request's time may be from ours, either way."""

_ALGORITHM: Final = "AWS4-HMAC-SHA256"
_MAX_KEYS: Final = 256
"""How many signing keys are kept: one per access key, day, region and service."""

_USUAL_START: Final = _ALGORITHM + " Credential="
_PARAMETER: Final = re.compile(r"\s*([A-Za-z]+)=([^,\s]*)\s*")
_HEADER_NAMES: Final = re.compile(r"[!#$%&'*+.^_`|~0-9a-z-]+(?:;[!#$%&'*+.^_`|~0-9a-z-]+)*")
_AMZ_DATE: Final = re.compile(r"[0-9]{8}T[0-9]{6}Z")

# What a lookup of an unknown key compares against, so that it takes as long as for a known one.
_NO_SECRET: Final = "no such access key has this secret"  # noqa: S105 - nobody's secret


@final
class SignatureVerifier:
    """Verifies signatures; keeps derived signing keys, which cost four HMACs each to make.

    Args:
        find_secret: Gives the secret of an access key id, or None where there is no such key.
    """

    __slots__ = ("_find_secret", "_keys")

    def __init__(self, find_secret: Callable[[str], str | None]) -> None:
        self._find_secret = find_secret
        # Beside each key stands the secret it was made from: a replaced secret must not linger.
        self._keys: dict[tuple[str, str, str, str], tuple[str, bytes]] = {}

    def verify(
        self,
        method: str,
        path: str,
        query_string: str,
        headers: Headers,
        body: bytes,
        *,
        now_s: float,
        check_skew: bool = True,
    ) -> Caller:
        """Return who signed this request.

        Args:
            method: As it was sent.
            path: As it was sent, percent-encoding and all.
            query_string: As it was sent.
            headers: All header fields.
            body: As it was sent.
            now_s: Wall time in seconds since 1970.
            check_skew: Whether `now_s` is to be believed. An untrusted clock must not lock every
                client out; without the check an old request can be replayed.

        Raises:
            AwsError: `AccessDeniedException` without a signature, `IncompleteSignatureException`
                for a malformed one, `UnrecognizedClientException` for an unknown key,
                `InvalidSignatureException` for anything that does not match.
        """
        fields = fields_by_name(headers)
        authorization = headers.get("Authorization")
        presigned = read_presigned(query_string) if query_string else None
        if presigned is not None:
            if authorization is not None:
                raise incomplete_signature(
                    "A request is signed in the Authorization header or in the query, not in both."
                )
            if presigned.algorithm != _ALGORITHM:
                raise _wrong_algorithm(presigned.algorithm)
            credential, signed_headers = presigned.credential, presigned.signed_headers
            signature, timestamp = presigned.signature, presigned.timestamp
            signed_at_s, lifetime_s = _seconds(timestamp), presigned.lifetime_s
            has_token = presigned.has_token or "x-amz-security-token" in fields
            queries = canonical_queries(query_string, without=SIGNATURE)
        elif authorization is not None:
            credential, signed_headers, signature = _parse_authorization(authorization)
            timestamp, signed_at_s = _request_time(fields)
            lifetime_s = MAX_SKEW_S
            has_token = "x-amz-security-token" in fields
            queries = canonical_queries(query_string)
        else:
            raise access_denied("Request is missing Authentication Token")
        access_key_id, day, region, service = _parse_credential(credential)
        if timestamp[:8] != day:
            raise invalid_signature(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date "
                f"from HTTP: '{day}' != '{timestamp[:8]}', from '{timestamp}'."
            )
        if check_skew:
            _check_age(timestamp, signed_at_s, now_s, lifetime_s)
        names, named = _signed_names(signed_headers)
        _check_signed_headers(names, named, fields)
        body_hash = hashlib.sha256(body).hexdigest()
        claimed_hash = fields.get("x-amz-content-sha256")
        if claimed_hash is not None and not hmac.compare_digest(
            claimed_hash.encode("utf-8", "surrogateescape"), body_hash.encode()
        ):
            raise invalid_signature(
                "The value of x-amz-content-sha256 is not the SHA-256 of the body; unsigned and "
                "streamed payloads are not served."
            )
        secret = self._find_secret(access_key_id)
        if has_token:
            raise unrecognized_client(
                "The security token included in the request is invalid. (Local keys have none: "
                "unset AWS_SESSION_TOKEN.)"
            )

        made_with = _NO_SECRET if secret is None else secret
        kept = self._keys.get((access_key_id, day, region, service))
        if kept is not None and kept[0] == secret:
            key = kept[1]
        else:
            kept, key = None, _signing_key(made_with, day, region, service)
        scope = f"{day}/{region}/{service}/aws4_request"
        start = f"{method}\n{canonical_path(path)}\n"
        rest = f"\n{canonical_headers(names, fields)}\n{signed_headers}\n{body_hash}"
        claimed = signature.encode("utf-8", "surrogateescape")
        matches = False
        for query in queries:
            canonical = f"{start}{query}{rest}"
            digest = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
            to_sign = f"{_ALGORITHM}\n{timestamp}\n{scope}\n{digest}"
            expected = hmac.digest(key, to_sign.encode("utf-8", "surrogateescape"), "sha256").hex()
            matches |= hmac.compare_digest(expected.encode(), claimed)
        if secret is None:
            raise unrecognized_client("The security token included in the request is invalid.")
        if not matches:
            raise invalid_signature(
                "The request signature we calculated does not match the signature you provided. "
                "Check your AWS Secret Access Key and signing method. Consult the service "
                "documentation for details."
            )
        if kept is None:
            self._keep(access_key_id, secret, day, region, service, key)
        return Caller(access_key_id, region, service)

    def _keep(
        self, access_key_id: str, secret: str, day: str, region: str, service: str, key: bytes
    ) -> None:
        # Only for signatures that were right, so that strangers can't push keys out.
        if len(self._keys) >= _MAX_KEYS:
            del self._keys[next(iter(self._keys))]
        self._keys[access_key_id, day, region, service] = (secret, key)


def _signing_key(secret: str, day: str, region: str, service: str) -> bytes:
    key = ("AWS4" + secret).encode()
    for part in (day, region, service, "aws4_request"):
        key = hmac.digest(key, part.encode("utf-8", "surrogateescape"), "sha256")
    return key


def _parse_authorization(authorization: str) -> tuple[str, str, str]:
    parts = authorization.split(", ")
    if len(parts) == 3:  # as nearly everybody writes it
        credential, signed_headers, signature = parts
        if (
            credential.startswith(_USUAL_START)
            and signed_headers.startswith("SignedHeaders=")
            and signature.startswith("Signature=")
        ):
            return credential[len(_USUAL_START) :], signed_headers[14:], signature[10:]
    algorithm, _, rest = authorization.partition(" ")
    if algorithm != _ALGORITHM:
        raise _wrong_algorithm(algorithm)
    parameters: dict[str, str] = {}
    for part in rest.split(","):
        found = _PARAMETER.fullmatch(part)
        if found is None or found[1] in parameters:
            raise incomplete_signature(
                f"'{part.strip()[:128]}' not a valid key=value pair in Authorization header."
            )
        parameters[found[1]] = found[2]
    lacking = [
        name for name in ("Credential", "SignedHeaders", "Signature") if not parameters.get(name)
    ]
    if lacking:
        raise incomplete_signature(
            " ".join(f"Authorization header requires '{name}' parameter." for name in lacking)
        )
    return parameters["Credential"], parameters["SignedHeaders"], parameters["Signature"]


def _wrong_algorithm(algorithm: str) -> AwsError:
    return incomplete_signature(
        f"Unsupported AWS 'algorithm': '{algorithm[:64]}' (only {_ALGORITHM} here)."
    )


def _parse_credential(credential: str) -> tuple[str, str, str, str]:
    parts = credential.split("/")
    if len(parts) != 5:
        raise incomplete_signature(
            "Credential must have exactly 5 slash-delimited elements, e.g. "
            "keyid/date/region/service/term."
        )
    access_key_id, day, region, service, terminator = parts
    if terminator != "aws4_request":
        raise invalid_signature(
            "Credential should be scoped with a valid terminator: 'aws4_request'."
        )
    return access_key_id, day, region, service


def _request_time(fields: Mapping[str, str]) -> tuple[str, float]:
    """Return the time a request was signed at, as it is signed and in seconds since 1970."""
    timestamp = fields.get("x-amz-date")
    if timestamp is None:
        date = fields.get("date")
        if date is None:
            raise incomplete_signature(
                "Authorization header requires existence of either a 'X-Amz-Date' or a 'Date' "
                "header."
            )
        timestamp = _basic_format(date)
    return timestamp, _seconds(timestamp)


@lru_cache(maxsize=16)
def _seconds(timestamp: str) -> float:
    """Return seconds since 1970 of a time in basic format; requests of one second share it."""
    if _AMZ_DATE.fullmatch(timestamp) is None:
        raise _bad_date(timestamp)
    try:
        return datetime.fromisoformat(timestamp).timestamp()
    except ValueError:
        raise _bad_date(timestamp) from None


def _basic_format(date: str) -> str:
    if _AMZ_DATE.fullmatch(date) is not None:
        return date
    try:
        at = parsedate_to_datetime(date)
    except (ValueError, IndexError, OverflowError):
        raise _bad_date(date) from None
    return time.strftime("%Y%m%dT%H%M%SZ", at.utctimetuple())


def _bad_date(date: str) -> AwsError:
    return incomplete_signature(f"Date must be in ISO-8601 'basic format'. Got '{date[:64]}'.")


def _check_age(timestamp: str, signed_at_s: float, now_s: float, lifetime_s: int) -> None:
    earliest_s, latest_s = now_s - lifetime_s, now_s + MAX_SKEW_S
    if signed_at_s < earliest_s:
        minutes, seconds = divmod(lifetime_s, 60)
        age = f"{lifetime_s} sec." if seconds else f"{minutes} min."
        raise invalid_signature(
            f"Signature expired: {timestamp} is now earlier than {_basic(earliest_s)} "
            f"({_basic(now_s)} - {age})"
        )
    if signed_at_s > latest_s:
        raise invalid_signature(
            f"Signature not yet current: {timestamp} is still later than {_basic(latest_s)} "
            f"({_basic(now_s)} + {MAX_SKEW_S // 60} min.)"
        )


def _basic(at_s: float) -> str:
    return time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at_s))


@lru_cache(maxsize=64)
def _signed_names(signed_headers: str) -> tuple[tuple[str, ...], frozenset[str]]:
    """Return the names in SignedHeaders; a client sends the same list again and again."""
    names = tuple(signed_headers.split(";"))
    named = frozenset(names)
    if _HEADER_NAMES.fullmatch(signed_headers) is None or names != tuple(sorted(named)):
        raise incomplete_signature("SignedHeaders must be sorted lower-case names, each once.")
    if "host" not in named:
        raise invalid_signature("'Host' must be a 'SignedHeader' in the AWS Authorization.")
    return names, named


def _check_signed_headers(
    names: tuple[str, ...], named: frozenset[str], fields: Mapping[str, str]
) -> None:
    present = fields.keys()
    for name in present - named:
        if name.startswith("x-amz-"):
            raise invalid_signature(f"'{name}' must be a 'SignedHeader' in the AWS Authorization.")
    if not named <= present:
        lacking = next(name for name in names if name not in present)
        raise invalid_signature(f"The signed header '{lacking}' is not in the request.")
