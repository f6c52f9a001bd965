"""Pages in browsers, kept out where signatures are not checked: anybody may have written them.

Owns how such a request is told from a program's. A page that is read across origins says `Origin`;
one that only points here, by a picture or a link, says `Referer` or `Sec-Fetch-Site`; and one that
has this machine's address under a name of its own (DNS rebinding) says that name as `Host`.

Sources: the Fetch standard; W3C Fetch Metadata; RFC 6761 for `localhost`.
"""

from __future__ import annotations

from functools import lru_cache
from ipaddress import ip_address

from gateway.aws_api.errors import access_denied
from gateway.http.message import Headers

__all__ = ["refuse_pages"]


def refuse_pages(headers: Headers) -> None:
    """Return if a request can come from a program.

    Args:
        headers: The request's. No `Host` is no page: browsers always send one.

    Raises:
        AwsError: `AccessDeniedException`: it comes from a page in a browser, or names a host that
            such a page could have chosen.
    """
    # "none": somebody typed the address.
    fetched = headers.get("Sec-Fetch-Site") not in (None, "none")
    if fetched or headers.get("Origin") is not None or headers.get("Referer") is not None:
        raise access_denied(
            "Requests from pages in a browser are not served: they carry no signature that could "
            "be checked here."
        )
    host = headers.get("Host")
    if host is not None and not _is_here(host):
        raise access_denied(
            f"Requests for the host {host[:128]!r} are not served: without signatures only a "
            "loopback address and localhost are."
        )


@lru_cache(maxsize=64)
def _is_here(host: str) -> bool:
    """Return whether an authority is a loopback address, or localhost or a name below it."""
    name, _, port = host.rpartition(":")
    if not name or not port.isdecimal():
        name = host
    if name.startswith("[") and name.endswith("]"):
        name = name[1:-1]
    try:
        return ip_address(name).is_loopback
    except ValueError:
        return f".{name.lower().removesuffix('.')}".endswith(".localhost")
