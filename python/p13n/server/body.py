"""Reading a request's body under its limit, plain or gzip, and throwing away what nobody needs.

Invariants: never more than the limit is buffered, whatever the sender says or compresses; a body
that is too large is refused before it is known to be damaged.
"""

import asyncio
import zlib
from collections.abc import Mapping
from typing import Any

from starlette.types import Message, Receive

from p13n.server import errors, limits
from p13n.server.errors import Disconnected, Refusal

_GZIP_WBITS = 31


async def read_body(message: Message, receive: Receive, gzip: bool) -> bytes:
    """The whole body, decompressed; `message` is the first part, already received.

    Raises Refusal (rows 15, 16), Disconnected.
    """
    body = bytearray()
    inflater = Inflater() if gzip else None
    bytes_read = 0
    bytes_read_max = limits.GZIP_BYTES_MAX if gzip else limits.EVENT_BYTES_MAX
    while True:
        if message["type"] == "http.disconnect":
            raise Disconnected
        chunk: bytes = message.get("body", b"")
        pending: bool = message.get("more_body", False)
        bytes_read += len(chunk)
        try:
            if bytes_read > bytes_read_max:
                raise TooLarge
            if inflater is None:
                body += chunk
            else:
                inflater.feed(chunk, body)
                if not pending:
                    inflater.finish()
        except TooLarge:
            detail = f"An event has at most {limits.EVENT_BYTES_MAX} bytes."
            raise Refusal(
                errors.EVENT_TOO_LARGE, detail, body_pending=pending, bytes_read=bytes_read
            ) from None
        except zlib.error:
            detail = "The gzip body is damaged or cut."
            raise Refusal(
                errors.EVENT_INVALID, detail, body_pending=pending, bytes_read=bytes_read
            ) from None
        if not pending:
            return bytes(body)
        message = await receive()


class TooLarge(Exception):
    """The body is over the limit."""


class Inflater:
    """Gzip members, one after the other, into a buffer that never grows beyond the limit."""

    def __init__(self) -> None:
        self._member = zlib.decompressobj(_GZIP_WBITS)
        self._fresh = True

    def feed(self, chunk: bytes, body: bytearray) -> None:
        """Appends what `chunk` holds to `body`. Raises TooLarge, zlib.error."""
        while chunk:
            if self._member.eof:
                self._member = zlib.decompressobj(_GZIP_WBITS)
            self._fresh = False
            # One byte over the limit is enough to know; it is also never 0, which is "no limit".
            room = limits.EVENT_BYTES_MAX + 1 - len(body)
            body += self._member.decompress(chunk, room)
            if len(body) > limits.EVENT_BYTES_MAX:
                raise TooLarge
            chunk = self._member.unused_data if self._member.eof else self._member.unconsumed_tail

    def finish(self) -> None:
        """The body has ended: it must have ended between members. Raises zlib.error."""
        if self._fresh or not self._member.eof:
            raise zlib.error("cut")


def announces_body(headers: Mapping[bytes, bytes]) -> bool:
    """Whether a request with these headers has a body."""
    return b"transfer-encoding" in headers or headers.get(b"content-length", b"0") != b"0"


def outlasts_discard(headers: Mapping[bytes, bytes], bytes_read: int) -> bool:
    """Whether what is left of a body cannot be thrown away in full: the connection must close.

    A chunked body does not say how long it is.
    """
    if b"transfer-encoding" in headers or withheld(headers, bytes_read):
        return True
    declared = headers.get(b"content-length", b"0")
    return len(declared) > 12 or int(declared) - bytes_read > limits.DISCARD_BYTES_MAX


def withheld(headers: Mapping[bytes, bytes], bytes_read: int) -> bool:
    """Whether the client waits for `100 Continue`: after a refusal it sends no body at all."""
    return b"expect" in headers and bytes_read == 0


async def discard(receive: Receive) -> None:
    """Reads and throws away what is left of a body, up to the limit and the deadline."""
    discarded = 0
    try:
        async with asyncio.timeout(limits.BODY_DEADLINE_S):
            while discarded <= limits.DISCARD_BYTES_MAX:
                message: dict[str, Any] = dict(await receive())
                discarded += len(message.get("body", b""))
                if not message.get("more_body", False):
                    return
    except TimeoutError:
        return
