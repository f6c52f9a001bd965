"""The canonical form of a request in Signature Version 4: the one text that both sides sign.

Owns how path, query and header fields are put into it. Knows no keys, no dates and no errors.

Source: "Create a signed AWS API request" in the AWS IAM User Guide. The canonical path is encoded
once more, as for every service but S3.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final
from urllib.parse import quote, unquote_plus

from gateway.http.message import Headers

__all__ = ["canonical_headers", "canonical_path", "canonical_queries", "fields_by_name"]

_UNUSUAL_PATH: Final = re.compile(r"//|/\.|[^A-Za-z0-9/_.~-]")


def fields_by_name(headers: Headers) -> dict[str, str]:
    """Return header fields by their names in lower case; several of one name are one list."""
    items = headers.items()
    fields = {name.lower(): value for name, value in items}
    if len(fields) < len(items):
        for name in fields:
            fields[name] = ",".join([_folded(value) for value in headers.get_all(name)])
    return fields


def _folded(value: str) -> str:
    """Return a header's value with spaces around it gone and those within it folded to one."""
    return " ".join(value.split())


def canonical_headers(names: Iterable[str], fields: Mapping[str, str]) -> str:
    """Return the lines of the signed header fields, which are all there.

    Args:
        names: Their names as they were signed.
        fields: All fields, as `fields_by_name` gives them.
    """
    return "".join([f"{name}:{' '.join(fields[name].split())}\n" for name in names])


def canonical_path(path: str) -> str:
    """Return the path with dot segments and empty ones gone, encoded once more."""
    if path == "/" or _UNUSUAL_PATH.search(path) is None:
        return path or "/"
    kept: list[str] = []
    for segment in path.split("/"):
        if segment == "..":
            if kept:
                kept.pop()
        elif segment not in ("", "."):
            kept.append(segment)
    normal = "/" + "/".join(kept)
    if kept and path.endswith("/"):
        normal += "/"
    return quote(normal, safe="/~", encoding="utf-8", errors="surrogateescape")


def canonical_queries(query_string: str, *, without: str = "") -> list[str]:
    """Return what a query may have been signed as.

    Signers agree on queries that are encoded strictly. SDKs send some that are not (a space as
    `+`), and sign them as sent or encoded strictly; both name the same query.

    Args:
        query_string: As it was sent.
        without: A parameter that no signature covers, as it is the signature; empty for none.
    """
    if not query_string:
        return [""]
    pairs = [pair.partition("=")[::2] for pair in query_string.split("&")]
    if without:
        pairs = [pair for pair in pairs if pair[0] != without]
    as_sent = "&".join(f"{name}={value}" for name, value in sorted(pairs))
    strict = "&".join(
        f"{name}={value}"
        for name, value in sorted((_encode(name), _encode(value)) for name, value in pairs)
    )
    return [as_sent] if as_sent == strict else [as_sent, strict]


def _encode(text: str) -> str:
    raw = unquote_plus(text, encoding="utf-8", errors="surrogateescape")
    return quote(raw, safe="-_.~", encoding="utf-8", errors="surrogateescape")
