"""The libraries and the protocol versions that each of them speaks."""

from __future__ import annotations

from collections.abc import Callable

import pytest

from tests.gateway.broker.real_clients.real_client import RealClient

Make = Callable[[str], RealClient]

EVERY_CLIENT = [
    "paho 3.1.1",
    "paho 5",
    "aiomqtt 3.1.1",
    "aiomqtt 5",
    "mqttjs 3.1.1",
    "mqttjs 5",
    "mqtts 3.1.1",
    "u8mqtt 5",
]
MQTT_5 = [kind for kind in EVERY_CLIENT if kind.endswith(" 5")]

# mqtts 1.5 has no function that writes DISCONNECT: it just closes, so its will is published.
SAYS_GOODBYE = [kind for kind in EVERY_CLIENT if not kind.startswith("mqtts")]

# aiomqtt forgets what its user has not read yet when the connection goes, acknowledged or not.
HANDS_OVER_ALL = [kind for kind in EVERY_CLIENT if not kind.startswith("aiomqtt")]

# aiomqtt keeps the CONNACK to itself.
SHOWS_CONNACK = [kind for kind in MQTT_5 if not kind.startswith("aiomqtt")]

# u8-mqtt 0.6.7 writes the name and the value of a user property into one string.
SENDS_USER_PROPERTIES = [kind for kind in MQTT_5 if not kind.startswith("u8mqtt")]

every_client = pytest.mark.parametrize("kind", EVERY_CLIENT)
every_mqtt_5_client = pytest.mark.parametrize("kind", MQTT_5)
