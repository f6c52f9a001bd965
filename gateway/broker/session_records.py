"""Sessions, subscriptions, QoS 2 identifiers and wills on disk.

Owns their statements. What has changed is noted here and written as it is in memory when the batch
begins, so that a change and its undoing cost one row. If a batch fails, the same is written again
with the next: memory is right, and nobody was told that the disk has it. Only QoS 2 identifiers
that came with it are forgotten, for their messages are lost.
"""

from __future__ import annotations

import sqlite3
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, final

from gateway.broker.journal import DROP_REFERENCE, SEQUENCE_BITS, SWEEP_MESSAGES
from gateway.broker.session import Session
from gateway.broker.stored_outgoing import StoredOutgoing
from gateway.broker.topic_tree import SubscriptionOptions
from gateway.mqtt.topics import Dialect
from gateway.store import Store

__all__ = ["SessionRecords", "StoredSession", "StoredWill"]

_SAVE_SESSION: Final = (
    "INSERT INTO mqtt_session VALUES (?, ?, ?, ?, ?, ?, ?, ?) ON CONFLICT (session) DO UPDATE SET"
    " level = excluded.level, profile = excluded.profile, expiry_s = excluded.expiry_s,"
    " away_since_ms = excluded.away_since_ms, sent_before = excluded.sent_before,"
    " seen_wall_ms = excluded.seen_wall_ms"
)
_END_SESSION: Final = (
    "UPDATE mqtt_session SET client_id = NULL WHERE session = ?",
    "DELETE FROM mqtt_subscription WHERE session = ?",
    "DELETE FROM mqtt_received WHERE id >= ?1 << 16 AND id < (?1 + 1) << 16",
)
_SAVE_SUBSCRIPTION: Final = "INSERT OR REPLACE INTO mqtt_subscription VALUES (?, ?, ?, ?)"
_REMOVE_SUBSCRIPTION: Final = "DELETE FROM mqtt_subscription WHERE session = ? AND topic_filter = ?"
_SAVE_RECEIVED: Final = "INSERT OR IGNORE INTO mqtt_received VALUES (?)"
_REMOVE_RECEIVED: Final = "DELETE FROM mqtt_received WHERE id = ?"
_SAVE_WILL: Final = "INSERT OR REPLACE INTO mqtt_will VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?, ?)"
_REMOVE_WILL: Final = "DELETE FROM mqtt_will WHERE client_id = ?"

# Messages of sessions that have ended are removed in steps of this many.
REMOVE_AT_ONCE: Final = 1000
SESSIONS_AT_ONCE: Final = 100

# What a session's row weighs against the admission limit.
SESSION_BYTES: Final = 128


@dataclass(frozen=True, slots=True)
class StoredWill:
    """A will on disk.

    Attributes:
        due_ms: Gateway time at which it is published; None while its client is connected.
        delay_s: How long after the connection's end that is.
        properties: MQTT 5 properties to pass on, as on the wire.
        expiry_s: Message expiry interval, from its publication on.
    """

    client_id: str
    due_ms: int | None
    delay_s: int
    topic: str
    payload: bytes
    qos: int
    retain: bool
    properties: bytes
    expiry_s: int | None
    principal: str | None
    source_ip: str | None


@dataclass(frozen=True, slots=True)
class StoredSession:
    """A session as an earlier process left it.

    Attributes:
        away_since_ms: None: its client was connected.
        stored, stored_bytes: Messages that the client has not acknowledged.
        end: The sequence after the last of these.
    """

    number: int
    client_id: str
    level: int
    profile: str
    expiry_s: int
    away_since_ms: int | None
    sent_before: int
    seen_wall_ms: int
    subscriptions: dict[str, SubscriptionOptions]
    received: set[int]
    stored: int
    stored_bytes: int
    end: int


@final
class _Changes:
    """What is to be written with one batch."""

    __slots__ = ("ended", "received", "sessions", "subscriptions", "wills")

    def __init__(self) -> None:
        # Dictionaries without values: sets that keep their order.
        self.sessions: dict[Session, None] = {}
        self.ended: dict[Session, None] = {}
        self.subscriptions: dict[tuple[Session, str], None] = {}
        self.received: dict[tuple[Session, int], None] = {}
        self.wills: dict[str, StoredWill | None] = {}

    def __bool__(self) -> bool:
        return bool(
            self.sessions or self.ended or self.subscriptions or self.received or self.wills
        )


@final
class SessionRecords:
    """Writes what sessions are, and reads it at start.

    Args:
        store: The gateway's database. The journal must be there first: what it removes goes before
            the rest of an ended session does.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open = _Changes()
        self._in_flight: _Changes | None = None
        self._removing = False
        reader = store.reader
        row = reader.execute("SELECT seq FROM sqlite_sequence WHERE name = 'mqtt_session'")
        self._last_number: int = (row.fetchone() or (0,))[0]
        (self._ended,) = reader.execute(
            "SELECT count(*) FROM mqtt_session WHERE client_id IS NULL"
        ).fetchone()
        store.before_batch.append(self._write)
        store.after_commit.append(self._committed)
        store.after_failure.append(self._failed)

    # --- noting changes --------------------------------------------------------------------------

    def new_number(self) -> int:
        """Return the number of a new session.

        Raises:
            StoreFull: Nothing new is taken just now.
            StoreClosed: The gateway is stopping.
        """
        self._store.join(SESSION_BYTES)
        self._last_number += 1
        return self._last_number

    def changed(self, session: Session) -> None:
        """The session's own row is to be written."""
        if session.persistent and not session.ended:
            self._store.join()
            self._open.sessions[session] = None

    def ended(self, session: Session) -> None:
        """The session is over: what it has on disk goes, its messages in small steps."""
        if session.persistent:
            self._store.join()
            self._open.ended[session] = None
            self._ended += 1

    def subscription(self, session: Session, topic_filter: str, *, added: bool) -> None:
        """A subscription was added, changed or removed.

        Raises:
            StoreFull: It was added, and nothing new is taken just now.
        """
        if session.persistent:
            self._store.join(len(topic_filter) + SESSION_BYTES if added else 0)
            self._open.subscriptions[session, topic_filter] = None

    def received(self, session: Session, packet_identifier: int) -> None:
        """A packet identifier joined or left those between PUBREC and PUBREL."""
        if session.persistent:
            self._store.join()
            self._open.received[session, packet_identifier] = None

    def will(self, client_id: str, will: StoredWill | None) -> None:
        """A client's will is this one now, or none; always admitted, for it comes with CONNECT."""
        self._store.join()
        self._open.wills[client_id] = will

    def tidy(self) -> None:
        """Remove some more of what ended sessions have left; called about once a second."""
        if self._ended and not self._removing:
            self._removing = True
        if self._removing or self._open:  # after a failed batch something may be left over
            self._store.join()

    # --- writing ---------------------------------------------------------------------------------

    def _write(self) -> None:
        changes = self._open
        if changes:
            self._open = _Changes()
            self._in_flight = changes
            self._write_changes(changes)
        if self._removing and not self._store.closing:
            self._store.execute(_remove_some).add_done_callback(self._removed)

    def _write_changes(self, changes: _Changes) -> None:
        write = self._store.write
        ended = [(session.number,) for session in changes.ended]
        if ended:
            for sql in _END_SESSION:
                write(sql, ended)
        sessions = [_session_row(session) for session in changes.sessions if not session.ended]
        if sessions:
            write(_SAVE_SESSION, sessions)
        kept: list[tuple[object, ...]] = []
        gone: list[tuple[object, ...]] = []
        for session, topic_filter in changes.subscriptions:
            options = session.subscriptions.get(topic_filter)
            if session.ended or options is None:
                gone.append((session.number, topic_filter))
            else:
                kept.append((session.number, topic_filter, _bits(options), options.identifier))
        write(_SAVE_SUBSCRIPTION, kept)
        write(_REMOVE_SUBSCRIPTION, gone)
        kept, gone = [], []
        for session, identifier in changes.received:
            present = identifier in session.received and not session.ended
            (kept if present else gone).append((session.number << 16 | identifier,))
        write(_SAVE_RECEIVED, kept)
        write(_REMOVE_RECEIVED, gone)
        write(_SAVE_WILL, [_will_row(will) for will in changes.wills.values() if will is not None])
        write(_REMOVE_WILL, [(name,) for name, will in changes.wills.items() if will is None])

    def _removed(self, step: object) -> None:
        self._removing = False
        error = getattr(step, "exception", lambda: None)()
        if error is None:
            left: int = step.result()  # type: ignore[attr-defined] # a future of _remove_some
            self._ended = left + len(self._open.ended)
            if not self._store.closing:
                self.tidy()  # go on with the next batch

    def _committed(self) -> None:
        self._in_flight = None

    def _failed(self) -> None:
        failed, self._in_flight = self._in_flight or _Changes(), None
        newer, self._open = self._open, failed
        self._open.sessions.update(newer.sessions)
        self._open.ended.update(newer.ended)
        self._open.subscriptions.update(newer.subscriptions)
        self._open.received.update(newer.received)
        self._open.wills.update(newer.wills)
        for session, identifier in self._open.received:
            # If it is there, the message that brought it is lost, and will be sent again as new.
            session.received.discard(identifier)

    # --- reading ---------------------------------------------------------------------------------

    def load_sessions(self) -> Iterator[StoredSession]:
        """Yield every session that an earlier process left."""
        reader = self._store.reader
        subscriptions: dict[int, dict[str, SubscriptionOptions]] = {}
        for number, topic_filter, bits, identifier in reader.execute(
            "SELECT session, topic_filter, options, identifier FROM mqtt_subscription"
        ):
            subscriptions.setdefault(number, {})[topic_filter] = _options(bits, identifier)
        received: dict[int, set[int]] = {}
        for (row_id,) in reader.execute("SELECT id FROM mqtt_received"):
            received.setdefault(row_id >> 16, set()).add(row_id & 0xFFFF)
        stored = {
            number: (count, size_bytes, (last & (1 << SEQUENCE_BITS) - 1) + 1)
            for number, count, size_bytes, last in reader.execute(
                "SELECT id >> ? AS session, count(*), sum(size_bytes), max(id)"
                " FROM mqtt_queued GROUP BY session",
                (SEQUENCE_BITS,),
            )
        }
        for row in reader.execute(
            "SELECT session, client_id, level, profile, expiry_s, away_since_ms, sent_before,"
            " seen_wall_ms FROM mqtt_session WHERE client_id IS NOT NULL"
        ):
            number, client_id, level, profile, expiry_s, away_since_ms, sent_before, seen_ms = row
            yield StoredSession(
                number,
                client_id,
                level,
                profile,
                expiry_s,
                away_since_ms,
                sent_before,
                seen_ms,
                subscriptions.get(number, {}),
                received.get(number, set()),
                *stored.get(number, (0, 0, 0)),
            )

    def load_wills(self) -> Iterator[StoredWill]:
        """Yield every will that an earlier process left."""
        for (
            client_id,
            due_ms,
            delay_s,
            topic,
            payload,
            qos,
            retain,
            *rest,
        ) in self._store.reader.execute("SELECT * FROM mqtt_will"):
            yield StoredWill(client_id, due_ms, delay_s, topic, payload, qos, bool(retain), *rest)


def _session_row(session: Session) -> tuple[object, ...]:
    outgoing = session.outgoing
    sent_before = outgoing.sent_end if isinstance(outgoing, StoredOutgoing) else 0
    return (
        session.number,
        session.client_id,
        session.level,
        session.profile,
        session.expiry_s,
        session.away_since_ms,
        sent_before,
        session.seen_wall_ms,
    )


def _will_row(will: StoredWill) -> tuple[object, ...]:
    return (
        will.client_id,
        will.due_ms,
        will.delay_s,
        will.topic,
        will.payload,
        will.qos,
        will.retain,
        will.properties,
        will.expiry_s,
        will.principal,
        will.source_ip,
    )


def _bits(options: SubscriptionOptions) -> int:
    return (
        options.qos
        | options.no_local << 2
        | options.retain_as_published << 3
        | options.retain_handling << 4
        | (options.dialect is Dialect.AWS) << 6
    )


def _options(bits: int, identifier: int) -> SubscriptionOptions:
    return SubscriptionOptions(
        bits & 3,
        bool(bits & 4),
        bool(bits & 8),
        bits >> 4 & 3,
        identifier,
        Dialect.AWS if bits & 64 else Dialect.STANDARD,
    )


def _remove_some(connection: sqlite3.Connection) -> int:
    """Remove messages of sessions that have ended; return how many such sessions are left."""
    room = REMOVE_AT_ONCE
    for (number,) in connection.execute(
        "SELECT session FROM mqtt_session WHERE client_id IS NULL LIMIT ?", (SESSIONS_AT_ONCE,)
    ).fetchall():
        rows = connection.execute(
            "SELECT id, message FROM mqtt_queued WHERE id >= ? AND id < ? LIMIT ?",
            (number << SEQUENCE_BITS, number + 1 << SEQUENCE_BITS, room),
        ).fetchall()
        connection.executemany("DELETE FROM mqtt_queued WHERE id = ?", [row[:1] for row in rows])
        for sql in DROP_REFERENCE:
            connection.executemany(sql, [row[1:] for row in rows])
        room -= len(rows)
        if room <= 0:
            break  # this one may have more
        connection.execute("DELETE FROM mqtt_session WHERE session = ?", (number,))
    for sql in SWEEP_MESSAGES:
        connection.execute(sql)
    (left,) = connection.execute(
        "SELECT count(*) FROM mqtt_session WHERE client_id IS NULL"
    ).fetchone()
    return int(left)
