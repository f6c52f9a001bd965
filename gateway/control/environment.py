"""The environment variables that point AWS clients at a gateway.

Owns their names and how an address to listen on becomes one to connect to. What it returns holds a
secret.
"""

from __future__ import annotations

from typing import Final

from gateway.address import Address

__all__ = ["client_environment"]

# An address that stands for all of a machine's is none to connect to.
_LOOPBACK: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - compared, not bound


def client_environment(
    bind: str, *, access_key_id: str, secret_access_key: str, region: str
) -> dict[str, str]:
    """Return the variables for AWS clients on this machine.

    Args:
        bind: `host:port` of the AWS endpoint, its real port included.
        access_key_id: The id of a local access key.
        secret_access_key: Its secret.
        region: The gateway's region.

    Raises:
        ValueError: `bind` is no address.

    Source: AWS SDKs and Tools Reference Guide, "Environment variables support". Some clients read
        only one of the two names of the region.
    """
    address = Address.parse(bind)
    reachable = Address(_LOOPBACK.get(address.host, address.host), address.port)
    return {
        "AWS_ENDPOINT_URL": f"http://{reachable}",
        "AWS_ACCESS_KEY_ID": access_key_id,
        "AWS_SECRET_ACCESS_KEY": secret_access_key,
        "AWS_DEFAULT_REGION": region,
        "AWS_REGION": region,
    }
