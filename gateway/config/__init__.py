"""The settings file: read, checked as a whole, and described.

Only the composition root and the command import this; every other package has a settings class of
its own and never sees the file.
"""

from gateway.config.description import Setting, describe, effective
from gateway.config.gateway_settings import GatewaySettings
from gateway.config.loading import load
from gateway.config.settings import Settings

__all__ = ["GatewaySettings", "Setting", "Settings", "describe", "effective", "load"]
