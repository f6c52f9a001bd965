"""The headers of a republished message: from a rule's texts to MQTT 5 properties.

Owns which text each header takes, its limits, and its bytes. Headers without templates are encoded
once per rule. Knows nothing of topics or of who publishes.

Source: AWS IoT API reference, `MqttHeaders`; AWS IoT Core, "Message broker and protocol limits and
quotas"; OASIS MQTT 5.0, section 3.3.2.3.
"""

from __future__ import annotations

import base64
import binascii
import re
from collections.abc import Callable, Mapping
from typing import Final, TypeAlias

import rules
from gateway.engine.actions.templates import render
from gateway.engine.failures import ActionFailed
from gateway.mqtt.errors import InvalidTopic
from gateway.mqtt.properties import PROPERTIES
from gateway.mqtt.topics import check_topic_name

__all__ = ["NO_HEADERS", "Headers", "compile_headers", "read_headers"]

Headers: TypeAlias = tuple[bytes, int]
"""Properties on the wire, without their length; seconds until the message expires, 0: never."""

NO_HEADERS: Final[Headers] = (b"", 0)

# AWS's: of each text, of the list, and of the interval; a longer one becomes this one.
_MAX_CHARACTERS: Final = 1024
_MAX_USER_PROPERTIES: Final = 100
_MAX_EXPIRY_S: Final = 604_800

# Values come out of payloads: what of them goes into logs has a bound.
_SHOWN_CHARACTERS: Final = 100

_WHOLE: Final = re.compile(r"[0-9]{1,10}", re.ASCII)
_FORMATS: Final = {"UNSPECIFIED_BYTES": 0, "UTF8_DATA": 1}
_ROWS: Final = {row.field: row for row in PROPERTIES}


def _payload_format(text: str) -> bytes:
    indicator = _FORMATS.get(text)
    if indicator is None:
        raise _refused("payloadFormatIndicator", text, "is neither UNSPECIFIED_BYTES nor UTF8_DATA")
    return _encoded("payload_format_indicator", indicator)


def _content_type(text: str) -> bytes:
    return _encoded("content_type", _checked("contentType", text))


def _response_topic(text: str) -> bytes:
    try:
        check_topic_name(text)
    except InvalidTopic as error:
        raise _refused("responseTopic", text, f"is no topic to publish to: {error}") from error
    return _encoded("response_topic", _checked("responseTopic", text))


def _correlation_data(text: str) -> bytes:
    try:
        data = base64.b64decode(_checked("correlationData", text), validate=True)
    except (binascii.Error, ValueError) as error:
        hint = "Encode the data in the template: ${encode(correlation, 'base64')}"
        raise _refused("correlationData", text, "is not base64", hint) from error
    return _encoded("correlation_data", data)


def _user_property(name: str, value: str) -> bytes:
    pair = (_checked("userProperties", name), _checked("userProperties", value))
    return _encoded("user_properties", pair)


def _expiry_s(text: str) -> int:
    if _WHOLE.fullmatch(text) is None:
        raise _refused("messageExpiry", text, "is no whole number of seconds")
    return min(max(int(text), 1), _MAX_EXPIRY_S)


# In the order in which they stand on the wire. The expiry is apart: it shrinks as messages wait.
_PROPERTIES: Final[dict[str, Callable[[str], bytes]]] = {
    "payloadFormatIndicator": _payload_format,
    "contentType": _content_type,
    "responseTopic": _response_topic,
    "correlationData": _correlation_data,
}


def read_headers(headers: Mapping[str, object]) -> Headers:
    """Return the properties of headers whose templates are rendered.

    Args:
        headers: As `rules.RepublishHeaders.render` gives them.

    Raises:
        ActionFailed: One has a value that MQTT or AWS does not allow.
    """
    parts = [encode(str(headers[key])) for key, encode in _PROPERTIES.items() if key in headers]
    pairs = headers.get("userProperties")
    if isinstance(pairs, list):
        if len(pairs) > _MAX_USER_PROPERTIES:
            raise ActionFailed(
                f"the republished message would have {len(pairs)} user properties; at most "
                f"{_MAX_USER_PROPERTIES}"
            )
        parts += [_user_property(str(pair["key"]), str(pair["value"])) for pair in pairs]
    expiry = headers.get("messageExpiry")
    return b"".join(parts), 0 if expiry is None else _expiry_s(str(expiry))


def compile_headers(headers: rules.RepublishHeaders) -> Callable[[rules.Context], Headers]:
    """Return what gives the properties for one message.

    What has no templates is encoded here, once. The callable raises ActionFailed: a template has no
    value, or a header one that MQTT or AWS does not allow.
    """
    parts: list[bytes | Callable[[rules.Context], bytes]] = []
    templates = {
        "payloadFormatIndicator": headers.payload_format_indicator,
        "contentType": headers.content_type,
        "responseTopic": headers.response_topic,
        "correlationData": headers.correlation_data,
    }
    try:
        for key, encode in _PROPERTIES.items():
            template = templates[key]
            if template is not None:
                _add(parts, _single(template, encode))
        for name, value in headers.user_properties:
            _add(parts, _pair(name, value))
        expiry = headers.message_expiry
        constant_s = 0
        if expiry is not None and expiry.constant is not None:
            constant_s, expiry = _expiry_s(expiry.constant), None
    except ActionFailed as error:
        return _always(error)
    if expiry is None and all(isinstance(part, bytes) for part in parts):
        constant = (b"".join(part for part in parts if isinstance(part, bytes)), constant_s)
        return lambda context: constant

    def properties_for(context: rules.Context) -> Headers:
        encoded = b"".join(part if isinstance(part, bytes) else part(context) for part in parts)
        return encoded, constant_s if expiry is None else _expiry_s(render(expiry, context))

    return properties_for


def _single(
    template: rules.Template, encode: Callable[[str], bytes]
) -> bytes | Callable[[rules.Context], bytes]:
    if template.constant is not None:
        return encode(template.constant)
    return lambda context: encode(render(template, context))


def _pair(name: rules.Template, value: rules.Template) -> bytes | Callable[[rules.Context], bytes]:
    if name.constant is not None and value.constant is not None:
        return _user_property(name.constant, value.constant)
    return lambda context: _user_property(render(name, context), render(value, context))


def _add(
    parts: list[bytes | Callable[[rules.Context], bytes]],
    part: bytes | Callable[[rules.Context], bytes],
) -> None:
    """Append a part; constant ones that meet become one."""
    last = parts[-1] if parts else None
    if isinstance(part, bytes) and isinstance(last, bytes):
        parts[-1] = last + part
    else:
        parts.append(part)


def _always(error: ActionFailed) -> Callable[[rules.Context], Headers]:
    message, hint = str(error), error.hint

    def fail(context: rules.Context) -> Headers:
        raise ActionFailed(message, hint=hint)

    return fail


def _encoded(field: str, value: object) -> bytes:
    row = _ROWS[field]
    return bytes((row.identifier,)) + row.kind.encode(value)


def _checked(header: str, text: str) -> str:
    """Return a text that MQTT can carry (MQTT 5.0, 1.5.4) and AWS allows."""
    if len(text) > _MAX_CHARACTERS:
        raise _refused(header, text, f"has more than {_MAX_CHARACTERS} characters")
    if "\0" in text:
        raise _refused(header, text, "holds U+0000")
    try:
        text.encode()
    except UnicodeEncodeError as error:
        raise _refused(header, text, "is no text that UTF-8 can hold") from error
    return text


def _refused(header: str, text: str, why: str, hint: str = "") -> ActionFailed:
    shown = repr(text[:_SHOWN_CHARACTERS]) + ("…" if len(text) > _SHOWN_CHARACTERS else "")
    return ActionFailed(
        f"the header {header} of the republished message, {shown}, {why}", hint=hint
    )
