"""The settings of a destination of the `http` action that needs no confirmation."""

from __future__ import annotations

from dataclasses import dataclass, field

from gateway.http.url import HttpUrl

__all__ = ["DestinationSettings"]


@dataclass(frozen=True, slots=True)
class DestinationSettings:
    """One `[[rules.destinations]]` section: whoever writes it here vouches for it.

    Attributes are documented by their metadata, from which the settings reference is made.
    """

    url: str = field(
        metadata={
            "unit": "text",
            "doc": "An address that `http` actions of rules may post to, with all addresses that "
            "begin with it: `https://host` stands for the whole server. No confirmation is asked "
            "for, so it is also the way for a server that does not know AWS's confirmation. The "
            "API shows it and cannot change it.",
        },
    )

    def problems(self) -> list[str]:
        """Return what cannot be used in these settings, a sentence each."""
        if "${" in self.url:
            return [f'the url "{self.url}" has a template; name what its texts begin with']
        try:
            HttpUrl.parse(self.url)
        except ValueError as error:
            return [f'the url "{self.url}" cannot be used: {error}']
        return []
