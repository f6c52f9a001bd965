"""The lock of a data directory: one gateway process per folder.

Owns `data_dir/lock`. The kernel gives the lock back whenever its holder ends, however it ends, so
there is nothing to clean up after a power cut; the file itself stays.
"""

from __future__ import annotations

import fcntl
import os
from pathlib import Path
from types import TracebackType
from typing import Final, final

from gateway.errors import DataDirLocked, SettingsError

__all__ = ["DataDirLock"]

FILE_NAME: Final = "lock"


@final
class DataDirLock:
    """Holds a data directory for this process, from `__enter__` to `__exit__`.

    Args:
        data_dir: The folder, which exists.
    """

    def __init__(self, data_dir: Path) -> None:
        self._data_dir = data_dir
        self._descriptor: int | None = None

    def __enter__(self) -> DataDirLock:
        """Take the lock.

        Raises:
            DataDirLocked: Another process has it; the message names that process.
            SettingsError: The lock file cannot be opened.
        """
        path = self._data_dir / FILE_NAME
        try:
            descriptor = os.open(path, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC | os.O_NOFOLLOW, 0o640)
        except OSError as error:
            raise SettingsError(
                f"cannot open {path}: {error.strerror}",
                hint=f"let the gateway's user own {self._data_dir}",
            ) from error
        try:
            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except OSError as error:
            holder = _read_holder(descriptor)
            os.close(descriptor)
            if not isinstance(error, BlockingIOError):
                raise SettingsError(
                    f"cannot lock {path}: {error.strerror}",
                    hint="put data_dir on a local file system that knows locks",
                ) from error
            raise DataDirLocked(
                f"another gateway{holder} runs on {self._data_dir}",
                hint="stop it, or give this one a data_dir of its own",
            ) from error
        os.ftruncate(descriptor, 0)
        os.pwrite(descriptor, f"{os.getpid()}\n".encode(), 0)
        self._descriptor = descriptor
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        """Give the lock back."""
        if self._descriptor is not None:
            os.close(self._descriptor)
            self._descriptor = None


def _read_holder(descriptor: int) -> str:
    """Return ` (process 123)`; empty in the moment between its lock and its number."""
    text = os.pread(descriptor, 32, 0).strip()
    return f" (process {text.decode('ascii')})" if text.isdigit() else ""
