"""A control socket with access keys behind it, on disk, in a thread of its own."""

from __future__ import annotations

from pathlib import Path

from gateway.control.credentials import credential_endpoints
from gateway.control.environment import client_environment
from gateway.identity.credentials import AccessKey, Credentials
from tests.rig.control_room import ControlRoom


class CredentialRoom(ControlRoom):
    """Serves `data_dir/control.sock` while it is entered.

    Args:
        data_dir: Where everything goes.
        with_aws: Whether the gateway has an AWS endpoint.
        auth: How its callers are known.
    """

    def __init__(self, data_dir: Path, *, with_aws: bool = True, auth: str = "sigv4") -> None:
        data_dir.mkdir(parents=True, exist_ok=True)
        self.credentials = Credentials.open(data_dir)
        super().__init__(
            data_dir,
            endpoints=credential_endpoints(self.credentials if with_aws else None, _env, auth),
        )


def _env(key: AccessKey) -> dict[str, str]:
    return client_environment(
        "127.0.0.1:4566",
        access_key_id=key.access_key_id,
        secret_access_key=key.secret_access_key,
        region="us-east-1",
    )
