"""The table of failures (1.2): status, code and published sentence, each in one place.

Checks raise `Refusal`; exceptions of the reactor are translated here and nowhere else, so that the
handlers hold no error handling of their own. A `detail` never echoes values of the event, keys or
tokens: it is our own sentence, or that of `BadEvent`, whose contract promises the same.
"""

import asyncio
import logging
from dataclasses import dataclass

import orjson

from p13n import BadEvent, Busy, DiskFull, LogError, NotDurable, UnknownTable
from p13n.server.limits import RETRY_AFTER_S

logger = logging.getLogger("p13n.server")

Headers = list[tuple[bytes, bytes]]

_RETRY: Headers = [(b"retry-after", str(RETRY_AFTER_S).encode())]


@dataclass(frozen=True, slots=True)
class Failure:
    """One row of table 1.2."""

    status: int
    code: int
    message: str
    headers: tuple[tuple[bytes, bytes], ...] = ()


METHOD_NOT_ALLOWED = Failure(405, 4005, "Method not allowed.", ((b"allow", b"GET, HEAD"),))
NOT_FOUND = Failure(404, 4004, "Not found.")
UNSUPPORTED_METHOD = Failure(400, 3009, "Unsupported method.")
NOT_READY = Failure(503, 5003, "The reactor is not ready.", tuple(_RETRY))
UNSUPPORTED_MEDIA_TYPE = Failure(415, 4015, "Unsupported media type.")
UNAUTHORIZED = Failure(401, 4001, "Unauthorized.", ((b"www-authenticate", b"TD1"),))
TOKEN_MISSING = Failure(400, 3000, "RT token was not provided (WP13n-Token header).")
TOKEN_MALFORMED = Failure(400, 3003, "RT token is in an invalid format.")
TOKEN_CONFLICT = Failure(400, 3002, "RT token account conflicts with Authed user account.")
TOKEN_UNKNOWN = Failure(400, 3001, "RT token is not in configuration.")
TOKEN_TYPE = Failure(
    400,
    3006,
    "Invalid token type. Token type is not matching the one in the configuration.",
)
EVENT_TOO_LARGE = Failure(413, 4013, "Event is too large.")
EVENT_INVALID = Failure(400, 3004, "Invalid event object.")
LIMIT_EXCEEDED = Failure(429, 2003, "Kinesis error due to limit being exceeded", tuple(_RETRY))
NOT_STORED = Failure(503, 5007, "The event could not be stored.")
UNDIAGNOSED = Failure(500, 9999, "Unknown/undiagnosed")


class Refusal(Exception):
    """A request ends with a failure.

    `body_pending`: the request's body has not been read to its end; `bytes_read` of it have been.
    """

    def __init__(
        self,
        failure: Failure,
        detail: str | None = None,
        *,
        body_pending: bool = True,
        bytes_read: int = 0,
    ) -> None:
        super().__init__(failure.message)
        self.failure = failure
        self.detail = detail
        self.body_pending = body_pending
        self.bytes_read = bytes_read

    def body(self) -> bytes:
        """The answer's body: `{"code", "message", "detail"}`."""
        answer: dict[str, int | str] = {
            "code": self.failure.code,
            "message": self.failure.message,
        }
        if self.detail is not None:
            answer["detail"] = self.detail
        return orjson.dumps(answer)


class Disconnected(Exception):
    """The client went away before its request was whole: there is nobody to answer."""


def refusal_of(error: BaseException) -> Refusal:
    """The refusal that an exception becomes; the one place where they are translated.

    A panic of the binary is a BaseException of a class that has no importable name, hence the last
    case takes everything.
    """
    match error:
        case Refusal():
            return error
        case orjson.JSONDecodeError():
            detail = f"The body is not valid JSON (line {error.lineno}, column {error.colno})."
            return Refusal(EVENT_INVALID, detail, body_pending=False)
        case BadEvent():
            return Refusal(EVENT_INVALID, _sentence(error.detail), body_pending=False)
        case UnknownTable():
            return Refusal(NOT_FOUND, _sentence(error.detail), body_pending=False)
        case Busy():
            detail = "The log's queue is full; nothing was stored."
            return Refusal(LIMIT_EXCEEDED, detail, body_pending=False)
        case LogError():
            return Refusal(NOT_STORED, _why_not_stored(error), body_pending=False)
        case asyncio.CancelledError():
            # The drain's time is over: uvicorn cancels what is still running.
            return Refusal(NOT_READY, "The server is shutting down.", body_pending=False)
        case _:
            _report(error)
            return Refusal(UNDIAGNOSED, body_pending=False)


def _why_not_stored(error: LogError) -> str:
    match error:
        case NotDurable():
            return (
                "The event was not durable in time and may be stored; "
                "a retry with its uuid is safe."
            )
        case DiskFull():
            return "There is no room on the server's disk."
        case _:
            return "The log has failed."


def _report(error: BaseException) -> None:
    """One log line with the kind and the place, without the message: that may hold values."""
    logger.error("request failed with %s at %s", type(error).__name__, place_of(error))


def place_of(error: BaseException) -> str:
    """File and line of the innermost frame."""
    place = "unknown place"
    traceback = error.__traceback__
    while traceback is not None:
        place = f"{traceback.tb_frame.f_code.co_filename}:{traceback.tb_lineno}"
        traceback = traceback.tb_next
    return place


def _sentence(words: str) -> str:
    """The core's words as the other details are written; what starts with a name stays as it is."""
    return f"{words[:1].upper()}{words[1:]}."
