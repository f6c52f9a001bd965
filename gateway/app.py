"""The composition root: builds every part from the settings, starts them in order, stops them.

Owns the order of things and nothing else: what a part does is the part's own.
"""

from __future__ import annotations

import asyncio
import gc
import logging
import os
import random
import signal
import sys
import threading
from collections.abc import Callable
from contextlib import AsyncExitStack
from functools import partial

from gateway import __version__
from gateway.aws_api.endpoint import AwsEndpoint
from gateway.aws_api.iot import iot_service
from gateway.aws_api.sqs import sqs_service
from gateway.aws_api.sts import sts_service
from gateway.broker import Broker, Listener, MqttFront
from gateway.broker.inspection import client_details, client_list
from gateway.broker.statistics import broker_facts
from gateway.broker.sys_topics import SysTopics
from gateway.clock import Clock, system_sources
from gateway.config import Settings
from gateway.control import ControlServer, DataDirLock
from gateway.control.credentials import credential_endpoints
from gateway.control.environment import client_environment
from gateway.control.keys import key_endpoints
from gateway.control.messages import MessageEndpoints
from gateway.control.queues import queue_endpoints
from gateway.control.rules import rule_endpoints
from gateway.devices import DeviceSupervisor, ReadingIntake
from gateway.engine.assembly import RulesEngine, ServiceSettings
from gateway.errors import StoreError
from gateway.identity.credentials import AccessKey, Credentials
from gateway.identity.user_id import user_id
from gateway.metrics import Metrics
from gateway.registry import Registry
from gateway.services.sqs import SqsService
from gateway.services.sqs.batch import MAX_WAITING
from gateway.store import Store
from gateway.store.encryption import KeyRing

__all__ = ["Gateway", "run"]

log = logging.getLogger(__name__)

# The store's thread waits for the interpreter lock after every commit; the default of 5 ms would
# be most of a commit's time beside a busy loop.
SWITCH_INTERVAL_S = 0.0002

# What requests under way get to finish when the gateway stops.
STOP_REQUESTS_S = 3.0

# All of stopping takes 10 s at most: a disk that hangs would otherwise keep the process for ever.
STOP_LIMIT_S = 9.0

SWEEP_INTERVAL_S = 1.0

# Messages, copies and retained messages are many objects without cycles. At Python's own threshold
# (700) the collector walks all of them again and again; what cycles there are can wait.
COLLECT_AFTER_OBJECTS = 20_000


class Gateway:
    """All parts of one gateway, built and wired."""

    def __init__(self, settings: Settings) -> None:
        self.settings = settings
        self.metrics = Metrics()
        self.clock = Clock(system_sources())
        self._stack = AsyncExitStack()
        self._started_s = self.clock.monotonic_s()
        self._listeners: list[Listener] = []
        self._aws_bind = ""
        self._credentials: Credentials | None = None

    async def start(self) -> None:
        """Start every part; the listeners last, so that nothing arrives before it can be kept.

        Raises:
            GatewayError: A part cannot start.
            OSError: An address cannot be had.
        """
        try:
            await self._start()
        except BaseException:
            await self._stack.aclose()
            raise

    async def _start(self) -> None:
        settings = self.settings
        data_dir = settings.gateway.data_dir
        data_dir.mkdir(mode=0o750, parents=True, exist_ok=True)
        self._stack.enter_context(DataDirLock(data_dir))
        self.store = Store(data_dir / "weir.db", settings.store, self.clock, self.metrics)
        self.broker = Broker(settings.mqtt, self.store, self.clock, self.metrics)
        self.store.after_room.append(self.broker.reports.room_again)
        self.intake = ReadingIntake(self.broker.router, self.store, self.metrics)
        self._stack.callback(self.intake.report_lost)  # runs once the store is closed
        self._stack.push_async_callback(self.store.close)
        self.registry = await Registry.open(data_dir / "registry.json")
        self._stack.push_async_callback(self.registry.close)
        self.keys = await asyncio.to_thread(
            partial(KeyRing.open, data_dir, os.environ, wall_ms=self.clock.wall_ms)
        )
        self._stack.push_async_callback(self.keys.close)
        self.sqs = SqsService(
            self.store,
            self.registry,
            self.clock,
            self.metrics,
            region=settings.gateway.region,
            account=settings.gateway.account,
            keys=self.keys,
            max_waiting=MAX_WAITING if settings.aws is None else settings.aws.max_waiting,
        )
        await self.sqs.start()
        self._stack.push_async_callback(self.sqs.stop)
        await self.sqs.declare_all(settings.queues)
        self.rules = RulesEngine(
            settings.rules,
            ServiceSettings(
                settings.functions,
                settings.buckets,
                settings.tables,
                settings.secrets,
                settings.destinations,
                settings.gateway.region,
                settings.gateway.account,
            ),
            router=self.broker.router,
            store=self.store,
            registry=self.registry,
            queue=self.sqs.queue,
            aws_environment=self._default_env,
            clock=self.clock,
            metrics=self.metrics,
        )
        self._stack.push_async_callback(self.rules.stop)
        await self.rules.start()
        await self._start_devices()
        await self._start_aws()
        self.rules.start_actions()
        await self._start_control()
        await self._start_mqtt()
        log.info(
            "%s (Weir %s): data in %s; MQTT on %s; AWS endpoint %s; %d rule(s), %d queue(s), "
            "%d device(s)",
            settings.gateway.name,
            __version__,
            data_dir,
            ", ".join(listener.address for listener in self._listeners) or "no address",
            self._aws_bind or "off",
            len(self.rules.catalogue.all()),
            len(self.sqs.names()),
            len(settings.devices),
        )

    async def stop(self) -> None:
        """Accept nothing more, commit what was taken, close everything, in reverse order."""
        await self._stack.aclose()

    # --- the parts -------------------------------------------------------------------------------

    async def _start_devices(self) -> None:
        self.devices = DeviceSupervisor(
            self.settings.devices,
            publish=self.intake.publish,
            subscribe=self._subscribe_commands,
            metrics=self.metrics,
            monotonic_s=self.clock.monotonic_s,
            randomness=random.Random(),  # noqa: S311 - jitter, not a secret
        )
        self.intake.resume = self.devices.resume
        self.devices.start()
        self._stack.push_async_callback(self.devices.stop)

    async def _start_aws(self) -> None:
        settings = self.settings.aws
        if settings is None:
            return
        account = self.settings.gateway.account
        credentials = await asyncio.to_thread(Credentials.open, self.settings.gateway.data_dir)
        self._stack.push_async_callback(credentials.close)
        endpoint = AwsEndpoint(
            settings,
            credentials,
            [
                sqs_service(self.sqs, lambda key: user_id(account, credentials.name(key) or key)),
                iot_service(
                    self.rules.catalogue,
                    self.rules.destinations,
                    region=self.settings.gateway.region,
                    account=account,
                ),
                sts_service(account=account, user_name=credentials.name),
            ],
            region=self.settings.gateway.region,
            clock=self.clock,
            metrics=self.metrics,
            account=account,
        )
        self._aws_bind = await endpoint.start()
        self._stack.push_async_callback(endpoint.stop, STOP_REQUESTS_S)
        self._stack.callback(self.sqs.end_waiting)  # or each would hold up the stop
        self._credentials = credentials

    def _env(self, key: AccessKey) -> dict[str, str]:
        return client_environment(
            self._aws_bind,
            access_key_id=key.access_key_id,
            secret_access_key=key.secret_access_key,
            region=self.settings.gateway.region,
        )

    def _default_env(self) -> dict[str, str]:
        """Return what points AWS clients here; nothing before there is an AWS endpoint."""
        return {} if self._credentials is None else self._env(self._credentials.default)

    async def _start_control(self) -> None:
        auth = "none" if self.settings.aws is None else self.settings.aws.auth
        control = ControlServer(
            self.settings.gateway.data_dir / "control.sock",
            router=self.broker.router,
            store=self.store,
            metrics=self.metrics,
            status=self.status,
            env=None if self._credentials is None else self._default_env,
            clients=partial(client_list, self.broker),
            client=partial(client_details, self.broker),
            endpoints={
                **rule_endpoints(self.rules.catalogue, self.rules.engine),
                **queue_endpoints(self.sqs),
                **key_endpoints(self.keys),
                **credential_endpoints(self._credentials, self._env, auth),
                **MessageEndpoints(self.rules.tracing).endpoints,
            },
        )
        await control.start()
        self._stack.push_async_callback(control.stop)

    async def _start_mqtt(self) -> None:
        front = MqttFront(self.broker)
        for listener_settings in self.settings.listeners:
            listener = Listener(front, listener_settings)
            await listener.start()
            self._listeners.append(listener)
        sweeper = asyncio.create_task(self._sweep(), name="mqtt sweep")
        self._stack.push_async_callback(self._stop_mqtt, sweeper)

    async def _stop_mqtt(self, sweeper: asyncio.Task[None]) -> None:
        for listener in self._listeners:
            listener.stop()
        sweeper.cancel()
        try:
            await self.store.flush()  # what was taken is committed, and its PUBACKs leave
        except StoreError as error:
            log.error("the last batch could not be written: %s", error)
        self.broker.close()
        await asyncio.sleep(0)  # one turn, in which the last bytes are written

    async def _sweep(self) -> None:
        statistics = SysTopics(
            self.metrics,
            self.broker.publish_statistic,
            partial(broker_facts, self.broker),
            __version__,
            self.settings.mqtt.sys_interval_s,
        )
        while True:
            await asyncio.sleep(SWEEP_INTERVAL_S)
            try:
                now_s = asyncio.get_running_loop().time()
                self.broker.sweep(now_s)
                statistics.tick(now_s)
            except Exception:
                # The outermost frame of a task that nobody awaits: without it, no silent client
                # would ever be closed again.
                log.exception("a sweep over the connections failed")

    def _subscribe_commands(self, topic_filter: str, deliver: Callable[[str, bytes], None]) -> None:
        self.broker.router.subscribe_local(
            topic_filter, lambda message: deliver(message.topic, message.payload)
        )

    # --- for people ------------------------------------------------------------------------------

    def status(self) -> dict[str, object]:
        """Return the status document of the control socket."""
        store = self.store
        return {
            "name": self.settings.gateway.name,
            "version": __version__,
            "pid": os.getpid(),
            "uptime_s": round(self.clock.monotonic_s() - self._started_s, 1),
            "ready": True,
            "event_loop": type(asyncio.get_running_loop()).__module__.partition(".")[0],
            "time": {"wall_ms": self.clock.wall_ms(), "wall_trusted": self.clock.wall_trusted},
            "mqtt": {
                "listeners": [listener.address for listener in self._listeners],
                "connections": self.broker.connection_count,
                "sessions": len(self.broker.sessions),
            },
            "aws": {"bind": self._aws_bind},
            "store": {
                "commits": store.commits.value,
                "rows": store.rows.value,
                "live_bytes": store.live_bytes,
                "max_bytes": self.settings.store.max_bytes,
                "full": store.full_because,
            },
            **self.rules.status(),
            "queues": self.sqs.status(),
            "devices": self.devices.status(),
            "metrics": self.metrics.snapshot(),
        }


async def run(settings: Settings, ready: Callable[[], None]) -> None:
    """Run a gateway until SIGTERM or SIGINT.

    Args:
        settings: Checked settings.
        ready: Called once every listener accepts.

    Raises:
        GatewayError: A part cannot start.
        OSError: An address cannot be had.
    """
    sys.setswitchinterval(SWITCH_INTERVAL_S)
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    # Never cancelled: after this function the threads that are left still have to end.
    deadline = threading.Timer(STOP_LIMIT_S, _give_up)
    deadline.daemon = True

    def end() -> None:
        if not stop.is_set():
            stop.set()
            deadline.start()

    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, end)
    loop.add_signal_handler(
        signal.SIGHUP, lambda: log.warning("settings are read at start only: restart to apply them")
    )
    gc.set_threshold(COLLECT_AFTER_OBJECTS, 20, 20)
    gateway = Gateway(settings)
    await gateway.start()
    gc.freeze()  # what is there now stays: it need not be looked at again
    try:
        if not stop.is_set():  # it may have been told to while it started
            ready()
        await stop.wait()
        log.info("stopping")
    finally:
        await gateway.stop()
        log.info("stopped")


def _give_up() -> None:
    """End the process though something still hangs; on a thread, for the loop itself may."""
    log.critical(
        "not stopped after %.0f s, so it ends now: something hangs, most likely the disk. "
        "What was not acknowledged is not kept",
        STOP_LIMIT_S,
    )
    os._exit(1)
