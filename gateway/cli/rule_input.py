"""What a person or a program gives to test with: JSON texts and strings, and what is wrong there.

Owns reading one member at a time, and the sentences about it. Knows nothing of what they mean.
"""

from __future__ import annotations

import base64
from collections.abc import Callable, Iterable, Mapping
from typing import TypeVar

from gateway.cli import raw_json
from gateway.errors import GatewayError
from rules.fields import nearest

__all__ = [
    "WrongInput",
    "check_text",
    "decode_base64",
    "known_members",
    "members_of",
    "text_of",
    "understood",
]

_Answer = TypeVar("_Answer")


class WrongInput(GatewayError):  # noqa: N818 - named after what it reports
    """What a person gave to test with cannot be used."""

    code = "wrong-input"


def understood(place: str, read: Callable[[str], _Answer], text: str) -> _Answer:
    """Return what is read from a text.

    Args:
        place: What stands before the fault in the error, such as the text's name.
        read: Reads the text; raises ValueError where it does not understand it.
        text: What a person wrote.

    Raises:
        WrongInput: It is not understood.
    """
    try:
        return read(text)
    except ValueError as error:
        raise WrongInput(f"{place}: {error}") from None


def check_text(text: str, what: str) -> str:
    """Return a text that UTF-8 can say.

    Raises:
        WrongInput: It holds bytes that are no UTF-8, or half of a surrogate pair.
    """
    try:
        text.encode()
    except UnicodeEncodeError:
        raise WrongInput(f"{what} cannot be written in UTF-8") from None
    return text


def text_of(members: Mapping[str, str], key: str) -> str | None:
    """Return a string member; None where it is missing or null.

    Raises:
        WrongInput: It is something else.
    """
    text = members.get(key, "null")
    if text == "null":
        return None
    value = understood(f"{key} cannot be read", raw_json.value, text)
    if not isinstance(value, str):
        raise WrongInput(f"{key} is no string")
    return check_text(value, key)


def decode_base64(text: str, what: str) -> bytes:
    """Return the bytes of a text in base64.

    Raises:
        WrongInput: It is no base64.
    """
    try:
        return base64.b64decode(text, validate=True)
    except ValueError:
        raise WrongInput(f"{what} is no base64") from None


def members_of(text: str, what: str) -> dict[str, str]:
    """Return the members of an object, with their texts.

    Args:
        text: JSON.
        what: How to call it.

    Raises:
        WrongInput: It is no object.
    """
    return understood(f"{what} is no JSON object", raw_json.members, text)


def known_members(
    members: Mapping[str, str],
    what: str,
    known: Mapping[str, Iterable[str]],
    ignored: Iterable[str] = (),
) -> dict[str, str]:
    """Return the members that have a meaning, by their documented names.

    Args:
        members: Keys as they were written, and the texts of their values.
        what: How to call the object.
        known: The documented names, with other spellings.
        ignored: What may stand there without a meaning.

    Raises:
        WrongInput: There is another key, or one thing has two values.
    """
    names = {name: name for name in known}
    names |= {spelling: name for name, spellings in known.items() for spelling in spellings}
    passed_over = frozenset(ignored)
    found: dict[str, str] = {}
    for key, text in members.items():
        name = names.get(key)
        if name is None:
            if key in passed_over:
                continue
            near = nearest(key, (*names, *passed_over))
            remedy = f" (did you mean {near!r}?)" if near else ""
            raise WrongInput(
                f"{what} has an unknown key {key!r}{remedy}; known keys: {', '.join(known)}"
            )
        if found.get(name, "null") == "null":
            found[name] = text
        elif text != "null":
            raise WrongInput(f"{what} has {name} twice; one of them is spelled {key!r}")
    return found
