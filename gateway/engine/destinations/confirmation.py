"""The confirmation of a destination: the request that asks for it, and which rules need one.

Owns AWS's request with the token, and the address of a rule's action that has to be confirmed.
Sends nothing.

Source: AWS IoT Core Developer Guide, "HTTP action destinations", "HTTP" (confirmationUrl).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, final

import orjson

import rules
from gateway.http.url import HttpUrl

__all__ = ["ConfirmationRequest", "confirmation_request", "urls_to_confirm"]

_MESSAGE_TYPE: Final = "DestinationConfirmation"


@final
@dataclass(frozen=True, slots=True)
class ConfirmationRequest:
    """What is posted to a destination that has to confirm.

    Attributes:
        url: Where to.
        headers: The header fields.
        body: JSON with the token, and the address that confirms when it is opened.
    """

    url: str
    headers: tuple[tuple[str, str], ...]
    body: bytes


def confirmation_request(
    url: HttpUrl, arn: str, token: str, enable_base: str
) -> ConfirmationRequest:
    """Return the request that gives a destination its token.

    Args:
        url: The confirmation URL.
        arn: The destination's ARN.
        token: The token; made of characters that need no encoding in an address.
        enable_base: Where this gateway serves `GET /confirmdestination/TOKEN`, such as
            `http://127.0.0.1:4566`.
    """
    path, mark, query = str(url).partition("?")
    separator = f"?{query}&" if mark else ("?" if path.endswith("/") else "/?")
    return ConfirmationRequest(
        f"{path}{separator}confirmationToken={token}",
        (
            ("Content-Type", "application/json"),
            ("x-amz-rules-engine-message-type", _MESSAGE_TYPE),
            ("x-amz-rules-engine-destination-arn", arn),
        ),
        orjson.dumps(
            {
                "arn": arn,
                "confirmationToken": token,
                "enableUrl": f"{enable_base.rstrip('/')}/confirmdestination/{token}",
                "messageType": _MESSAGE_TYPE,
            }
        ),
    )


def urls_to_confirm(document: rules.RuleDocument) -> list[str]:
    """Return the addresses that a rule's `http` actions need a destination for.

    That is the action's `confirmationUrl`, or else its `url`. One that differs from message to
    message is left out: its destinations are made by hand, as with AWS.
    """
    found: list[str] = []
    for action in (*document.actions, document.error_action):
        if isinstance(action, rules.ServiceAction) and action.kind == "http":
            url = action.parameters.get("confirmationUrl") or action.parameters.get("url")
            if isinstance(url, rules.Template):
                url = url.constant
            if isinstance(url, str) and url and url not in found:
                found.append(url)
    return found
