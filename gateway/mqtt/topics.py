"""Topic names and topic filters: what is allowed, and what matches what.

Owns the rules of MQTT 3.1.1 and 5.0, section 4.7, and AWS's deviation from them. The topic tree of
the broker must agree with `matches`; a property test holds the two together.
"""

from __future__ import annotations

from enum import Enum

from gateway.mqtt.errors import InvalidTopic

__all__ = [
    "MAX_TOPIC_BYTES",
    "Dialect",
    "check_topic_filter",
    "check_topic_name",
    "decode_topic_name",
    "matches",
]

# The length field of an MQTT string has two bytes.
MAX_TOPIC_BYTES = 65_535


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
        raise InvalidTopic("topic-encoding", f"a topic name is not UTF-8: {error}") from error
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
    _check_characters(topic, "topic name")


def check_topic_filter(topic_filter: str) -> None:
    """Refuse what may not be subscribed to.

    Raises:
        InvalidTopic: It is empty or too long, holds U+0000, or a wildcard is not a level of its
            own, or `#` is not the last level.

    Source: MQTT 3.1.1, [MQTT-4.7.1-2], [MQTT-4.7.1-3].
    """
    if not topic_filter:
        raise InvalidTopic("filter-empty", "a topic filter is empty")
    _check_characters(topic_filter, "topic filter")
    if "+" not in topic_filter and "#" not in topic_filter:
        return
    levels = topic_filter.split("/")
    for at, level in enumerate(levels):
        if level == "#" and at != len(levels) - 1:
            raise InvalidTopic(
                "filter-wildcard", f"in the filter {topic_filter[:200]!r}, # is not the last level"
            )
        if len(level) > 1 and ("+" in level or "#" in level):
            raise InvalidTopic(
                "filter-wildcard",
                f"in the filter {topic_filter[:200]!r}, a wildcard is only part of a level",
            )


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


def _check_characters(text: str, what: str) -> None:
    if "\0" in text:
        raise InvalidTopic("topic-null", f"a {what} holds U+0000")
    if len(text) > MAX_TOPIC_BYTES // 4 and len(text.encode()) > MAX_TOPIC_BYTES:
        raise InvalidTopic("topic-too-long", f"a {what} is longer than {MAX_TOPIC_BYTES} bytes")
