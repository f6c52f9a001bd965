"""The settings of one device, each default named once, with its unit and reason.

Owns the fields and what a single field may hold. What a driver needs and what two devices may not
share is in `gateway.devices.catalogue`.
"""

from __future__ import annotations

from dataclasses import dataclass, field

__all__ = ["OVERFLOW_POLICIES", "DeviceSettings"]

OVERFLOW_POLICIES = ("drop_oldest", "drop_new")

# A topic is sent with a two-byte length.
MAX_TOPIC_BYTES = 65_535

MIN_BUFFER_BYTES = 1024


@dataclass(frozen=True, slots=True)
class DeviceSettings:
    """One `[[devices]]` section.

    Attributes are documented by their metadata, from which the settings reference is made.
    """

    name: str = field(
        metadata={
            "unit": "text",
            "doc": "What the device is called in the status and the log. No two devices share one.",
        },
    )
    driver: str = field(
        metadata={
            "unit": "serial or gpio",
            "doc": "What talks to the hardware.",
        },
    )
    topic: str = field(
        default="",
        metadata={
            "unit": "topic name",
            "doc": "Where its readings are published. A gpio output needs none; with one, it "
            "publishes each level it takes.",
        },
    )
    command_topic: str = field(
        default="",
        metadata={
            "unit": "topic name",
            "doc": "What is published here is given to the device as a command: a line for a "
            "serial device, on or off for a gpio output.",
        },
    )
    port: str = field(
        default="",
        metadata={
            "unit": "path",
            "doc": "serial: the port. A path under /dev/serial/by-id stays the same when the "
            "device is plugged in elsewhere.",
        },
    )
    baud: int = field(
        default=115_200,
        metadata={
            "unit": "bits per second",
            "doc": "serial: the speed of the line. What most boards use out of the box.",
        },
    )
    format: str = field(
        default="json-lines",
        metadata={
            "unit": "json-lines",
            "doc": "serial: how the device frames what it says. json-lines: one JSON value per "
            "line; other lines are counted and not published.",
        },
    )
    max_line_bytes: int = field(
        default=8192,
        metadata={
            "unit": "bytes",
            "doc": "serial: a longer line is discarded and counted. A reading is some tens of "
            "bytes; this bounds what a device that sends nonsense can cost.",
        },
    )
    pin: int | None = field(
        default=None,
        metadata={
            "unit": "BCM number",
            "doc": "gpio: the pin, 17 for GPIO17.",
        },
    )
    direction: str = field(
        default="",
        metadata={
            "unit": "input or output",
            "doc": "gpio: whether the pin is read or driven. It has no default, because driving a "
            "pin that should be read can damage what is wired to it.",
        },
    )
    pull: str = field(
        default="none",
        metadata={
            "unit": "up, down or none",
            "doc": "gpio input: the resistor inside the chip.",
        },
    )
    active_low: bool = field(
        default=False,
        metadata={
            "unit": "true or false",
            "doc": "gpio: a low pin counts as 1 (on): a button to ground, many relay boards.",
        },
    )
    pin_factory: str = field(
        default="",
        metadata={
            "unit": "lgpio or mock",
            "doc": "gpio: where the pins come from. lgpio on a Raspberry Pi; mock where there is "
            "no hardware. It has no default: a gateway must not pretend to switch a pump.",
        },
    )
    chip: int | None = field(
        default=None,
        metadata={
            "unit": "gpiochip number",
            "doc": "gpio with lgpio: the chip, 4 for /dev/gpiochip4. Left out, it is the one of "
            "the board's own header.",
        },
    )
    debounce_s: float = field(
        default=0.0,
        metadata={
            "unit": "seconds",
            "doc": "gpio input: how long a level must hold before it is reported. 0 reports every "
            "edge; 0.02 suits most buttons.",
        },
    )
    initial: bool = field(
        default=False,
        metadata={
            "unit": "true or false",
            "doc": "gpio output: the safe level, set at the start and again at the end.",
        },
    )
    buffer_bytes: int = field(
        default=256 * 1024,
        metadata={
            "unit": "bytes",
            "doc": "Room for readings while the gateway takes nothing new, as on a full disk: some "
            "thousands of them.",
        },
    )
    overflow: str = field(
        default="drop_oldest",
        metadata={
            "unit": "drop_oldest or drop_new",
            "doc": "Which reading is lost when that room is used up. The newest one is worth most "
            "to those who watch; drop_new keeps how a trouble began.",
        },
    )

    def problems(self) -> list[str]:
        """Return what no driver could use in these settings, a sentence each."""
        where = f'device "{self.name}"'
        found = []
        if not self.name:
            found.append('a device has no name; add name = "…"')
        for key, topic in (("topic", self.topic), ("command_topic", self.command_topic)):
            found += [f"{where}: {key} {problem}" for problem in _topic_problems(topic)]
        if self.topic and self.topic == self.command_topic:
            found.append(
                f"{where}: topic and command_topic are the same; what the device says would come "
                "back to it as a command"
            )
        if not 50 <= self.baud <= 4_000_000:
            found.append(f"{where}: baud is {self.baud}; use 50 to 4000000, often 9600 or 115200")
        if self.max_line_bytes < 1:
            found.append(f"{where}: max_line_bytes is {self.max_line_bytes}; use 1 or more")
        if self.debounce_s < 0 or self.debounce_s > 60:
            found.append(f"{where}: debounce_s is {self.debounce_s}; use 0 to 60")
        if self.buffer_bytes < MIN_BUFFER_BYTES:
            found.append(
                f"{where}: buffer_bytes is {self.buffer_bytes}; use {MIN_BUFFER_BYTES} or more"
            )
        if self.overflow not in OVERFLOW_POLICIES:
            found.append(
                f'{where}: overflow is "{self.overflow}"; it is one of '
                f"{', '.join(OVERFLOW_POLICIES)}"
            )
        return found


def _topic_problems(topic: str) -> list[str]:
    """Return why this is no topic name (MQTT 3.1.1, section 4.7); an empty one is not looked at."""
    found = []
    if "+" in topic or "#" in topic:
        found.append(f'"{topic}" holds a wildcard (+ or #); name one topic')
    if "\0" in topic:
        found.append("holds a NUL character; remove it")
    if len(topic.encode("utf-8", "surrogatepass")) > MAX_TOPIC_BYTES:
        found.append(f"is longer than {MAX_TOPIC_BYTES} bytes; shorten it")
    return found
