"""The store's settings, each default named once, with its unit and reason."""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["StoreSettings"]

MIB = 1024 * 1024


@dataclass(frozen=True, slots=True)
class StoreSettings:
    """The `[store]` section.

    Attributes are documented by their metadata, from which the settings reference is made.
    """

    commit_interval_ms: int = field(
        default=0,
        metadata={
            "unit": "milliseconds",
            "doc": "Least time between two commits. 0 commits as soon as the disk is free; more "
            "spares flash and delays acknowledgements by as much.",
        },
    )
    max_bytes: int = field(
        default=2048 * MIB,
        metadata={
            "unit": "bytes",
            "doc": "Room for database, write-ahead log and reserve together. When it is used up, "
            "nothing new is taken; what is there can still be received and deleted.",
        },
    )
    admission_bytes: int = field(
        default=4 * MIB,
        metadata={
            "unit": "bytes",
            "doc": "Bytes gathered but not yet committed. At this limit sockets are not read, so "
            "that publishers wait.",
        },
    )
    checkpoint_bytes: int = field(
        default=4 * MIB,
        metadata={
            "unit": "bytes",
            "doc": "Size of the write-ahead log at which it is copied into the database.",
        },
    )
    reserve_bytes: int = field(
        default=16 * MIB,
        metadata={
            "unit": "bytes",
            "doc": "Disk space set aside and released when the disk is full, so that consumers can "
            "still receive and delete. At least admission_bytes and checkpoint_bytes together.",
        },
    )
    synchronous: str = field(
        default="FULL",
        metadata={
            "unit": "FULL or OFF",
            "doc": "FULL: an acknowledgement means on disk. OFF never waits for the disk and loses "
            "acknowledged messages at a power cut: for measuring what durability costs, never "
            "for a gateway in use.",
        },
    )

    def problems(self) -> list[str]:
        """Return what contradicts itself in these settings, a sentence each."""
        found = []
        if self.synchronous not in ("FULL", "OFF"):
            found.append(f'store.synchronous is "{self.synchronous}"; it must be "FULL" or "OFF"')
        if not 0 <= self.commit_interval_ms <= 60_000:
            found.append("store.commit_interval_ms must be between 0 and 60000 (a minute)")
        if self.admission_bytes < 64 * 1024:
            found.append("store.admission_bytes is under 64 KiB; a batch needs more room")
        if self.reserve_bytes < self.admission_bytes + self.checkpoint_bytes:
            found.append(
                "store.reserve_bytes is less than store.admission_bytes and store.checkpoint_bytes "
                "together; on a full disk the last batch could not be written down"
            )
        if self.max_bytes < 2 * self.reserve_bytes:
            found.append("store.max_bytes is less than twice store.reserve_bytes; raise it")
        return found
