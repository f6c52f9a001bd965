"""The rules engine whole: rules, their actions, and the local services that these need.

Owns how its parts are put together, and the order in which they start and stop. What a part does is
the part's own.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import final

import rules
from gateway.broker import Router
from gateway.clock import Clock
from gateway.engine.actions.cloudwatch import CloudWatchLogs, CloudWatchMetrics
from gateway.engine.actions.dynamodb import DynamoDbActions
from gateway.engine.actions.functions import LambdaAction
from gateway.engine.actions.http import HttpAction
from gateway.engine.actions.local import SqsQueue
from gateway.engine.actions.s3 import S3Action
from gateway.engine.catalogue.catalogue import RuleCatalogue
from gateway.engine.destinations.confirmation import urls_to_confirm
from gateway.engine.destinations.destinations import Destinations
from gateway.engine.destinations.settings import DestinationSettings
from gateway.engine.engine import Engine
from gateway.engine.outside import LocalAnswers
from gateway.engine.settings import RulesSettings
from gateway.engine.tally import RuleStatus
from gateway.engine.traces.tracing import Tracing
from gateway.http.client import HttpClient
from gateway.metrics import Metrics
from gateway.registry import Registry
from gateway.services.dynamodb import Tables, TableSettings
from gateway.services.functions import Functions, FunctionSettings
from gateway.services.s3 import Buckets, BucketSettings
from gateway.services.secrets import Secrets, SecretsSettings
from gateway.store import Store

__all__ = ["RulesEngine", "ServiceSettings"]


@dataclass(frozen=True, slots=True)
class ServiceSettings:
    """What the settings say of the services that rules use.

    Attributes:
        functions: The `[[lambda.functions]]` entries.
        buckets: The `[[s3.buckets]]` entries.
        tables: The `[[dynamodb.tables]]` entries.
        secrets: The `[secrets]` section.
        destinations: The `[[rules.destinations]]` entries.
        region: Appears in ARNs.
        account: Appears in ARNs.
    """

    functions: tuple[FunctionSettings, ...]
    buckets: tuple[BucketSettings, ...]
    tables: tuple[TableSettings, ...]
    secrets: SecretsSettings
    destinations: tuple[DestinationSettings, ...]
    region: str
    account: str


@final
class RulesEngine:
    """All parts of the rules engine.

    Args:
        settings: The engine's own settings.
        services: Those of the services that rules use.
        router: Where rules subscribe.
        store: Where the outbox and tables are kept.
        registry: Where rules and destinations of the API are kept.
        queue: Finds a queue by name.
        aws_environment: Gives the variables that point AWS clients at this gateway, once it has an
            AWS endpoint; empty before.
        clock: The clocks.
        metrics: Where counters live.

    Attributes:
        engine: The rules in force.
        catalogue: Which rules there are.
        destinations: Where `http` actions may post to.
        tracing: What rules did lately.
        functions, buckets, tables, cloudwatch_metrics: The services.
    """

    def __init__(
        self,
        settings: RulesSettings,
        services: ServiceSettings,
        *,
        router: Router,
        store: Store,
        registry: Registry,
        queue: Callable[[str], SqsQueue | None],
        aws_environment: Callable[[], Mapping[str, str]],
        clock: Clock,
        metrics: Metrics,
    ) -> None:
        self._stack = AsyncExitStack()
        self._confirming = False
        region, account = services.region, services.account
        self.functions = Functions(
            services.functions,
            region=region,
            account=account,
            environment=aws_environment,
            metrics=metrics,
            monotonic_s=clock.monotonic_s,
        )
        self.buckets = Buckets(services.buckets, metrics, monotonic_s=clock.monotonic_s)
        self.tables = Tables(services.tables, store, metrics)
        self.cloudwatch_metrics = CloudWatchMetrics(metrics, clock.wall_ms)
        self._client = HttpClient()
        self.destinations = Destinations(
            registry,
            self._client,
            [destination.url for destination in services.destinations],
            region=region,
            account=account,
            enable_base=lambda: aws_environment().get("AWS_ENDPOINT_URL", ""),
            now_ms=clock.wall_ms,
            gateway_ms=clock.gateway_ms,
            metrics=metrics,
        )
        dynamodb = DynamoDbActions(self.tables)
        self.engine = Engine(
            router,
            store,
            settings,
            queue=queue,
            services={
                "dynamoDB": dynamodb.put_payload,
                "dynamoDBv2": dynamodb.put_item,
                "cloudwatchLogs": CloudWatchLogs(clock.monotonic_s).put,
                "cloudwatchMetric": self.cloudwatch_metrics.put,
            },
            slow={
                "http": HttpAction(self._client, self.destinations),
                "lambda": LambdaAction(self.functions),
                "s3": S3Action(self.buckets),
            },
            outside=LocalAnswers(
                self.functions,
                self.tables,
                Secrets(services.secrets.file),
                self.buckets,
                asyncio.get_running_loop(),
            ),
            now_ms=clock.wall_ms,
            gateway_ms=clock.gateway_ms,
            monotonic_s=clock.monotonic_s,
            account=account,
            metrics=metrics,
        )
        self.catalogue = RuleCatalogue(
            self.engine,
            registry,
            settings.dir,
            now_ms=clock.wall_ms,
            region=region,
            account=account,
            on_rule=self._on_rule,
        )
        self.tracing = Tracing(
            self.engine.traces,
            lambda: self.engine.in_force,
            account=account,
            now_ms=clock.wall_ms,
        )

    async def start(self) -> None:
        """Put the rules in force, and take up what the last process left to do.

        Raises:
            GatewayError: A part cannot start.
        """
        stack = self._stack
        stack.push_async_callback(self._client.close)
        await self.tables.start()
        stack.push_async_callback(self.buckets.stop)
        await self.buckets.start()
        stack.push_async_callback(self.functions.stop)
        stack.push_async_callback(self.destinations.close)
        stack.push_async_callback(self.engine.stop)
        stack.push_async_callback(self.catalogue.stop)
        await self.catalogue.start()

    def start_actions(self) -> None:
        """Run what waits in the outbox, and ask destinations; once the AWS endpoint is there.

        A function may call it, and a destination's confirmation comes in through it.
        """
        self._confirming = True
        self.destinations.start()
        for rule in self.catalogue.all():
            if not rule.document.disabled:
                self._on_rule(rule.document)
        self.engine.start()

    async def stop(self) -> None:
        """Stop in reverse order; what has not ended goes on after the next start."""
        await self._stack.aclose()

    def status(self) -> dict[str, object]:
        """Return how everything is doing, for the status document: lists by name."""
        broken = [
            RuleStatus(
                name=source.name if isinstance(source, Path) else source,
                topic_filter="",
                evaluated=0,
                matched=0,
                failed=0,
                disabled=False,
                problem=reason,
            )
            for source, reason in self.catalogue.broken
        ]
        return {
            "rules": [*self.engine.status(), *broken],
            "outbox": self.engine.outbox_status(),
            "functions": self.functions.status(),
            "buckets": self.buckets.status(),
            "tables": self.tables.status(),
            "cloudwatch_metrics": self.cloudwatch_metrics.status(),
        }

    def _on_rule(self, document: rules.RuleDocument) -> None:
        if self._confirming:
            for url in urls_to_confirm(document):
                self.destinations.ensure(url)
