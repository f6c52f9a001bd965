"""The functions of IoT SQL: a table from name to signature, first version and implementation.

Owns what each function gives. An entry without implementation is a function that AWS documents
and Weir does not have yet. Knows nothing of syntax.

An implementation builds an expression from the code of its arguments, so that it can look at
constant ones once. A call with a wrong number or type of arguments is Undefined.

Source: AWS IoT Core Developer Guide, "Functions".
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import ROUND_HALF_UP
from typing import Final, TypeAlias

from rules.conversions import floor, to_integer, to_number, to_text
from rules.expression import Code, Expression
from rules.message import Context
from rules.values import UNDEFINED, V2015, V2016, Dialect, Value, is_huge

__all__ = ["ANY_NUMBER", "FUNCTIONS", "Function", "parameters"]

Build: TypeAlias = Callable[[Dialect, Sequence[Code]], Expression]

ANY_NUMBER: Final = -1


@dataclass(frozen=True, slots=True)
class Function:
    """One entry of the table.

    Attributes:
        name: The name as AWS writes it; names are not case-sensitive.
        since: The first version that has it.
        least: The fewest arguments it takes.
        most: The most arguments it takes, or `ANY_NUMBER`.
        build: Makes the expression; None where the function is not supported yet.
        is_pure: Whether the result depends on the arguments alone.
    """

    name: str
    since: Dialect
    least: int
    most: int
    build: Build | None = None
    is_pure: bool = True

    def takes(self, count: int) -> bool:
        """Whether a call with that many arguments is one AWS documents."""
        return self.least <= count and (self.most == ANY_NUMBER or count <= self.most)


def parameters(function: Function) -> str:
    """Return in words how many arguments a function takes."""
    if function.most == ANY_NUMBER:
        return "any number of arguments"
    if function.least == function.most:
        return f"{function.least} argument{'' if function.least == 1 else 's'}"
    return f"{function.least} to {function.most} arguments"


# --- shapes of implementations -------------------------------------------------------------------


def _of_one(implementation: Callable[[Value, Dialect], Value]) -> Build:
    def build(dialect: Dialect, arguments: Sequence[Code]) -> Expression:
        (argument,) = (code.run for code in arguments)

        def run(members: dict[str, Value], context: Context) -> Value:
            return implementation(argument(members, context), dialect)

        return run

    return build


def _of_two(implementation: Callable[[Value, Value, Dialect], Value]) -> Build:
    def build(dialect: Dialect, arguments: Sequence[Code]) -> Expression:
        first, second = (code.run for code in arguments)

        def run(members: dict[str, Value], context: Context) -> Value:
            return implementation(first(members, context), second(members, context), dialect)

        return run

    return build


def _of_many(implementation: Callable[[list[Value], Dialect], Value]) -> Build:
    def build(dialect: Dialect, arguments: Sequence[Code]) -> Expression:
        expressions = tuple(code.run for code in arguments)

        def run(members: dict[str, Value], context: Context) -> Value:
            return implementation([e(members, context) for e in expressions], dialect)

        return run

    return build


# --- numbers -------------------------------------------------------------------------------------


def _abs(value: Value, dialect: Dialect) -> Value:
    number = to_number(value)
    return (
        UNDEFINED
        if number is None
        else abs(number)
        if isinstance(number, int)
        else (number.copy_abs())
    )


def _floor(value: Value, dialect: Dialect) -> Value:
    number = to_number(value)
    return UNDEFINED if number is None else floor(number)


def _round(value: Value, dialect: Dialect) -> Value:
    number = to_number(value)
    if number is None:
        return UNDEFINED
    if isinstance(number, int) or is_huge(number):
        return number
    # decimal's "half up" is away from zero, on both sides of it
    return int(number.to_integral_value(rounding=ROUND_HALF_UP))


# --- strings -------------------------------------------------------------------------------------


def _concat(values: list[Value], dialect: Dialect) -> Value:
    if len(values) == 1:
        return values[0]
    if not values or UNDEFINED in values:
        return UNDEFINED
    if any(isinstance(value, list) for value in values):
        joined: list[Value] = []
        for value in values:
            if isinstance(value, list):
                joined.extend(value)
            else:
                joined.append(value)
        return joined
    texts: list[str] = []
    for value in values:
        text = to_text(value, dialect)
        if not isinstance(text, str):
            return UNDEFINED
        texts.append(text)
    return "".join(texts)


def _lower(value: Value, dialect: Dialect) -> Value:
    text = to_text(value, dialect)
    return text.lower() if isinstance(text, str) else UNDEFINED


def _upper(value: Value, dialect: Dialect) -> Value:
    text = to_text(value, dialect)
    return text.upper() if isinstance(text, str) else UNDEFINED


# --- objects, arrays, tests ----------------------------------------------------------------------


def _get(container: Value, key: Value, dialect: Dialect) -> Value:
    if isinstance(container, dict):
        return container.get(key, UNDEFINED) if isinstance(key, str) else UNDEFINED
    if not isinstance(container, (list, str)):
        return UNDEFINED
    index = to_integer(key)
    if index is None or not 0 <= index < len(container):
        return UNDEFINED
    return container[index]


def _is_undefined(value: Value, dialect: Dialect) -> Value:
    return value is UNDEFINED


# --- the message and its surroundings ------------------------------------------------------------


def _build_topic(dialect: Dialect, arguments: Sequence[Code]) -> Expression:
    if not arguments:

        def whole(members: dict[str, Value], context: Context) -> Value:
            return context.message.topic

        return whole
    position = arguments[0].run

    def level(members: dict[str, Value], context: Context) -> Value:
        number = to_integer(position(members, context))
        levels = context.message.topic.split("/")
        if number is None or not 1 <= number <= len(levels):
            return UNDEFINED
        return levels[number - 1]

    return level


def _build_timestamp(dialect: Dialect, arguments: Sequence[Code]) -> Expression:
    def run(members: dict[str, Value], context: Context) -> Value:
        return context.environment.now_ms()

    return run


def _build_client_id(dialect: Dialect, arguments: Sequence[Code]) -> Expression:
    def run(members: dict[str, Value], context: Context) -> Value:
        client_id = context.message.client_id
        return "n/a" if client_id is None else client_id

    return run


# --- the table -----------------------------------------------------------------------------------

_TABLE: Final = (
    Function("abs", V2015, 1, 1, _of_one(_abs)),
    Function("clientid", V2015, 0, 0, _build_client_id, is_pure=False),
    Function("concat", V2015, 0, ANY_NUMBER, _of_many(_concat)),
    Function("floor", V2015, 1, 1, _of_one(_floor)),
    Function("get", V2015, 2, 2, _of_two(_get)),
    Function("isUndefined", V2016, 1, 1, _of_one(_is_undefined)),
    Function("lower", V2015, 1, 1, _of_one(_lower)),
    Function("round", V2015, 1, 1, _of_one(_round)),
    Function("timestamp", V2015, 0, 0, _build_timestamp, is_pure=False),
    Function("topic", V2015, 0, 1, _build_topic, is_pure=False),
    Function("upper", V2015, 1, 1, _of_one(_upper)),
    # not supported yet
    *(Function(name, V2015, 0, 0) for name in ("accountid", "newuuid", "principal")),
    *(Function(name, V2015, 0, 0) for name in ("rand", "sql_version", "traceid")),
    *(
        Function(name, V2015, 1, 1)
        for name in (
            "acos", "asin", "atan", "bitnot", "ceil", "chr", "cos", "cosh", "exp", "isNull", "ln",
            "log", "ltrim", "md2", "md5", "rtrim", "sha1", "sha224", "sha256", "sha384", "sha512",
            "sign", "sin", "sinh", "sqrt", "tan", "tanh", "trim",
        )
    ),
    *(
        Function(name, V2015, 2, 2)
        for name in (
            "atan2", "bitand", "bitor", "bitxor", "endswith", "lpad", "mod", "nanvl", "power",
            "regexp_matches", "regexp_substr", "remainder", "rpad", "startswith", "trunc",
        )
    ),
    Function("regexp_replace", V2015, 3, 3),
    Function("replace", V2015, 3, 3),
    Function("substring", V2015, 2, 3),
    Function("aws_lambda", V2015, 2, 2),
    Function("machinelearning_predict", V2015, 3, 3),
    Function("decode", V2016, 2, 6),
    Function("encode", V2016, 2, 2),
    Function("get_dynamodb", V2016, 4, 6),
    Function("get_mqtt_property", V2016, 1, 1),
    Function("get_or_default", V2016, 2, 2),
    Function("get_registry_data", V2016, 3, 3),
    Function("get_secret", V2016, 3, 4),
    Function("get_thing_shadow", V2016, 2, 3),
    Function("get_user_properties", V2016, 0, 1),
    Function("indexof", V2016, 2, 2),
    Function("length", V2016, 1, 1),
    Function("numbytes", V2016, 1, 1),
    Function("parse_time", V2016, 2, 3),
    Function("sourceip", V2016, 0, 0),
    Function("time_to_epoch", V2016, 2, 2),
    Function("transform", V2016, 3, 3),
)  # fmt: skip

FUNCTIONS: Final = {function.name.lower(): function for function in _TABLE}
