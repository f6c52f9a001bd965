"""Protobuf for `decode`: descriptor files to readers of messages, and messages to values.

Imports the protobuf library, so it is itself imported only where a statement decodes protobuf.
Where descriptor files come from is the caller's.
"""

from rules.protobuf.descriptors import message_reader
from rules.protobuf.messages import MessageReader
from rules.protobuf.scalars import MAX_OUTPUT_BYTES

__all__ = ["MAX_OUTPUT_BYTES", "MessageReader", "message_reader"]
