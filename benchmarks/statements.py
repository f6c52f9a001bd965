"""Evaluations of IoT SQL per second, on one core, beside two libraries that query JSON in Python.

Every contender gets the same bytes and must give the same bytes. Ours is a compiled statement and a
new `Message`; the peers are orjson, their compiled expression, and orjson again. What counts is
processor time: nothing here waits, and other processes should not matter.
"""

from __future__ import annotations

import gc
import statistics
import time
from collections.abc import Callable
from dataclasses import dataclass
from itertools import repeat
from typing import Any

import jmespath
import orjson
from jsonata import Jsonata

import rules
from gateway.app import COLLECT_AFTER_OBJECTS

VERSION = "2016-03-23"
TOPIC = "site/north/pump-7"
LARGEST_PAYLOAD = 128 * 1024
FLOOR = 3.0  # times jmespath
# For these, reading the JSON is all that takes time, with the same library on both sides.
MOSTLY_READING = {"large"}

Figures = dict[str, dict[str, object]]
Work = Callable[[], object]


@dataclass(frozen=True)
class Case:
    """One query in three languages, and the payload it is about.

    Attributes:
        name: The key of its figures.
        what: Its name in the table.
        sql: The statement.
        jmespath: The same for jmespath; None where that language cannot say it.
        jsonata: The same for jsonata.
        payload: Compact JSON.
        expected: What comes out.
    """

    name: str
    what: str
    sql: str
    jmespath: str | None
    jsonata: str
    payload: bytes
    expected: bytes


def _reading() -> bytes:
    """Return about 150 bytes, as a sensor sends them."""
    return (
        b'{"sensor":"greenhouse-3","celsius":31.25,"humidity":48.2,"battery_volts":3.71,'
        b'"sequence":48213,"firmware":"2.14.1","is_raining":false,"note":"east bench"}'
    )


def _telegram() -> bytes:
    """Return about 350 bytes with objects in objects, as a machine's controller sends them."""
    return orjson.dumps(
        {
            "device": {
                "id": "pump-7",
                "model": "CR-45",
                "site": {"name": "north", "zone": "b2", "position": {"lat": 52.52, "lon": 13.4}},
            },
            "reading": {
                "celsius": 31.25,
                "bar": 4.75,
                "litres": {"per_minute": 112.5, "total": 918273},
            },
            "status": {"code": 200, "text": "running", "alarms": ["filter", "vibration"]},
            "sequence": 4711,
            "sent_at": 1793491200000,
        }
    )


def _channels(count: int) -> list[dict[str, object]]:
    # 617 has no divisor in common with 1,000: the values jump about in a cycle of 1,000. None is
    # whole, as SQL writes 10 and Python 10.0; some have the ".0" that makes SQL look closer.
    return [
        {
            "channel": f"c{number:04}",
            "value": round((number * 617 % 1000) / 10 + 0.05, 2),
            "unit": "bar" if number % 3 else "celsius",
            "quality": {"code": number % 4, "is_good": number % 4 == 0},
        }
        for number in range(count)
    ]


def _batch(count: int) -> bytes:
    """Return a gateway's batch of `count` channels."""
    head = {"device": {"id": "plc-1", "site": {"name": "north", "zone": "b2"}}, "sequence": 99}
    return orjson.dumps({**head, "channels": _channels(count), "sent_at": 1793491200000})


def _largest_batch() -> bytes:
    """Return the batch that just fits into AWS's largest payload."""
    count = 1000
    while len(_batch(count + 1)) <= LARGEST_PAYLOAD:
        count += 1
    return _batch(count)


def _selected(payload: bytes, above: float) -> bytes:
    document = orjson.loads(payload)
    found = [
        {"name": channel["channel"], "value": channel["value"]}
        for channel in document["channels"]
        if channel["value"] > above
    ]
    return orjson.dumps({"device": document["device"]["id"], "high": found})


def cases() -> list[Case]:
    """Return what is measured."""
    batch, largest = _batch(20), _largest_batch()
    few = b'{"device":"plc-1","site":"north","sequence":99,"sent_at":1793491200000}'

    def nested(name: str, what: str, payload: bytes) -> Case:
        return Case(
            name,
            what,
            "SELECT device.id AS device, (SELECT channel AS name, value FROM channels "
            "WHERE value > 50) AS high FROM 'site/#'",
            "{device: device.id, high: channels[?value > `50`].{name: channel, value: value}}",
            '{"device": device.id, '
            '"high": [channels[value > 50].{"name": channel, "value": value}]}',
            payload,
            _selected(payload, 50),
        )

    return [
        Case(
            "filter",
            f"`SELECT *` and WHERE, {len(_reading())} bytes",
            "SELECT * FROM 'site/#' WHERE celsius > 30",
            "[@][?celsius > `30`] | [0]",
            "$[celsius > 30]",
            _reading(),
            _reading(),
        ),
        Case(
            "members",
            f"nested members, {len(_telegram())} bytes",
            "SELECT device.id AS id, device.site.name AS site, reading.celsius AS celsius, "
            "reading.litres.per_minute AS flow, floor(reading.bar) AS bar, "
            "device.site.zone + '/' + device.model AS place, status.code = 200 AS is_well "
            "FROM 'site/#'",
            "{id: device.id, site: device.site.name, celsius: reading.celsius, "
            "flow: reading.litres.per_minute, bar: floor(reading.bar), "
            "place: join('/', [device.site.zone, device.model]), is_well: status.code == `200`}",
            '{"id": device.id, "site": device.site.name, "celsius": reading.celsius, '
            '"flow": reading.litres.per_minute, "bar": $floor(reading.bar), '
            '"place": device.site.zone & "/" & device.model, "is_well": status.code = 200}',
            _telegram(),
            b'{"id":"pump-7","site":"north","celsius":31.25,"flow":112.5,"bar":4,'
            b'"place":"b2/CR-45","is_well":true}',
        ),
        Case(
            "arithmetic",
            "two members and arithmetic",
            "SELECT device.id AS id, reading.celsius * 1.8 + 32 AS fahrenheit FROM 'site/#'",
            None,
            '{"id": device.id, "fahrenheit": reading.celsius * 1.8 + 32}',
            _telegram(),
            b'{"id":"pump-7","fahrenheit":88.25}',
        ),
        nested("nested", f"nested SELECT over 20 objects, {len(batch):,} bytes", batch),
        Case(
            "large",
            f"a few members of {len(largest):,} bytes",
            "SELECT device.id AS device, device.site.name AS site, sequence, sent_at FROM 'site/#'",
            "{device: device.id, site: device.site.name, sequence: sequence, sent_at: sent_at}",
            '{"device": device.id, "site": device.site.name, "sequence": sequence, '
            '"sent_at": sent_at}',
            largest,
            few,
        ),
        nested("large_nested", "nested SELECT over all of it", largest),
    ]


def statements(rounds: int, seconds: float) -> Figures:
    """Measure every case; return what each contender does per second, and the ratios to ours.

    Args:
        rounds: How often the contenders take turns.
        seconds: How long each of them works in a round, about.

    Raises:
        RuntimeError: A contender's result is not what it should be.
    """
    found: Figures = {}
    # as the gateway has it: for all contenders
    gc.freeze()
    gc.set_threshold(COLLECT_AFTER_OBJECTS, 20, 20)
    for case in cases():
        found[f"sql_{case.name}"] = _in_turns(_from_bytes(case), rounds, seconds)
        found[f"sql_{case.name}_read"] = _in_turns(_from_document(case), rounds, seconds)
    return found


def _environment() -> rules.Environment:
    return rules.Environment(now_ms=lambda: 1793491200000)


def _compiled_peers(case: Case) -> dict[str, Callable[[Any], Any]]:
    peers: dict[str, Callable[[Any], Any]] = {"jsonata": Jsonata(case.jsonata).evaluate}
    if case.jmespath is not None:
        peers = {"jmespath": jmespath.compile(case.jmespath).search, **peers}
    return peers


def _from_bytes(case: Case) -> dict[str, Work]:
    """Return each contender from payload to payload, after making sure that all agree."""
    evaluate = rules.compile(case.sql, VERSION).evaluate
    environment = _environment()
    payload = case.payload
    loads, dumps, message = orjson.loads, orjson.dumps, rules.Message

    def ours() -> object:
        return evaluate(message(TOPIC, payload), environment)

    def peer(search: Callable[[Any], Any]) -> Work:
        return lambda: dumps(search(loads(payload)))

    work = {"weir": ours, **{name: peer(it) for name, it in _compiled_peers(case).items()}}
    for name, each in work.items():
        if each() != case.expected:
            raise RuntimeError(f"{case.name}: {name} gives {each()!r}, not {case.expected!r}")
    return work


def _from_document(case: Case) -> dict[str, Work]:
    """Return each contender without reading JSON; ours writes it all the same."""
    evaluate = rules.compile(case.sql, VERSION).evaluate
    environment = _environment()
    message = rules.Message(TOPIC, case.payload)
    message.read()
    document = orjson.loads(case.payload)

    def ours() -> object:
        return evaluate(message, environment)

    def peer(search: Callable[[Any], Any]) -> Work:
        return lambda: search(document)

    return {"weir": ours, **{name: peer(it) for name, it in _compiled_peers(case).items()}}


def _in_turns(work: dict[str, Work], rounds: int, seconds: float) -> dict[str, object]:
    counts = {name: _count(each, seconds) for name, each in work.items()}
    rates: dict[str, list[float]] = {name: [] for name in work}
    for _ in range(rounds):
        for name, each in work.items():
            rates[name].append(counts[name] / _cpu_s(each, counts[name]))
    figures: dict[str, object] = {}
    for name, found in rates.items():
        figures[f"{name}_per_s"] = statistics.median(found)
        if name != "weir":
            pairs = zip(rates["weir"], found, strict=True)
            figures[f"{name}_ratio"] = statistics.median(ours / theirs for ours, theirs in pairs)
    return figures


def _count(work: Work, seconds: float) -> int:
    """Return how often work can be done in about that time, having warmed it up."""
    count = 1
    while (taken := _cpu_s(work, count)) < seconds / 10:
        count *= 4
    return max(1, round(count * seconds / taken))


def _cpu_s(work: Work, count: int) -> float:
    gc.collect()
    began = time.process_time()
    for _ in repeat(None, count):
        work()
    return time.process_time() - began


def rows(figures: Figures) -> list[tuple[str, str, str, str, str]]:
    """Return the rows of the table: what, ours, beside it, ratio, floor."""
    drawn = []
    for case in cases():
        for suffix, way in (("", ""), ("_read", ", JSON read before")):
            f = figures[f"sql_{case.name}{suffix}"]
            peers = [name for name in ("jmespath", "jsonata") if f"{name}_per_s" in f]
            has_floor = case.jmespath is not None and (suffix or case.name not in MOSTLY_READING)
            floor = f"≥ {FLOOR:.0f}" if has_floor else ""
            drawn.append(
                (
                    f"SQL, {case.what}{way}, per second",
                    f"{f['weir_per_s']:,.0f}",
                    ", ".join(f"{name} {f[f'{name}_per_s']:,.0f}" for name in peers),
                    ", ".join(f"{f[f'{name}_ratio']:.1f}" for name in peers),
                    floor,
                )
            )
    return drawn
