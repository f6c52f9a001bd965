"""Line numbers of a TOML document: every table and key, whatever stands around it."""

from __future__ import annotations

import tomllib

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.config.places import KeyPath, find_places

DOCUMENT = '''\
# a comment with [brackets] and key = "value"
top = 1
"quoted key" = { inner = 2, other = "}" }

[store]   # behind a header
max_bytes = "2GB"   # = not a key
text = """
not_a_key = 1
[not.a.table]
"""
list = [
  "a]", # ]
  { x = 1 },
]
after = 'C:\\path'
dotted.key = 1

[[mqtt.listeners]]
bind = "a"
[[mqtt.listeners]]
bind = "b"
[mqtt.listeners.extra]
deep = true
[[devices]]
[[devices.pins]]
n = 1
[[devices.pins]]
n = 2
[[devices]]
[[devices.pins]]
n = 3
'''

LINES: list[tuple[KeyPath, int]] = [
    (("top",), 2),
    (("quoted key",), 3),
    (("quoted key", "inner"), 3),  # the nearest around it
    (("store",), 5),
    (("store", "max_bytes"), 6),
    (("store", "text"), 7),
    (("store", "list"), 11),
    (("store", "list", 1, "x"), 11),
    (("store", "after"), 15),
    (("store", "dotted", "key"), 16),
    (("mqtt", "listeners", 0), 18),
    (("mqtt", "listeners", 0, "bind"), 19),
    (("mqtt", "listeners", 1), 20),
    (("mqtt", "listeners", 1, "bind"), 21),
    (("mqtt", "listeners", 1, "extra", "deep"), 23),
    (("devices", 0, "pins", 0, "n"), 26),
    (("devices", 0, "pins", 1, "n"), 28),
    (("devices", 1, "pins", 0, "n"), 31),
]


@pytest.mark.parametrize(("path", "line"), LINES, ids=[str(path) for path, _ in LINES])
@pytest.mark.parametrize("newline", ["\n", "\r\n"])
def test_the_line_of_a_key(path: KeyPath, line: int, newline: str) -> None:
    assert find_places(DOCUMENT.replace("\n", newline)).line(path) == line


def test_what_stands_in_strings_is_no_key() -> None:
    places = find_places(DOCUMENT)
    assert places.line_of_key(("store", "not_a_key")) is None
    assert places.line_of_key(("not", "a", "table")) is None
    assert places.line(("nothing",)) is None


def test_the_document_of_this_test_is_toml() -> None:
    tomllib.loads(DOCUMENT)


KEYS = st.from_regex(r"[A-Za-z0-9_-]{1,8}", fullmatch=True)
VALUES = st.sampled_from(
    [
        "1",
        "true",
        '"a # b [c]"',
        "'[x]'",
        '["]", 2]',
        '"""\n[no]\nno = 1\n"""',
        '{ a = "}" }',
        "[\n1,\n]",
    ]
)


@settings(derandomize=True, max_examples=60, deadline=None)
@given(
    st.dictionaries(
        KEYS, st.dictionaries(KEYS, VALUES, min_size=1, max_size=4), min_size=1, max_size=4
    )
)
def test_every_key_of_a_generated_document_is_found_on_its_line(
    document: dict[str, dict[str, str]],
) -> None:
    lines: list[str] = []
    expected: dict[KeyPath, int] = {}
    for table, keys in document.items():
        expected[(table,)] = len(lines) + 1
        lines.append(f"[{table}]")
        for key, value in keys.items():
            expected[(table, key)] = len(lines) + 1
            lines += f"{key} = {value} # [x]".split("\n")
    text = "\n".join(lines)
    assert tomllib.loads(text).keys() == document.keys()
    places = find_places(text)
    assert {path: places.line_of_key(path) for path in expected} == expected


@settings(derandomize=True, max_examples=60, deadline=None)
@given(st.text(alphabet="[]{}\"'#=.\n\\ ab", max_size=40))
def test_text_that_is_no_toml_ends_too(text: str) -> None:
    find_places(text)
