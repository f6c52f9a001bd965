"""Local secrets: one file that only the gateway's user may read."""

from gateway.services.secrets.secrets_file import Secret, Secrets, SecretsError
from gateway.services.secrets.settings import SecretsSettings

__all__ = ["Secret", "Secrets", "SecretsError", "SecretsSettings"]
