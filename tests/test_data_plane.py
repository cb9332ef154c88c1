"""The rows that a healthy reactor cannot show: not ready, log failed, busy, not durable, panic.

The application is called as uvicorn calls it, over a stand-in for the reactor that does one thing:
it does as it is told when asked to personalize, and syncs when told to. Everything else of the data
plane is tested over the wire against the real binary (test_contract.py).
"""

import asyncio
import hashlib
import logging
import os
from collections.abc import Callable, Coroutine, Iterator
from pathlib import Path
from typing import Any, cast

import orjson
import pytest

from p13n import BadEvent, Busy, DiskFull, LogError, NotDurable, Reactor
from p13n import keys as api_keys
from p13n.server.auth import Gate, Phase, Served
from p13n.server.commits import Commits
from p13n.server.data_plane import DataPlane

TOKEN_TEXT = "e65d8a9df2094f02b84cd660efff6f27"
Message = dict[str, Any]


class Panic(BaseException):
    """What a panic of the binary is to Python: no Exception."""


class ObedientReactor:
    """Answers or raises what it is told; `sync()` is the writer thread's signal."""

    account, instance = 1, 8
    configuration_hash = "0123456789abcdef" * 4

    def __init__(self) -> None:
        self.raises: BaseException | None = None
        self.wait_lsn = 0
        self.synced_lsn = 0
        self.failure: str | None = None
        self.calls = 0
        self.descriptor = os.eventfd(0, os.EFD_NONBLOCK)

    def _personalize(self, *_arguments: object) -> tuple[bytes, int, int]:
        self.calls += 1
        if self.raises is not None:
            raise self.raises
        return b'{"offers":{}}', 7, self.wait_lsn

    def _tokens(self) -> list[tuple[str, bytes, bool]]:
        return [("server", hashlib.sha256(TOKEN_TEXT.encode()).digest(), True)]

    def _reads_request(self) -> bool:
        return False

    def _synced_fd(self) -> int:
        return self.descriptor

    def _synced_lsn(self) -> int:
        return self.synced_lsn

    def _failure(self) -> str | None:
        return self.failure

    def sync(self, lsn: int) -> None:
        """The log is durable up to `lsn`."""
        self.synced_lsn = lsn
        os.eventfd_write(self.descriptor, 1)


class Bench:
    """A data plane over an obedient reactor."""

    def __init__(self, directory: Path, commit_timeout_s: float) -> None:
        self.reactor = ObedientReactor()
        self.key = api_keys.create(directory, 1, api_keys.KeyKind.WRITE)
        ring = api_keys.KeyRing(directory)
        ring.refresh()
        self.gate = Gate(ring)
        self.failures: list[str] = []
        reactor = cast(Reactor, self.reactor)
        self.commits = Commits(reactor, commit_timeout_s, self._failed)
        self.served = Served(reactor, self.commits)
        self.app = DataPlane(self.gate, 10_000, [])

    def serve(self) -> None:
        """Recovery is done."""
        self.gate.serve([self.served])

    def _failed(self, why: str) -> None:
        self.failures.append(why)
        self.gate.fail(self.served)

    async def post(
        self, chunks: tuple[bytes, ...] = (b'{"td_client_id":"202"}',), **changed: bytes
    ) -> tuple[int, dict[str, str], Any]:
        """One request; status, headers and parsed body of the answer."""
        headers = {
            b"content-type": b"application/vnd.treasuredata.v1+json",
            b"authorization": b"TD1 " + self.key.encode(),
            b"wp13n-token": f"1/8/{TOKEN_TEXT}".encode(),
            b"content-length": b"%d" % sum(map(len, chunks)),
        }
        path = changed.pop("path", b"/your_database/pageviews")
        headers |= {name.replace("_", "-").encode(): value for name, value in changed.items()}
        scope = {
            "type": "http",
            "method": "POST",
            "raw_path": path,
            "headers": list(headers.items()),
        }
        last = len(chunks) - 1
        parts = [
            {"type": "http.request", "body": chunk, "more_body": number < last}
            for number, chunk in enumerate(chunks)
        ]
        sent: list[Message] = []

        async def receive() -> Message:
            return parts.pop(0) if parts else {"type": "http.disconnect"}

        async def send(message: Any) -> None:
            sent.append(message)

        await self.app(scope, receive, send)
        assert not sent or not sent[-1].get("more_body", False), "the answer never ended"
        if not sent:
            return 0, {}, None
        answer_headers = {name.decode(): value.decode() for name, value in sent[0]["headers"]}
        body = b"".join(message["body"] for message in sent[1:])
        assert int(answer_headers["content-length"]) == len(body)
        return sent[0]["status"], answer_headers, orjson.loads(body)


Story = Callable[[Bench], Coroutine[Any, Any, None]]
Run = Callable[[Story], None]


@pytest.fixture
def run(tmp_path: Path) -> Iterator[Run]:
    """Runs a story over a fresh data plane with a commit timeout of 100 ms."""

    def run_story(story: Story) -> None:
        async def told() -> None:
            bench = Bench(tmp_path, 0.1)
            try:
                await story(bench)
            finally:
                bench.commits.close()
                os.close(bench.reactor.descriptor)

        asyncio.run(told())

    yield run_story


def test_a_good_request_carries_configuration_and_position(run: Run) -> None:
    async def story(bench: Bench) -> None:
        bench.serve()
        status, headers, body = await bench.post()
        assert (status, body) == (200, {"offers": {}})
        assert (headers["x-p13n-config"], headers["x-p13n-lsn"]) == ("0123456789ab", "7")

    run(story)


@pytest.mark.parametrize("phase", [Phase.RECOVERING, Phase.DRAINING])
def test_row_3_a_process_that_is_not_ready_says_when_to_come_back(run: Run, phase: Phase) -> None:
    async def story(bench: Bench) -> None:
        if phase is Phase.DRAINING:
            bench.serve()
            assert (await bench.post())[0] == 200
            bench.gate.drain()
        calls = bench.reactor.calls
        status, headers, body = await bench.post(content_type=b"text/plain", authorization=b"no")
        assert (status, body["code"], headers["retry-after"]) == (503, 5003, "1")
        assert (await bench.post())[0] == 503
        assert bench.reactor.calls == calls
        status, _, body = await bench.post(path=b"/nothing")
        assert (status, body["code"]) == (404, 4004), "rows 1 and 2 come first"

    run(story)


def test_row_10b_a_failed_log_refuses_after_the_token_and_before_its_type(run: Run) -> None:
    async def story(bench: Bench) -> None:
        bench.serve()
        assert (await bench.post())[0] == 200
        bench.reactor.failure = "an input/output error"
        bench.commits.check()
        bench.commits.check()
        assert bench.failures == ["an input/output error"], "said once"
        status, headers, body = await bench.post(path=b"/public/your_database/pageviews")
        assert (status, body["code"], headers["retry-after"]) == (503, 5003, "1")
        _, _, body = await bench.post(wp13n_token=b"1/8/unknown")
        assert body["code"] == 3001, "row 10 comes first"

    run(story)


def test_row_16b_a_full_queue_is_429(run: Run) -> None:
    async def story(bench: Bench) -> None:
        bench.serve()
        bench.reactor.raises = Busy("the queue is full")
        status, headers, body = await bench.post()
        assert (status, body["code"], headers["retry-after"]) == (429, 2003, "1")

    run(story)


@pytest.mark.parametrize("error", [DiskFull("no room"), LogError("failed"), NotDurable("late")])
def test_row_17_an_event_that_is_not_stored_is_503(run: Run, error: LogError) -> None:
    async def story(bench: Bench) -> None:
        bench.serve()
        bench.reactor.raises = error
        status, _, body = await bench.post()
        assert (status, body["code"]) == (503, 5007)
        assert body["message"] == "The event could not be stored."

    run(story)


def test_row_17_an_answer_that_is_not_durable_in_time_is_503(run: Run) -> None:
    async def story(bench: Bench) -> None:
        bench.serve()
        bench.reactor.wait_lsn = 7
        status, _, body = await bench.post()
        assert (status, body["code"]) == (503, 5007)
        assert "retry with its uuid is safe" in body["detail"]

    run(story)


def test_row_17_answers_that_wait_when_the_log_fails_are_refused_at_once(run: Run) -> None:
    async def story(bench: Bench) -> None:
        bench.serve()
        bench.reactor.wait_lsn = 7
        waiting = asyncio.create_task(bench.post())
        await asyncio.sleep(0)
        bench.reactor.failure = "an input/output error"
        os.eventfd_write(bench.reactor.descriptor, 1)
        status, _, body = await waiting
        assert (status, body["code"]) == (503, 5007)
        assert bench.failures == ["an input/output error"]

    run(story)


@pytest.mark.parametrize("error", [Panic("canary-value"), RuntimeError("canary-value")])
def test_row_18_anything_unforeseen_is_500_and_one_line_without_values(
    run: Run, error: BaseException, caplog: pytest.LogCaptureFixture
) -> None:
    async def story(bench: Bench) -> None:
        bench.serve()
        bench.reactor.raises = error
        status, headers, body = await bench.post()
        assert (status, headers["connection"]) == (500, "close")
        assert body == {"code": 9999, "message": "Unknown/undiagnosed"}
        bench.reactor.raises = None
        assert (await bench.post())[0] == 200, "the next request is served"

    with caplog.at_level(logging.DEBUG, logger="p13n.server"):
        run(story)
    (record,) = caplog.records
    assert type(error).__name__ in record.getMessage()
    assert "canary-value" not in caplog.text


def test_an_answer_leaves_only_when_the_log_is_synced_up_to_it(run: Run) -> None:
    async def story(bench: Bench) -> None:
        bench.serve()
        answers = []
        for lsn in (5, 6, 7):
            bench.reactor.wait_lsn = lsn
            answers.append(asyncio.create_task(bench.post()))
            await asyncio.sleep(0)
        bench.reactor.sync(4)
        await asyncio.sleep(0.01)
        assert [answer.done() for answer in answers] == [False, False, False]
        bench.reactor.sync(6)
        await asyncio.sleep(0.01)
        assert [answer.done() for answer in answers] == [True, True, False]
        bench.reactor.sync(7)
        assert [(await answer)[0] for answer in answers] == [200, 200, 200]
        bench.reactor.wait_lsn = 7
        assert (await bench.post())[0] == 200, "what is synced already waits for nothing"

    run(story)


def test_a_client_that_goes_away_within_its_body_is_not_answered(run: Run) -> None:
    async def story(bench: Bench) -> None:
        bench.serve()

        async def receive() -> Message:
            return {"type": "http.disconnect"}

        async def send(_message: Any) -> None:
            raise AssertionError("nobody is there")

        scope = {
            "type": "http",
            "method": "POST",
            "raw_path": b"/your_database/pageviews",
            "headers": [
                (b"content-type", b"application/vnd.treasuredata.v1+json"),
                (b"authorization", b"TD1 " + bench.key.encode()),
                (b"wp13n-token", f"1/8/{TOKEN_TEXT}".encode()),
            ],
        }
        await bench.app(scope, receive, send)
        assert bench.reactor.calls == 0

    run(story)


def test_a_bad_event_is_not_refused_before_its_size_is_known(run: Run) -> None:
    async def story(bench: Bench) -> None:
        bench.serve()
        bench.reactor.raises = BadEvent("never reached")
        status, _, body = await bench.post((b"x" * 600_000, b"x" * 400_001))
        assert (status, body["code"]) == (413, 4013)
        assert bench.reactor.calls == 0

    run(story)


def test_no_secret_is_in_any_repr(run: Run) -> None:
    async def story(bench: Bench) -> None:
        bench.serve()
        await bench.post()
        admitted = list(bench.gate._admitted.values())
        tokens = list(bench.gate._tokens.values())
        assert len(admitted) == 1
        shown = f"{bench.gate!r} {admitted!r} {tokens!r} {bench.served!r}"
        assert bench.key not in shown
        assert TOKEN_TEXT not in shown

    run(story)
