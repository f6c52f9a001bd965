"""Query forms: the text of a form or a query string in, a tree of its fields out.

Owns percent-encoding, dots in names, and the bounds: a form is small in fields and shallow, however
long its values. Knows no service and no model.

A name that comes twice is refused: a signature covers the fields of a query string sorted, so that
whoever passes a request on could choose which of the two is heard.

Source: Smithy's AWS Query protocol; the common errors of the Amazon SQS API reference.
"""

from __future__ import annotations

import re
from binascii import a2b_qp
from typing import Final, TypeAlias

from gateway.aws_api.errors import AwsError, malformed_query

__all__ = ["MAX_DEPTH", "MAX_FIELDS", "Fields", "Node", "parse_form"]

MAX_FIELDS: Final = 2000
"""How many fields a request may have; ten messages with ten attributes each are some 500."""

MAX_DEPTH: Final = 12
"""How many parts a name may have; `Entries.member.1.MessageAttributes.entry.1.Value.StringValue`
has eight."""

Node: TypeAlias = "str | dict[str, Node]"
"""What stands under a part of a name: a text, or more parts."""

Fields = dict[str, Node]

_MAX_SHOWN: Final = 128
_BROKEN_PERCENT: Final = re.compile(r"%(?![0-9A-Fa-f]{2})")


def parse_form(*texts: str | bytes) -> Fields:
    """Return the fields of forms that count as one, such as a query string and a body.

    Args:
        texts: Each as it was sent.

    Raises:
        AwsError: `MalformedQueryString`: there are too many fields, a name comes twice or is too
            deep, or percent-encoding or UTF-8 is broken.
    """
    fields: Fields = {}
    count = 0
    for text in texts:
        plain = _utf8(text)
        count += plain.count("&") + 1
        if count > MAX_FIELDS:
            raise malformed_query(f"The query string has more than {MAX_FIELDS} parameters")
        if _BROKEN_PERCENT.search(plain) is not None:
            raise malformed_query("The query string has a % that no two hexadecimal digits follow")
        for pair in plain.split("&"):
            if pair:
                name, _, value = pair.partition("=")
                _put(fields, _decoded(name), _decoded(value))
    return fields


def _utf8(text: str | bytes) -> str:
    try:
        if isinstance(text, bytes):
            return text.decode()
        text.encode()
    except UnicodeError:
        raise _not_utf8() from None
    return text


def _decoded(text: str) -> str:
    if "%" not in text and "+" not in text:
        return text
    # Quoted-printable is percent-encoding with another sign, and decoded in C: otherwise a message
    # of 1 MB that is all escapes would hold up everybody else for a quarter of a second. Each %
    # has its digits, that was checked.
    quoted = text.replace("+", " ").replace("=", "=3D").replace("%", "=")
    try:
        return a2b_qp(quoted.encode()).decode()
    except UnicodeDecodeError:
        raise _not_utf8() from None


def _not_utf8() -> AwsError:
    return malformed_query("The query string is not UTF-8")


def _put(fields: Fields, name: str, value: str) -> None:
    parts = name.split(".", MAX_DEPTH)
    if len(parts) > MAX_DEPTH:
        raise malformed_query(f"The parameter {_shown(name)} has more than {MAX_DEPTH} parts")
    node = fields
    for part in parts[:-1]:
        inner = node.setdefault(part, {})
        if isinstance(inner, str):
            raise malformed_query(f"The parameter {_shown(name)} goes on where another one ends")
        node = inner
    if parts[-1] in node:
        raise malformed_query(f"The parameter {_shown(name)} comes twice")
    node[parts[-1]] = value


def _shown(name: str) -> str:
    return repr(name[:_MAX_SHOWN])
