"""Shared subscriptions: a group of clients of which one gets each message.

Owns the members of a group and whose turn it is; knows nothing of topics.
Source: MQTT 5.0, section 4.8.2.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, final

from gateway.broker.outbound import Outbound
from gateway.broker.route import Held, Target

if TYPE_CHECKING:
    from gateway.broker.session import Session

__all__ = ["Group"]


@final
class Group:
    """The clients that share one subscription.

    A message goes to a connected member that can take it, in turn; while none is connected, one at
    QoS 1 or 2 waits in the session of a member that was granted as much, and one at QoS 0 goes to
    nobody. A message stays with the member that it was given to.

    Attributes:
        topic_filter: What the group wants, without `$share/NAME/`.
        members: The sessions, and how each gets what it is given.
    """

    __slots__ = ("_turn", "members", "topic_filter")

    def __init__(self, topic_filter: str) -> None:
        self.topic_filter = topic_filter
        self.members: dict[Session, Target] = {}
        self._turn = 0

    def deliver(self, outbound: Outbound, held: Held | None) -> None:
        """Give a message to one member; at QoS 2 note it in `held`, if that is not None."""
        target = self._choose()
        if target is not None:
            target.deliver(outbound, held)

    def _choose(self) -> Target | None:
        """Return the member whose turn it is: able to send, else connected, else able to wait."""
        members = list(self.members.values())
        if not members:
            return None
        self._turn = (self._turn + 1) % len(members)
        members = members[self._turn :] + members[: self._turn]
        best, best_rank = members[0], -2
        for target in members:
            outlet = target.outgoing.outlet
            if outlet is None:
                rank = 0 if target.qos else -1
            else:
                rank = 2 if outlet.writable and not target.outgoing.queued else 1
            if rank > best_rank:
                best, best_rank = target, rank
            if rank == 2:
                break
        return best
