"""What goes wrong on the MQTT side: counted by cause, and logged once per burst.

Owns the counting and the sentences; decides nothing.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, final

from gateway.broker.counters import BrokerCounters
from gateway.broker.outlet import OutgoingContext
from gateway.errors import StoreError
from gateway.metrics import Metrics
from gateway.mqtt.errors import MqttError
from gateway.mqtt.packets import Connect
from gateway.mqtt.reason_codes import ReasonCode

if TYPE_CHECKING:
    from gateway.broker.connection import Connection

__all__ = ["Reports", "who"]

log = logging.getLogger(__name__)


@final
class Reports:
    """Counts and logs what connections report.

    Args:
        counters: Shared by all connections.
        context: Where drops are counted.
        metrics: Where causes are counted, each under its own name.
    """

    def __init__(
        self, counters: BrokerCounters, context: OutgoingContext, metrics: Metrics
    ) -> None:
        self._counters = counters
        self._context = context
        self._metrics = metrics
        self._dropped_at_last_sweep = 0
        self._dropping = False
        self._refusing = False
        self._refused_since_sweep = False

    def protocol_error(self, connection: Connection, error: MqttError) -> None:
        """A client broke the protocol; its connection is closed."""
        self._counters.malformed.value += 1
        self._metrics.counter(f"mqtt.protocol_errors.{error.cause}").value += 1
        log.info("closing %s: %s", who(connection), error)

    def refused_connect(
        self, connection: Connection, packet: Connect, reason_code: ReasonCode
    ) -> None:
        """A CONNECT is refused."""
        self._counters.refused_connects.value += 1
        self._metrics.counter(f"mqtt.connect.refused.{reason_code.name.lower()}").value += 1
        log.warning(
            "refused %s (client %r, %r level %d): %s",
            who(connection),
            packet.client_id[:100],
            packet.protocol_name[:20],
            packet.protocol_level,
            reason_code.name.lower().replace("_", " "),
        )

    def not_reading(self, connection: Connection) -> None:
        """A client sends and never reads; its connection is closed."""
        self._counters.not_reading.value += 1
        log.info("closing %s: it reads nothing", who(connection))

    def refused(self, error: StoreError) -> None:
        """Publishers are refused because the store takes nothing; logged once per burst."""
        self._refused_since_sweep = True
        if not self._refusing:
            self._refusing = True
            log.warning("publishers are refused: %s. %s", error, error.hint)

    def room_again(self) -> None:
        """The store takes new messages again: the next refusal begins a new burst."""
        self._refusing = False

    def sweep(self, *, accepting: bool) -> None:
        """Log drops once per burst; called about once a second.

        Args:
            accepting: Whether the store takes anything new.
        """
        dropped = self._context.dropped
        dropping = dropped > self._dropped_at_last_sweep
        if dropping and not self._dropping:
            log.warning(
                "messages to slow clients are being dropped (%d so far); see `weir status`", dropped
            )
        if accepting and not self._refused_since_sweep:
            self._refusing = False
        self._refused_since_sweep = False
        self._dropping = dropping
        self._dropped_at_last_sweep = dropped


def who(connection: Connection) -> str:
    """Name a connection for the log."""
    session = connection.session
    name = "a new connection" if session is None else f"client {session.client_id[:100]!r}"
    return f"{name} ({connection.source_ip})"
