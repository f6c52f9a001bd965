"""Who may connect and subscribe: the seam for authentication and authorisation.

Owns the questions. So far every listener is anonymous and on loopback, so that the answers depend
on the listener's profile alone; passwords, certificates and policies will answer here. What may be
published is asked of the profile when the router looks for a route, once per topic.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import final

from gateway.broker.profile import Profile
from gateway.mqtt.packets import Connect
from gateway.mqtt.reason_codes import ReasonCode
from gateway.mqtt.topics import split_shared

__all__ = ["ANONYMOUS", "Access", "Identity"]


@dataclass(frozen=True, slots=True)
class Identity:
    """Who a client is.

    Attributes:
        principal: The authenticated identity, such as a certificate's id; None: anonymous.
    """

    principal: str | None = None


ANONYMOUS = Identity()


@final
class Access:
    """Answers for the clients of one listener.

    Args:
        profile: The rules that the listener follows.
    """

    def __init__(self, profile: Profile) -> None:
        self._profile = profile

    def authenticate(self, connect: Connect) -> Identity | ReasonCode:
        """Return who connects, or why it may not.

        A user name and password are taken and not checked: AWS's SDKs send metrics as user name.
        """
        if connect.properties.authentication_method is not None:
            if self._profile.is_aws:  # whose reason codes do not have the other one
                return ReasonCode.NOT_AUTHORIZED
            return ReasonCode.BAD_AUTHENTICATION_METHOD
        return ANONYMOUS

    def may_subscribe(self, identity: Identity, topic_filter: str) -> bool:
        """Tell whether a client may have the messages of a topic filter."""
        shared = split_shared(topic_filter)
        return self._profile.may_subscribe(topic_filter if shared is None else shared[1])
