"""The functions that tell about the message, its publisher and where the rule runs.

Owns what each gives. Where messages come from, and what an identity is, is the caller's.

Source: AWS IoT Core Developer Guide, "Functions"; MQTT 5.0, section 3.3.2.3 (the properties).
"""

from __future__ import annotations

import base64
from collections.abc import Callable
from typing import Final

from rules.conversions import to_integer
from rules.expression import Expression, constant
from rules.functions.table import CallSite, Function
from rules.message import Context, Message, MqttProperties
from rules.values import UNDEFINED, V2015, V2016, Value
from rules.weight import weigh

__all__ = ["TABLE"]

_NO_PROPERTIES: Final = MqttProperties()


def _topic(call: CallSite) -> Expression:
    if not call.arguments:

        def whole(members: dict[str, Value], context: Context) -> Value:
            return context.keep(context.message.topic)

        return whole
    position = call.arguments[0]
    number = to_integer(position.value) if position.is_constant else None
    if number is None:
        return _level_of(position.run)
    index = number - 1

    def level(members: dict[str, Value], context: Context) -> Value:
        levels = context.message.topic.split("/")
        return levels[index] if 0 <= index < len(levels) else UNDEFINED

    return level


def _level_of(position: Expression) -> Expression:
    def level(members: dict[str, Value], context: Context) -> Value:
        number = to_integer(position(members, context))
        levels = context.message.topic.split("/")
        if number is None or not 1 <= number <= len(levels):
            return UNDEFINED
        return levels[number - 1]

    return level


def _client_id(call: CallSite) -> Expression:
    def run(members: dict[str, Value], context: Context) -> Value:
        client_id = context.message.client_id
        return "n/a" if client_id is None else context.keep(client_id)

    return run


def _principal(call: CallSite) -> Expression:
    def run(members: dict[str, Value], context: Context) -> Value:
        principal = context.message.principal
        return UNDEFINED if principal is None else principal

    return run


def _source_ip(call: CallSite) -> Expression:
    def run(members: dict[str, Value], context: Context) -> Value:
        source_ip = context.message.source_ip
        return UNDEFINED if source_ip is None else source_ip

    return run


def _trace_id(call: CallSite) -> Expression:
    def run(members: dict[str, Value], context: Context) -> Value:
        message = context.message
        if message.trace_id is None:
            if message.client_id is None:
                return UNDEFINED  # not by MQTT
            message.trace_id = context.environment.new_uuid()
        return message.trace_id

    return run


def _account_id(call: CallSite) -> Expression:
    def run(members: dict[str, Value], context: Context) -> Value:
        return context.environment.account

    return run


def _sql_version(call: CallSite) -> Expression:
    return constant(call.dialect.version).run


def _content_type(properties: MqttProperties) -> Value:
    return UNDEFINED if properties.content_type is None else properties.content_type


def _format_indicator(properties: MqttProperties) -> Value:
    # Absent is the same as 0 in MQTT, and AWS gives a text for it.
    return "UTF8_DATA" if properties.payload_format_indicator == 1 else "UNSPECIFIED_BYTES"


def _response_topic(properties: MqttProperties) -> Value:
    return UNDEFINED if properties.response_topic is None else properties.response_topic


def _correlation_data(properties: MqttProperties) -> Value:
    data = properties.correlation_data
    return UNDEFINED if data is None else base64.b64encode(data).decode()


_MQTT_PROPERTIES: Final[dict[str, Callable[[MqttProperties], Value]]] = {
    "content_type": _content_type,
    "format_indicator": _format_indicator,
    "response_topic": _response_topic,
    "correlation_data": _correlation_data,
}


def _get_mqtt_property(call: CallSite) -> Expression:
    name = call.arguments[0]
    if name.is_constant and not (isinstance(name.value, str) and name.value in _MQTT_PROPERTIES):
        known = ", ".join(f"'{each}'" for each in _MQTT_PROPERTIES)
        call.warn(0, f"get_mqtt_property knows {known}: the result is always Undefined")
    run_name = name.run

    def run(members: dict[str, Value], context: Context) -> Value:
        asked = run_name(members, context)
        give = _MQTT_PROPERTIES.get(asked) if isinstance(asked, str) else None
        if give is None:
            return UNDEFINED
        return context.keep(give(context.message.properties or _NO_PROPERTIES))

    return run


def _get_user_properties(call: CallSite) -> Expression:
    if not call.arguments:

        def every(members: dict[str, Value], context: Context) -> Value:
            properties = context.message.properties
            if properties is None or not properties.user_properties:
                return UNDEFINED
            return _counted([{name: value} for name, value in properties.user_properties], context)

        return every
    key = call.arguments[0].run

    def values(members: dict[str, Value], context: Context) -> Value:
        asked = key(members, context)
        properties = context.message.properties
        if not isinstance(asked, str) or properties is None:
            return UNDEFINED
        found: list[Value] = [value for name, value in properties.user_properties if name == asked]
        return _counted(found, context) if found else UNDEFINED

    return values


def _counted(texts: list[Value], context: Context) -> Value:
    context.spend_characters(weigh(texts, context.characters_left))
    return texts


def _steps_of_topic(message: Message) -> int:
    return len(message.topic) // 16


def _steps_of_properties(message: Message) -> int:
    properties = message.properties
    if properties is None:
        return 0
    data = properties.correlation_data
    return 3 * len(properties.user_properties) + (0 if data is None else len(data) // 32)


TABLE: Final = (
    Function("accountid", V2015, (0,), _account_id, is_pure=False),
    Function("clientid", V2015, (0,), _client_id, is_pure=False),
    Function(
        "get_mqtt_property",
        V2016,
        (1,),
        _get_mqtt_property,
        is_pure=False,
        reads=_steps_of_properties,
    ),
    Function(
        "get_user_properties",
        V2016,
        (0, 1),
        _get_user_properties,
        is_pure=False,
        reads=_steps_of_properties,
    ),
    Function("principal", V2015, (0,), _principal, is_pure=False),
    Function("sourceip", V2016, (0,), _source_ip, is_pure=False),
    Function("sql_version", V2015, (0,), _sql_version),
    Function("topic", V2015, (0, 1), _topic, is_pure=False, reads=_steps_of_topic),
    Function("traceid", V2015, (0,), _trace_id, is_pure=False),
)
