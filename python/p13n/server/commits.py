"""Waits until a reactor's log is durable up to an LSN, waking the event loop once a batch.

Under `sync: always` an answer may leave only when the log is synced up to the last LSN that the
answer could have seen (5.1). The log's writer thread signals an eventfd after each sync; one
callback then releases every answer that waited for it. The loop itself never waits for a disk.

Invariants: futures stand in the order in which they were made, and so do their deadlines; a future
is released late at worst, never early.
"""

import asyncio
import os
from collections import deque
from collections.abc import Callable

from p13n import LogError, NotDurable, Reactor


class Commits:
    """The answers of one reactor that wait for a sync."""

    def __init__(
        self, reactor: Reactor, timeout_s: float, on_failure: Callable[[str], None]
    ) -> None:
        """`on_failure` is called once, on the loop, with the reason when the log has failed."""
        self._reactor = reactor
        self._timeout_s = timeout_s
        self._on_failure = on_failure
        self._failed = False
        self._waiting: deque[tuple[int, asyncio.Future[None], float]] = deque()
        self._timer: asyncio.TimerHandle | None = None
        self._loop = asyncio.get_running_loop()
        self._descriptor = reactor._synced_fd()
        if self._descriptor >= 0:
            self._loop.add_reader(self._descriptor, self._synced)

    def wait(self, lsn: int) -> asyncio.Future[None]:
        """Done once the log is synced up to `lsn`; raises NotDurable or LogError when awaited."""
        future: asyncio.Future[None] = self._loop.create_future()
        deadline = self._loop.time() + self._timeout_s
        self._waiting.append((lsn, future, deadline))
        if self._timer is None:
            self._timer = self._loop.call_at(deadline, self._expire)
        return future

    def check(self) -> None:
        """Looks whether the log has failed; once it has, nobody is left waiting."""
        reason = self._reactor._failure()
        if reason is None:
            return
        while self._waiting:
            _, future, _ = self._waiting.popleft()
            if not future.done():
                future.set_exception(LogError("the log has failed"))
        if not self._failed:
            self._failed = True
            self._on_failure(reason)

    def close(self) -> None:
        """Stops listening; to be called before the reactor is closed."""
        if self._descriptor >= 0:
            self._loop.remove_reader(self._descriptor)
            self._descriptor = -1
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None

    def _synced(self) -> None:
        try:
            os.read(self._descriptor, 8)
        except BlockingIOError:
            return
        synced_lsn = self._reactor._synced_lsn()
        waiting = self._waiting
        while waiting and waiting[0][0] <= synced_lsn:
            _, future, _ = waiting.popleft()
            if not future.done():
                future.set_result(None)
        self.check()

    def _expire(self) -> None:
        """One timer serves all: deadlines stand in order, as every answer waits equally long."""
        now = self._loop.time()
        waiting = self._waiting
        while waiting and waiting[0][2] <= now:
            _, future, _ = waiting.popleft()
            if not future.done():
                future.set_exception(NotDurable("not durable within the commit timeout"))
        self._timer = self._loop.call_at(waiting[0][2], self._expire) if waiting else None
