"""The data types that all packets are made of: integers, strings and bytes on the wire.

Each `read_…` takes the bytes and a place in them, and returns the value and the place behind it.

Source: OASIS MQTT 5.0, section 1.5; the types that 3.1.1 has too are alike there.
"""

from __future__ import annotations

from gateway.mqtt.errors import MalformedPacket, ProtocolViolation

__all__ = [
    "MAX_REMAINING_LENGTH",
    "MAX_STRING_BYTES",
    "encode_binary",
    "encode_four_bytes",
    "encode_remaining_length",
    "encode_string",
    "encode_string_pair",
    "encode_two_bytes",
    "encode_variable_byte_integer",
    "expect_end",
    "read_binary",
    "read_byte",
    "read_four_bytes",
    "read_packet_identifier",
    "read_string",
    "read_string_pair",
    "read_two_bytes",
    "read_variable_byte_integer",
]

# What four bytes of seven bits can say: the remaining length and every variable byte integer.
MAX_REMAINING_LENGTH = 268_435_455

# The length before a string or bytes has two bytes.
MAX_STRING_BYTES = 65_535


def read_byte(data: bytes, at: int) -> tuple[int, int]:
    """Read one byte.

    Raises:
        MalformedPacket: There is none.
    """
    if at >= len(data):
        raise _truncated()
    return data[at], at + 1


def read_two_bytes(data: bytes, at: int) -> tuple[int, int]:
    """Read a two byte integer (1.5.2).

    Raises:
        MalformedPacket: There are not enough bytes.
    """
    if at + 2 > len(data):
        raise _truncated()
    return data[at] << 8 | data[at + 1], at + 2


def read_four_bytes(data: bytes, at: int) -> tuple[int, int]:
    """Read a four byte integer (1.5.3).

    Raises:
        MalformedPacket: There are not enough bytes.
    """
    if at + 4 > len(data):
        raise _truncated()
    return int.from_bytes(data[at : at + 4], "big"), at + 4


def read_variable_byte_integer(data: bytes, at: int) -> tuple[int, int]:
    """Read a variable byte integer (1.5.5).

    Raises:
        MalformedPacket: It is cut off, has more than four bytes, or more than its value needs
            [MQTT-1.5.5-1].
    """
    value = 0
    for shift in (0, 7, 14, 21):
        if at >= len(data):
            raise _truncated()
        digit = data[at]
        at += 1
        value |= (digit & 0x7F) << shift
        if digit < 0x80:
            if shift and not digit:
                raise MalformedPacket(
                    "variable-byte-integer", f"the number {value} is written with too many bytes"
                )
            return value, at
    raise MalformedPacket("variable-byte-integer", "a number has more than four bytes")


def read_binary(data: bytes, at: int) -> tuple[bytes, int]:
    """Read bytes with their length before them (1.5.6).

    Raises:
        MalformedPacket: There are fewer bytes than the length says.
    """
    length, at = read_two_bytes(data, at)
    end = at + length
    if end > len(data):
        raise _truncated()
    return data[at:end], end


def read_string(data: bytes, at: int) -> tuple[str, int]:
    """Read a UTF-8 string (1.5.4).

    Raises:
        MalformedPacket: It is cut off, is not UTF-8 [MQTT-1.5.4-1], or holds U+0000
            [MQTT-1.5.4-2].
    """
    encoded, at = read_binary(data, at)
    try:
        # Python's decoder refuses surrogates, and keeps U+FEFF as the standard asks.
        text = encoded.decode("utf-8")
    except UnicodeDecodeError as error:
        raise MalformedPacket("string-encoding", f"a string is not UTF-8: {error}") from error
    if "\0" in text:
        raise MalformedPacket("string-null", "a string holds U+0000")
    return text, at


def read_string_pair(data: bytes, at: int) -> tuple[tuple[str, str], int]:
    """Read a name and its value, both UTF-8 strings (1.5.7).

    Raises:
        MalformedPacket: One of them cannot be read [MQTT-1.5.7-1].
    """
    name, at = read_string(data, at)
    value, at = read_string(data, at)
    return (name, value), at


def read_packet_identifier(data: bytes, at: int) -> tuple[int, int]:
    """Read a packet identifier (2.2.1).

    Raises:
        MalformedPacket: There are not enough bytes.
        ProtocolViolation: It is 0 (3.1.1 [MQTT-2.3.1-1]; 5.0 [MQTT-2.2.1-3]).
    """
    packet_identifier, at = read_two_bytes(data, at)
    if not packet_identifier:
        raise ProtocolViolation("packet-identifier", "a packet identifier is 0")
    return packet_identifier, at


def expect_end(data: bytes, at: int, what: str) -> None:
    """Refuse bytes behind the last field of a packet.

    Raises:
        MalformedPacket: There are some.
    """
    if at != len(data):
        raise MalformedPacket("trailing-bytes", f"a {what} has {len(data) - at} bytes too many")


def encode_two_bytes(value: int) -> bytes:
    """Encode a two byte integer."""
    return value.to_bytes(2, "big")


def encode_four_bytes(value: int) -> bytes:
    """Encode a four byte integer."""
    return value.to_bytes(4, "big")


def encode_variable_byte_integer(value: int) -> bytes:
    """Encode a number in one to four bytes, as few as it needs.

    Raises:
        ValueError: It is more than MAX_REMAINING_LENGTH.
    """
    if value < 128:
        return bytes((value,))
    if value > MAX_REMAINING_LENGTH:
        raise ValueError(f"{value} does not fit into a variable byte integer")
    digits = bytearray()
    while value > 127:
        digits.append(value & 0x7F | 0x80)
        value >>= 7
    digits.append(value)
    return bytes(digits)


# Under the name of its most frequent use.
encode_remaining_length = encode_variable_byte_integer


def encode_binary(data: bytes) -> bytes:
    """Encode bytes with their length before them.

    Raises:
        ValueError: There are more than MAX_STRING_BYTES.
    """
    if len(data) > MAX_STRING_BYTES:
        raise ValueError(f"{len(data)} bytes are too many for a field of a packet")
    return len(data).to_bytes(2, "big") + data


def encode_string(text: str) -> bytes:
    """Encode a string as UTF-8 with its length before it.

    Raises:
        ValueError: It is longer than MAX_STRING_BYTES.
    """
    return encode_binary(text.encode())


def encode_string_pair(pair: tuple[str, str]) -> bytes:
    """Encode a name and its value.

    Raises:
        ValueError: One of them is longer than MAX_STRING_BYTES.
    """
    name, value = pair
    return encode_string(name) + encode_string(value)


def _truncated() -> MalformedPacket:
    return MalformedPacket("truncated", "a packet ends in the middle of a field")
