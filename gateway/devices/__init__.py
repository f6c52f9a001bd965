"""Runs the configured devices: supervises their drivers and binds them to topics."""

from gateway.devices.catalogue import build_driver, device_problems
from gateway.devices.device import DeviceStatus
from gateway.devices.intake import ReadingIntake
from gateway.devices.settings import DeviceSettings
from gateway.devices.supervisor import DeviceSupervisor

__all__ = [
    "DeviceSettings",
    "DeviceStatus",
    "DeviceSupervisor",
    "ReadingIntake",
    "build_driver",
    "device_problems",
]
