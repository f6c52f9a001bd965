"""Wills: what is published for clients that vanish, at once or after their delay.

Owns when. Every will is on disk while its client is connected, so that it is published even if the
gateway goes down with the client. Source: MQTT 3.1.1, 3.1.2.5; MQTT 5.0, 3.1.2.5 and 3.1.3.2.2.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Final, final

from gateway.broker.session_records import SessionRecords, StoredWill
from gateway.message import Message, Publisher

__all__ = ["Wills"]

# What a will costs in memory beside its bytes.
WILL_BYTES: Final = 512


@final
class Wills:
    """The wills of all clients, connected and away.

    Args:
        records: Where they are on disk.
        publish: Publishes one; must not raise.
        now_ms: Gateway time.
        max_total_bytes: What all wills together may weigh.
    """

    def __init__(
        self,
        records: SessionRecords,
        publish: Callable[[Message], None],
        now_ms: Callable[[], int],
        max_total_bytes: int,
    ) -> None:
        self._records = records
        self._publish = publish
        self._now_ms = now_ms
        self._max_total_bytes = max_total_bytes
        self._size_bytes = 0
        self._wills: dict[str, StoredWill] = {}
        self._due: dict[str, StoredWill] = {}

    def load(self, session_expiry_s: Callable[[str], int]) -> None:
        """Take over what an earlier process left: its clients are all gone.

        Nothing is published before the first sweep: rules and sessions are there by then.

        Args:
            session_expiry_s: How long a client's session is kept, which ends the delay too.
        """
        for will in self._records.load_wills():
            self._keep(will)
            if will.due_ms is None:
                self._postpone(will, min(will.delay_s, session_expiry_s(will.client_id)))
            else:
                self._due[will.client_id] = will

    def __contains__(self, client_id: object) -> bool:
        return client_id in self._wills

    def has_room(self, will: StoredWill) -> bool:
        """Tell whether one more will, in place of what its client has left before, may be kept."""
        earlier = self._wills.get(will.client_id)
        freed_bytes = 0 if earlier is None else _weight(earlier)
        return self._size_bytes - freed_bytes + _weight(will) <= self._max_total_bytes

    def leave(self, will: StoredWill) -> None:
        """A client connects with this will."""
        self._records.will(will.client_id, will)
        self._keep(will)

    def client_back(self, client_id: str) -> None:
        """A client came back to its session: its will is discarded, unless it was due already."""
        will = self._due.get(client_id)
        if will is not None and will.due_ms is not None and will.due_ms <= self._now_ms():
            self.session_ended(client_id)
        else:
            self.discard(client_id)

    def discard(self, client_id: str) -> None:
        """The client disconnected as it should."""
        will = self._wills.pop(client_id, None)
        if will is not None:
            self._size_bytes -= _weight(will)
            self._due.pop(client_id, None)
            self._records.will(client_id, None)

    def client_lost(self, client_id: str, session_expiry_s: int) -> None:
        """A client vanished: its will is published now, or after its delay.

        Args:
            client_id: Whose.
            session_expiry_s: How long its session is kept, which ends the delay too.
        """
        will = self._wills.get(client_id)
        if will is None:
            return
        delay_s = min(will.delay_s, session_expiry_s)
        if delay_s:
            self._postpone(will, delay_s)
        else:
            self.session_ended(client_id)

    def session_ended(self, client_id: str) -> None:
        """Publish the will of a client whose session is over, if it is still to come."""
        will = self._wills.get(client_id)
        if will is None:
            return
        self.discard(client_id)
        publisher = Publisher(
            client_id,
            client_id=client_id,
            principal=will.principal,
            source_ip=will.source_ip,
        )
        expires_at_ms = 0
        if will.expiry_s is not None:
            expires_at_ms = self._now_ms() + will.expiry_s * 1000
        self._publish(
            Message(
                will.topic,
                will.payload,
                will.qos,
                will.retain,
                publisher,
                0,
                will.properties,
                expires_at_ms,
            )
        )

    def _postpone(self, will: StoredWill, delay_s: int) -> None:
        will = replace(will, due_ms=self._now_ms() + delay_s * 1000)
        self._wills[will.client_id] = self._due[will.client_id] = will
        self._records.will(will.client_id, will)

    def sweep(self) -> None:
        """Publish what is due."""
        if self._due:
            now_ms = self._now_ms()
            for client_id, will in list(self._due.items()):
                if will.due_ms is not None and will.due_ms <= now_ms:
                    self.session_ended(client_id)

    def _keep(self, will: StoredWill) -> None:
        earlier = self._wills.get(will.client_id)
        if earlier is not None:
            self._size_bytes -= _weight(earlier)
        self._wills[will.client_id] = will
        self._size_bytes += _weight(will)


def _weight(will: StoredWill) -> int:
    return len(will.topic) + len(will.payload) + len(will.properties) + WILL_BYTES
