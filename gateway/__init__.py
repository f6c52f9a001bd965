"""Weir: an IoT edge gateway for single-board computers, one process."""

__version__ = "0.1.0"
