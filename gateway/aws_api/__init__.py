"""AWS's wire protocols over HTTP: who calls, what they ask for, and answers in AWS's own shapes.

`front` dispatches, `sigv4` says who calls, `checker` and `serializer` are compiled from the service
models in `models/`, `service` has what the glue of one service gives to the front. The engines in
`gateway.services` know nothing of any of it.
"""
