"""What the tests of the command share: a width that does not depend on who runs them."""

from __future__ import annotations

import pytest


@pytest.fixture(autouse=True)
def _no_terminal(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let output be as wide as it is into a file; a runner of tests may set its own width."""
    monkeypatch.delenv("COLUMNS", raising=False)
