"""kill -9 at any moment while access keys change: what was acknowledged is there, whole.

A key whose making, new secret or removal was acknowledged is as it was told; the one change that
had no answer has happened or not; and the next start finds a file that is not torn, or it would not
start. `WEIR_SEEDS=200` runs more seeds. The control tells of changes before they are on disk, and
must be caught.
"""

from __future__ import annotations

import os
import random
import stat
import threading
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, cast

import pytest

from gateway.cli.client import ControlClient, GatewayNotRunning
from gateway.identity.credentials_file import CredentialsFile
from tests.rig.broken_gateway import broken
from tests.rig.gateway_process import GatewayProcess

SEEDS = list(range(1, 1 + int(os.environ.get("WEIR_SEEDS", "10"))))
NAMES = [f"key-{number}" for number in range(6)]

Found = dict[str, "Key"]


@dataclass(frozen=True, slots=True)
class Key:
    """What the test wants to find of a key again."""

    secret: str
    policy: str
    active: bool = True


@dataclass
class Changer:
    """Changes keys, and knows which there must be.

    Attributes:
        keys: What was acknowledged.
        doubt: Tells of what is there whether it is what a change without an answer leaves.
        changes: How many were acknowledged.
    """

    keys: Found = field(default_factory=dict)
    doubt: tuple[str, Callable[[Key | None], bool]] | None = None
    changes: int = 0

    def change(self, client: ControlClient, rng: random.Random) -> None:
        """Make one change that is allowed.

        Raises:
            GatewayNotRunning: There was no answer.
        """
        name = rng.choice(NAMES)
        key = self.keys.get(name)
        policy = rng.choice(["full", "read-only"])
        how = "create" if key is None else rng.choice(["rotate", "delete", "switch"])
        if how == "create":
            self.doubt = name, lambda found: found is not None and found.policy == policy
            answer = client.post("/v1/credentials/create", {"name": name, "policy": policy})
            self.keys[name] = Key(cast(str, answer["secret_access_key"]), policy)
        elif how == "delete":
            self.doubt = name, lambda found: found is None
            client.post(f"/v1/credentials/{name}/delete", {})
            del self.keys[name]
        elif how == "rotate":
            assert key is not None
            policy, active = key.policy, key.active
            self.doubt = (
                name,
                lambda found: (
                    found is not None and (found.policy, found.active) == (policy, active)
                ),
            )
            answer = client.post(f"/v1/credentials/{name}/rotate", {})
            self.keys[name] = Key(cast(str, answer["secret_access_key"]), policy, active)
        else:
            assert key is not None
            after = Key(key.secret, key.policy, not key.active)
            self.doubt = name, lambda found: found == after
            client.post(f"/v1/credentials/{name}/{'enable' if after.active else 'disable'}", {})
            self.keys[name] = after
        self.doubt = None
        self.changes += 1

    def settle(self, found: Found) -> list[str]:
        """Compare with what is there, take that over; say what is wrong."""
        wrong = []
        for name in NAMES:
            there, told = found.get(name), self.keys.get(name)
            in_doubt = self.doubt is not None and self.doubt[0] == name and self.doubt[1](there)
            if there != told and not in_doubt:
                wrong.append(f"{name} is not as it was told")  # no secrets here
        self.keys, self.doubt = {name: found[name] for name in NAMES if name in found}, None
        return wrong


@pytest.mark.timeout(180)
def test_keys_survive_kills(tmp_path: Path) -> None:
    wrong, changer = _run(tmp_path, SEEDS, None)
    print(f"seeds {SEEDS}: {changer.changes} changes acknowledged, {wrong or 'all as it was'}")
    assert not wrong
    assert changer.changes > 5 * len(SEEDS)


def test_keys_that_are_written_too_late_are_caught(tmp_path: Path) -> None:
    wrong, _ = _run(tmp_path, SEEDS[:4], broken("credentials-unwritten"))
    assert wrong


def _run(folder: Path, seeds: list[int], prefix: list[str] | None) -> tuple[list[str], Changer]:
    changer, wrong = Changer(), []
    with GatewayProcess(folder, rules=[], prefix=prefix) as gateway:
        client = ControlClient(gateway.data_dir / "control.sock")
        for seed in seeds:
            rng = random.Random(seed)
            timer = threading.Timer(rng.uniform(0.02, 0.3), gateway.kill)
            timer.start()
            try:
                while True:
                    changer.change(client, rng)
            except GatewayNotRunning:
                pass
            finally:
                timer.join()
            on_disk = _keys_on_disk(gateway.data_dir)
            gateway.start()
            wrong += [f"seed {seed}: {text}" for text in changer.settle(on_disk)]
            if set(_listed(client)) != set(on_disk):
                wrong.append(f"seed {seed}: the gateway has other keys than the file")
    return wrong, changer


def _keys_on_disk(data_dir: Path) -> Found:
    file = data_dir / "credentials.json"
    assert stat.S_IMODE(file.stat().st_mode) == 0o600
    keys = CredentialsFile(data_dir).read()
    assert keys is not None
    return {key.name: Key(key.secret_access_key, key.policy.name, key.active) for key in keys}


def _listed(client: ControlClient) -> list[str]:
    listed = cast("list[dict[str, Any]]", client.get("/v1/credentials")["credentials"])
    return [entry["name"] for entry in listed]
