"""FIFO queues: message groups in order, and each message once."""
