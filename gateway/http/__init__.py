"""The one seam for HTTP: a request in, a response out. Nothing outside imports aiohttp.

`message` has the values, `settings` the limits, `server` the listener. The room stands low in the
house, beside the store: it knows neither AWS nor the control socket that use it.
"""
