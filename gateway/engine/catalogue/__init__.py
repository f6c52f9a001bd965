"""The catalogue of rules: which there are, from files and from the API, and which are in force.

Knows nothing of how a rule runs.
"""
