"""`weir env`: the environment variables that point AWS clients at this gateway.

The running gateway answers. Where none runs, the answer comes from the settings and from the key
file, which only the gateway's own user may read.
"""

from __future__ import annotations

import argparse
import json
import os
import shlex
from http import HTTPStatus
from typing import TYPE_CHECKING, Final
from urllib.parse import quote

from gateway.cli.client import ControlClient, GatewayNotRunning, GatewayRefused
from gateway.cli.location import add_location_options, control_socket, find_config
from gateway.errors import GatewayError

if TYPE_CHECKING:
    from collections.abc import Mapping
    from pathlib import Path

    from gateway.cli.commands import Commands

__all__ = ["NoAwsEndpoint", "add_parser", "run"]

_KEY_FILE: Final = "credentials.json"


class NoAwsEndpoint(GatewayError):  # noqa: N818 - a state, not a mistake
    """There is nothing to point AWS clients at."""

    code = "no-aws-endpoint"


def add_parser(commands: Commands) -> None:
    """Add the command."""
    parser = commands.add_parser(
        "env",
        help="print what points boto3 and the AWS CLI at this gateway",
        description="Print the environment variables that point boto3, the AWS CLI and other AWS "
        'clients at this gateway. They hold a secret. In a shell: eval "$(weir env)"',
        allow_abbrev=False,
    )
    add_location_options(parser)
    parser.add_argument(
        "--credentials",
        metavar="ID|NAME",
        help="the access key to give, by its id or its name, instead of the default one",
    )
    form = parser.add_mutually_exclusive_group()
    form.add_argument(
        "--plain", action="store_true", help="on one line, for use as: env $(weir env --plain) aws"
    )
    form.add_argument("--json", action="store_true", help="as one JSON object")
    parser.set_defaults(run=run)


def run(options: argparse.Namespace) -> int:
    """Print the variables; return the exit code.

    Raises:
        GatewayError: They cannot be told.
    """
    variables = _variables(options)
    if options.json:
        print(json.dumps(variables))
    elif options.plain:
        print(" ".join(f"{name}={value}" for name, value in variables.items()))
    else:
        for name, value in variables.items():
            print(f"export {name}={shlex.quote(value)}")
    return 0


def _variables(options: argparse.Namespace) -> Mapping[str, str]:
    client = ControlClient(control_socket(options))
    bind = ""
    try:
        return {name: str(value) for name, value in client.get(_endpoint(options)).items()}
    except GatewayNotRunning:
        if options.data_dir is not None:
            raise  # without the settings there is nothing else to ask
    except GatewayRefused as error:
        if error.status != HTTPStatus.NOT_FOUND or options.data_dir is not None:
            raise
        if options.credentials is not None:
            raise  # the running gateway knows its keys; the file has no others
        aws = client.get("/v1/status").get("aws")
        bind = str(aws.get("bind", "")) if isinstance(aws, dict) else ""
    return _from_files(find_config(options), bind, options.credentials)


def _endpoint(options: argparse.Namespace) -> str:
    if options.credentials is None:
        return "/v1/env"
    return f"/v1/credentials/{quote(os.fsencode(options.credentials), safe='')}/env"


def _from_files(config: Path, running_bind: str, credential: str | None) -> Mapping[str, str]:
    """Return the variables by the settings and the key file.

    Args:
        config: The settings file.
        running_bind: Where the running gateway listens, as far as that is known; empty otherwise.
        credential: The id or the name of the key; None for the default one.
    """
    from gateway.config import load
    from gateway.control.environment import client_environment
    from gateway.identity.credentials import Credentials

    settings = load(config)
    if settings.aws is None:
        raise NoAwsEndpoint(
            f"{config} has no AWS endpoint", hint="add a section [aws], and restart the gateway"
        )
    bind = running_bind or settings.aws.bind
    if bind.endswith(":0"):
        raise NoAwsEndpoint(
            f"aws.bind is {bind}, so its port is chosen when the gateway starts",
            hint="start the gateway first",
        )
    data_dir = settings.gateway.data_dir
    try:
        has_keys = (data_dir / _KEY_FILE).exists()
    except OSError as error:  # the folder is closed to this user
        raise NoAwsEndpoint(
            f"the keys in {data_dir} are not for this user: {error.strerror}",
            hint="become a member of the group weir, or use sudo",
        ) from error
    if not has_keys:
        # Opening would make the keys, perhaps as a user whose file the gateway could not read.
        raise NoAwsEndpoint(
            f"there are no keys in {data_dir} yet", hint="start the gateway once: it makes them"
        )
    credentials = Credentials.open(data_dir)
    key = credentials.default if credential is None else credentials.find(credential)
    return client_environment(
        bind,
        access_key_id=key.access_key_id,
        secret_access_key=key.secret_access_key,
        region=settings.gateway.region,
    )
