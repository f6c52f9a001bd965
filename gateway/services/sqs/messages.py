"""Messages as values: one to send, one in the hands of a receiver.

Owns what they are made of. One of each is made per message, so they are plain classes.
"""

from __future__ import annotations

from typing import final

__all__ = ["NewMessage", "Received"]


@final
class NewMessage:
    """A message to send.

    Attributes:
        body: The body, UTF-8, already checked.
        delay_s: How long to hide it; None for what the queue says. FIFO queues have none of their
            messages' own.
        attributes: Message and system attributes as `message_attributes.encode` makes them.
        sender: The user id of who sends it; None for a rule.
        group_id: The message group; FIFO queues only, and there always.
        deduplication_id: Of FIFO queues; None where the body's digest takes its place.
    """

    __slots__ = ("attributes", "body", "deduplication_id", "delay_s", "group_id", "sender")

    def __init__(
        self,
        body: bytes,
        *,
        delay_s: int | None = None,
        attributes: bytes | None = None,
        sender: str | None = None,
        group_id: str = "",
        deduplication_id: str | None = None,
    ) -> None:
        self.body = body
        self.delay_s = delay_s
        self.attributes = attributes
        self.sender = sender
        self.group_id = group_id
        self.deduplication_id = deduplication_id


@final
class Received:
    """One message in the hands of one receiver.

    Attributes:
        row_id: Its row.
        nonce: The secret part of its receipt handle.
        body: The body, UTF-8.
        sender: The user id of who sent it; None for a rule.
        attributes: Message and system attributes as `message_attributes.encode` made them.
        sent_wall_ms: When it was sent, in milliseconds since 1970.
        receive_count: How often it has been received, this time included.
        first_received_wall_ms: When it was first received, in milliseconds since 1970.
        visible_since_ms: Since when it had been visible, in gateway time.
        message_id: As clients saw it before it was moved here; None where it was sent here.
        moved_from: The name of the queue it was moved from; None where it was sent here.
        is_repeated: Whether an earlier receive with the same ReceiveRequestAttemptId got it.
    """

    __slots__ = (
        "attributes",
        "body",
        "first_received_wall_ms",
        "is_repeated",
        "message_id",
        "moved_from",
        "nonce",
        "receive_count",
        "row_id",
        "sender",
        "sent_wall_ms",
        "visible_since_ms",
    )

    def __init__(
        self,
        row_id: int,
        nonce: bytes,
        content: tuple[int, str | None, bytes | None, bytes],
        receive_count: int,
        first_received_wall_ms: int,
        visible_since_ms: int,
    ) -> None:
        self.row_id = row_id
        self.nonce = nonce
        self.sent_wall_ms, self.sender, self.attributes, self.body = content
        self.receive_count = receive_count
        self.first_received_wall_ms = first_received_wall_ms
        self.visible_since_ms = visible_since_ms
        self.message_id: str | None = None
        self.moved_from: str | None = None
        self.is_repeated = False
