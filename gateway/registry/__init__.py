"""What a person configures, in one readable file that survives a crash."""

from gateway.registry.registry import Registry
from gateway.registry.storage import Json

__all__ = ["Json", "Registry"]
