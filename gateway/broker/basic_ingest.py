"""Basic Ingest: messages that go to one rule, past the publish/subscribe side of the broker.

Owns what such a topic looks like and what of it the limits on topics count. Knows nothing of rules:
they are in-process subscribers, each of `$aws/rules/ITS NAME/#`.

Source: AWS IoT Core Developer Guide, "Reducing messaging costs with Basic Ingest".
"""

from __future__ import annotations

from typing import Final

__all__ = ["BASIC_INGEST", "counted", "ingests"]

BASIC_INGEST: Final = "$aws/rules/"


def ingests(topic: str) -> bool:
    """Tell whether a message on this topic goes to a rule alone, and to no client."""
    return topic.startswith(BASIC_INGEST)


def counted(topic: str) -> str:
    """Return what of a topic name or filter its limits hold for: all but `$aws/rules/RULE/`.

    It is empty where nothing follows the rule's name; such a message reaches no rule.
    """
    if not topic.startswith(BASIC_INGEST):
        return topic
    return topic[len(BASIC_INGEST) :].partition("/")[2]
