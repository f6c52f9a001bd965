"""encode and decode: base64 text, and protobuf by way of `rules.protobuf`.

Owns the arguments of both functions and what base64 is. Knows nothing of descriptors; protobuf is
imported only when a statement decodes it.

Source: AWS IoT Core Developer Guide, "Functions", `encode` and `decode`; "Working with binary
payloads", "Decoding protobuf message payloads"; RFC 4648 (base64).
"""

from __future__ import annotations

import base64
from typing import Final

from rules.conversions import to_text
from rules.errors import EvaluationFailed
from rules.expression import Expression
from rules.functions.table import CallSite, Function
from rules.message import Context
from rules.payload import decode
from rules.values import MAX_TEXT_CHARACTERS, UNDEFINED, V2016, Value

__all__ = ["TABLE"]

_BASE64: Final = "base64"
_PROTO: Final = "proto"
_ARGUMENTS_OF_PROTO: Final = 6
_STEPS_PER_PROTO_BYTE: Final = 4


def _undefined(members: dict[str, Value], context: Context) -> Value:
    return UNDEFINED


def _base64_text(raw: bytes) -> Value:
    if len(raw) * 4 > MAX_TEXT_CHARACTERS * 3:
        return UNDEFINED
    return base64.b64encode(raw).decode()


def _bytes_of_base64(text: str | bytes) -> bytes | None:
    """Return what a base64 text means; padding may be missing, as Java's decoder allows."""
    encoded = text if isinstance(text, bytes) else text.encode(errors="replace")
    try:
        return base64.b64decode(encoded + b"=" * (-len(encoded) % 4), validate=True)
    except ValueError:
        return None


def _encode(call: CallSite) -> Expression:
    value, scheme = call.arguments
    if scheme.is_constant and scheme.value != _BASE64:
        call.warn(1, "encode knows the scheme 'base64' only: the result is always Undefined")
        return _undefined
    run_value, run_scheme, is_star, dialect = value.run, scheme.run, value.is_star, call.dialect

    def run(members: dict[str, Value], context: Context) -> Value:
        if run_scheme(members, context) != _BASE64:
            return UNDEFINED
        if is_star:
            return context.keep(_base64_text(context.message.payload))
        text = to_text(run_value(members, context), dialect)
        if not isinstance(text, str):
            return UNDEFINED
        return context.keep(_base64_text(text.encode(errors="replace")))

    return run


def _decode(call: CallSite) -> Expression:
    scheme = call.arguments[1]
    takes_proto = len(call.arguments) == _ARGUMENTS_OF_PROTO
    wanted = _PROTO if takes_proto else _BASE64
    if scheme.is_constant and scheme.value != wanted:
        call.warn(
            1,
            f"decode with {len(call.arguments)} arguments knows the scheme '{wanted}' only: "
            "the result is always Undefined",
        )
        return _undefined
    return _decode_proto(call) if takes_proto else _decode_base64(call)


def _decode_base64(call: CallSite) -> Expression:
    value, scheme = call.arguments
    run_value, run_scheme, is_star = value.run, scheme.run, value.is_star

    def run(members: dict[str, Value], context: Context) -> Value:
        if run_scheme(members, context) != _BASE64:
            return UNDEFINED
        encoded: Value | bytes = run_value(members, context)
        if is_star and not isinstance(encoded, str):
            encoded = context.message.payload
        if not isinstance(encoded, (str, bytes)):
            return UNDEFINED
        context.spend_steps(len(encoded))
        return _decoded(encoded)

    if value.is_constant and scheme.is_constant:
        result = _decoded(value.value) if isinstance(value.value, str) else UNDEFINED

        def constant(members: dict[str, Value], context: Context) -> Value:
            return result

        return constant
    return run


def _decoded(encoded: str | bytes) -> Value:
    raw = _bytes_of_base64(encoded)
    if raw is None:
        return None
    value = decode(raw)
    if value is not UNDEFINED:
        return value
    try:
        return raw.decode()
    except UnicodeDecodeError:
        return None


def _decode_proto(call: CallSite) -> Expression:
    from rules.protobuf import message_reader

    run_value, run_scheme, *places = (code.run for code in call.arguments)
    is_star = call.arguments[0].is_star
    for index, what in ((2, "bucket"), (3, "object key"), (4, "proto name"), (5, "message type")):
        argument = call.arguments[index]
        if argument.is_constant and not isinstance(argument.value, str):
            call.warn(index, f"the {what} of decode is no String: the result is always Undefined")

    def run(members: dict[str, Value], context: Context) -> Value:
        if run_scheme(members, context) != _PROTO:
            return UNDEFINED
        names = [place(members, context) for place in places]
        bucket, key, proto_name, message_type = (n if isinstance(n, str) else None for n in names)
        if bucket is None or key is None or proto_name is None or message_type is None:
            return UNDEFINED
        encoded = run_value(members, context)
        raw: bytes | None
        if isinstance(encoded, str):
            raw = _bytes_of_base64(encoded)
        elif is_star:
            raw = context.message.payload
        else:
            return UNDEFINED
        if raw is None:
            return None
        context.spend_steps(_STEPS_PER_PROTO_BYTE * len(raw))
        descriptors = context.environment.outside.descriptor_set(bucket, key)
        if descriptors is None:
            raise EvaluationFailed(
                f"decode: there is no descriptor file {key[:200]!r} in {bucket[:200]!r}",
                hint="register what protoc --include_imports --descriptor_set_out writes",
            )
        return message_reader(descriptors, proto_name, message_type).read(raw)

    return run


# decode asks the outside for descriptors if it decodes protobuf, and so is not folded.
TABLE: Final = (
    Function("encode", V2016, (2,), _encode, star_at=0),
    Function(
        "decode",
        V2016,
        (2, _ARGUMENTS_OF_PROTO),
        _decode,
        is_pure=False,
        star_at=0,
        asks_outside=(_ARGUMENTS_OF_PROTO,),
    ),
)
