"""MQTT as pure functions: packets, topic names and topic filters. No sockets, clocks or state.

Imports nothing of the gateway: it could be a library of its own.
"""
