"""`weir credentials`: the access keys of the running gateway, and what each may do.

Owns these commands; `credentials_picture` draws what the gateway answers.
"""

from __future__ import annotations

import argparse
import json
import os
from pathlib import Path
from typing import TYPE_CHECKING, Final, cast
from urllib.parse import quote

from gateway.cli.action import finish, print_lines
from gateway.cli.client import ControlClient
from gateway.cli.location import control_socket
from gateway.cli.output import harmless
from gateway.errors import SettingsError

if TYPE_CHECKING:
    from gateway.cli.commands import Commands
    from gateway.control.credential_documents import CredentialList, NewCredential

__all__ = ["add_parser", "run_change", "run_create", "run_list", "run_rotate"]

_BUILT_IN: Final = ("full", "read-only")

# The gateway takes less; this only keeps a wrong file from being read whole.
_MAX_POLICY_BYTES: Final = 256 * 1024

_CHANGES: Final = (
    ("disable", "keep a key from being used", "disabled"),
    ("enable", "let a key be used again", "enabled"),
    ("delete", "remove a key for good", "deleted"),
)


def add_parser(commands: Commands) -> None:
    """Add the command with its actions."""
    parser = commands.add_parser(
        "credentials",
        help="show and change the access keys of AWS clients",
        description="Show the local access keys and change them, effective at once.",
        allow_abbrev=False,
    )
    actions = parser.add_subparsers(metavar="ACTION", required=True, dest="action")
    every = actions.add_parser(
        "list",
        help="show all keys in a table",
        description="Show every access key with its policy; no secrets.",
        allow_abbrev=False,
    )
    finish(every, run_list)
    create = actions.add_parser(
        "create",
        help="make a key",
        description="Make an access key. Its secret is shown now and not again.",
        allow_abbrev=False,
    )
    create.add_argument("name", metavar="NAME", help="what to call it; no other key has the name")
    create.add_argument(
        "--policy",
        metavar="POLICY",
        default=_BUILT_IN[0],
        help="what it may do: full (the default), read-only, or a file with an IAM policy in JSON",
    )
    finish(create, run_create)
    rotate = actions.add_parser(
        "rotate",
        help="give a key a new secret",
        description="Give an access key a new secret, which is shown now and not again. The one "
        "before is of no use from now on.",
        allow_abbrev=False,
    )
    rotate.add_argument("credential", metavar="ID|NAME", help="the key, by its id or its name")
    finish(rotate, run_rotate)
    for word, says, _ in _CHANGES:
        change = actions.add_parser(
            word, help=says, description=f"{says.capitalize()}, at once.", allow_abbrev=False
        )
        change.add_argument("credential", metavar="ID|NAME", help="the key, by its id or its name")
        finish(change, run_change)


def run_list(options: argparse.Namespace) -> int:
    """Show all keys; return the exit code.

    Raises:
        GatewayError: The gateway does not answer.
    """
    document = ControlClient(control_socket(options)).get("/v1/credentials")
    if options.json:
        print(json.dumps(document))
        return 0
    from gateway.cli.credentials_picture import draw_credentials

    print_lines(draw_credentials(cast("CredentialList", document)))
    return 0


def run_create(options: argparse.Namespace) -> int:
    """Make a key; return the exit code.

    Raises:
        SettingsError: The policy's file cannot be read.
        GatewayError: The gateway does not answer, or refuses.
    """
    wanted: dict[str, object] = {"name": os.fsencode(options.name).decode("utf-8", "replace")}
    if options.policy in _BUILT_IN:
        wanted["policy"] = options.policy
    else:
        wanted["document"] = _read_policy(Path(options.policy))
    made = ControlClient(control_socket(options)).post("/v1/credentials/create", wanted)
    return _show_secret(made, options)


def run_rotate(options: argparse.Namespace) -> int:
    """Give a key a new secret; return the exit code.

    Raises:
        GatewayError: The gateway does not answer, or has no such key.
    """
    return _show_secret(_post(options), options)


def run_change(options: argparse.Namespace) -> int:
    """Disable, enable or delete a key; return the exit code.

    Raises:
        GatewayError: The gateway does not answer, or refuses.
    """
    document = _post(options)
    if options.json:
        print(json.dumps(document))
        return 0
    done = next(done for word, _, done in _CHANGES if word == options.action)
    print(harmless(f"{document['name']} ({document['access_key_id']}) is {done}."))
    return 0


def _post(options: argparse.Namespace) -> dict[str, object]:
    # As bytes: an argument may hold what is no UTF-8, and no key is called that.
    credential = quote(os.fsencode(options.credential), safe="")
    client = ControlClient(control_socket(options))
    return client.post(f"/v1/credentials/{credential}/{options.action}", {})


def _read_policy(file: Path) -> str:
    hint = f"name a file with an IAM policy, or one of {', '.join(_BUILT_IN)}"
    try:
        with file.open("rb") as opened:
            data = opened.read(_MAX_POLICY_BYTES + 1)
    except OSError as error:
        raise SettingsError(f"{file} cannot be read: {error.strerror}", hint=hint) from None
    if len(data) > _MAX_POLICY_BYTES:
        raise SettingsError(f"{file} is larger than {_MAX_POLICY_BYTES} bytes", hint=hint)
    try:
        return data.decode("utf-8")
    except UnicodeDecodeError as error:
        raise SettingsError(f"{file} cannot be read: {error}", hint=hint) from None


def _show_secret(document: dict[str, object], options: argparse.Namespace) -> int:
    if options.json:
        print(json.dumps(document))
        return 0
    from gateway.cli.credentials_picture import draw_new

    print_lines(draw_new(cast("NewCredential", document)))
    return 0
