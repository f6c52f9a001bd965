"""The gateway's own settings, each default named once, with its unit and reason."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

__all__ = ["GatewaySettings"]

_REGION: Final = re.compile(r"[a-z0-9]+(-[a-z0-9]+)*")
_ACCOUNT: Final = re.compile(r"[0-9]{12}")

MAX_NAME_CHARACTERS: Final = 128


@dataclass(frozen=True, slots=True)
class GatewaySettings:
    """The `[gateway]` section.

    Attributes are documented by their metadata, from which the settings reference is made.
    """

    data_dir: Path = field(
        metadata={
            "unit": "folder",
            "doc": "Where everything is kept that must survive: database, registry, credentials, "
            "control socket. One process per folder. It has no default, so that nobody fills a "
            "folder by mistake.",
        },
    )
    name: str = field(
        default="weir",
        metadata={
            "unit": "text",
            "doc": "What people call this gateway; it heads `weir status`.",
        },
    )
    region: str = field(
        default="us-east-1",
        metadata={
            "unit": "AWS region",
            "doc": "Appears in ARNs and queue URLs, and is what AWS clients sign for.",
        },
    )
    account: str = field(
        default="000000000000",
        metadata={"unit": "12 digits", "doc": "Appears in ARNs and queue URLs."},
    )

    def problems(self) -> list[str]:
        """Return what cannot be used in these settings, a sentence each."""
        found = []
        if not self.name or len(self.name) > MAX_NAME_CHARACTERS or not self.name.isprintable():
            found.append(
                f"gateway.name must have 1 to {MAX_NAME_CHARACTERS} printable characters; "
                "shorten or correct it"
            )
        if not _REGION.fullmatch(self.region):
            found.append(
                f'gateway.region is "{self.region}"; write it as AWS does, such as "eu-central-1"'
            )
        if not _ACCOUNT.fullmatch(self.account):
            found.append(
                f'gateway.account is "{self.account}"; write 12 digits in quotes, such as '
                '"000000000000"'
            )
        return found
