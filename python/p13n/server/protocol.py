"""The HTTP protocol of the data plane's listener: uvicorn's, with answers sent once a turn.

uvicorn writes an answer's head when it starts and its body when it comes, and each write wakes the
client. Here what a turn of the loop has to say is held until the turn is over: an answer is one
write, and a busy client is woken once for many answers instead of twice for each.

Invariants: bytes leave in the order in which they were written; nothing is held longer than one
turn of the loop; closing a connection sends what is held.
"""

import asyncio
from typing import Any, cast

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol


class Outbox:
    """The connections of one loop that have something to say at the end of this turn."""

    def __init__(self, loop: asyncio.AbstractEventLoop) -> None:
        self._loop = loop
        self._waiting: list[HeldTransport] = []

    def add(self, transport: "HeldTransport") -> None:
        """Sends what this transport holds when the turn is over."""
        if not self._waiting:
            self._loop.call_soon(self._send)
        self._waiting.append(transport)

    def _send(self) -> None:
        waiting, self._waiting = self._waiting, []
        for transport in waiting:
            transport.release()


class HeldTransport:
    """A transport whose writes leave at the end of the turn."""

    __slots__ = ("_held", "_outbox", "_transport")

    def __init__(self, transport: asyncio.Transport, outbox: Outbox) -> None:
        self._transport = transport
        self._outbox = outbox
        self._held = b""

    def write(self, data: bytes) -> None:
        """Holds `data` behind what is held."""
        if self._held:
            self._held += data
        elif data:
            self._held = data
            self._outbox.add(self)

    def release(self) -> None:
        """Sends what is held."""
        held, self._held = self._held, b""
        if held:
            self._transport.write(held)

    def close(self) -> None:
        """Sends what is held and closes the connection once it is sent."""
        self.release()
        self._transport.close()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._transport, name)


def protocol_of(outbox: Outbox) -> type[HttpToolsProtocol]:
    """The protocol of a listener whose connections share an outbox."""

    class Protocol(HttpToolsProtocol):
        """One connection."""

        def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
            """Puts the holding transport before uvicorn's."""
            held = HeldTransport(transport, outbox)
            super().connection_made(cast(asyncio.Transport, held))

    return Protocol
