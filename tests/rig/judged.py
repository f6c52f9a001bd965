"""A folder of settings and rules for `weir check`, judged in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from gateway.cli.check import judge
from gateway.cli.verdict import Verdict

ROLE = "arn:aws:iam::000000000000:role/any"

SETTINGS = """\
[gateway]
data_dir = "data"
[[mqtt.listeners]]
anonymous = true
[rules]
dir = "rules.d"
"""


class Site:
    """Settings, and rules beside them.

    Args:
        folder: Where they go.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.settings = folder / "weir.toml"
        self.rules = folder / "rules.d"
        self.rules.mkdir()
        self.settings.write_text(SETTINGS)

    def add(self, *lines: str) -> None:
        """Append lines to the settings."""
        with self.settings.open("a") as file:
            file.write("\n".join(lines) + "\n")

    def rule(
        self,
        name: str,
        *actions: dict[str, Any],
        sql: str = "SELECT * FROM 'a/b'",
        error: dict[str, Any] | None = None,
    ) -> Path:
        """Write a rule file, and return it."""
        payload: dict[str, Any] = {
            "sql": sql,
            "awsIotSqlVersion": "2016-03-23",
            "actions": list(actions),
        }
        if error is not None:
            payload["errorAction"] = error
        file = self.rules / f"{name}.json"
        file.write_text(json.dumps(payload))
        return file

    def judge(self) -> Verdict:
        """Return what is found."""
        return judge(self.settings)

    def take(self, verdict: Verdict) -> Verdict:
        """Add the lines that a verdict tells to add, and judge again."""
        assert verdict.lines_to_add
        self.add(*verdict.lines_to_add)
        return self.judge()


def action(kind: str, **parameters: Any) -> dict[str, Any]:
    """An action with these parameters, and a role."""
    return {kind: {**parameters, "roleArn": ROLE}}
