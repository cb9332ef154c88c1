"""`/healthz` and `/readyz`: the process, and whether it serves, with reasons.

Both listeners answer them, without credentials. Invariants: a probe reads memory only, never a
disk; another method than GET and HEAD is 405 and closes the connection (row 0).
"""

from collections.abc import Callable
from typing import Any

from starlette.responses import JSONResponse, Response
from starlette.routing import BaseRoute, Route
from starlette.types import Receive, Scope, Send

from p13n.server.errors import METHOD_NOT_ALLOWED, Failure, Refusal
from p13n.server.limits import RETRY_AFTER_S

PROBE_PATHS = frozenset({b"/healthz", b"/readyz"})

Readiness = Callable[[], dict[str, Any]]


class Probe:
    """One probe as an ASGI application, so that it sees every method there is."""

    def __init__(self, state: Readiness) -> None:
        self._state = state

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        await self._answer(scope["method"])(scope, receive, send)

    def _answer(self, method: str) -> Response:
        if method not in ("GET", "HEAD"):
            return failure_response(METHOD_NOT_ALLOWED, {"connection": "close"})
        state = self._state()
        if state.get("ready", True):
            return JSONResponse(state)
        return JSONResponse(state, 503, {"retry-after": str(RETRY_AFTER_S)})


def probe_routes(readiness: Readiness) -> list[BaseRoute]:
    """The two routes; `readiness()` has at least `ready`, a bool."""
    return [
        Route("/healthz", Probe(lambda: {"status": "ok"})),
        Route("/readyz", Probe(readiness)),
    ]


def failure_response(failure: Failure, headers: dict[str, str] | None = None) -> Response:
    """A failure as an ordinary response, for the routes that are Starlette's."""
    named = {name.decode(): value.decode() for name, value in failure.headers}
    return Response(
        Refusal(failure).body(),
        failure.status,
        named | (headers or {}),
        media_type="application/json",
    )
