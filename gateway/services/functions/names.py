"""Names of functions, and what names a function in a rule or a call.

Owns how a function is found from a name, an ARN or a part of one. Touches nothing.

Source: AWS Lambda API reference, `Invoke`, parameter `FunctionName`.
"""

from __future__ import annotations

import re
from typing import Final

__all__ = ["arn_of", "name_problem", "parse_name", "resolve_name"]

_NAME: Final = re.compile(r"[A-Za-z0-9_-]{1,64}", re.ASCII)
_ACCOUNT: Final = re.compile(r"[0-9]{12}", re.ASCII)
_ARN_PARTS_BEFORE_NAME: Final = 6


def name_problem(name: str) -> str:
    """Return why this cannot be a function's name; empty where it can."""
    if _NAME.fullmatch(name) is None:
        return "it must be 1 to 64 letters, digits, hyphens and underscores"
    return ""


def parse_name(function: str) -> tuple[str, str]:
    """Return name and qualifier (alias or version; empty for none) of what names a function.

    Region and account are not looked at: a rule made for another account finds the function of
    that name here.

    Args:
        function: A name, a whole ARN, or an ARN from its account on; each with a qualifier or
            without.
    """
    parts = function.split(":")
    if parts[0] == "arn":
        parts = parts[_ARN_PARTS_BEFORE_NAME:] or [""]
    elif len(parts) > 2 and parts[1] == "function":
        parts = parts[2:]
    elif len(parts) > 1 and _ACCOUNT.fullmatch(parts[0]):
        parts = parts[1:]
    return parts[0], parts[1] if len(parts) > 1 else ""


def resolve_name(function: str) -> str:
    """Return the function's name of a name, an ARN or a part of one."""
    return parse_name(function)[0]


def arn_of(function: str, *, region: str, account: str) -> str:
    """Return the whole ARN on this gateway, with the qualifier that `function` has."""
    name, qualifier = parse_name(function)
    arn = f"arn:aws:lambda:{region}:{account}:function:{name}"
    return f"{arn}:{qualifier}" if qualifier else arn
