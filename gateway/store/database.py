"""Opening the database and bringing its schema up to date.

Owns connections' pragmas and the numbered migrations; knows nothing of what the tables mean. Each
file `migrations/NNNN_name.sql` runs once, in order, in a transaction of its own; `user_version`
holds the number of the last one. A released file is never edited: the next change is a new file.
"""

from __future__ import annotations

import re
import sqlite3
from importlib import resources
from pathlib import Path

from gateway.errors import SchemaError

__all__ = ["migrate", "open_database", "schema_versions", "unusable"]

_MIGRATION = re.compile(r"^(\d{4})_[a-z0-9_]+\.sql$")


def open_database(
    path: Path, *, synchronous: str = "FULL", read_only: bool = False
) -> sqlite3.Connection:
    """Open one connection with the pragmas that the gateway relies on.

    Args:
        path: The database file; created where it is missing, with mode 0600.
        synchronous: `FULL`: every commit waits for the disk. `OFF`: none does.
        read_only: For the connection that only reads.

    Raises:
        SchemaError: The file is damaged or no SQLite database.
    """
    if not read_only:
        path.touch(mode=0o600)
    try:
        connection = sqlite3.connect(
            path, isolation_level=None, check_same_thread=False, cached_statements=256
        )
    except sqlite3.DatabaseError as error:
        raise unusable(path, error) from error
    try:
        # Takes effect on an empty file only, so it comes before anything is written.
        connection.execute("PRAGMA auto_vacuum = INCREMENTAL")
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute(f"PRAGMA synchronous = {'OFF' if synchronous == 'OFF' else 'FULL'}")
        connection.execute("PRAGMA wal_autocheckpoint = 0")
        connection.execute("PRAGMA temp_store = MEMORY")
        connection.execute("PRAGMA cache_size = -4096")
        # What is deleted is zeroed where its page is written anyway. Debian's SQLite would write
        # pages once more to the flash only because they have become free.
        connection.execute("PRAGMA secure_delete = FAST")
        if read_only:
            connection.execute("PRAGMA query_only = ON")
    except sqlite3.DatabaseError as error:
        connection.close()
        raise unusable(path, error) from error
    return connection


def unusable(path: Path, error: sqlite3.DatabaseError) -> SchemaError:
    """Return the error that says that this file is damaged or no database, and what to do."""
    return SchemaError(
        f"{path} cannot be used as a database: {error}",
        hint="Put a backup in its place, or move it away to start with an empty one.",
    )


def schema_versions() -> list[tuple[int, str]]:
    """Return every migration as (number, SQL text), in order."""
    found = []
    for file in resources.files("gateway.store").joinpath("migrations").iterdir():
        name = _MIGRATION.match(file.name)
        if name:
            found.append((int(name[1]), file.read_text(encoding="utf-8")))
    return sorted(found)


def migrate(connection: sqlite3.Connection) -> int:
    """Run what has not run yet on this database; return the version it is at.

    Raises:
        SchemaError: The database was written by a newer release, or is damaged.
    """
    versions = schema_versions()
    try:
        (at,) = connection.execute("PRAGMA user_version").fetchone()
        newest = versions[-1][0]
        if at > newest:
            raise SchemaError(
                f"the database has schema version {at}, this release knows up to {newest}",
                hint="Install the release that wrote it, or a newer one.",
            )
        for number, script in versions:
            if number > at:
                connection.executescript(
                    f"BEGIN IMMEDIATE;\n{script}\nPRAGMA user_version = {number};\nCOMMIT;"
                )
    except sqlite3.DatabaseError as error:
        raise SchemaError(
            f"the database's schema cannot be brought up to date: {error}",
            hint="Put a backup in its place, or move it away to start with an empty one.",
        ) from error
    return newest
