"""The functions of arrays and objects, the tests for Null and Undefined, and defaults for both.

Owns what each gives.

Source: AWS IoT Core Developer Guide, "Functions".
"""

from __future__ import annotations

from typing import Final

from rules.conversions import to_integer, to_text
from rules.errors import BudgetSpent, EvaluationFailed
from rules.expression import Expression
from rules.functions.table import ANY_NUMBER, CallSite, Function, of_many, of_one, of_two
from rules.message import Context
from rules.payload import encode
from rules.values import MAX_TEXT_CHARACTERS, UNDEFINED, V2015, V2016, Dialect, Value
from rules.weight import weigh

__all__ = ["TABLE"]

# The one mode that `transform` has, and the limit on what it gives, as JSON.
_ENRICH_ARRAY: Final = "enrichArray"
_MAX_TRANSFORMED_BYTES: Final = 128 * 1024


def _concat(values: list[Value], dialect: Dialect) -> Value:
    if len(values) == 1:
        return values[0]
    if not values or any(value is UNDEFINED for value in values):
        return UNDEFINED
    if any(isinstance(value, list) for value in values):
        return _joined_items(values)
    return _joined_texts(values, dialect)


def _joined_items(values: list[Value]) -> Value:
    length = sum(len(value) if isinstance(value, list) else 1 for value in values)
    if length > MAX_TEXT_CHARACTERS:
        return UNDEFINED
    joined: list[Value] = []
    for value in values:
        if isinstance(value, list):
            joined.extend(value)
        else:
            joined.append(value)
    return joined


def _joined_texts(values: list[Value], dialect: Dialect) -> Value:
    texts: list[str] = []
    room = MAX_TEXT_CHARACTERS
    for value in values:
        text = to_text(value, dialect)
        if text is UNDEFINED or len(text) > room:
            return UNDEFINED
        room -= len(text)
        texts.append(text)
    return "".join(texts)


def _get(container: Value, key: Value, dialect: Dialect) -> Value:
    if isinstance(container, dict):
        return container.get(key, UNDEFINED) if isinstance(key, str) else UNDEFINED
    if not isinstance(container, (list, str)):
        return UNDEFINED
    index = to_integer(key)
    if index is None or not 0 <= index < len(container):
        return UNDEFINED
    return container[index]


def _is_null(value: Value, dialect: Dialect) -> Value:
    return value is None


def _is_undefined(value: Value, dialect: Dialect) -> Value:
    return value is UNDEFINED


def _get_or_default(call: CallSite) -> Expression:
    """Give the second argument where the first has no value, or fails because it reaches out.

    The second is evaluated only then: it may reach out as well.
    """
    wanted, default = (code.run for code in call.arguments)

    def run(members: dict[str, Value], context: Context) -> Value:
        try:
            value = wanted(members, context)
        except BudgetSpent:
            raise
        except EvaluationFailed:
            return default(members, context)
        return default(members, context) if value is UNDEFINED or value is None else value

    return run


def _transform(call: CallSite) -> Expression:
    mode, added, array = (code.run for code in call.arguments)
    dialect = call.dialect
    known = call.arguments[0]
    if known.is_constant and known.value != _ENRICH_ARRAY:
        call.warn(0, f"transform knows no mode but '{_ENRICH_ARRAY}': the result is Undefined")

    def run(members: dict[str, Value], context: Context) -> Value:
        if mode(members, context) != _ENRICH_ARRAY:
            return UNDEFINED
        return _enriched(array(members, context), added(members, context), dialect)

    return run


def _enriched(items: Value, added: Value, dialect: Dialect) -> Value:
    """Return every object of an array with the members of an object behind its own.

    Where both have a key, the added member wins. Undefined if an item is no object.
    """
    if not isinstance(items, list) or not isinstance(added, dict):
        return UNDEFINED
    # Every object of the result holds all that is added, so this much is certain before building:
    # thousands of `{}` with thousands of members each would fill the memory.
    if len(items) * weigh(added, _MAX_TRANSFORMED_BYTES) > _MAX_TRANSFORMED_BYTES:
        return UNDEFINED
    enriched: list[Value] = []
    for item in items:
        if not isinstance(item, dict):
            return UNDEFINED
        enriched.append({**item, **added})
    if weigh(enriched, _MAX_TRANSFORMED_BYTES) > _MAX_TRANSFORMED_BYTES:
        return UNDEFINED
    return enriched if len(encode(enriched, dialect)) <= _MAX_TRANSFORMED_BYTES else UNDEFINED


TABLE: Final = (
    Function("concat", V2015, ANY_NUMBER, of_many(_concat), joins=True),
    Function("get", V2015, (2,), of_two(_get), gives_part=True, is_quick=True),
    Function("get_or_default", V2016, (2,), _get_or_default),
    Function("isNull", V2015, (1,), of_one(_is_null), gives_part=True, is_quick=True),
    Function("isUndefined", V2016, (1,), of_one(_is_undefined), gives_part=True, is_quick=True),
    Function("transform", V2016, (3,), _transform, joins=True),
)
