"""The message digest MD2, which Python's hashlib does not have.

Owns the algorithm. It is long broken and slow by design (18 rounds over 48 bytes for 16 bytes of
input): whoever calls it bounds the input.

Source: RFC 1319, with its erratum on the checksum.
"""

from __future__ import annotations

from typing import Final

__all__ = ["md2"]

_BLOCK: Final = 16
_ROUNDS: Final = 18

# The permutation of 0 ... 255 that the RFC makes of the digits of pi.
_PI: Final = bytes.fromhex(
    "292e43c9a2d87c013d3654a1ecf0061362a705f3c0c7738c98932bd9bc4c82ca"
    "1e9b573cfdd4e01667426f188a17e512be4ec4d6da9ede49a0fbf58ebb2fee7a"
    "a968799115b2073f94c210890b225f21807f5d9a5a903227353ecce7bff79703"
    "ff1930b348a5b5d1d75e922aac56aac64fb838d296a47db676fc6be29c7404f1"
    "459d705964718720865bcf65e62da8021b6025adaeb0b9f61c46616934407e0f"
    "5547a323dd51af3ac35cf9cebac5ea262c530d6e85288409d3dfcdf441814d52"
    "6adc37c86cc1abfa24e17b080cbdb14a7888958be363e86de9cbd5fe3b001d39"
    "f2efb70e6658d0e4a67772f8eb754b0a314450b48fed1f1adb998d339f118314"
)


def md2(data: bytes) -> bytes:
    """Return the digest, 16 bytes; takes about 30 µs for each 16 bytes of data."""
    missing = _BLOCK - len(data) % _BLOCK
    padded = data + bytes([missing]) * missing
    padded += _checksum(padded)
    state = [0] * _BLOCK
    for start in range(0, len(padded), _BLOCK):
        block = padded[start : start + _BLOCK]
        state = _mixed(state, block)
    return bytes(state)


def _checksum(padded: bytes) -> bytes:
    checksum = [0] * _BLOCK
    last = 0
    for index, byte in enumerate(padded):
        last = checksum[index % _BLOCK] = checksum[index % _BLOCK] ^ _PI[byte ^ last]
    return bytes(checksum)


def _mixed(state: list[int], block: bytes) -> list[int]:
    """Return the state after one block: three times 16 bytes stirred, of which the first stay."""
    stirred = [*state, *block, *(a ^ b for a, b in zip(state, block, strict=True))]
    pi = _PI
    t = 0
    for number in range(_ROUNDS):
        stirred = [t := byte ^ pi[t] for byte in stirred]
        t = (t + number) & 0xFF
    return stirred[:_BLOCK]
