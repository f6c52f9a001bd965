"""The address of an HTTP request: read strictly, so that all who look at it see the same one.

Owns which texts are such an address, and their one normal form. What two programs read differently
(user names, backslashes, steps up the path) is refused: whoever is trusted for one address must
not be led to another. Knows nothing of who may be called.

Source: RFC 3986; RFC 9110, "http and https URI Schemes".
"""

from __future__ import annotations

import ipaddress
import re
from dataclasses import dataclass
from typing import Final, final
from urllib.parse import quote, unquote

__all__ = ["MAX_URL_CHARACTERS", "HttpUrl"]

MAX_URL_CHARACTERS: Final = 2000

_PORTS: Final = {"http": 80, "https": 443}
_FORM: Final = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://([^/?#]*)([^#]*)(#?).*", re.DOTALL)
_UNUSABLE: Final = re.compile(r"[\x00-\x1f\x7f\\\ud800-\udfff]")
_AUTHORITY: Final = re.compile(r"(\[[^\]]*\]|[^:\[\]]*)(?::([0-9]*))?")
_LABEL: Final = r"[A-Za-z0-9_](?:[A-Za-z0-9_-]{0,61}[A-Za-z0-9_])?"
_NAME: Final = re.compile(rf"{_LABEL}(?:\.{_LABEL})*\.?")
_NUMERIC: Final = re.compile(r"(?:.*\.)?(?:[0-9]+|0[xX][0-9A-Fa-f]*)\.?")
_TO_ENCODE: Final = re.compile(r"%(?![0-9A-Fa-f]{2})|[^A-Za-z0-9\-._~:/?\[\]@!$&'()*+,;=%]+")
_MAX_NAME_CHARACTERS: Final = 253
_SHOWN_CHARACTERS: Final = 200
_MAX_ENCODINGS: Final = 3


@final
@dataclass(frozen=True, slots=True)
class HttpUrl:
    """An absolute `http` or `https` address.

    Attributes:
        scheme: `http` or `https`.
        host: The name in lower case, or a literal address; IPv6 without its brackets.
        port: 1 to 65535.
        target: The path and the query, percent-encoded; begins with `/`.
    """

    scheme: str
    host: str
    port: int
    target: str

    @classmethod
    def parse(cls, text: str) -> HttpUrl:
        """Read an address; spaces and letters beyond ASCII are encoded.

        Raises:
            ValueError: It is none, or none that is safe to use; the message says why.
        """
        if len(text) > MAX_URL_CHARACTERS:
            raise ValueError(f"it has {len(text)} characters; at most {MAX_URL_CHARACTERS}")
        found = _FORM.fullmatch(text) if _UNUSABLE.search(text) is None else None
        if found is None:
            if _UNUSABLE.search(text):
                raise ValueError("it has a control character or a backslash; percent-encode it")
            raise ValueError("it is no address that begins with https:// or http://")
        if found[4]:
            raise ValueError("it has a fragment, which no server gets to see; write # as %23")
        scheme = found[1].lower()
        if scheme not in _PORTS:
            raise ValueError(f"its scheme is {scheme[:20]!r}; use https or http")
        host, port = _host_and_port(found[2], _PORTS[scheme])
        path, mark, query = found[3].partition("?")
        if _steps(path):
            raise ValueError("its path has a step '.' or '..', or is encoded several times")
        target = _TO_ENCODE.sub(_encoded, (path or "/") + mark + query)
        return cls(scheme, host, port, target)

    @property
    def origin(self) -> str:
        """What answers: scheme, host and port, such as `https://example.com:443`."""
        return f"{self.scheme}://{self._bracketed}:{self.port}"

    @property
    def shown(self) -> str:
        """The address for people and logs: without its query, which may hold secrets."""
        text = f"{self._root}{self.target.partition('?')[0]}"
        return text if len(text) <= _SHOWN_CHARACTERS else f"{text[:_SHOWN_CHARACTERS]}…"

    def begins_with(self, prefix: HttpUrl) -> bool:
        """Tell whether this is below another address: same origin, the target begins with its."""
        return (
            self.port == prefix.port
            and self.host == prefix.host
            and self.scheme == prefix.scheme
            and self.target.startswith(prefix.target)
        )

    def __str__(self) -> str:
        return f"{self._root}{self.target}"

    @property
    def _bracketed(self) -> str:
        return f"[{self.host}]" if ":" in self.host else self.host

    @property
    def _root(self) -> str:
        port = "" if self.port == _PORTS[self.scheme] else f":{self.port}"
        return f"{self.scheme}://{self._bracketed}{port}"


def _host_and_port(authority: str, default_port: int) -> tuple[str, int]:
    if "@" in authority:
        raise ValueError("it has a user name; send credentials in a header")
    found = _AUTHORITY.fullmatch(authority)
    if found is None or not found[1]:
        raise ValueError(f"its host and port {authority[:80]!r} cannot be read")
    host = found[1].lower()
    port = int(found[2][:6]) if found[2] else default_port
    if not 1 <= port <= 65535:
        raise ValueError("its port is not from 1 to 65535")
    if host.startswith("["):
        try:
            # A zone, such as %eth0, means something on one machine only.
            return str(ipaddress.IPv6Address("" if "%" in host else host[1:-1])), port
        except ValueError:
            raise ValueError(f"{host[:80]!r} is no IPv6 address in brackets") from None
    if not host.isascii():
        raise ValueError(f"the host {host[:80]!r} is not ASCII; write its xn-- form")
    if len(host) > _MAX_NAME_CHARACTERS or _NAME.fullmatch(host) is None:
        raise ValueError(f"{host[:80]!r} is no host name")
    if _NUMERIC.fullmatch(host):
        # What ends in a number is an IPv4 address in one spelling only: others, such as 127.1,
        # mean different hosts to different programs.
        try:
            ipaddress.IPv4Address(host)
        except ValueError:
            raise ValueError(f"{host[:80]!r} is no IPv4 address") from None
    return host, port


def _steps(path: str) -> bool:
    """Tell whether a server may read a step to another folder in it, however it is encoded."""
    for _ in range(_MAX_ENCODINGS):
        # What follows `;` are parameters of a segment: some servers leave them out first.
        if any(part.partition(";")[0] in (".", "..") for part in re.split(r"[/\\]", path)):
            return True
        decoded = unquote(path)
        if decoded == path:
            return False
        path = decoded
    return True


def _encoded(found: re.Match[str]) -> str:
    return quote(found[0], safe="")
