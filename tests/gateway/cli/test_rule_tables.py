"""DynamoDB tables to test with: every shape that is taken, and the sentence for the others."""

from __future__ import annotations

import json
from decimal import Decimal

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gateway.cli.rule_tables import item_of
from rules.payload import decode
from rules.values import Value

DIGITS = "1234567890123456789012345678901234"
DEEP = '{"M":{"x":' * 100 + '{"S":""}' + "}}" * 100
DEEPER = '{"x":' * 5000 + "1" + "}" * 5000


@pytest.mark.parametrize(
    ("table", "key", "item"),
    [
        # a list of items
        ("[]", {"k": 1}, None),
        ('[{"v":1}]', {"k": 1}, None),
        ('[{"k":1,"v":"a"},{"k":2.0, "v":"b"}]', {"k": 2}, '{"k":2.0, "v":"b"}'),
        ('[{"k":2,"v":1},{"k":2,"v":2}]', {"k": Decimal("2.0")}, '{"k":2,"v":1}'),
        ('[{"k":"a","s":0},{"k":"a","s":1}]', {"k": "a", "s": 1}, '{"k":"a","s":1}'),
        ('[{"k":"a"},{"k":"a","s":1}]', {"k": "a", "s": 1}, '{"k":"a","s":1}'),
        ('[{"k":1}]', {"k": "1"}, None),
        ('[{"k":"é"},1]', {"k": "é"}, '{"k":"é"}'),
        # one item
        ('{"k":1,"v":2.50}', {"k": 1}, '{"k":1,"v":2.50}'),
        ('{"k":1,"v":2}', {"k": 2}, None),
        ('{"k":1,"s":"x"}', {"k": 1, "s": "x"}, '{"k":1,"s":"x"}'),
        ('{"k":1,"s":"x"}', {"k": 1, "s": "y"}, None),
        ('{"k":1,"items":[3]}', {"k": 1}, '{"k":1,"items":[3]}'),
        # as Query and Scan answer
        ('{"items":[{"k":1},{"k":2}]}', {"k": 2}, '{"k":2}'),
        ('{"Items":[{"k":1}],"LastEvaluatedKey":{},"ConsumedCapacity":{}}', {"k": 1}, '{"k":1}'),
        ('{"Items":[{"k":{"S":"a"},"v":{"N":"2"}}],"Count":1,"ScannedCount":1}', {"k": "a"},
         '{"k":"a","v":2}'),
        # items by the value of their key
        ("{}", {"k": 1}, None),
        ('{"a":{"v":1},"b":{"v":2}}', {"k": "a"}, '{"v":1}'),
        ('{"1":{"k":1},"2":{"k":2}}', {"k": 2}, '{"k":2}'),
        ('{"2":{"v":2}}', {"k": Decimal("2.0")}, '{"v":2}'),
        ('{"2":{"v":2}}', {"k": 2.0}, '{"v":2}'),
        ('{"2":{"k":"2"}}', {"k": 2}, None),
        ('{"a":{"v":1}}', {"k": "c"}, None),
        ('{"odd":5,"a":{"v":1}}', {"k": "a"}, '{"v":1}'),
        ('{"a":{"s":1}}', {"k": "a", "s": 1}, '{"s":1}'),
        ('{"a":{"s":1}}', {"k": "a", "s": 2}, None),
        ('{"items":{"v":1}}', {"k": "items"}, '{"v":1}'),
        # DynamoDB's own JSON
        ('{"id":{"S":"k1"},"n":{"N":"5"},"d":{"N":"-1.5E+2"}}', {"id": "k1"},
         '{"id":"k1","n":5,"d":-1.5E+2}'),
        ('[{"id":{"N":"6"}},{"id":{"N":"7"},"b":{"BOOL":false},"t":{"BOOL":true},"z":{"NULL":true},'
         '"m":{"M":{"é":{"S":"x\\"y"},"l":{"L":[{"N":"1"},{"M":{}}]}}},"y":{"B":"//8="}}]',
         {"id": 7},
         '{"id":7,"b":false,"t":true,"z":null,"m":{"é":"x\\"y","l":[1,{}]},"y":"//8="}'),
        ('{"k1":{"ss":{"SS":["a"]},"ns":{"NS":["1","2.5"]},"bs":{"BS":["AQ=="]}}}', {"id": "k1"},
         '{"ss":["a"],"ns":[1,2.5],"bs":["AQ=="]}'),
        (f'[{{"id":{{"S":"k1"}},"n":{{"N":"{DIGITS}"}}}}]', {"id": "k1"},
         f'{{"id":"k1","n":{DIGITS}}}'),
        ('[{"id":"k1","v":{"S":"plain"}}]', {"id": "k1"}, '{"id":"k1","v":{"S":"plain"}}'),
    ],
)  # fmt: skip
def test_the_item_with_a_key_is_found(table: str, key: dict[str, Value], item: str | None) -> None:
    found = item_of(table, key)
    assert (None if found is None else found.decode()) == item


ONE = {"k": "a"}
TWO = {"k": "a", "s": 1}


@pytest.mark.parametrize(
    ("table", "key", "sentence"),
    [
        ("1", ONE, "a table is a list of items, one item, or an object of items"),
        ("[1]", ONE, "item 1: it is no JSON object"),
        ('[{"k":"b"},{"k":1e9999}]', ONE,
         "item 2: an item is nested too deep or has a number out of range"),
        (f'[{{"k":{DEEPER}}}]', ONE,
         "item 1: an item is nested too deep or has a number out of range"),
        ('[{"k":["a"]}]', ONE, "the key attribute 'k' of an item is no text or number"),
        ('[{"k":""}]', ONE, "the key attribute 'k' of an item is no text or number"),
        ('[{"k":{"S":"a"},"n":5}]', ONE, "the key attribute 'k' of an item is no text or number"),
        ('{"k":true}', ONE, "the key attribute 'k' of an item is no text or number"),
        ('{"id":"a","v":1}', ONE, "one item needs 'k'; among many, 'id' is no object"),
        ('{"items":[{"k":"a"}],"more":1}', ONE,
         "one item needs 'k'; among many, 'items' is no object"),
        ('{"id":{"S":"a"}}', ONE, "an item has no key attribute 'k'"),
        ('{"k":"a"}', TWO, "an item has no key attribute 's'"),
        ('{"a":{"v":1}}', TWO, "an item has no key attribute 's'"),
        ('{"a":5}', ONE, "a: it is no JSON object"),
        ('{"a":{"k":"b"}}', ONE, "a: its 'k' is another"),
        # not as DynamoDB writes it
        ('[{"k":{"N":"one"}}]', ONE, "item 1: the attribute 'k' is not as DynamoDB writes N"),
        ('[{"k":{"N":5}}]', ONE, "item 1: the attribute 'k' is not as DynamoDB writes N"),
        ('[{"k":{"BOOL":0}}]', ONE, "item 1: the attribute 'k' is not as DynamoDB writes BOOL"),
        ('[{"k":{"M":{"x":1}}}]', ONE,
         "item 1: the attribute 'k' is not as DynamoDB writes a value"),
        ('[{"k":{"L":[{"S":"x","N":"1"}]}}]', ONE,
         "item 1: the attribute 'k' is not as DynamoDB writes a value"),
        ('[{"k":{"NS":["x"]}}]', ONE, "item 1: the attribute 'k' is not as DynamoDB writes N"),
        ('[{"k":{"S":"\\ud800"}}]', ONE, "item 1: it cannot be written in UTF-8"),
        (f'[{{"k":{DEEP}}}]', ONE, "item 1: the attribute 'k' is nested too deep"),
    ],
)  # fmt: skip
def test_a_table_that_is_not_understood_is_told(
    table: str, key: dict[str, Value], sentence: str
) -> None:
    with pytest.raises(ValueError) as caught:
        item_of(table, key)
    assert str(caught.value) == sentence


TEXTS = st.text(max_size=5)
NUMBERS = st.integers(-(10**9), 10**9)


@settings(derandomize=True, deadline=None, database=None)
@given(st.dictionaries(TEXTS, TEXTS | NUMBERS | st.booleans() | st.none(), min_size=1))
def test_both_forms_of_an_item_are_one_item(attributes: dict[str, object]) -> None:
    typed = {
        name: {"NULL": True} if value is None
        else {"BOOL": value} if isinstance(value, bool)
        else {"N": str(value)} if isinstance(value, int)
        else {"S": value}
        for name, value in {**attributes, "the key": 1}.items()
    }  # fmt: skip
    found = item_of(json.dumps([typed]), {"the key": 1})
    assert found is not None
    assert decode(found) == {**attributes, "the key": 1}
