"""Message move tasks: from a dead-letter queue back to the source of its messages, or elsewhere."""
