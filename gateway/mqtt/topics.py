"""Topic names and topic filters: what is allowed, and what matches what.

Owns the rules of MQTT 3.1.1 and 5.0, section 4.7, and AWS's deviation from them. The topic tree of
the broker must agree with `matches`; a property test holds the two together.
"""

from __future__ import annotations

from enum import Enum

from gateway.mqtt.errors import InvalidTopic
from gateway.mqtt.reason_codes import ReasonCode

__all__ = [
    "MAX_TOPIC_BYTES",
    "Dialect",
    "check_topic_filter",
    "check_topic_name",
    "decode_topic_name",
    "matches",
    "split_shared",
]

# The length field of an MQTT string has two bytes.
MAX_TOPIC_BYTES = 65_535

SHARED_PREFIX = "$share/"


class Dialect(Enum):
    """How a subscription's wildcards are meant."""

    STANDARD = "mqtt"
    """The standard: `a/#` matches `a` too (MQTT 3.1.1, 4.7.1.2)."""

    AWS = "aws-iot"
    """AWS IoT Core: `a/#` needs at least one more level."""


def decode_topic_name(data: bytes) -> str:
    """Return the topic name in these bytes of a PUBLISH.

    Raises:
        InvalidTopic: It is empty, is not UTF-8, or holds a wildcard or U+0000.

    Source: MQTT 3.1.1, [MQTT-1.5.3-1], [MQTT-1.5.3-2], [MQTT-3.3.2-2], [MQTT-4.7.3-1].
    """
    try:
        topic = data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise InvalidTopic(
            "topic-encoding", f"a topic name is not UTF-8: {error}", ReasonCode.MALFORMED_PACKET
        ) from error
    check_topic_name(topic)
    return topic


def check_topic_name(topic: str) -> None:
    """Refuse what may not be published to.

    Raises:
        InvalidTopic: It is empty or too long, or holds a wildcard or U+0000.
    """
    if not topic:
        raise InvalidTopic("topic-empty", "a topic name is empty")
    if "+" in topic or "#" in topic:
        raise InvalidTopic(
            "topic-wildcard", f"the topic name {topic[:200]!r} holds a wildcard (+ or #)"
        )
    _check_characters(topic, "topic name", ReasonCode.TOPIC_NAME_INVALID)


def check_topic_filter(topic_filter: str) -> None:
    """Refuse what may not be subscribed to.

    Raises:
        InvalidTopic: It is empty or too long, holds U+0000, or a wildcard is not a level of its
            own, or `#` is not the last level, or a shared subscription is not complete.

    Source: MQTT 3.1.1, [MQTT-4.7.1-2], [MQTT-4.7.1-3]; MQTT 5.0, section 4.8.2.
    """
    if not topic_filter:
        raise _invalid_filter("filter-empty", "a topic filter is empty")
    _check_characters(topic_filter, "topic filter", ReasonCode.TOPIC_FILTER_INVALID)
    shared = split_shared(topic_filter)
    if shared is not None:
        topic_filter = shared[1]
    if "+" not in topic_filter and "#" not in topic_filter:
        return
    levels = topic_filter.split("/")
    for at, level in enumerate(levels):
        if level == "#" and at != len(levels) - 1:
            raise _invalid_filter(
                "filter-wildcard", f"in the filter {topic_filter[:200]!r}, # is not the last level"
            )
        if len(level) > 1 and ("+" in level or "#" in level):
            raise _invalid_filter(
                "filter-wildcard",
                f"in the filter {topic_filter[:200]!r}, a wildcard is only part of a level",
            )


def split_shared(topic_filter: str) -> tuple[str, str] | None:
    """Take a shared subscription, `$share/{share name}/{topic filter}`, apart.

    Returns:
        The share name and the topic filter (which is not checked), or None where the filter is
        not that of a shared subscription.

    Raises:
        InvalidTopic: The share name is empty or holds a wildcard, or the topic filter is empty.

    Source: MQTT 5.0, [MQTT-4.8.2-1], [MQTT-4.8.2-2].
    """
    if not topic_filter.startswith(SHARED_PREFIX):
        return None
    share_name, _, inner = topic_filter[len(SHARED_PREFIX) :].partition("/")
    if not share_name or not inner or "+" in share_name or "#" in share_name:
        raise _invalid_filter(
            "filter-shared", f"{topic_filter[:200]!r} is not $share/<share name>/<topic filter>"
        )
    return share_name, inner


def matches(topic_filter: str, topic: str, dialect: Dialect = Dialect.STANDARD) -> bool:
    """Tell whether a valid filter matches a valid topic name.

    A wildcard in the first level does not match names that begin with `$` [MQTT-4.7.2-1].
    """
    wanted = topic_filter.split("/")
    levels = topic.split("/")
    if topic.startswith("$") and wanted[0] in ("+", "#"):
        return False
    for at, level in enumerate(wanted):
        if level == "#":
            return at < len(levels) or dialect is Dialect.STANDARD
        if at >= len(levels) or (level != "+" and level != levels[at]):
            return False
    return len(wanted) == len(levels)


def _invalid_filter(cause: str, message: str) -> InvalidTopic:
    return InvalidTopic(cause, message, ReasonCode.TOPIC_FILTER_INVALID)


def _check_characters(text: str, what: str, too_long: ReasonCode) -> None:
    if "\0" in text:
        raise InvalidTopic("topic-null", f"a {what} holds U+0000", ReasonCode.MALFORMED_PACKET)
    if len(text) > MAX_TOPIC_BYTES // 4 and len(text.encode()) > MAX_TOPIC_BYTES:
        raise InvalidTopic(
            "topic-too-long", f"a {what} is longer than {MAX_TOPIC_BYTES} bytes", too_long
        )
