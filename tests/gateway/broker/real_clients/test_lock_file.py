"""The lock file of the JavaScript clients: versions and hashes, and no word on where from."""

from __future__ import annotations

import json

from tests.gateway.broker.real_clients.node_client import CLIENTS_JS


def test_every_package_is_locked_by_hash_and_none_by_where_it_came_from() -> None:
    lock = json.loads((CLIENTS_JS / "package-lock.json").read_text())
    packages = {path: entry for path, entry in lock["packages"].items() if path}
    assert {"node_modules/mqtt", "node_modules/mqtts", "node_modules/u8-mqtt"} <= set(packages)
    assert [path for path, entry in packages.items() if "integrity" not in entry] == []
    assert [path for path, entry in packages.items() if "resolved" in entry] == []


def test_every_client_is_wanted_in_one_version_only() -> None:
    wanted = json.loads((CLIENTS_JS / "package.json").read_text())["dependencies"]
    assert wanted and all(version[0].isdigit() for version in wanted.values())
