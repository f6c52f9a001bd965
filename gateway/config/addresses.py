"""Whether two addresses to listen on get in each other's way.

Owns that one question; the listeners' own classes judge each address by itself.
"""

from __future__ import annotations

import ipaddress

from gateway.address import Address

__all__ = ["overlaps"]


def overlaps(bind: str, other: str) -> bool:
    """Tell whether one process can't listen on both; False for what is no address.

    Port 0 takes a free one, so it is in nobody's way; the address 0.0.0.0 or [::] stands for all.
    """
    try:
        first, second = Address.parse(bind), Address.parse(other)
    except ValueError:
        return False
    if first.port != second.port or first.port == 0:
        return False
    hosts = _meaning(first.host), _meaning(second.host)
    if hosts[0] == hosts[1]:
        return True
    return any(
        isinstance(host, ipaddress.IPv4Address | ipaddress.IPv6Address)
        and host.is_unspecified
        and _covers(host, hosts[1 - at])
        for at, host in enumerate(hosts)
    )


def _meaning(host: str) -> ipaddress.IPv4Address | ipaddress.IPv6Address | str:
    if host == "localhost":
        return ipaddress.IPv4Address("127.0.0.1")
    try:
        return ipaddress.ip_address(host)
    except ValueError:
        return host


def _covers(
    every: ipaddress.IPv4Address | ipaddress.IPv6Address,
    other: ipaddress.IPv4Address | ipaddress.IPv6Address | str,
) -> bool:
    # asyncio makes IPv6 sockets that take no IPv4 connections.
    return isinstance(other, str) or every.version == other.version
