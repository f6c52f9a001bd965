"""The functions that ask the environment: functions, shadows, tables, secrets, the registry.

Owns their arguments and what an answer becomes. What there is to ask, and how, is `rules.outside`'s
and its user's. A `roleArn` says who asks in the cloud; here it is not even evaluated.

Arguments that are Undefined or of a wrong type give Undefined without asking, and so does what
does not exist. What AWS documents as a failure raises EvaluationFailed.

Source: AWS IoT Core Developer Guide, "Functions".
"""

from __future__ import annotations

import base64
from decimal import Decimal
from typing import Final

from rules.errors import EvaluationFailed
from rules.expression import Expression
from rules.functions.table import CallSite, Function
from rules.message import Context
from rules.outside import Secret
from rules.payload import decode, encode
from rules.values import (
    MAX_TEXT_CHARACTERS,
    UNDEFINED,
    V2015,
    V2016,
    Number,
    Value,
    decimal_of_float,
)
from rules.weight import weigh

__all__ = ["TABLE"]

_REGISTRY_APIS: Final = ("DescribeThing", "ListThingGroupsForThing")
_SECRET_TYPES: Final = ("SecretString", "SecretBinary")
_MAX_ITEM_BYTES: Final = 8 * 1024


def _answer(text: bytes | None, context: Context) -> Value:
    if text is None or len(text) > MAX_TEXT_CHARACTERS:
        return UNDEFINED
    context.spend_steps(len(text))
    return decode(text)


def _warn_unless_one_of(call: CallSite, index: int, known: tuple[str, ...]) -> None:
    argument = call.arguments[index]
    if argument.is_constant and argument.value not in known:
        choices = " or ".join(f"'{each}'" for each in known)
        call.warn(index, f"{call.name} knows {choices}: the result is always Undefined")


def _aws_lambda(call: CallSite) -> Expression:
    arn, payload = (code.run for code in call.arguments)
    is_star = call.arguments[1].is_star
    dialect = call.dialect

    def run(members: dict[str, Value], context: Context) -> Value:
        function_arn = arn(members, context)
        value = payload(members, context)
        if not isinstance(function_arn, str) or value is UNDEFINED:
            return UNDEFINED
        if weigh(value, MAX_TEXT_CHARACTERS) > MAX_TEXT_CHARACTERS:
            raise EvaluationFailed(
                f"aws_lambda: the input has more than {MAX_TEXT_CHARACTERS} characters"
            )
        text = context.message.payload if is_star else encode(value, dialect)
        return _answer(context.environment.outside.invoke_lambda(function_arn, text), context)

    return run


def _get_thing_shadow(call: CallSite) -> Expression:
    thing, *shadow = (code.run for code in call.arguments[:-1])

    def run(members: dict[str, Value], context: Context) -> Value:
        thing_name = thing(members, context)
        shadow_name = shadow[0](members, context) if shadow else None
        if not isinstance(thing_name, str) or (shadow and not isinstance(shadow_name, str)):
            return UNDEFINED
        name = shadow_name if isinstance(shadow_name, str) else None
        return _answer(context.environment.outside.thing_shadow(thing_name, name), context)

    return run


def _key_value(value: Value) -> str | Number | None:
    """Return what can be the value of a table's key, a String or a number."""
    if isinstance(value, bool):
        return None
    if isinstance(value, float):
        return decimal_of_float(value)
    return value if isinstance(value, (str, int, Decimal)) else None


def _get_dynamodb(call: CallSite) -> Expression:
    table, *rest = (code.run for code in call.arguments[:-1])
    pairs = tuple(zip(rest[::2], rest[1::2], strict=True))

    def run(members: dict[str, Value], context: Context) -> Value:
        table_name = table(members, context)
        key: dict[str, Value] = {}
        for run_name, run_value in pairs:
            name = run_name(members, context)
            value = _key_value(run_value(members, context))
            if not isinstance(name, str) or value is None:
                return UNDEFINED
            key[name] = value
        if not isinstance(table_name, str):
            return UNDEFINED
        context.dynamodb_calls += 1
        if context.dynamodb_calls > 1:
            raise EvaluationFailed(
                "get_dynamodb may be called once for a message",
                hint="put the item in a variable with SET, and use the variable twice",
            )
        item = context.environment.outside.dynamodb_item(table_name, key)
        if item is not None and len(item) > _MAX_ITEM_BYTES:
            raise EvaluationFailed(
                f"get_dynamodb: the item of {table_name!r} has {len(item)} bytes of JSON, "
                f"more than {_MAX_ITEM_BYTES}"
            )
        return _answer(item, context)

    return run


def _get_secret(call: CallSite) -> Expression:
    identifier, kind, *key = (code.run for code in call.arguments[:-1])
    _warn_unless_one_of(call, 1, _SECRET_TYPES)

    def run(members: dict[str, Value], context: Context) -> Value:
        secret_id = identifier(members, context)
        secret_type = kind(members, context)
        wanted = key[0](members, context) if key else None
        if not isinstance(secret_id, str) or secret_type not in _SECRET_TYPES:
            return UNDEFINED
        if key and not isinstance(wanted, str):
            return UNDEFINED
        secret = context.environment.outside.secret(secret_id)
        if secret is None:
            return UNDEFINED
        member = wanted if isinstance(wanted, str) else None
        if secret_type == "SecretString":  # noqa: S105 - a field's name
            return _secret_string(secret_id, secret, member, context)
        return _secret_binary(secret_id, secret, member)

    return run


def _secret_string(secret_id: str, secret: Secret, member: str | None, context: Context) -> Value:
    if secret.string is None:
        return UNDEFINED
    encoded = secret.string.encode(errors="replace")
    text = encoded.decode()  # without what UTF-8 cannot say
    document = _answer(encoded, context)
    if isinstance(document, dict):
        return document if member is None else document.get(member, UNDEFINED)
    if member is not None:
        raise EvaluationFailed(
            f"get_secret: the secret {secret_id!r} is no JSON object, so it has no key {member!r}",
            hint="leave the key out",
        )
    return text


def _secret_binary(secret_id: str, secret: Secret, member: str | None) -> Value:
    if member is not None:
        raise EvaluationFailed(
            f"get_secret: the binary secret {secret_id!r} has no key {member!r}",
            hint="leave the key out",
        )
    return UNDEFINED if secret.binary is None else base64.b64encode(secret.binary).decode()


def _get_registry_data(call: CallSite) -> Expression:
    api, thing = (code.run for code in call.arguments[:-1])
    _warn_unless_one_of(call, 0, _REGISTRY_APIS)

    def run(members: dict[str, Value], context: Context) -> Value:
        asked = api(members, context)
        thing_name = thing(members, context)
        if not isinstance(asked, str) or asked not in _REGISTRY_APIS:
            return UNDEFINED
        if not isinstance(thing_name, str):
            return UNDEFINED
        return _answer(context.environment.outside.registry_data(asked, thing_name), context)

    return run


def _machinelearning_predict(call: CallSite) -> Expression:
    call.warn(
        0,
        "Amazon Machine Learning has been retired: machinelearning_predict is always Undefined",
    )

    def run(members: dict[str, Value], context: Context) -> Value:
        return UNDEFINED

    return run


TABLE: Final = (
    Function("aws_lambda", V2015, (2,), _aws_lambda, is_pure=False, star_at=1, asks_outside=(2,)),
    Function("get_dynamodb", V2016, (4, 6), _get_dynamodb, is_pure=False, asks_outside=(4, 6)),
    Function(
        "get_registry_data", V2016, (3,), _get_registry_data, is_pure=False, asks_outside=(3,)
    ),
    Function("get_secret", V2016, (3, 4), _get_secret, is_pure=False, asks_outside=(3, 4)),
    Function(
        "get_thing_shadow", V2016, (2, 3), _get_thing_shadow, is_pure=False, asks_outside=(2, 3)
    ),
    Function(
        "machinelearning_predict",
        V2015,
        (3,),
        _machinelearning_predict,
        is_pure=False,
        star_at=2,
    ),
)
