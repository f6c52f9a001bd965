"""A control socket with rules behind it: engine, catalogue and registry, in a thread of its own."""

from __future__ import annotations

import json
from pathlib import Path

from gateway.control import ControlServer
from gateway.control.rules import rule_endpoints
from gateway.engine.catalogue.catalogue import RuleCatalogue
from gateway.registry import Registry
from tests.gateway.engine.running import ACCOUNT, Running, running
from tests.rig.own_loop import OwnLoop


class RuleRoom(OwnLoop):
    """Serves `data_dir/control.sock` while it is entered; rule files are in `rules_dir`.

    Args:
        data_dir: Where everything goes.
        rules: Rule files, by name without ending; a text is written as it is.
        with_folder: Whether the gateway has a folder of rules.
    """

    def __init__(
        self, data_dir: Path, *, rules: dict[str, object] | None = None, with_folder: bool = True
    ) -> None:
        super().__init__()
        self.data_dir = data_dir
        self.rules_dir = data_dir / "rules.d"
        self.socket = data_dir / "control.sock"
        self.engine: Running
        self.catalogue: RuleCatalogue
        self._with_folder = with_folder
        self.rules_dir.mkdir(parents=True, exist_ok=True)
        for name, payload in (rules or {}).items():
            self.write(name, payload)

    def write(self, name: str, payload: object) -> Path:
        """Write a rule file into the gateway's folder."""
        file = self.rules_dir / f"{name}.json"
        file.write_text(payload if isinstance(payload, str) else json.dumps(payload))
        return file

    def publish(self, topic: str, payload: bytes = b"{}") -> None:
        """Publish as the broker does."""

        async def publish() -> None:
            self.engine.publish(topic, payload)

        self.call(publish())

    async def _start(self) -> None:
        enter = self._stack.enter_async_context
        self.engine = await enter(running(self.data_dir))
        registry = await Registry.open(self.data_dir / "registry.json")
        self._stack.push_async_callback(registry.close)
        self.catalogue = RuleCatalogue(
            self.engine.engine,
            registry,
            self.rules_dir if self._with_folder else None,
            now_ms=lambda: 1_800_000_000_000,
            region="us-east-1",
            account=ACCOUNT,
        )
        await self.catalogue.start()
        self._stack.push_async_callback(self.catalogue.stop)
        server = ControlServer(
            self.socket,
            router=self.engine.router,
            store=self.engine.store,
            metrics=self.engine.metrics,
            status=dict,
            endpoints=rule_endpoints(self.catalogue, self.engine.engine),
        )
        await server.start()
        self._stack.push_async_callback(server.stop)
