"""The two languages of date patterns: Joda-Time's for writing, java.time's for reading.

Owns calendars, zones and patterns. Knows nothing of SQL or messages, and reads no clock: times come
in as milliseconds since 1970-01-01 UTC. Names are English whatever the system's locale.
"""

from __future__ import annotations

from rules.dates.errors import PatternError
from rules.dates.java_time import Reader, compile_reader
from rules.dates.joda import Writer, compile_writer
from rules.dates.zones import UTC, Zone, find_zone

__all__ = [
    "UTC",
    "PatternError",
    "Reader",
    "Writer",
    "Zone",
    "compile_reader",
    "compile_writer",
    "find_zone",
]
