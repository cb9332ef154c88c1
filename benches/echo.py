"""The ceiling: a bare ASGI callable under uvicorn that parses the event and echoes it.

It does what nobody can avoid on this server (7.1): read the body, parse it, answer it with a
content-length. Same event loop, parser and settings as the product's data plane.
"""

import asyncio
import sys

import orjson
import uvicorn
import uvloop
from starlette.types import Receive, Scope, Send


async def echo(_scope: Scope, receive: Receive, send: Send) -> None:
    """Answers the body, parsed and written again."""
    body = b""
    pending = True
    while pending:
        message = await receive()
        body += message.get("body", b"")
        pending = message.get("more_body", False)
    answer = orjson.dumps(orjson.loads(body))
    headers = [
        (b"content-type", b"application/json"),
        (b"content-length", b"%d" % len(answer)),
    ]
    await send({"type": "http.response.start", "status": 200, "headers": headers})
    await send({"type": "http.response.body", "body": answer})


async def serve(port: int) -> None:
    """Serves on loopback until killed."""
    config = uvicorn.Config(
        echo,
        port=port,
        interface="asgi3",
        http="httptools",
        ws="none",
        lifespan="off",
        log_config=None,
        log_level="critical",
        access_log=False,
        proxy_headers=False,
        server_header=False,
    )
    await uvicorn.Server(config).serve()


if __name__ == "__main__":
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        runner.run(serve(int(sys.argv[1])))
