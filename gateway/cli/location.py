"""Where the gateway is: its settings file, and its data directory with the control socket.

Owns finding them from `--config` and `--data-dir`. It reads the one key it needs and judges nothing
else in the file, so that a client command starts at once; `weir check` is for judging.
"""

from __future__ import annotations

import argparse
import tomllib
from pathlib import Path
from typing import Final

from gateway.errors import SettingsError

__all__ = ["add_config_option", "add_location_options", "control_socket", "data_dir", "find_config"]

PLACES: Final = (Path("weir.toml"), Path("/etc/weir/weir.toml"))

_CONFIG_HELP: Final = "the settings file; by default ./weir.toml, then /etc/weir/weir.toml"


def add_config_option(parser: argparse.ArgumentParser) -> None:
    """Add `--config` to a command that reads the settings."""
    parser.add_argument("--config", type=Path, metavar="FILE", help=_CONFIG_HELP)


def add_location_options(parser: argparse.ArgumentParser) -> None:
    """Add `--config` and `--data-dir` to a command that speaks to a running gateway."""
    group = parser.add_mutually_exclusive_group()
    group.add_argument("--config", type=Path, metavar="FILE", help=_CONFIG_HELP)
    group.add_argument(
        "--data-dir",
        type=Path,
        metavar="FOLDER",
        help="the gateway's data directory, instead of the settings file that names it",
    )


def find_config(options: argparse.Namespace) -> Path:
    """Return the settings file that the options mean.

    Raises:
        SettingsError: None is named, and none is at the usual places.
    """
    named: Path | None = options.config
    if named is not None:
        return named
    for place in PLACES:
        if place.exists():
            return place
    raise SettingsError(
        f"there is no settings file: neither {' nor '.join(str(place) for place in PLACES)}",
        hint="name one with --config",
    )


def data_dir(options: argparse.Namespace) -> Path:
    """Return the data directory that the options mean.

    Raises:
        SettingsError: It cannot be told.
    """
    named: Path | None = options.data_dir
    if named is not None:
        return named
    config = find_config(options)
    try:
        with config.open("rb") as file:
            document = tomllib.load(file)
    except OSError as error:
        raise SettingsError(
            f"{config} cannot be read: {error.strerror}",
            hint="name another with --config, or the data directory with --data-dir",
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError, RecursionError):
        raise SettingsError(
            f"{config} is not TOML", hint="find the place with weir check"
        ) from None
    gateway = document.get("gateway")
    found = gateway.get("data_dir") if isinstance(gateway, dict) else None
    if not isinstance(found, str) or not found:
        raise SettingsError(
            f"{config} does not say where the data directory is",
            hint='add data_dir = "/var/lib/weir" under [gateway], or use --data-dir',
        )
    return config.absolute().parent / found


def control_socket(options: argparse.Namespace) -> Path:
    """Return the control socket of the gateway that the options mean.

    Raises:
        SettingsError: It cannot be told.
    """
    return data_dir(options) / "control.sock"
