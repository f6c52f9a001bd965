"""Protobuf messages to values: every kind of field, limits, hostile bytes."""

from __future__ import annotations

import math
import subprocess
import sys
import time
from collections.abc import Callable
from decimal import Decimal

import pytest
from google.protobuf.message import Message
from hypothesis import given, settings
from hypothesis import strategies as st

from rules.payload import encode
from rules.protobuf import MAX_OUTPUT_BYTES, message_reader
from rules.values import UNDEFINED, V2016, Value, decimal_of_float
from tests.rules.protobuf_schema import DESCRIPTORS, POOL, Everything, Legacy

FEW = settings(max_examples=150, derandomize=True, deadline=None, database=None)

READER = message_reader(DESCRIPTORS, "readings", "Everything")


def read(message: Message | bytes) -> Value:
    return READER.read(message if isinstance(message, bytes) else message.SerializeToString())


def text_of(message: Message) -> str:
    return encode(read(message), V2016).decode()


def nested(depth: int) -> bytes:
    data = b""
    number = POOL.FindMessageTypeByName("plant.v1.Everything").fields_by_name["again"].number
    for _ in range(depth):
        data = tag(number, 2) + varint(len(data)) + data
    return data


def varint(value: int) -> bytes:
    out = bytearray()
    while value > 0x7F:
        out.append(value & 0x7F | 0x80)
        value >>= 7
    return bytes((*out, value))


def tag(number: int, wire_type: int) -> bytes:
    return varint(number << 3 | wire_type)


@pytest.mark.parametrize(
    ("fields", "expected"),
    [
        ({}, "{}"),
        ({"a_int32": -7}, '{"a_int32":-7}'),
        ({"a_int64": -(2**63)}, '{"a_int64":-9223372036854775808}'),
        ({"a_uint64": 2**64 - 1}, '{"a_uint64":18446744073709551615}'),
        ({"a_sint64": 2**53 + 1}, '{"a_sint64":9007199254740993}'),
        ({"a_fixed64": 2**63}, '{"a_fixed64":9223372036854775808}'),
        ({"a_uint32": 2**32 - 1, "a_sint32": -1, "a_fixed32": 1, "a_sfixed32": -2,
          "a_sfixed64": -3},
         '{"a_uint32":4294967295,"a_sint32":-1,"a_fixed32":1,"a_sfixed32":-2,"a_sfixed64":-3}'),
        ({"a_double": 21.5}, '{"a_double":21.5}'),
        ({"a_double": 10.0}, '{"a_double":10}'),
        ({"a_double": 0.1 + 0.2}, '{"a_double":0.30000000000000004}'),
        ({"a_double": 1e300}, '{"a_double":1E+300}'),
        ({"a_double": 0.00001}, '{"a_double":0.00001}'),
        ({"a_double": 5e-324}, '{"a_double":5E-324}'),
        ({"a_double": -0.0}, '{"a_double":0}'),
        ({"a_double": math.nan}, '{"a_double":"NaN"}'),
        ({"a_double": math.inf}, '{"a_double":"Infinity"}'),
        ({"a_float": -math.inf}, '{"a_float":"-Infinity"}'),
        ({"a_float": 0.1}, '{"a_float":0.1}'),
        ({"a_float": 21.37}, '{"a_float":21.37}'),
        ({"a_float": 16777216.0}, '{"a_float":16777216}'),
        ({"a_float": 3.4028234663852886e38}, '{"a_float":3.4028235E+38}'),
        ({"a_float": 1.17549435e-38}, '{"a_float":1.1754944E-38}'),
        ({"a_float": 0.333333343}, '{"a_float":0.33333334}'),
        ({"a_bool": True}, '{"a_bool":true}'),
        ({"a_string": 'é"\n'}, '{"a_string":"é\\"\\n"}'),
        ({"a_bytes": b"\x00\xff\xfe"}, '{"a_bytes":"AP/+"}'),
        # without presence, a default value is not sent
        ({"a_int32": 0, "a_string": "", "a_bool": False, "colour": 0}, "{}"),
        ({"perhaps": 0}, '{"perhaps":0}'),
        ({"left": 0}, '{"left":0}'),
        ({"right": 5}, '{"right":5}'),
        ({"colour": 1}, '{"colour":"RED"}'),
        ({"colour": 77}, '{"colour":77}'),
        ({"colours": [0, 2, 77]}, '{"colours":["COLOUR_UNKNOWN","GREEN",77]}'),
        ({"many_int32": [0, -1, 2]}, '{"many_int32":[0,-1,2]}'),
        ({"many_int32": []}, "{}"),
        ({"many_double": [1.0, 0.5]}, '{"many_double":[1,0.5]}'),
        ({"many_float": [0.1, 2.0]}, '{"many_float":[0.1,2]}'),
        ({"many_string": ["", "x"]}, '{"many_string":["","x"]}'),
        ({"many_bytes": [b"", b"a"]}, '{"many_bytes":["","YQ=="]}'),
        ({"many_bool": [False, True]}, '{"many_bool":[false,true]}'),
        ({"inner": {}}, '{"inner":{}}'),
        ({"inner": {"sensor_id": "s1"}}, '{"inner":{"sensor_id":"s1"}}'),
        ({"many_inner": [{}, {"sensor_id": "b"}]}, '{"many_inner":[{},{"sensor_id":"b"}]}'),
        ({"again": {"again": {"a_int32": 1}}}, '{"again":{"again":{"a_int32":1}}}'),
        ({"by_string": {"b": {}, "a": {"sensor_id": "x"}}},
         '{"by_string":{"a":{"sensor_id":"x"},"b":{}}}'),
        ({"by_int64": {10: {}, -2: {}}}, '{"by_int64":{"-2":{},"10":{}}}'),
        ({"by_bool": {True: {}, False: {}}}, '{"by_bool":{"false":{},"true":{}}}'),
        ({"at": {"seconds": 1_700_000_000}}, '{"at":"2023-11-14T22:13:20Z"}'),
        ({"at": {"nanos": 500_000_000}}, '{"at":"1970-01-01T00:00:00.500Z"}'),
        ({"at": {"nanos": 1000}}, '{"at":"1970-01-01T00:00:00.000001Z"}'),
        ({"at": {"nanos": 1}}, '{"at":"1970-01-01T00:00:00.000000001Z"}'),
        ({"at": {"seconds": -62_135_596_800}}, '{"at":"0001-01-01T00:00:00Z"}'),
        ({"at": {"seconds": 253_402_300_799}}, '{"at":"9999-12-31T23:59:59Z"}'),
        ({"at": {"seconds": 253_402_300_800}}, "null"),
        ({"at": {"nanos": -1}}, "null"),
        ({"took": {"seconds": 1, "nanos": 500_000_000}}, '{"took":"1.500s"}'),
        ({"took": {"nanos": -10}}, '{"took":"-0.000000010s"}'),
        ({"took": {"seconds": -3}}, '{"took":"-3s"}'),
        ({"took": {"seconds": 1, "nanos": -1}}, "null"),
        ({"took": {"seconds": 2**62}}, "null"),
        ({"maybe": {}}, '{"maybe":0}'),
        ({"maybe": {"value": 2.5}}, '{"maybe":2.5}'),
        ({"many_at": [{}, {"seconds": 1}]},
         '{"many_at":["1970-01-01T00:00:00Z","1970-01-01T00:00:01Z"]}'),
        ({"any": {"number_value": 3}}, '{"any":3}'),
        ({"any": {"null_value": 0}}, '{"any":null}'),
        ({"any": {}}, '{"any":null}'),
        ({"any": {"list_value": {"values": [{"bool_value": True}, {"string_value": "x"}]}}},
         '{"any":[true,"x"]}'),
        ({"bag": {}}, '{"bag":{}}'),
        ({"bag": {"k": {"n": 1.5, "whole": 10}}}, '{"bag":{"k":{"n":1.5,"whole":10}}}'),
        ({"items": {"values": [{"number_value": 1}]}}, '{"items":[1]}'),
    ],
)  # fmt: skip
def test_what_each_field_becomes(fields: dict[str, object], expected: str) -> None:
    assert text_of(Everything(**fields)) == expected


def test_every_value_is_one_of_the_language() -> None:
    value = read(Everything(a_double=0.1, a_uint64=2**64 - 1, many_double=[1e22, 1 / 3, 1e-5, 2.0]))
    assert isinstance(value, dict)
    assert value["a_double"] == 0.1
    assert value["a_uint64"] == 2**64 - 1
    numbers = value["many_double"]
    assert numbers == [Decimal("1E+22"), Decimal("0.3333333333333333"), Decimal("0.00001"), 2]
    # a float has at most 15 digits and no exponent
    assert [type(number) for number in numbers] == [Decimal, Decimal, Decimal, float]


def test_proto2_has_presence_and_extensions() -> None:
    reader = message_reader(DESCRIPTORS, "old", "Legacy")
    message = Legacy(text="", rate=0)
    message.Extensions[POOL.FindExtensionByName("old.extra")] = 5
    assert reader.read(message.SerializeToString()) == {"text": "", "rate": 0, "[old.extra]": 5}
    assert reader.read(b"") == {}


def test_fields_that_are_not_described_are_left_out() -> None:
    assert read(tag(999, 0) + varint(5) + Everything(a_int32=1).SerializeToString()) == {
        "a_int32": 1
    }


@pytest.mark.parametrize(
    "data",
    [
        b"\xff",  # half a tag
        tag(14, 2) + b"\x05ab",  # a length beyond the end
        tag(14, 2) + b"\x02\xff\xfe",  # a string that is not UTF-8
        b"\x07\x00",  # wire type 7
        b"\x00\x00",  # field number 0
        b"\xff" * 11,
        nested(101),  # deeper than protobuf reads
    ],
)  # fmt: skip
def test_bytes_that_are_no_message_are_null(data: bytes) -> None:
    assert read(data) is None


def test_text_of_proto2_that_is_not_utf_8_is_null() -> None:
    reader = message_reader(DESCRIPTORS, "old", "Legacy")
    assert reader.read(b"\x0a\x02\xff\xfe") is None


def test_nesting_goes_as_deep_as_protobuf_reads() -> None:
    value, depth = read(nested(99)), 0
    while isinstance(value, dict) and value:
        value, depth = value["again"], depth + 1
    assert depth == 99


@pytest.mark.parametrize(
    ("count", "is_given"),
    [(MAX_OUTPUT_BYTES // 4, True), (MAX_OUTPUT_BYTES, False)],
)
def test_what_becomes_too_long_is_undefined(count: int, is_given: bool) -> None:
    value = read(Everything(many_uint32=[1] * count))
    assert (value == {"many_uint32": [1] * count}) if is_given else value is UNDEFINED


@pytest.mark.parametrize(
    ("name", "item", "written"),
    [
        ("colours", 1, 6), ("colours", 0, 17), ("colours", 77, 3), ("many_int32", 1, 2),
        ("many_int32", 100, 4), ("many_int32", -1, 3), ("many_uint64", 2**64 - 1, 21),
        ("many_bool", True, 5), ("many_float", 1.0, 2), ("many_float", 0.1, 4),
        ("many_float", 1e6, 8), ("many_float", 1e-5, 8), ("many_float", 0.333333343, 11),
        ("many_float", math.nan, 6), ("many_float", -math.inf, 12), ("many_double", 1e-6, 9),
        ("many_double", 0.5, 4), ("many_double", 1e33, 35), ("many_double", -1.5e16, 19),
        ("many_double", 1e34, 6), ("many_double", -1.25e-5, 11), ("many_float", 1e16, 18),
        ("many_double", 1e300, 7), ("many_double", math.nan, 6),
        ("many_double", math.inf, 11), ("many_string", "", 3), ("many_string", "é", 5),
        ("many_string", "\x00", 9), ("many_bytes", b"a", 7), ("many_inner", {}, 3),
    ],
)  # fmt: skip
def test_what_is_written_is_what_is_counted(name: str, item: object, written: int) -> None:
    """The last array that fits is given, and one with a few more is not; a comma goes with each."""
    around = len(f'{{"{name}":[]}}')
    fits = (MAX_OUTPUT_BYTES - around + 1) // written
    if isinstance(item, dict):
        fits = 5_000  # as many messages as there may be
    message = Everything(**{name: [item] * fits})
    assert len(text_of(message).encode()) == around + fits * written - 1
    assert len(encode(read(message), V2016)) <= MAX_OUTPUT_BYTES
    assert read(Everything(**{name: [item] * (fits + 4)})) is UNDEFINED


def test_keys_are_counted_with_their_escapes() -> None:
    name = "by_string"
    fits = {f"\x00{number:05}": {} for number in range(4_000)}
    assert isinstance(read(Everything(**{name: fits})), dict)
    long = {"\x00" * 1000 + str(number): {} for number in range(22)}
    assert read(Everything(**{name: long})) is UNDEFINED
    assert isinstance(read(Everything(**{name: dict(list(long.items())[:21])})), dict)


MANY = MAX_OUTPUT_BYTES // 3
HOSTILE: dict[str, Callable[[], Message]] = {
    "empty messages": lambda: Everything(many_again=[Everything()] * MANY),
    "empty values": lambda: Everything(many_any=[{}] * MANY),
    "empty wrappers": lambda: Everything(many_maybe=[{}] * MANY),
    "empty texts": lambda: Everything(many_string=[""] * MANY),
    "ones": lambda: Everything(many_int32=[1] * (MAX_OUTPUT_BYTES - 8)),
    "awkward floats": lambda: Everything(many_float=[0.1234567891] * (MAX_OUTPUT_BYTES // 4)),
    "different floats": lambda: Everything(many_float=[n / 10 for n in range(20_000)]),
    "tiny floats": lambda: Everything(many_float=[1.2345678e-30 * n for n in range(32_000)]),
    "no numbers": lambda: Everything(many_float=[math.nan] * 20_000),
    "awkward doubles": lambda: Everything(many_double=[1 / 3] * (MAX_OUTPUT_BYTES // 8)),
    "enums": lambda: Everything(colours=[1] * (MAX_OUTPUT_BYTES - 8)),
    "keys": lambda: Everything(by_int64={n: {} for n in range(MAX_OUTPUT_BYTES // 8)}),
}


@pytest.mark.parametrize("name", HOSTILE)
def test_no_message_of_128_kb_stalls(name: str) -> None:
    data = HOSTILE[name]().SerializeToString()[: MAX_OUTPUT_BYTES * 2]
    read(data)  # the converters are made with the first message
    best = math.inf
    for _ in range(3):
        started = time.thread_time()
        read(data)
        best = min(best, time.thread_time() - started)
    assert best < 0.1  # some ms on an idle core; different floats some 20


@FEW
@given(st.binary(max_size=200))
def test_no_bytes_make_reading_raise(data: bytes) -> None:
    value = read(data)
    assert value is None or value is UNDEFINED or isinstance(value, dict)


@FEW
@given(st.floats(allow_nan=False, allow_infinity=False))
def test_doubles_keep_their_value(number: float) -> None:
    value = read(Everything(many_double=[number]))
    assert isinstance(value, dict)
    [read_back] = value["many_double"]
    exact = decimal_of_float(read_back) if isinstance(read_back, float) else read_back
    assert exact == decimal_of_float(number)


@FEW
@given(st.floats(allow_nan=False, allow_infinity=False, width=32))
def test_floats_are_the_shortest_decimals_that_read_back(number: float) -> None:
    value = read(Everything(many_float=[number]))
    assert isinstance(value, dict)
    [read_back] = value["many_float"]
    again = Everything(many_float=[float(read_back)])
    assert again.many_float[0] == number
    assert len(Decimal(str(read_back)).normalize().as_tuple().digits) <= 9


def test_the_library_is_imported_only_for_protobuf() -> None:
    program = (
        "import sys, rules\n"
        "rules.compile(\"SELECT decode(a, 'base64') AS b FROM 't'\", '2016-03-23')\n"
        "assert not any(m.startswith('google') for m in sys.modules), 'imported early'\n"
        "rules.compile(\"SELECT decode(*, 'proto', 'b', 'k', 'f', 'M') AS b FROM 't'\", "
        "'2016-03-23')\n"
        "assert 'google.protobuf' in sys.modules, 'not imported'\n"
    )
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True)
    assert done.returncode == 0, done.stderr
