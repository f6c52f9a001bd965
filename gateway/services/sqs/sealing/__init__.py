"""Encryption at rest of message bodies: sealed when sent, opened when received."""
