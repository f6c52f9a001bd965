"""AWS Signature Version 4 in headers: who signed a request, and whether it is as it was signed.

Owns the verification, as a function of the request's parts, the secret, and the time. Does no I/O
and knows no HTTP library. Presigned URLs (the signature in the query) are refused.

Everything that could change what a request means must be signed: the method, path, query and body,
the `Host` header, and every `x-amz-…` header that is there.

Source: "Create a signed AWS API request" in the AWS IAM User Guide. The canonical path is encoded
once more, as for every service but S3.
"""

from __future__ import annotations

import hashlib
import hmac
import re
import time
from collections.abc import Callable
from datetime import datetime
from email.utils import parsedate_to_datetime
from functools import lru_cache
from typing import Final, final
from urllib.parse import quote, unquote_plus

from gateway.aws_api.errors import (
    AwsError,
    access_denied,
    incomplete_signature,
    invalid_signature,
    unrecognized_client,
)
from gateway.aws_api.service import Caller
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
_UNUSUAL_PATH: Final = re.compile(r"//|/\.|[^A-Za-z0-9/_.~-]")

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
        authorization = headers.get("Authorization")
        if authorization is None:
            if "X-Amz-Signature=" in query_string or "X-Amz-Algorithm=" in query_string:
                raise incomplete_signature("presigned requests are not served; sign in headers")
            raise access_denied("Request is missing Authentication Token")
        credential, signed_headers, signature = _parse_authorization(authorization)
        access_key_id, day, region, service = _parse_credential(credential)
        timestamp, signed_at_s = _request_time(headers)
        if timestamp[:8] != day:
            raise invalid_signature(
                "Date in Credential scope does not match YYYYMMDD from ISO-8601 version of date "
                f"from HTTP: '{day}' != '{timestamp[:8]}', from '{timestamp}'."
            )
        if check_skew:
            _check_skew(timestamp, signed_at_s, now_s)
        names = _signed_names(signed_headers)
        _check_signed_headers(names, headers)
        body_hash = hashlib.sha256(body).hexdigest()
        claimed_hash = headers.get("X-Amz-Content-SHA256")
        if claimed_hash is not None and not hmac.compare_digest(
            claimed_hash.encode("utf-8", "surrogateescape"), body_hash.encode()
        ):
            raise invalid_signature(
                "The value of x-amz-content-sha256 is not the SHA-256 of the body; unsigned and "
                "streamed payloads are not served."
            )
        secret = self._find_secret(access_key_id)
        if headers.get("X-Amz-Security-Token") is not None:
            raise unrecognized_client(
                "The security token included in the request is invalid. (Local keys have none: "
                "unset AWS_SESSION_TOKEN.)"
            )

        made_with = _NO_SECRET if secret is None else secret
        key = self._signing_key(access_key_id, made_with, day, region, service)
        scope = f"{day}/{region}/{service}/aws4_request"
        matches = False
        for query in _canonical_queries(query_string):
            canonical = "\n".join(
                (
                    method,
                    _canonical_path(path),
                    query,
                    _canonical_headers(names, headers),
                    signed_headers,
                    body_hash,
                )
            )
            digest = hashlib.sha256(canonical.encode("utf-8", "surrogateescape")).hexdigest()
            to_sign = f"{_ALGORITHM}\n{timestamp}\n{scope}\n{digest}"
            expected = hmac.digest(key, to_sign.encode("utf-8", "surrogateescape"), "sha256").hex()
            matches |= hmac.compare_digest(
                expected.encode(), signature.encode("utf-8", "surrogateescape")
            )
        if secret is None:
            raise unrecognized_client("The security token included in the request is invalid.")
        if not matches:
            raise invalid_signature(
                "The request signature we calculated does not match the signature you provided. "
                "Check your AWS Secret Access Key and signing method. Consult the service "
                "documentation for details."
            )
        self._keep(access_key_id, secret, day, region, service, key)
        return Caller(access_key_id, region, service)

    def _signing_key(
        self, access_key_id: str, secret: str, day: str, region: str, service: str
    ) -> bytes:
        kept = self._keys.get((access_key_id, day, region, service))
        if kept is not None and kept[0] == secret:
            return kept[1]
        key = ("AWS4" + secret).encode()
        for part in (day, region, service, "aws4_request"):
            key = hmac.digest(key, part.encode("utf-8", "surrogateescape"), "sha256")
        return key

    def _keep(
        self, access_key_id: str, secret: str, day: str, region: str, service: str, key: bytes
    ) -> None:
        # Only for signatures that were right, so that strangers can't push keys out.
        scope = (access_key_id, day, region, service)
        if scope in self._keys and self._keys[scope][0] == secret:
            return
        if len(self._keys) >= _MAX_KEYS:
            del self._keys[next(iter(self._keys))]
        self._keys[scope] = (secret, key)


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
        raise incomplete_signature(
            f"Unsupported AWS 'algorithm': '{algorithm[:64]}' (only {_ALGORITHM} here)."
        )
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


def _request_time(headers: Headers) -> tuple[str, float]:
    """Return the time a request was signed at, as it is signed and in seconds since 1970."""
    timestamp = headers.get("X-Amz-Date")
    if timestamp is None:
        date = headers.get("Date")
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


def _check_skew(timestamp: str, signed_at_s: float, now_s: float) -> None:
    if abs(signed_at_s - now_s) <= MAX_SKEW_S:
        return
    late = signed_at_s < now_s
    bound_s = now_s - MAX_SKEW_S if late else now_s + MAX_SKEW_S
    now, bound = (time.strftime("%Y%m%dT%H%M%SZ", time.gmtime(at)) for at in (now_s, bound_s))
    raise invalid_signature(
        f"Signature expired: {timestamp} is now earlier than {bound} ({now} - 15 min.)"
        if late
        else f"Signature not yet current: {timestamp} is still later than {bound} ({now} + 15 min.)"
    )


@lru_cache(maxsize=64)
def _signed_names(signed_headers: str) -> tuple[str, ...]:
    """Return the names in SignedHeaders; a client sends the same list again and again."""
    names = tuple(signed_headers.split(";"))
    if _HEADER_NAMES.fullmatch(signed_headers) is None or names != tuple(sorted(set(names))):
        raise incomplete_signature("SignedHeaders must be sorted lower-case names, each once.")
    if "host" not in names:
        raise invalid_signature("'Host' must be a 'SignedHeader' in the AWS Authorization.")
    return names


def _check_signed_headers(names: tuple[str, ...], headers: Headers) -> None:
    present = headers.names_folded()
    for name in present:
        if name.startswith("x-amz-") and name not in names:
            raise invalid_signature(f"'{name}' must be a 'SignedHeader' in the AWS Authorization.")
    for name in names:
        if name not in present:
            raise invalid_signature(f"The signed header '{name}' is not in the request.")


def _canonical_headers(names: tuple[str, ...], headers: Headers) -> str:
    lines = []
    for name in names:
        values = headers.get_all(name)
        value = values[0] if len(values) == 1 else ",".join(_folded(one) for one in values)
        lines.append(f"{name}:{_folded(value)}\n")
    return "".join(lines)


def _folded(value: str) -> str:
    """Return a header's value with spaces around it gone and those within it folded to one."""
    return " ".join(value.split())


def _canonical_path(path: str) -> str:
    """Return the path with dot segments and empty ones gone, encoded once more."""
    if _UNUSUAL_PATH.search(path) is None:
        return path or "/"
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment not in ("", "."):
            kept.append(segment)
    normal = "/" + "/".join(kept)
    if kept and path.endswith("/"):
        normal += "/"
    return quote(normal, safe="/~", encoding="utf-8", errors="surrogateescape")


def _canonical_queries(query_string: str) -> list[str]:
    """Return what a query may have been signed as.

    Signers agree on queries that are encoded strictly. SDKs send some that are not (a space as
    `+`), and sign them as sent or encoded strictly; both name the same query.
    """
    if not query_string:
        return [""]
    pairs = [pair.partition("=")[::2] for pair in query_string.split("&")]
    as_sent = "&".join(f"{name}={value}" for name, value in sorted(pairs))
    strict = "&".join(
        f"{name}={value}"
        for name, value in sorted((_encode(name), _encode(value)) for name, value in pairs)
    )
    return [as_sent] if as_sent == strict else [as_sent, strict]


def _encode(text: str) -> str:
    raw = unquote_plus(text, encoding="utf-8", errors="surrogateescape")
    return quote(raw, safe="-_.~", encoding="utf-8", errors="surrogateescape")
