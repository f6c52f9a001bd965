"""What rules did lately: a ring of messages, and what each clause gave, worked out when asked.

Knows nothing of who asks.
"""
