"""How an address to listen on is written, and whether only this machine can reach it.

Owns that one value; every listener of the gateway reads its `bind` setting with it.
"""

from __future__ import annotations

import ipaddress
from dataclasses import dataclass
from typing import final

__all__ = ["Address"]


@final
@dataclass(frozen=True, slots=True)
class Address:
    """A host and port to listen on.

    Attributes:
        host: A literal address or a name; an IPv6 address without its brackets.
        port: 0 to 65535; 0 lets the system choose.
    """

    host: str
    port: int

    @classmethod
    def parse(cls, text: str) -> Address:
        """Read `host:port` or `[IPv6]:port`.

        Raises:
            ValueError: The text is neither; the message says what is wrong with it.
        """
        host, colon, port_text = text.rpartition(":")
        if not colon or not host:
            port = text if text.isascii() and text.isdigit() else "4566"
            raise ValueError(f"{text!r} is not host:port, such as 127.0.0.1:{port}")
        if host.startswith("[") != host.endswith("]"):
            raise ValueError(f"{text!r} has an unpaired bracket; write an IPv6 address as [::1]:80")
        if host.startswith("["):
            host = host[1:-1]
        elif ":" in host:
            raise ValueError(f"{text!r}: write an IPv6 address in brackets, such as [::1]:4566")
        if not (port_text.isascii() and port_text.isdigit() and int(port_text) <= 65535):
            raise ValueError(f"{text!r}: the port is not a number from 0 to 65535")
        return cls(host, int(port_text))

    @property
    def is_loopback(self) -> bool:
        """Whether only this machine can connect; a name other than `localhost` may be anything."""
        if self.host == "localhost":
            return True
        try:
            return ipaddress.ip_address(self.host).is_loopback
        except ValueError:
            return False

    def __str__(self) -> str:
        return f"[{self.host}]:{self.port}" if ":" in self.host else f"{self.host}:{self.port}"
