"""Whole settings files: what a good one gives, and the sentence for everything that is wrong."""

from __future__ import annotations

from pathlib import Path

import pytest

from gateway.config import Settings, load
from gateway.config.settings import NOT_YET
from gateway.errors import SettingsError

GOOD = """\
[gateway]
name = "greenhouse-1"
data_dir = "data"
region = "eu-central-1"

[store]
max_bytes = "1GiB"

[mqtt]
max_inflight = 20

[[mqtt.listeners]]
bind = "127.0.0.1:1883"
anonymous = true
[[mqtt.listeners]]
bind = "[::1]:0"
anonymous = true

[aws]
bind = "127.0.0.1:4566"

[rules]
dir = "rules.d"

[[sqs.queues]]
name = "alarms"
message_retention_s = "4d"
[[sqs.queues]]
name = "telemetry"

[[devices]]
name = "bench-thermometer"
driver = "serial"
port = "/dev/ttyUSB0"
topic = "greenhouse/bench/temperature"
"""

MINIMAL = '[gateway]\ndata_dir = "data"\n'


def load_text(folder: Path, text: str) -> Settings:
    file = folder / "weir.toml"
    file.write_text(text, encoding="utf-8")
    return load(file)


def problems_of(folder: Path, text: str) -> tuple[str, ...]:
    with pytest.raises(SettingsError) as caught:
        load_text(folder, text)
    prefix = f"{folder}/"
    assert str(len(caught.value.problems)) in str(caught.value)
    return tuple(problem.removeprefix(prefix) for problem in caught.value.problems)


def test_a_good_file(tmp_path: Path) -> None:
    settings = load_text(tmp_path, GOOD)
    assert settings.gateway.name == "greenhouse-1"
    assert settings.gateway.data_dir == tmp_path / "data"
    assert (settings.gateway.region, settings.gateway.account) == ("eu-central-1", "000000000000")
    assert settings.store.max_bytes == 1024**3
    assert settings.mqtt.max_inflight == 20
    assert [listener.bind for listener in settings.listeners] == ["127.0.0.1:1883", "[::1]:0"]
    assert settings.aws is not None and settings.aws.auth == "sigv4"
    assert settings.rules.dir == tmp_path / "rules.d"
    assert [queue.name for queue in settings.queues] == ["alarms", "telemetry"]
    assert settings.queues[0].message_retention_s == 345_600
    assert [device.port for device in settings.devices] == ["/dev/ttyUSB0"]
    assert settings.source == tmp_path / "weir.toml"


def test_values_know_their_lines(tmp_path: Path) -> None:
    lines = load_text(tmp_path, GOOD).lines
    assert lines["gateway.name"] == 2
    assert lines["mqtt.listeners[1].bind"] == 16
    assert lines["sqs.queues[0].message_retention_s"] == 27
    assert "store.commit_interval_ms" not in lines


def test_sections_may_be_left_out(tmp_path: Path) -> None:
    settings = load_text(tmp_path, MINIMAL)
    assert settings.aws is None
    assert settings.rules.dir is None
    assert (settings.listeners, settings.queues, settings.devices) == ((), (), ())


def test_an_empty_aws_section_is_an_endpoint_with_defaults(tmp_path: Path) -> None:
    settings = load_text(tmp_path, MINIMAL + "[aws]\n")
    assert settings.aws is not None and settings.aws.bind == "127.0.0.1:4566"


WRONG = [
    ("", 'weir.toml: gateway.data_dir is missing; add data_dir = "…" to it'),
    ("[gateway]\n", 'weir.toml:1: gateway.data_dir is missing; add data_dir = "…" to it'),
    ('[gateway]\ndata_dir = "d"\nnaem = "x"\n', "weir.toml:3: gateway.naem is no setting; did"),
    ('[gateway]\ndata_dir = "d"\nnaem = "x"\n', "did you mean gateway.name?"),
    ('[gateway]\ndata_dir = "d"\nzzz = 1\n', "there are account, data_dir, name, region"),
    ('[gateway]\ndata_dir = "d"\naccount = 0\n', "gateway.account is 0; write text in quotes"),
    ('[gateway]\ndata_dir = "d"\naccount = "1"\n', 'gateway.account is "1"; write 12 digits'),
    ('[gateway]\ndata_dir = "d"\nregion = "EU"\n', 'weir.toml:3: gateway.region is "EU"; write'),
    ('[gateway]\ndata_dir = "d"\nname = ""\n', "weir.toml:3: gateway.name must have 1 to 128"),
    (MINIMAL + "[storr]\n", "weir.toml:3: storr is no section; did you mean store?"),
    (MINIMAL + "store = 3\n", "gateway.store is no setting; there are account"),
    ("store = 3\n" + MINIMAL, "weir.toml:1: store is 3; write it as a section, [store]"),
    (MINIMAL + "[store]\nmax_bytes = true\n", "weir.toml:4: store.max_bytes is true; write a num"),
    (MINIMAL + "[store]\nmax_bytes = 5\n", "weir.toml:4: store.max_bytes is less than twice"),
    (MINIMAL + "[[store]]\n", "weir.toml:3: store is [a table]; write it as a section, [store]"),
    (MINIMAL + "[mqtt]\nlisteners = 1\n", "mqtt.listeners holds any number of entries; write [[m"),
    (MINIMAL + "[mqtt.listeners]\n", "weir.toml:3: mqtt.listeners holds any number of entries"),
    (MINIMAL + "[mqtt]\nlisteners = [1]\n", "mqtt.listeners has 1 as an entry; write [[mqtt"),
    (MINIMAL + "[sqs]\nqueue = 1\n", "weir.toml:4: sqs.queue is no setting; did you mean sqs.q"),
    (MINIMAL + "[[sqs.queues]]\n", "weir.toml:3: sqs.queues.name is missing; add name"),
    (
        MINIMAL + '[[sqs.queues]]\nname = "a"\n[[sqs.queues]]\nname = "a"\n',
        'weir.toml:6: two queues are named "a"; rename or remove one of them',
    ),
    (
        MINIMAL + '[[sqs.queues]]\nname = "a"\ndead_letter_queue = "b"\n',
        'weir.toml:5: dead_letter_queue is "b", but no queue in this file is named so; add it',
    ),
    (
        MINIMAL + '[[sqs.queues]]\nname = "a.fifo"\n',
        'weir.toml:4: name is "a.fifo", which is a FIFO queue\'s; set fifo = true',
    ),
    (MINIMAL + '[[sqs.queues]]\nname = "a b"\n', 'weir.toml:4: the queue\'s name "a b" cannot'),
    (
        MINIMAL + '[[mqtt.listeners]]\nbind = "0.0.0.0:1883"\nanonymous = true\n',
        "weir.toml:5: mqtt.listeners: 0.0.0.0:1883 is plain and anonymous, so it may only listen",
    ),
    (
        MINIMAL + '[[mqtt.listeners]]\nbind = "1883"\nanonymous = true\n',
        "weir.toml:4: mqtt.listeners: '1883' is not host:port, such as 127.0.0.1:1883",
    ),
    (
        MINIMAL
        + '[[mqtt.listeners]]\nbind = "127.0.0.1:4566"\nanonymous = true\n[aws]\n'
        + 'bind = "localhost:4566"\n',
        'weir.toml:7: localhost:4566 is taken by mqtt.listeners.bind = "127.0.0.1:4566" already',
    ),
    (
        MINIMAL + '[aws]\nbind = "0.0.0.0:1"\nauth = "none"\n',
        "aws.bind is 0.0.0.0:1: plain HTTP",
    ),
    (
        MINIMAL + '[[devices]]\nname = "t"\ndriver = "seriall"\ntopic = "a"\n',
        'weir.toml:5: device "t": there is no driver "seriall"; did you mean "serial"?',
    ),
    (
        MINIMAL + '[[devices]]\nname = "t"\ndriver = "serial"\ntopic = "a/#"\nport = "x"\n',
        'weir.toml:6: device "t": topic "a/#" holds a wildcard',
    ),
    (MINIMAL + "[devices]\n", "weir.toml:3: devices holds any number of entries; write [[devices"),
    ("[gateway\n", "weir.toml:1: this is not TOML at column 9"),
    (MINIMAL + 'data_dir = "x"\n', "weir.toml:3: this is not TOML at column 15"),
    ("x = " + "[" * 5000, "its tables are nested too deeply"),
]


@pytest.mark.parametrize(("text", "sentence"), WRONG, ids=[sentence[:60] for _, sentence in WRONG])
def test_what_is_wrong_is_said_with_its_line_and_remedy(
    tmp_path: Path, text: str, sentence: str
) -> None:
    problems = problems_of(tmp_path, text)
    assert any(sentence in problem for problem in problems), problems
    for problem in problems:
        assert problem.startswith("weir.toml")
        # What is wrong; what to do. (SQS's own sentence about a name is AWS's.)
        assert any(sign in problem for sign in ("; ", "such as", "Can only include")), problem


@pytest.mark.parametrize("dotted", sorted(NOT_YET))
def test_what_is_not_there_yet_is_refused_by_name(tmp_path: Path, dotted: str) -> None:
    table, _, key = dotted.rpartition(".")
    text = f'{MINIMAL}[[{table}]]\n{key} = "x"\n' if table else f"{MINIMAL}[{key}]\n"
    line = 4 if table else 3
    problems = problems_of(tmp_path, text)
    assert any(
        problem.startswith(f"weir.toml:{line}: {dotted} is not there yet: ") for problem in problems
    ), problems


def test_every_problem_is_told_at_once_in_the_order_of_the_file(tmp_path: Path) -> None:
    text = """\
[gateway]
data_dir = "d"
name = 3
[store]
max_bites = 1
commit_interval_ms = -1
[[sqs.queues]]
name = "a"
delay_s = 901
[uplink]
[[kinesis.streams]]
"""
    found = [problem.split(": ")[0] for problem in problems_of(tmp_path, text)]
    assert found == [f"weir.toml:{line}" for line in (3, 5, 6, 9, 10, 11)]


def test_a_file_that_is_missing_or_no_text(tmp_path: Path) -> None:
    with pytest.raises(SettingsError) as missing:
        load(tmp_path / "none.toml")
    assert "there is no such file; create it" in missing.value.problems[0]
    with pytest.raises(SettingsError) as folder:
        load(tmp_path)
    assert "cannot be read (Is a directory)" in folder.value.problems[0]
    binary = tmp_path / "binary.toml"
    binary.write_bytes(b"# fine\n\xff\xfe\n")
    with pytest.raises(SettingsError) as no_text:
        load(binary)
    assert "binary.toml:2: this line is not UTF-8" in no_text.value.problems[0]
    huge = tmp_path / "huge.toml"
    huge.write_bytes(b"#" * (1024 * 1024 + 1))
    with pytest.raises(SettingsError) as too_large:
        load(huge)
    assert "larger than 1048576 bytes" in too_large.value.problems[0]


def test_a_device_is_found_by_its_name_wherever_it_stands(tmp_path: Path) -> None:
    one = '[[devices]]\nname = "a"\ndriver = "serial"\nport = "/p"\ntopic = "t"\n'
    other = one.replace('"a"', '"b"') + "baud = 7\n"
    found = problems_of(tmp_path, MINIMAL + one + other)
    assert [problem.split(": ")[0] for problem in found] == ["weir.toml:11", "weir.toml:13"]


@pytest.mark.parametrize(
    ("one", "other", "in_the_way"),
    [
        ("127.0.0.1:1883", "127.0.0.1:1883", True),
        ("127.0.0.1:1883", "localhost:1883", True),
        ("127.0.0.1:1883", "0.0.0.0:1883", True),
        ("0.0.0.0:1883", "127.0.0.1:1883", True),
        ("[::]:1883", "[::1]:1883", True),
        ("[::]:1883", "127.0.0.1:1883", False),
        ("127.0.0.1:1883", "127.0.0.2:1883", False),
        ("127.0.0.1:0", "127.0.0.1:0", False),
        ("127.0.0.1:1883", "127.0.0.1:1884", False),
        ("nonsense", "nonsense", False),
    ],
)
def test_addresses_in_each_others_way(one: str, other: str, in_the_way: bool) -> None:
    from gateway.config.addresses import overlaps

    assert overlaps(one, other) is in_the_way
