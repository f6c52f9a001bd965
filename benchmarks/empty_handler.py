"""`python -m benchmarks.empty_handler`: aiohttp answering each request with the same few bytes.

It prints its port and serves until it is stopped. The gateway's AWS endpoint stands on the same
server and event loop, so that what a request costs here is what is left if Weir did nothing.
"""

from __future__ import annotations

import asyncio

import uvloop
from aiohttp import web

ANSWER = (
    b'{"MD5OfMessageBody":"5d41402abc4b2a76b9719d911017c592",'
    b'"MessageId":"95d30176-2ba1-4395-bd26-9dfa35f5ee87"}'
)


async def _answer(request: web.BaseRequest) -> web.Response:
    await request.read()
    return web.Response(body=ANSWER, content_type="application/x-amz-json-1.0")


async def main() -> None:
    loop = asyncio.get_running_loop()
    server = web.Server(_answer, access_log=None)
    listening = await loop.create_server(server, "127.0.0.1", 0)
    print(listening.sockets[0].getsockname()[1], flush=True)
    await asyncio.Event().wait()


if __name__ == "__main__":
    uvloop.run(main())
