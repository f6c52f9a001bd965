"""What parameters of one action must agree on with each other.

Owns the rules that no single parameter can break: of an `http` action's two addresses, of the pairs
of a `dynamoDB` action. Shapes and templates are read already.

Source: AWS IoT API reference, `HttpAction` and `DynamoDBAction`.
"""

from __future__ import annotations

from collections.abc import Mapping

from rules.errors import Problem
from rules.template import Template

__all__ = ["check_agreement"]

_SHOWN_CHARACTERS = 200


def check_agreement(
    kind: str,
    read: Mapping[str, object],
    path: str,
    problems: list[Problem],
    warnings: list[Problem],
) -> None:
    """Note where the parameters of an action contradict each other.

    Args:
        kind: The action's key.
        read: Its parameters, as `ParameterReader.read` gives them.
        path: The JSON path of the action.
        problems: Where everything goes that can work for no message.
        warnings: Where everything goes that this gateway does not do.
    """
    if kind == "http":
        _check_addresses(read, path, problems)
        _check_authorization(read, path, warnings)
    elif kind == "dynamoDB":
        _check_range_key(read, path, problems)


def _check_addresses(read: Mapping[str, object], path: str, problems: list[Problem]) -> None:
    url, confirmation = read.get("url"), read.get("confirmationUrl")
    changes = isinstance(url, Template) and url.constant is None
    if confirmation is None:
        if changes:
            problems.append(
                Problem(
                    f"{path}.confirmationUrl",
                    "'confirmationUrl' is missing, and 'url' is another for each message",
                    "add the beginning that they have in common, which is confirmed once",
                )
            )
        return
    wanted, is_whole = _beginning(confirmation)
    known, known_whole = _beginning(url)
    if not is_whole or known.startswith(wanted):
        return
    if known_whole or not wanted.startswith(known):
        problems.append(
            Problem(
                f"{path}.confirmationUrl",
                f"{wanted[:_SHOWN_CHARACTERS]!r} is not how 'url' begins",
                "what is confirmed must be the beginning of what is called",
            )
        )


def _beginning(value: object) -> tuple[str, bool]:
    """Return what of a text is the same for every message, and whether that is all of it."""
    if not isinstance(value, Template):
        return str(value), True
    if value.constant is not None:
        return value.constant, True
    return value.text.partition("${")[0], False


def _check_authorization(read: Mapping[str, object], path: str, warnings: list[Problem]) -> None:
    authorization = read.get("auth")
    if isinstance(authorization, Mapping) and "sigv4" in authorization:
        warnings.append(
            Problem(
                f"{path}.auth.sigv4",
                "requests are not signed here, so this action fails for every message",
                "let the endpoint take a token, in a header of the action",
            )
        )


def _check_range_key(read: Mapping[str, object], path: str, problems: list[Problem]) -> None:
    pair = ("rangeKeyField", "rangeKeyValue")
    given = [key for key in pair if read.get(key) not in (None, "")]
    if len(given) == 1:
        (missing,) = set(pair) - set(given)
        problems.append(
            Problem(
                f"{path}.{missing}",
                f"'{given[0]}' is there without '{missing}'",
                f"add '{missing}', or leave both out for a table without a sort key",
            )
        )
