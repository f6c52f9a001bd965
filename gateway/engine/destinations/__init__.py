"""Topic rule destinations: the addresses that `http` actions may post to, and how they confirm it.

Knows nothing of rules in force.
"""
