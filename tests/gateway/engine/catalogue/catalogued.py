"""A catalogue of rules on a real engine and a real registry, with a folder of rule files."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from gateway.engine.catalogue.api_rules import TABLE
from gateway.engine.catalogue.catalogue import RuleCatalogue
from gateway.registry import Registry
from tests.gateway.engine.running import Running, rule, running, sqs

HOT = rule("SELECT * FROM 'hot/#'", sqs("alarms"))
COLD = rule("SELECT * FROM 'cold/#'", sqs("alarms"))


class Here:
    """A catalogue, started, and what is around it."""

    def __init__(self, engine: Running, registry: Registry, catalogue: RuleCatalogue) -> None:
        self.engine = engine
        self.registry = registry
        self.catalogue = catalogue
        self.folder = engine.folder / "rules.d"

    def write(self, name: str, payload: object) -> Path:
        """Write a rule file."""
        file = self.folder / f"{name}.json"
        file.write_text(payload if isinstance(payload, str) else json.dumps(payload))
        return file

    def names(self) -> list[str]:
        """The names of the rules that there are."""
        return [found.name for found in self.catalogue.all()]

    def on_disk(self) -> dict[str, Any]:
        """What another process would find in the registry."""
        tables = json.loads((self.engine.folder / "registry.json").read_text())
        return dict(tables.get(TABLE, {}))

    async def matched(self, name: str, topic: str) -> int:
        """Publish; return how often the rule has matched by then."""
        self.engine.publish(topic)
        return self.engine.status(name).matched


@asynccontextmanager
async def here(folder: Path, *, files: dict[str, object] | None = None) -> AsyncIterator[Here]:
    """A catalogue on `folder/rules.d` and `folder/registry.json`, started."""
    rules_dir = folder / "rules.d"
    rules_dir.mkdir(exist_ok=True)
    async with running(folder) as engine:
        registry = await Registry.open(folder / "registry.json")
        found = Here(engine, registry, build(engine, registry, rules_dir))
        for name, payload in (files or {}).items():
            found.write(name, payload)
        await found.catalogue.start()
        yield found
        await found.catalogue.stop()
        await registry.close()


def build(engine: Any, registry: Registry, folder: Path | None, **more: Any) -> RuleCatalogue:
    return RuleCatalogue(
        engine.engine,
        registry,
        folder,
        now_ms=lambda: 1_800_000_000_000,
        region="eu-central-1",
        account="123456789012",
        **more,
    )
