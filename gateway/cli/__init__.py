"""The `weir` command: `main` dispatches, one module per subcommand.

A client command imports neither the HTTP server nor the broker: it starts at once and speaks to the
running gateway over its control socket.
"""
