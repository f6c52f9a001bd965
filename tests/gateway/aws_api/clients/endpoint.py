"""What a program has to be told to call this gateway in the place of AWS."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Endpoint:
    """All that differs between a program for AWS and one for this gateway.

    Attributes:
        url: Where it listens.
        region: What requests are signed for.
        access_key: The key's id.
        secret_key: The key.
    """

    url: str
    region: str
    access_key: str
    secret_key: str

    @property
    def environment(self) -> dict[str, str]:
        """The same as the variables that AWS's SDKs read."""
        return {
            "AWS_ENDPOINT_URL": self.url,
            "AWS_REGION": self.region,
            "AWS_DEFAULT_REGION": self.region,
            "AWS_ACCESS_KEY_ID": self.access_key,
            "AWS_SECRET_ACCESS_KEY": self.secret_key,
        }
