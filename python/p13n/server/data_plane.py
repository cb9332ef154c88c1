"""The data plane: the hot route as a bare ASGI callable, everything else ordinary Starlette.

At tens of thousands of requests a second the layer above the reactor is most of the cost, so the
route of events touches no Request, no Response and no router: headers are scanned once, what they
decide is one look-up (`auth`), the body is parsed once, and dict and bytes go to Rust together.

Invariants: one crossing a request; the answer's bytes leave untouched; an answer leaves only when
what it was computed from is as durable as the sync policy promises.
"""

from collections.abc import Awaitable, Callable
from contextlib import AbstractAsyncContextManager
from typing import Any

import orjson
from starlette.applications import Starlette
from starlette.routing import BaseRoute
from starlette.types import Receive, Scope, Send

from p13n.server import body, errors, limits
from p13n.server.auth import Gate
from p13n.server.errors import Disconnected, Headers, Refusal, refusal_of
from p13n.server.probes import PROBE_PATHS

_JSON = (b"content-type", b"application/json")
_CLOSE = (b"connection", b"close")

Lifespan = Callable[[Starlette], AbstractAsyncContextManager[None]]


class DataPlane(Starlette):
    """The application of the data plane's listener."""

    def __init__(
        self,
        gate: Gate,
        answer_bytes_max: int,
        routes: list[BaseRoute],
        lifespan: Lifespan | None = None,
    ) -> None:
        super().__init__(routes=routes, lifespan=lifespan)
        self._gate = gate
        self._answer_bytes_max = answer_bytes_max

    def __call__(  # type: ignore[override]
        self, scope: Scope, receive: Receive, send: Send
    ) -> Awaitable[None]:
        """Probes and the lifespan are Starlette's; every other path is the hot route's."""
        if scope["type"] == "http" and scope["raw_path"] not in PROBE_PATHS:
            return self._event(scope, receive, send)
        return super().__call__(scope, receive, send)

    async def _event(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request in, one answer out; the only place that turns exceptions into refusals."""
        try:
            headers, answer = await self._personalize(scope, receive)
        except Disconnected:
            return
        except BaseException as error:
            await _refuse(refusal_of(error), scope, receive, send)
            return
        await send({"type": "http.response.start", "status": 200, "headers": headers})
        await send({"type": "http.response.body", "body": answer})

    async def _personalize(self, scope: Scope, receive: Receive) -> tuple[Headers, bytes]:
        """The request as a story: headers, body, the reactor, durability, the answer's headers."""
        request_headers = _headers_of(scope)
        admission = self._gate.admit(scope["method"], scope["raw_path"], request_headers)
        message = await receive()
        if admission.gzip or message.get("more_body", True):
            text = await body.read_body(message, receive, admission.gzip)
        else:
            text = message["body"]
            if len(text) > limits.EVENT_BYTES_MAX:
                text = await body.read_body(message, receive, False)
        event = orjson.loads(text)
        if type(event) is not dict:
            raise Refusal(errors.EVENT_INVALID, "An event is one JSON object.", body_pending=False)
        served = admission.served
        sender = _sender_of(scope, request_headers) if served.reads_request else ()
        answer, lsn, wait_lsn = admission.personalize(
            admission.database,
            admission.table,
            event,
            text,
            self._answer_bytes_max,
            admission.sees_sensitive,
            *sender,
        )
        if wait_lsn and wait_lsn > admission.synced_lsn():
            await served.commits.wait(wait_lsn)
        headers = [
            _JSON,
            (b"content-length", b"%d" % len(answer)),
            (b"x-p13n-config", served.config_header),
            (b"x-p13n-lsn", b"%d" % lsn),
        ]
        return headers, answer


def _headers_of(scope: Scope) -> dict[bytes, bytes]:
    """The request's headers by name. A repeated header is joined as HTTP says, which makes every
    header that we read malformed: nobody gets to choose which of two credentials counts."""
    pairs: list[tuple[bytes, bytes]] = scope["headers"]
    headers = dict(pairs)
    if len(headers) != len(pairs):
        headers = {}
        for name, value in pairs:
            headers[name] = headers[name] + b", " + value if name in headers else value
    return headers


def _sender_of(scope: Scope, headers: dict[bytes, bytes]) -> tuple[bytes | None, str | None]:
    """What `REQUEST` reads: User-Agent, and the address at the other end of the connection."""
    client = scope.get("client")
    return headers.get(b"user-agent"), client[0] if client else None


async def _refuse(refusal: Refusal, scope: Scope, receive: Receive, send: Send) -> None:
    """Answers at once; then reads on and throws away, so that the client sees the answer."""
    headers = _headers_of(scope)
    answer = refusal.body()
    pending = refusal.body_pending and body.announces_body(headers)
    head: list[Any] = [_JSON, (b"content-length", b"%d" % len(answer)), *refusal.failure.headers]
    if refusal.failure is errors.UNDIAGNOSED or (
        pending and body.outlasts_discard(headers, refusal.bytes_read)
    ):
        head.append(_CLOSE)
    await send({"type": "http.response.start", "status": refusal.failure.status, "headers": head})
    if pending and not body.withheld(headers, refusal.bytes_read):
        await send({"type": "http.response.body", "body": answer, "more_body": True})
        await body.discard(receive)
        answer = b""
    await send({"type": "http.response.body", "body": answer})
