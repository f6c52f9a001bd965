"""All sessions: begun, continued after a restart, ended, expired.

Owns the sessions by client identifier; knows nothing of connections beyond that a session may have
one. Source: MQTT 3.1.1, section 3.1.2.4; MQTT 5.0, sections 3.1.2.4 and 3.1.2.11.2.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping
from typing import TYPE_CHECKING, final

from gateway.broker.journal import Journal
from gateway.broker.outgoing import Outgoing
from gateway.broker.outlet import OutgoingContext
from gateway.broker.router import Router
from gateway.broker.session import Session
from gateway.broker.session_records import SessionRecords, StoredSession
from gateway.broker.stored_outgoing import StoredOutgoing
from gateway.broker.wills import Wills

if TYPE_CHECKING:
    from gateway.broker.connection import Connection

__all__ = ["Sessions"]


@final
class Sessions(Mapping[str, Session]):
    """The sessions of all clients, by client identifier.

    Args:
        context: Shared by all that is sent to clients.
        router: Where their subscriptions are.
        journal: Where their messages are on disk.
        records: Where they are on disk themselves.
        wills: What is published when they end.
        now_ms: Gateway time.
    """

    def __init__(
        self,
        context: OutgoingContext,
        router: Router,
        journal: Journal,
        records: SessionRecords,
        wills: Wills,
        now_ms: Callable[[], int],
    ) -> None:
        self._context = context
        self._router = router
        self._journal = journal
        self._records = records
        self._wills = wills
        self._now_ms = now_ms
        self._sessions: dict[str, Session] = {}

    def __len__(self) -> int:
        return len(self._sessions)

    def __getitem__(self, client_id: str) -> Session:
        return self._sessions[client_id]

    def __iter__(self) -> Iterator[str]:
        return iter(self._sessions)

    def connections(self) -> list[Connection]:
        """Return the connections of all clients that are connected."""
        return [s.connection for s in self._sessions.values() if s.connection is not None]

    @property
    def full(self) -> bool:
        """Whether there are as many as there may be."""
        return len(self._sessions) >= self._context.settings.max_sessions

    def begin(self, client_id: str, *, persistent: bool) -> Session:
        """Begin a session.

        Args:
            client_id: A client that has none.
            persistent: Whether it may outlive its connection, so that it is kept on disk.

        Raises:
            StoreError: It is to be kept, and there is no room.
        """
        number = self._records.new_number() if persistent else 0
        outgoing: Outgoing
        if persistent:
            outgoing = StoredOutgoing(client_id, self._context, self._journal, number)
        else:
            outgoing = Outgoing(client_id, self._context)
        session = self._sessions[client_id] = Session(client_id, outgoing, number)
        return session

    def end(self, session: Session) -> None:
        """A session is over: its will is due now, and nothing else of it stays."""
        session.ended = True
        self._wills.session_ended(session.client_id)
        session.outgoing.abandon()
        for topic_filter in list(session.subscriptions):
            self._router.unsubscribe(session, topic_filter)
        self._records.ended(session)
        if self._sessions.get(session.client_id) is session:
            del self._sessions[session.client_id]

    def expire(self, now_ms: int) -> int:
        """End the sessions whose clients have been away for too long; return how many."""
        expired = [session for session in self._sessions.values() if session.has_expired(now_ms)]
        for session in expired:
            self.end(session)
        return len(expired)

    def load(self) -> None:
        """Continue the sessions that an earlier process left; their clients are all away."""
        for stored in self._records.load_sessions():
            self._restore(stored)

    def _restore(self, stored: StoredSession) -> None:
        outgoing = StoredOutgoing(stored.client_id, self._context, self._journal, stored.number)
        # If the client was connected when that process ended, all may have been sent.
        was_connected = stored.away_since_ms is None
        end = max(stored.end, stored.sent_before)  # what was acknowledged last has left no row
        outgoing.restore(
            stored.stored, stored.stored_bytes, end, end if was_connected else stored.sent_before
        )
        session = Session(stored.client_id, outgoing, stored.number)
        session.level = stored.level
        session.profile = stored.profile
        session.expiry_s = stored.expiry_s
        session.seen_wall_ms = stored.seen_wall_ms
        session.received = stored.received
        session.away_since_ms = stored.away_since_ms
        if was_connected:
            session.away_since_ms = self._now_ms()
        for topic_filter, options in stored.subscriptions.items():
            self._router.subscribe(session, topic_filter, options)
        self._sessions[stored.client_id] = session
        if was_connected:
            self._records.changed(session)  # or a further crash would begin its expiry anew
