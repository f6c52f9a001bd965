"""Unix sockets with the right permissions from their first moment.

Owns making and removing the file of a listening socket; knows nothing of HTTP.
"""

from __future__ import annotations

import grp
import os
import socket
import stat
from contextlib import suppress
from pathlib import Path
from typing import Final

from gateway.errors import SettingsError

__all__ = ["bind_unix_socket", "unlink_socket"]

_MAX_PATH_BYTES: Final = 107
"""Linux's `sun_path` holds 108 bytes with the final zero."""


def bind_unix_socket(path: Path, *, mode: int, group: str | None) -> socket.socket:
    """Return a socket bound to `path`, not yet listening.

    The file is made with mode 0600 and widened last, so at no moment can someone open it who may
    not: Linux takes a socket file's mode from the socket itself, which is narrowed before bind.

    Args:
        path: Where the socket goes. A socket that is already there is replaced: the caller holds
            the lock that says nobody listens on it.
        mode: The permissions in the end.
        group: The name of the group that owns the file in the end; None leaves it.

    Raises:
        SettingsError: The path is too long or taken by something else, or the group is unknown or
            may not be given the file.
    """
    if len(os.fsencode(path)) > _MAX_PATH_BYTES:
        raise SettingsError(
            f"the socket path {path} is longer than the {_MAX_PATH_BYTES} bytes a socket may have",
            hint="choose a shorter data_dir",
        )
    group_id = -1 if group is None else _group_id(group)
    unlink_socket(path)
    sock = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    try:
        os.fchmod(sock.fileno(), 0o600)
        sock.bind(os.fspath(path))
        if group_id != -1:
            os.chown(path, -1, group_id)
        os.chmod(path, mode)
    except OSError as error:
        sock.close()
        raise SettingsError(
            f"cannot make the socket {path}: {error.strerror}",
            hint="let the process own the folder, and be a member of the socket's group",
        ) from error
    sock.setblocking(False)
    return sock


def unlink_socket(path: Path) -> None:
    """Remove the socket at `path`; nothing there is as good.

    Raises:
        SettingsError: Something that is no socket is there.
    """
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    if not stat.S_ISSOCK(found.st_mode):
        raise SettingsError(
            f"{path} is in the way: it is no socket", hint="move it away, or choose another path"
        )
    with suppress(FileNotFoundError):
        path.unlink()


def _group_id(name: str) -> int:
    try:
        return grp.getgrnam(name).gr_gid
    except KeyError:
        raise SettingsError(
            f"there is no group named {name!r} on this machine",
            hint=f"make it: sudo groupadd --system {name}",
        ) from None
