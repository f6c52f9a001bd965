"""Topic filters in FROM: what AWS IoT accepts there.

Owns the check of one filter's form. Matching topics against filters is the broker's business.

Source: MQTT 3.1.1 section 4.7; AWS IoT Core Developer Guide, "MQTT topics", "Rule SQL: FROM".
"""

from __future__ import annotations

from typing import Final

__all__ = ["filter_problem", "filter_warning"]

_MAX_BYTES: Final = 65_535  # MQTT's own limit
_AWS_MAX_BYTES: Final = 256
_AWS_MAX_SLASHES: Final = 7


def filter_problem(topic_filter: str) -> tuple[int, str] | None:
    """Check a topic filter.

    Returns:
        None if it is one; otherwise the index of the character in question and what is wrong.
    """
    if not topic_filter:
        return 0, "the topic filter is empty"
    if len(topic_filter.encode()) > _MAX_BYTES:
        return 0, f"the topic filter is longer than {_MAX_BYTES} bytes"
    if "\0" in topic_filter:
        return topic_filter.index("\0"), "a topic filter cannot contain the character U+0000"
    if topic_filter.startswith("$aws/rules/"):
        return 0, (
            "FROM cannot name a Basic Ingest topic; leave FROM out of a rule that only gets "
            "messages published to $aws/rules/<its name>/…"
        )
    if topic_filter.startswith("$share/"):
        return 0, "FROM cannot name a shared subscription"
    at = 0
    levels = topic_filter.split("/")
    for number, level in enumerate(levels, start=1):
        if "#" in level and (level != "#" or number < len(levels)):
            return at + level.index("#"), "'#' must be the last level of a topic filter, alone"
        if "+" in level and level != "+":
            return at + level.index("+"), "'+' must stand alone in its level of a topic filter"
        at += len(level) + 1
    return None


def filter_warning(topic_filter: str) -> str:
    """Say which of AWS's limits, that only AWS has, a valid filter exceeds; empty if none."""
    if len(topic_filter.encode()) > _AWS_MAX_BYTES:
        return f"AWS IoT Core refuses topic filters longer than {_AWS_MAX_BYTES} bytes"
    if topic_filter.count("/") > _AWS_MAX_SLASHES:
        return f"AWS IoT Core refuses topic filters with more than {_AWS_MAX_SLASHES} slashes"
    return ""
