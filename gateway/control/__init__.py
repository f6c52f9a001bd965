"""The control socket: how the command (and later a console) speaks to the running gateway.

`server` answers on `data_dir/control.sock`; `lock` keeps a data directory to one process. Whoever
can open the socket is an administrator, so its permissions are the door.
"""

from gateway.control.environment import client_environment
from gateway.control.lock import DataDirLock
from gateway.control.server import ControlServer

__all__ = ["ControlServer", "DataDirLock", "client_environment"]
