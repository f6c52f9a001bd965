"""How a listener's address is written."""

from __future__ import annotations

import pytest

from gateway.address import Address


@pytest.mark.parametrize(
    ("text", "host", "port"),
    [
        ("127.0.0.1:4566", "127.0.0.1", 4566),
        ("0.0.0.0:0", "0.0.0.0", 0),
        ("localhost:65535", "localhost", 65535),
        ("[::1]:80", "::1", 80),
        ("greenhouse-1.local:8443", "greenhouse-1.local", 8443),
    ],
)
def test_host_and_port_are_read_and_written_alike(text: str, host: str, port: int) -> None:
    address = Address.parse(text)
    assert (address.host, address.port) == (host, port)
    assert str(address) == text


@pytest.mark.parametrize(
    "text",
    [
        "",
        "4566",
        ":4566",
        "host:",
        "host:x",
        "host:65536",
        "host:-1",
        "host:٣",
        "::1:80",
        "[::1:80",
    ],
)
def test_anything_else_is_refused_with_what_is_wrong(text: str) -> None:
    with pytest.raises(ValueError, match=r"host:port|port is not|bracket"):
        Address.parse(text)


@pytest.mark.parametrize(
    ("text", "loopback"),
    [
        ("127.0.0.1:1", True),
        ("127.9.9.9:1", True),
        ("[::1]:1", True),
        ("localhost:1", True),
        ("0.0.0.0:1", False),
        ("[::]:1", False),
        ("192.168.1.2:1", False),
        ("localhost.example.com:1", False),
    ],
)
def test_loopback_is_what_no_other_machine_can_reach(text: str, loopback: bool) -> None:
    assert Address.parse(text).is_loopback is loopback
