"""What can be wrong with bytes that should be MQTT.

The tree::

    MqttError
    ├── MalformedPacket      the bytes are no MQTT packet
    ├── ProtocolViolation    a packet that is well-formed, but not allowed here
    └── InvalidTopic         a topic name or filter that the standard forbids (a ValueError too)

`cause` is a short stable word under which the error is counted; the text is for people.
"""

from __future__ import annotations

__all__ = ["InvalidTopic", "MalformedPacket", "MqttError", "ProtocolViolation"]


class MqttError(Exception):
    """The peer broke the protocol.

    Args:
        cause: Stable key for counters, such as `remaining-length`.
        message: What was wrong, for people.
    """

    def __init__(self, cause: str, message: str) -> None:
        super().__init__(message)
        self.cause = cause


class MalformedPacket(MqttError):  # noqa: N818 - the standard's term
    """The bytes cannot be parsed as the packet they claim to be (MQTT 5.0, section 1.2)."""


class ProtocolViolation(MqttError):  # noqa: N818 - the standard's term
    """A well-formed packet that the standard forbids at this point."""


class InvalidTopic(MqttError, ValueError):  # noqa: N818 - named after the thing
    """A topic name or topic filter that the standard forbids (MQTT 3.1.1, section 4.7)."""
