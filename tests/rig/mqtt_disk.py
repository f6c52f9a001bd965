"""What MQTT has on disk, as a test sees it: rows, batches that fail, power cuts, and a comparison
of every `mqtt_` table with what the broker holds in memory.
"""

from __future__ import annotations

import asyncio
import shutil
from collections import Counter
from collections.abc import Callable
from pathlib import Path

import pytest

from gateway.broker.stored_outgoing import StoredOutgoing
from gateway.errors import StoreError
from gateway.store import StoreSettings
from tests.rig.mqtt_bench import Bench

MIB = 1024 * 1024

# Room for tests with more than the small store takes.
ROOMY = StoreSettings(
    max_bytes=256 * MIB, admission_bytes=16 * MIB, checkpoint_bytes=4 * MIB, reserve_bytes=MIB
)

MESSAGE_TABLES = ("mqtt_message", "mqtt_extra", "mqtt_queued")
SESSION_TABLES = ("mqtt_session", "mqtt_subscription", "mqtt_received")
TABLES = (*MESSAGE_TABLES, *SESSION_TABLES, "mqtt_retained", "mqtt_will")

# Refused by the table itself: everything has to be given.
REFUSED = "INSERT INTO mqtt_session (session) VALUES (NULL)"


def count(bench: Bench, table: str) -> int:
    """Return how many rows are committed."""
    (rows,) = bench.store.reader.execute(f"SELECT count(*) FROM {table}").fetchone()
    return int(rows)


def rows(bench: Bench) -> dict[str, int]:
    """Return how many rows are committed, by table, without the empty ones."""
    counts = {table: count(bench, table) for table in TABLES}
    return {table: rows for table, rows in counts.items() if rows}


def refuse_next_batch(bench: Bench) -> None:
    """Let the database refuse a row of the next batch that begins, so that it fails."""
    armed = True

    def write() -> None:
        nonlocal armed
        if armed:
            armed = False
            bench.store.write(REFUSED, [()])

    bench.store.before_batch.append(write)


def while_committing(bench: Bench, action: Callable[[], None]) -> None:
    """Do this while the batch that begins next is being written: it gathers for the one behind."""
    waiting = True

    def begun() -> None:
        nonlocal waiting
        if waiting:
            waiting = False
            asyncio.get_running_loop().call_soon(action)

    bench.store.before_batch.append(begun)


async def fail_batch(bench: Bench) -> None:
    """Fail the batch that has gathered, with all that is in it; wait until all have been told."""
    refuse_next_batch(bench)
    failures = bench.store.failures.value
    with pytest.raises(StoreError):
        await bench.store.flush()
    assert bench.store.failures.value == failures + 1
    await bench.settle()


async def cut_power(bench: Bench, folder: Path) -> None:
    """Start again on what the files hold at this moment; what has gathered is lost.

    No commit may be under way: settle, then act without giving the loop a turn.
    """
    folder.mkdir()
    for suffix in ("", "-wal"):
        shutil.copy(bench.folder / f"weir.db{suffix}", folder / f"weir.db{suffix}")
    await bench.store.close()
    bench.folder = folder
    bench.start()


async def compare(bench: Bench) -> None:
    """Check that what is on disk is what the broker holds, and that no row is left over."""
    await bench.tick()
    await bench.tick()
    for _ in range(20):  # ended sessions go one by one
        if (None,) in bench.store.reader.execute("SELECT client_id FROM mqtt_session"):
            await bench.tick()
    _compare_sessions(bench)
    _compare_messages(bench)
    query = bench.store.reader.execute
    retained = bench.broker.router.retained
    on_disk = dict(
        query(
            "SELECT r.topic, m.payload FROM mqtt_retained AS r"
            " JOIN mqtt_message AS m ON m.message = r.message"
        )
    )
    in_memory = {}
    for topic_bytes in on_disk:
        kept = retained.get(topic_bytes)
        in_memory[topic_bytes] = None if kept is None else kept[0].payload
    assert on_disk == in_memory
    assert len(retained) == count(bench, "mqtt_retained") == len(on_disk)
    wills = {name for (name,) in query("SELECT client_id FROM mqtt_will")}
    assert wills == set(bench.broker.wills._wills)


def _compare_sessions(bench: Bench) -> None:
    query = bench.store.reader.execute
    sessions = {s.client_id: s for s in bench.broker.sessions.values() if s.persistent}
    found = dict(query("SELECT client_id, session FROM mqtt_session"))
    assert found == {name: session.number for name, session in sessions.items()}
    subscriptions = sorted(query("SELECT session, topic_filter FROM mqtt_subscription"))
    assert subscriptions == sorted(
        (s.number, topic_filter) for s in sessions.values() for topic_filter in s.subscriptions
    )
    received = sorted(row_id for (row_id,) in query("SELECT id FROM mqtt_received"))
    assert received == sorted(s.number << 16 | i for s in sessions.values() for i in s.received)
    stored = stored_bytes = 0
    for session in sessions.values():
        outgoing = session.outgoing
        assert isinstance(outgoing, StoredOutgoing)
        stored += outgoing.stored
        stored_bytes += outgoing.stored_bytes
        queued, size_bytes = query(
            "SELECT count(*), coalesce(sum(size_bytes), 0) FROM mqtt_queued WHERE id >> 40 = ?",
            (session.number,),
        ).fetchone()
        # What the client had got before its batch failed has no row.
        sent = [copy for copy in outgoing.in_flight.values() if copy is not None]
        rowless = [copy for copy in (*sent, *outgoing._again) if not copy.written]
        assert outgoing.stored == queued + len(rowless)
        assert outgoing.stored_bytes == size_bytes + sum(copy.size_bytes for copy in rowless)
    assert bench.count("mqtt.stored_messages") == stored
    assert bench.count("mqtt.stored_bytes") == stored_bytes


def _compare_messages(bench: Bench) -> None:
    query = bench.store.reader.execute
    owners = {row_id >> 40 for (row_id,) in query("SELECT id FROM mqtt_queued")}
    assert owners <= {number for (number,) in query("SELECT session FROM mqtt_session")}
    references = Counter(message for (message,) in query("SELECT message FROM mqtt_queued"))
    references.update(message for (message,) in query("SELECT message FROM mqtt_retained"))
    extra = dict(query("SELECT message, extra FROM mqtt_extra"))
    expected = {m: 1 + extra.get(m, 0) for (m,) in query("SELECT message FROM mqtt_message")}
    assert references == expected
    assert set(extra) <= set(expected)
