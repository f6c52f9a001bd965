"""The broker in numbers, as `$SYS` shows them.

Owns where each number comes from; what the topics are called is `sys_topics`'.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from gateway.broker.sys_topics import BrokerFacts

if TYPE_CHECKING:
    from gateway.broker.broker import Broker

__all__ = ["broker_facts"]


def broker_facts(broker: Broker) -> BrokerFacts:
    """Return the broker's numbers at this moment."""
    counters, context, retained = broker.counters, broker.context, broker.router.retained
    connected = broker.connection_count
    return BrokerFacts(
        connections=counters.connects.value,
        sockets=counters.sockets.value,
        clients_connected=connected,
        clients_disconnected=len(broker.sessions) - connected,
        clients_maximum=broker.max_connection_count,
        clients_expired=counters.expired_sessions.value,
        packets_received=(
            counters.received.value + counters.packets.value + context.acknowledged.value
        ),
        packets_sent=context.delivered.value + counters.answers.value,
        bytes_received=counters.bytes_received.value,
        bytes_sent=counters.bytes_sent.value,
        publish_received=counters.received.value,
        publish_sent=context.delivered.value,
        publish_dropped=context.dropped + context.too_large.value,
        stored_messages=len(retained) + context.stored_messages,
        stored_bytes=retained.size_bytes + context.stored_bytes,
        retained_messages=len(retained),
        subscriptions=broker.router.subscription_count,
        shared_subscriptions=broker.router.shared_subscription_count,
    )
