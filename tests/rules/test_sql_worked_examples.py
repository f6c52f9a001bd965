"""Chapter "Worked examples" of the reference, and the life of a message: one table."""

from __future__ import annotations

import pytest

import rules


@pytest.mark.parametrize(
    ("payload", "sql", "expected"),
    [
        ('{"color":"red","temperature":50}',
         "SELECT (temperature - 32) * 5 / 9 AS celsius, upper(color) AS c FROM 't'",
         '{"celsius":10,"c":"RED"}'),
        ('{"a":"5"}', "SELECT a = 5 AS eq, a > 4 AS gt FROM 't'", '{"eq":false,"gt":true}'),
        ('{"a":1}', "SELECT * FROM 't' WHERE b <> 5", None),
        ('{"b":null}', "SELECT * FROM 't' WHERE b <> 5", '{"b":null}'),
        ('{"a":"x"}', "SELECT a > 3 AS r, a AS k FROM 't'", '{"k":"x"}'),
        ('{"v":10.0}', "SELECT v, cast(v AS String) AS s FROM 't'", '{"v":10,"s":"10"}'),
        ('{"e":[{"n":"t","v":1},{"n":"u","v":2}]}',
         "SELECT (SELECT VALUE v FROM e WHERE v > 1) AS big FROM 't'", '{"big":[2]}'),
        ("{}", "SELECT CASE nope WHEN 1 THEN 'a' ELSE 'b' END AS r FROM 't'", "{}"),
        # the documentation's own
        ('{"temp_fahrenheit": 75, "humidity": 60}',
         "SET @temp_celsius = (temp_fahrenheit - 32) * 5 / 9 "
         "SELECT @temp_celsius AS celsius, humidity FROM 'device/data'",
         '{"celsius":23.88888888888888888888888888888889,"humidity":60}'),
        ('{"color":{"red":255,"green":0,"blue":0}, "temperature":50}',
         "SELECT color.red as red_value FROM 'topic/subtopic'", '{"red_value":255}'),
        ('{"lat_long": [47.606,-122.332]}',
         "SELECT {'latitude': get(lat_long, 0),'longitude':get(lat_long, 1)} as lat_long FROM 't'",
         '{"lat_long":{"latitude":47.606,"longitude":-122.332}}'),
        ('{"lat": 47.696, "long": -122.332}', "SELECT [lat,long] as lat_long FROM 't'",
         '{"lat_long":[47.696,-122.332]}'),
        ('{"color":"red", "temperature":50}', "SELECT VALUE color FROM 't'", '"red"'),
        ('{"color":"red", "temperature":50}', "SELECT *, 15 as speed FROM 't'",
         '{"color":"red","temperature":50,"speed":15}'),
    ],
)  # fmt: skip
def test_worked_examples(
    environment: rules.Environment, payload: str, sql: str, expected: str | None
) -> None:
    statement = rules.compile(sql, "2016-03-23")
    outgoing = statement.evaluate(rules.Message("t", payload.encode()), environment)
    assert (None if outgoing is None else outgoing.decode()) == expected
