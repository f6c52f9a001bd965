"""What MQTT keeps on disk: one publish, one transaction.

Owns every statement on the `mqtt_` tables that changes or reads messages; knows nothing of packets
or connections. What is gathered here joins the store's open batch and becomes rows when that batch
begins, so that a copy acknowledged meanwhile is never written. Sessions, subscriptions and wills
are written as they are in memory at that moment (`session_records`).

If a batch fails, copies are taken back (nobody was told that they were kept), and removals are
tried again with the next one: they are always admitted.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import Final, final

from gateway.broker.outbound import Copy, Outbound
from gateway.broker.stored_outgoing import StoredOutgoing
from gateway.store import Store

__all__ = ["DROP_REFERENCE", "SEQUENCE_BITS", "SWEEP_MESSAGES", "Journal"]

SEQUENCE_BITS: Final = 40
_SEQUENCES: Final = (1 << SEQUENCE_BITS) - 1

_ADD_MESSAGE: Final = "INSERT INTO mqtt_message VALUES (?, ?, ?, ?, ?, ?)"
_ADD_EXTRA: Final = (
    "INSERT INTO mqtt_extra VALUES (?, ?)"
    " ON CONFLICT (message) DO UPDATE SET extra = extra + excluded.extra"
)
_ADD_COPY: Final = "INSERT INTO mqtt_queued VALUES (?, ?, ?, ?, ?)"
_RELEASE_COPY: Final = "UPDATE mqtt_queued SET flags = flags | 8 WHERE id = ?"
_REMOVE_COPY: Final = "DELETE FROM mqtt_queued WHERE id = ?"
_LOAD: Final = (
    "SELECT q.id, q.flags, q.size_bytes, q.identifiers, m.message, m.topic, m.payload, m.qos,"
    " m.properties, m.expires_at_ms FROM mqtt_queued AS q JOIN mqtt_message AS m"
    " ON m.message = q.message WHERE q.id >= ? AND q.id < ? ORDER BY q.id LIMIT ?"
)
_LOAD_NARROW: Final = (
    "SELECT q.id, q.flags, q.size_bytes, q.identifiers, q.message FROM mqtt_queued AS q"
    " WHERE q.id >= ? AND q.id < ? ORDER BY q.id LIMIT ?"
)
_FETCH: Final = (
    "SELECT topic, payload, qos, properties, expires_at_ms FROM mqtt_message WHERE message = ?"
)

_RETAIN: Final = (
    "INSERT INTO mqtt_retained VALUES (?, ?, ?) ON CONFLICT (topic)"
    " DO UPDATE SET message = excluded.message, wall_ms = excluded.wall_ms"
)
_FORGET: Final = "DELETE FROM mqtt_retained WHERE topic = ?"

# A reference fewer; a message that nobody refers to any more goes (see mqtt_extra).
DROP_REFERENCE: Final = (
    "UPDATE mqtt_extra SET extra = extra - 1 WHERE message = ?",
    "DELETE FROM mqtt_message WHERE message = ?"
    " AND NOT EXISTS (SELECT 1 FROM mqtt_extra WHERE mqtt_extra.message = mqtt_message.message)",
)
SWEEP_MESSAGES: Final = (
    "DELETE FROM mqtt_message WHERE message IN (SELECT message FROM mqtt_extra WHERE extra < 0)",
    "DELETE FROM mqtt_extra WHERE extra < 0",
)


@final
class _Gathered:
    """What joins one batch.

    Attributes:
        ends: By owner, the sequence after its last copy of this batch.
        removed: Copies that are settled: their rows, and the messages that lose a reference.
        retained: By topic: the message retained now, or None; when; the one it replaces, or 0.
    """

    __slots__ = ("batch", "copies", "ends", "released", "removed", "retained")

    def __init__(self) -> None:
        self.batch = 0
        self.copies: list[tuple[StoredOutgoing, Copy]] = []
        self.ends: dict[StoredOutgoing, int] = {}
        self.released: list[tuple[int]] = []
        self.removed: list[tuple[int, int]] = []
        self.retained: dict[bytes, tuple[Outbound | None, int, int]] = {}

    def __bool__(self) -> bool:
        return bool(self.copies or self.released or self.removed or self.retained)


@final
class Journal:
    """Writes and reads the messages of persistent sessions, and retained ones.

    Args:
        store: The gateway's database.

    Attributes:
        reverted: Called after a failed batch with the topics whose retained message is again what
            is on disk.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        self._open = _Gathered()
        self._in_flight: _Gathered | None = None
        self.reverted: Callable[[Iterable[bytes]], None] | None = None
        (self._next_message,) = store.reader.execute(
            "SELECT coalesce(max(message), 0) + 1 FROM mqtt_message"
        ).fetchone()
        store.before_batch.append(self._write)
        store.after_commit.append(self._committed)
        store.after_failure.append(self._failed)

    # --- gathering -------------------------------------------------------------------------------

    def add(self, owner: StoredOutgoing, copy: Copy) -> None:
        """Write this copy with the open batch, which the publish has joined already."""
        self._open.copies.append((owner, copy))

    def remove(self, owner: StoredOutgoing, copy: Copy) -> None:
        """A copy is settled: take it out of the open batch, or off the disk with the next one."""
        copy.cancelled = True
        if not copy.written:
            return
        self._open.removed.append((owner.number << SEQUENCE_BITS | copy.sequence, copy.message))

    def mark_released(self, owner: StoredOutgoing, copy: Copy) -> None:
        """PUBREC has come for this copy: its PUBLISH must not be sent again."""
        if copy.written:
            self._store.join()
            self._open.released.append((owner.number << SEQUENCE_BITS | copy.sequence,))

    def retain(
        self, topic_bytes: bytes, outbound: Outbound | None, wall_ms: int, replaced: int
    ) -> None:
        """Make this the retained message of a topic, or none, with the open batch.

        Args:
            topic_bytes: The topic name, encoded.
            outbound: The message.
            wall_ms: When it was published, for people.
            replaced: The number of the message retained so far; 0 for none.
        """
        earlier = self._open.retained.get(topic_bytes)
        self._open.retained[topic_bytes] = (
            outbound, wall_ms, replaced if earlier is None else earlier[2],
        )  # fmt: skip

    def tidy(self) -> None:
        """Have what was removed written soon: called about once a second.

        Removals alone begin no batch. One that comes back after a power cut is sent again, which
        QoS 1 allows (and a client at QoS 2 has answered with PUBCOMP is asked once more by PUBREL),
        so that they need no fsync of their own.
        """
        if self._open:
            self._store.join()

    # --- reading ---------------------------------------------------------------------------------

    def load(
        self, number: int, begin: int, end: int, max_copies: int, max_bytes: int
    ) -> tuple[list[Copy], int]:
        """Read a session's committed copies from `begin` on, before `end`, in order.

        Args:
            number: The session's number.
            begin: The first sequence that may be read.
            end: The sequence before which to stop.
            max_copies: How many at most.
            max_bytes: Stop after so many bytes; 0 reads no messages, only their numbers.

        Returns:
            The copies, and the sequence from which to go on.
        """
        first = number << SEQUENCE_BITS
        cursor = self._store.reader.execute(
            _LOAD if max_bytes else _LOAD_NARROW, (first | begin, first | end, max_copies)
        )
        copies: list[Copy] = []
        size_bytes = 0
        for row_id, flags, copy_bytes, identifiers, message, *rest in cursor:
            outbound = _outbound(message, *rest) if rest else None
            copy = Copy(
                outbound, row_id & _SEQUENCES, flags & 3, bool(flags & 4), identifiers or b"",
                copy_bytes,
            )  # fmt: skip
            copy.message = message
            copy.released = bool(flags & 8)
            copy.written = True
            copies.append(copy)
            size_bytes += copy_bytes
            if max_bytes and size_bytes >= max_bytes:
                break
        else:
            if len(copies) < max_copies:
                cursor.close()
                return copies, end
        cursor.close()
        return copies, copies[-1].sequence + 1

    def fetch(self, copy: Copy) -> Outbound:
        """Read the message of a copy whose payload is on disk only."""
        row = self._store.reader.execute(_FETCH, (copy.message,)).fetchone()
        return _outbound(copy.message, *row)

    # --- writing ---------------------------------------------------------------------------------

    def _write(self) -> None:
        """Hand over what has gathered: the store's batch begins."""
        gathered = self._open
        if not gathered:
            return
        self._open = _Gathered()
        self._in_flight = gathered
        gathered.batch = self._store.batch
        write = self._store.write
        references = _References(self._store.batch, self._next_message)
        refer = references.refer
        rows = []
        ends = gathered.ends
        for owner, copy in gathered.copies:
            ends[owner] = copy.sequence + 1
            if copy.cancelled or copy.outbound is None:
                continue
            copy.message = refer(copy.outbound)
            copy.written = True
            rows.append(
                (
                    owner.number << SEQUENCE_BITS | copy.sequence,
                    copy.message,
                    copy.qos | copy.retain << 2,
                    copy.size_bytes,
                    copy.identifiers or None,
                )
            )
        kept, gone = [], []
        dropped = [(message,) for _, message in gathered.removed]
        for topic_bytes, (outbound, wall_ms, replaced) in gathered.retained.items():
            if outbound is None:
                gone.append((topic_bytes,))
            else:
                kept.append((topic_bytes, refer(outbound), wall_ms))
            if replaced:
                dropped.append((replaced,))  # not in `gathered`: a failed batch leaves it be
        self._next_message = references.next_message
        for sql, some in (
            (_ADD_MESSAGE, references.messages()),
            (_ADD_EXTRA, references.extra()),
            (_ADD_COPY, rows),
            (_RELEASE_COPY, gathered.released),
            (_REMOVE_COPY, [(row_id,) for row_id, _ in gathered.removed]),
            (_RETAIN, kept),
            (_FORGET, gone),
        ):
            if some:
                write(sql, some)
        if dropped:
            for sql in DROP_REFERENCE:
                write(sql, dropped)
            for sql in SWEEP_MESSAGES:
                write(sql, [()])

    def _committed(self) -> None:
        gathered, self._in_flight = self._in_flight, None
        if gathered is None:
            return
        for _, copy in gathered.copies:
            if copy.sent:
                copy.outbound = None  # to be read again if it must be sent again
        for owner, end in gathered.ends.items():
            owner.committed(end)

    def _failed(self) -> None:
        """Take copies and retained messages back; try removals again."""
        failed = [g for g in (self._in_flight, self._open) if g is not None]
        self._in_flight, self._open = None, _Gathered()
        lost: dict[StoredOutgoing, list[Copy]] = {}
        topics: set[bytes] = set()
        never_written: set[int] = set()
        for gathered in failed:
            self._open.released += gathered.released
            for owner, copy in gathered.copies:
                never_written.add(owner.number << SEQUENCE_BITS | copy.sequence)
                lost.setdefault(owner, []).append(copy)
                outbound = copy.outbound
                if outbound is not None and gathered.batch and outbound.batch == gathered.batch:
                    outbound.number = 0  # its row has not been written
            topics.update(gathered.retained)
        for gathered in failed:  # what refers to nothing must not drop a reference
            self._open.removed += [row for row in gathered.removed if row[0] not in never_written]
        for owner, copies in lost.items():
            owner.lost(copies)
        if topics and self.reverted is not None:
            self.reverted(topics)


@final
class _References:
    """Numbers the messages that one batch refers to, and counts how often."""

    __slots__ = ("_again", "_batch", "_fresh", "next_message")

    def __init__(self, batch: int, next_message: int) -> None:
        self._batch = batch
        self.next_message = next_message
        self._fresh: list[Outbound] = []
        self._again: list[tuple[int, int]] = []

    def refer(self, outbound: Outbound) -> int:
        """Count one more that refers to this message; return its number."""
        number = outbound.number
        if not number:
            number = outbound.number = self.next_message
            self.next_message = number + 1
            outbound.batch = self._batch
            outbound.references = 1
            self._fresh.append(outbound)
        elif outbound.batch == self._batch:
            outbound.references += 1
        else:
            self._again.append((number, 1))
        return number

    def messages(self) -> list[tuple[object, ...]]:
        """Return the rows of messages written for the first time."""
        return [
            (
                outbound.number,
                outbound.topic_bytes,
                outbound.payload,
                outbound.qos,
                outbound.properties or None,
                outbound.expires_at_ms or None,
            )
            for outbound in self._fresh
        ]

    def extra(self) -> list[tuple[int, int]]:
        """Return how many more refer to messages than one, or than did before."""
        more = [(o.number, o.references - 1) for o in self._fresh if o.references > 1]
        return more + self._again


def _outbound(
    number: int,
    topic_bytes: bytes,
    payload: bytes,
    qos: int,
    properties: bytes | None,
    expires_at_ms: int | None,
) -> Outbound:
    return Outbound(
        topic_bytes, payload, qos, False, properties or b"", expires_at_ms or 0, None, number
    )
