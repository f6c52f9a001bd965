"""The hash functions: the test vectors of their specifications, and conversions."""

from __future__ import annotations

import hashlib
from collections.abc import Callable

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.functions.md2 import md2

Result = Callable[..., str]

NAMES = ("md2", "md5", "sha1", "sha224", "sha256", "sha384", "sha512")
LETTERS = "abcdefghijklmnopqrstuvwxyz"
MIXED = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789"
DIGITS = "1234567890" * 8
FIFTY_SIX = "abcdbcdecdefdefgefghfghighijhijkijkljklmklmnlmnomnopnopq"
LONG = (
    "abcdefghbcdefghicdefghijdefghijkefghijklfghijklmghijklmn"
    "hijklmnoijklmnopjklmnopqklmnopqrlmnopqrsmnopqrstnopqrstu"
)


@pytest.mark.parametrize(
    ("name", "text", "digest"),
    [
        # RFC 1319, A.5
        ("md2", "", "8350e5a3e24c153df2275c9f80692773"),
        ("md2", "a", "32ec01ec4a6dac72c0ab96fb34c0b5d1"),
        ("md2", "abc", "da853b0d3f88d99b30283a69e6ded6bb"),
        ("md2", "message digest", "ab4f496bfb2a530b219ff33031fe06b0"),
        ("md2", LETTERS, "4e8ddff3650292ab5a4108c3aa47940b"),
        ("md2", MIXED, "da33def2a42df13975352846c30338cd"),
        ("md2", DIGITS, "d5976f79d83d3a0dc9806c3c66f3efd8"),
        # RFC 1321, A.5
        ("md5", "", "d41d8cd98f00b204e9800998ecf8427e"),
        ("md5", "a", "0cc175b9c0f1b6a831c399e269772661"),
        ("md5", "abc", "900150983cd24fb0d6963f7d28e17f72"),
        ("md5", "message digest", "f96b697d7cb7938d525a2f31aaf161d0"),
        ("md5", LETTERS, "c3fcd3d76192e4007dfb496cca67e13b"),
        ("md5", MIXED, "d174ab98d277d9f5a5611c2c9f419d9f"),
        ("md5", DIGITS, "57edf4a22be3c955ac49da2e2107b67a"),
        # RFC 3174 and FIPS 180
        ("sha1", "abc", "a9993e364706816aba3e25717850c26c9cd0d89d"),
        ("sha1", FIFTY_SIX, "84983e441c3bd26ebaae4aa1f95129e5e54670f1"),
        # RFC 3874, 3
        ("sha224", "abc", "23097d223405d8228642a477bda255b32aadbce4bda0b3f7e36c9da7"),
        ("sha224", FIFTY_SIX, "75388b16512776cc5dba5da1fd890150b0c6455cb4f58b1952522525"),
        # RFC 6234, 8.5
        ("sha256", "abc", "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"),
        ("sha256", FIFTY_SIX, "248d6a61d20638b8e5c026930c3e6039a33ce45964ff2167f6ecedd419db06c1"),
        (
            "sha384",
            "abc",
            "cb00753f45a35e8bb5a03d699ac65007272c32ab0eded1631a8b605a43ff5bed"
            "8086072ba1e7cc2358baeca134c825a7",
        ),
        (
            "sha384",
            LONG,
            "09330c33f71147e83d192fc782cd1b4753111b173b3b05d22fa08086e3b0f712"
            "fcc7c71a557e2db966c3e9fa91746039",
        ),
        (
            "sha512",
            "abc",
            "ddaf35a193617abacc417349ae20413112e6fa4e89a97ea20a9eeee64b55d39a"
            "2192992a274fc1a836ba3c23a3feebbd454d4423643ce80e2a9ac94fa54ca49f",
        ),
        (
            "sha512",
            LONG,
            "8e959b75dae313da8cf4f72814fc143f8f7779c6eb9f7fa17299aeadb6889018"
            "501d289e4900f7e4331b99dec4b5433ac7d329eeb6dd26545e96e55b874be909",
        ),
        # AWS's examples
        ("md2", "hello", "a9046c73e00331af68917d3804f70655"),
        ("md5", "hello", "5d41402abc4b2a76b9719d911017c592"),
    ],
)
def test_vectors(result: Result, name: str, text: str, digest: str) -> None:
    assert result(f"{name}('{text}')") == f'"{digest}"'
    assert result(f"{name}(s)", f'{{"s": "{text}"}}', "2015-10-08") == f'"{digest}"'


PAYLOAD = (
    '{"i": 42, "d": 2.50, "t": true, "nul": null, "arr": [1, "x"], "obj": {"k": null}, "u": "€"}'
)


@pytest.mark.parametrize("name", NAMES)
def test_every_type_is_hashed_as_its_string(result: Result, name: str) -> None:
    for argument, text in (
        ("i", "42"), ("d", "2.5"), ("t", "true"), ("arr", '[1,"x"]'), ("obj", '{"k":null}'),
    ):  # fmt: skip
        assert result(f"{name}({argument})", PAYLOAD) == result(f"{name}('{text}')"), argument
    for arguments in ("nul", "nope", "", "i, i"):
        assert result(f"{name}({arguments})", PAYLOAD) == "U", arguments


@pytest.mark.parametrize("name", NAMES[1:])
def test_strings_are_hashed_as_utf_8(result: Result, name: str) -> None:
    assert result(f"{name}(u)", PAYLOAD) == f'"{hashlib.new(name, "€".encode()).hexdigest()}"'


def test_md2_of_more_than_4096_bytes_is_undefined(result: Result) -> None:
    assert result("md2(u)", PAYLOAD) == f'"{md2("€".encode()).hex()}"'
    assert len(result("md2(s)", f'{{"s": "{"x" * 4096}"}}')) == 34
    assert result("md2(s)", f'{{"s": "{"x" * 4097}"}}') == "U"
    assert result("md2(s)", f'{{"s": "{"€" * 1366}"}}') == "U"
    assert len(result("md5(s)", f'{{"s": "{"x" * 131_000}"}}')) == 34


@settings(max_examples=50, derandomize=True, deadline=None, database=None)
@given(st.binary(max_size=100), st.integers(0, 99))
def test_md2_depends_on_every_byte(data: bytes, index: int) -> None:
    digest = md2(data)
    assert len(digest) == 16
    assert md2(data + b"\0") != digest
    if index < len(data):
        changed = bytes((*data[:index], data[index] ^ 1, *data[index + 1 :]))
        assert md2(changed) != digest
