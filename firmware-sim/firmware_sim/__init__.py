"""Simulated devices and boards, for the demo, for tests, and for trying rules without hardware.

They use public protocols only, a serial line and MQTT, and import nothing of the gateway: what
works with them works because the gateway speaks those protocols.
"""
