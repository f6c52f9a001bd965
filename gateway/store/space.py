"""Room: how much may still be added, and what happens when there is no more.

Owns the byte limit, the reserve file and the decision whether anything new is taken. Knows sizes
only, not what is stored. What makes room (receive, delete, acknowledge, expire) is never refused
here: for these the reserve is given up when the disk itself is full.

The decision changes between batches only, so one publish is either taken whole or not at all.
"""

from __future__ import annotations

import logging
import os
from pathlib import Path

from gateway.store.files import preallocate
from gateway.store.settings import StoreSettings

__all__ = ["RESERVE_NAME", "Space"]

log = logging.getLogger(__name__)

RESERVE_NAME = "reserve"

# Free pages kept inside the database for reuse before any are given back to the disk.
KEPT_FREE_BYTES = 4 * 1024 * 1024

# Pages given back per batch: few, so that no batch becomes slow; more when room is short.
VACUUM_STEP_PAGES = 64
VACUUM_STEP_FULL_PAGES = 512


class Space:
    """Decides whether the store takes anything new.

    Attributes:
        full_because: Why nothing new is taken, for people; None while it is.
        live_bytes: What the database holds, free pages not counted.
        free_pages: Pages inside the database file that hold nothing.
    """

    def __init__(self, settings: StoreSettings, database: Path) -> None:
        self._settings = settings
        self._folder = database.parent
        self._wal = database.with_name(database.name + "-wal")
        self._reserve = self._folder / RESERVE_NAME
        # What the log may still need of the disk while the gathered bytes are written down.
        self._headroom_bytes = settings.admission_bytes + settings.checkpoint_bytes
        self.full_because: str | None = None
        self._disk_is_full = False
        self.live_bytes = 0
        self.free_pages = 0
        self._page_bytes = 4096

    def prepare(self) -> None:
        """Set the reserve aside at start; without room for it the store starts full."""
        if not self._restore_reserve():
            self._become_full("the disk has no room for the reserve file", disk=True)

    def assess(self, pages: int, free_pages: int, page_bytes: int) -> bool:
        """Look at the sizes after a commit; return whether something new is taken from now on."""
        self._page_bytes = page_bytes
        self.free_pages = free_pages
        self.live_bytes = (pages - free_pages) * page_bytes
        try:
            return self._judge()
        except OSError as error:
            self._become_full(f"the data folder cannot be read: {error.strerror}", disk=True)
            return False

    def disk_refused(self) -> None:
        """Note that the disk refused a write: give up the reserve and take nothing new."""
        self._become_full("the disk is full", disk=True)
        self.release_reserve()

    def release_reserve(self) -> None:
        """Give the reserve's bytes back to the disk, for those who make room."""
        if self._reserve.exists():
            log.warning("disk full: released the reserve so that messages can still be consumed")
            self._reserve.unlink()

    def vacuum_pages(self) -> int:
        """Return how many free pages the next batch shall give back to the disk; 0 for none."""
        if self._disk_is_full:
            return min(self.free_pages, VACUUM_STEP_FULL_PAGES)
        kept = max(KEPT_FREE_BYTES, self.live_bytes // 4) // self._page_bytes
        return min(max(self.free_pages - kept, 0), VACUUM_STEP_PAGES)

    def _judge(self) -> bool:
        disk = os.statvfs(self._folder)
        disk_free = disk.f_bavail * disk.f_frsize
        over_limit = self._limit_bytes_left() < 0
        # The log reuses its own file, the database its own free pages.
        for_log = disk_free + self._wal_bytes()
        room = min(for_log, disk_free + self.free_pages * self._page_bytes)
        if self.full_because is None:
            if over_limit:
                self._become_full("store.max_bytes is used up", disk=False)
            elif room < self._headroom_bytes:
                self._become_full("the disk is nearly full", disk=True)
        else:
            self._try_to_leave_full(room, disk_free)
        if self._disk_is_full and for_log < self._headroom_bytes // 2:
            self.release_reserve()
        return self.full_because is None

    def _limit_bytes_left(self) -> int:
        settings = self._settings
        # Gathered bytes and the log's frames of them may still be on their way into the database.
        return (
            settings.max_bytes
            - settings.reserve_bytes
            - settings.checkpoint_bytes
            - settings.admission_bytes
            - self.live_bytes
        )

    def _try_to_leave_full(self, room: int, disk_free: int) -> None:
        # A margin each way, so that the gateway doesn't open and close at every message.
        if self._limit_bytes_left() < self._headroom_bytes // 2:
            return
        if self._disk_is_full:
            margin = self._headroom_bytes + self._headroom_bytes // 2
            if room < margin:
                return
            missing = 0 if self._reserve.exists() else self._settings.reserve_bytes
            if disk_free < missing + self._headroom_bytes or not self._restore_reserve():
                return
        log.warning("there is room again: new messages are taken")
        self.full_because = None
        self._disk_is_full = False

    def _become_full(self, reason: str, *, disk: bool) -> None:
        if self.full_because is None:
            log.warning(
                "nothing new is taken: %s; receive and delete messages to make room", reason
            )
        self.full_because = reason
        self._disk_is_full = self._disk_is_full or disk

    def _restore_reserve(self) -> bool:
        if self._reserve.exists() and self._reserve.stat().st_size == self._settings.reserve_bytes:
            return True
        try:
            preallocate(self._reserve, self._settings.reserve_bytes)
        except OSError:
            return False  # the caller stays, or becomes, full and says so
        return True

    def _wal_bytes(self) -> int:
        try:
            return self._wal.stat().st_size
        except FileNotFoundError:
            return 0
