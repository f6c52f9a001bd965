"""Actions: what each means on a gateway, at once or from the outbox.

Knows nothing of statements, nor of which rules there are.
"""
