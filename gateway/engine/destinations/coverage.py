"""Which addresses rules may post to, given the destinations that there are.

Owns the one decision, and the sentence where it is no. Knows nothing of how a destination is made.

Source: AWS IoT API reference, `HttpAction` (`confirmationUrl` is how `url` begins).
"""

from __future__ import annotations

from collections.abc import Iterable

from gateway.engine.destinations.values import DestinationRecord, DestinationStatus
from gateway.http.url import HttpUrl

__all__ = ["why_not_covered"]


def why_not_covered(
    url: HttpUrl,
    declared: Iterable[HttpUrl],
    records: Iterable[DestinationRecord],
    gateway_ms: int,
) -> str:
    """Return why an address may not be posted to, with a remedy; empty if it may.

    An enabled destination has to have the same scheme, host and port, and a path (with its query,
    if it has one) that the address's begins with.

    Args:
        url: The address.
        declared: The destinations of the settings file.
        records: Those of the API and of rules.
        gateway_ms: Gateway time, in which tokens grow old.
    """
    if any(url.begins_with(each) for each in declared):
        return ""
    nearest: DestinationRecord | None = None
    for record in records:
        if url.begins_with(record.url):
            if record.status is DestinationStatus.ENABLED:
                return ""
            if nearest is None or len(record.url.target) > len(nearest.url.target):
                nearest = record
    if nearest is None:
        return (
            f"no destination covers {url.shown}: name its beginning in a [[rules.destinations]] "
            "section of the settings, or create and confirm a topic rule destination"
        )
    told = nearest.told("", gateway_ms)
    remedy = (
        "set its status to ENABLED"
        if told.status is DestinationStatus.DISABLED
        else "confirm it, or name it in a [[rules.destinations]] section of the settings"
    )
    why = f": {told.status_reason}" if told.status_reason else ""
    return f"the destination {nearest.url.shown} is {told.status}{why}; {remedy}"
