"""A topic rule destination as a value: what it holds, how it is kept, what can go wrong with one.

Owns its statuses, its form in the registry and the errors. Knows neither how it is confirmed nor
who posts to it.

Source: AWS IoT API reference, `TopicRuleDestination`.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from enum import StrEnum
from typing import Final, final

from gateway.errors import Disposition, GatewayError
from gateway.http.url import HttpUrl

__all__ = [
    "TOKEN_LIFE_MS",
    "Destination",
    "DestinationError",
    "DestinationExists",
    "DestinationNotFound",
    "DestinationRecord",
    "DestinationRefused",
    "DestinationStatus",
    "TooManyDestinations",
    "read_confirmation_url",
    "token_digest",
]

TOKEN_LIFE_MS: Final = 3 * 24 * 3600 * 1000
"""How long a confirmation token can be used, in gateway time."""

_MAX_TOKEN_CHARACTERS: Final = 2048
_MAX_REASON_CHARACTERS: Final = 500


class DestinationError(GatewayError):
    """The root of what a destination's operations refuse."""

    code = "destination"
    disposition = Disposition.QUARANTINE


class DestinationNotFound(DestinationError):  # noqa: N818 - named after what happened
    """There is no destination with this ARN."""

    code = "destination-not-found"


class DestinationExists(DestinationError):  # noqa: N818
    """There is a destination with this address already.

    Attributes:
        arn: The ARN of the one that is there.
    """

    code = "destination-exists"

    def __init__(self, message: str, *, arn: str, hint: str = "") -> None:
        super().__init__(message, hint=hint)
        self.arn = arn


class DestinationRefused(DestinationError):  # noqa: N818
    """The request makes no sense for this destination, or at all."""

    code = "destination-refused"


class TooManyDestinations(DestinationRefused):
    """There is no room for another destination."""

    code = "too-many-destinations"


class DestinationStatus(StrEnum):
    """The statuses a destination has, spelled as AWS spells them."""

    ENABLED = "ENABLED"
    IN_PROGRESS = "IN_PROGRESS"
    DISABLED = "DISABLED"
    ERROR = "ERROR"
    DELETING = "DELETING"


@final
@dataclass(frozen=True, slots=True)
class Destination:
    """A topic rule destination, as it is told of.

    Attributes:
        arn: Its ARN.
        url: The confirmation URL; what begins with it is covered by it.
        status: Its status.
        status_reason: What to know about the status, in one sentence; may be empty.
        created_ms: When it was made, in milliseconds since 1970.
        updated_ms: When its status changed last, in milliseconds since 1970.
        declared: Whether the settings file names it.
    """

    arn: str
    url: str
    status: DestinationStatus
    status_reason: str
    created_ms: int
    updated_ms: int
    declared: bool


@final
@dataclass(frozen=True, slots=True)
class DestinationRecord:
    """A destination of the API as the registry keeps it.

    Attributes:
        url: The confirmation URL, read.
        status: Its status; the age of its token may make IN_PROGRESS an ERROR.
        status_reason: What to know about the status.
        created_ms: When it was made, in milliseconds since 1970.
        updated_ms: When its status changed last, in milliseconds since 1970.
        token_sha256: The digest of the confirmation token that was sent last, in hexadecimal: who
            reads the registry cannot confirm anything.
        token_gateway_ms: When that token was made, in gateway time.
        asked: Whether the endpoint has got the token, or will not get it any more.
    """

    url: HttpUrl
    status: DestinationStatus
    status_reason: str
    created_ms: int
    updated_ms: int
    token_sha256: str
    token_gateway_ms: int
    asked: bool

    @classmethod
    def read(cls, document: dict[str, object]) -> DestinationRecord:
        """Read what `document` gave.

        Raises:
            ValueError: It is damaged, or of another version.
        """
        try:
            return cls(
                url=HttpUrl.parse(_text(document["url"])),
                status=DestinationStatus(_text(document["status"])),
                status_reason=_text(document["status_reason"]),
                created_ms=_whole(document["created_ms"]),
                updated_ms=_whole(document["updated_ms"]),
                token_sha256=_text(document["token_sha256"]),
                token_gateway_ms=_whole(document["token_gateway_ms"]),
                asked=document["asked"] is True,
            )
        except KeyError as error:
            raise ValueError(f"{error} is missing") from None

    def awaits_token(self, gateway_ms: int) -> bool:
        """Tell whether it may still be confirmed with its token."""
        waits = self.status in (DestinationStatus.IN_PROGRESS, DestinationStatus.ERROR)
        return waits and gateway_ms - self.token_gateway_ms <= TOKEN_LIFE_MS

    def told(self, arn: str, gateway_ms: int) -> Destination:
        """Return the destination as it is told of at a gateway time."""
        status, reason = self.status, self.status_reason
        if status is DestinationStatus.IN_PROGRESS and not self.awaits_token(gateway_ms):
            status, reason = DestinationStatus.ERROR, "it was not confirmed within 3 days"
        return Destination(
            arn, str(self.url), status, reason, self.created_ms, self.updated_ms, declared=False
        )

    def document(self) -> dict[str, str | int | bool]:
        """Return what the registry keeps."""
        return {
            "url": str(self.url),
            "status": self.status.value,
            "status_reason": self.status_reason[:_MAX_REASON_CHARACTERS],
            "created_ms": self.created_ms,
            "updated_ms": self.updated_ms,
            "token_sha256": self.token_sha256,
            "token_gateway_ms": self.token_gateway_ms,
            "asked": self.asked,
        }


def read_confirmation_url(text: str) -> HttpUrl:
    """Read an address that a destination is to be made for.

    Raises:
        DestinationRefused: It cannot be used.
    """
    if "${" in text:
        raise DestinationRefused(
            f"the address {text[:80]!r} has a template", hint="name what its texts begin with"
        )
    try:
        return HttpUrl.parse(text)
    except ValueError as error:
        raise DestinationRefused(f"the address {text[:80]!r} cannot be used: {error}") from None


def token_digest(token: str) -> str:
    """Return what is kept of a confirmation token: its SHA-256 in hexadecimal."""
    kept = token[:_MAX_TOKEN_CHARACTERS].encode("utf-8", "surrogatepass")
    return hashlib.sha256(kept).hexdigest()


def _text(value: object) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{value!r} is no text")
    return value


def _whole(value: object) -> int:
    if type(value) is not int:
        raise ValueError(f"{value!r} is no whole number")
    return value
