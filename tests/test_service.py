"""The service's life when what it holds fails: a panic in recovery, a last sync that fails."""

import asyncio
from collections.abc import Callable
from pathlib import Path
from typing import Any, cast

import pytest
from starlette.applications import Starlette

from p13n import LogError, Reactor
from p13n.exit_codes import ExitCode
from p13n.keys import KeyRing
from p13n.server import service as service_module
from p13n.server.service import Service
from p13n.settings import Settings


class Panic(BaseException):
    """What a panic of the binary is to Python: no Exception."""


class Closing:
    """A reactor that is only closed."""

    account, instance = 1, 8

    def __init__(self, failure: LogError | None = None) -> None:
        self.failure = failure
        self.closed = False

    def close(self) -> None:
        self.closed = True
        if self.failure is not None:
            raise self.failure


def service_over(directory: Path, *configurations: Path) -> Service:
    """A service that has not begun."""
    settings = Settings(
        configurations=configurations,
        data_dir=directory,
        host="127.0.0.1",
        port=0,
        admin_host="127.0.0.1",
        admin_port=0,
        sync="always",
        sync_interval_ms=100,
        clock="server",
        answer_bytes_max=10_000,
        queue_bytes_max=67_108_864,
        dedup_max=1_000_000,
        retention_days=30,
        retention_bytes=0,
        memory_budget=0,
        on_memory_full="keep",
    )
    return Service(settings, KeyRing(directory))


def test_a_last_sync_that_fails_is_said_and_no_success(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    failing, sound = Closing(LogError("an input/output error")), Closing()

    async def story() -> ExitCode:
        service = service_over(tmp_path)
        service._reactors = cast(list[Reactor], [failing, sound])
        async with service.lifespan(Starlette()):
            service.stop(ExitCode.OK)
        return service.exit_code

    assert asyncio.run(story()) is ExitCode.LOG_FAILED
    assert failing.closed and sound.closed, "one failure keeps no other log from its last sync"
    said = capsys.readouterr().err
    assert said == "The log of reactor 1/8 was not synced at the end: an input/output error\n"


@pytest.mark.parametrize("error", [Panic("canary-value"), RuntimeError("canary-value")])
def test_an_unforeseen_error_in_recovery_ends_the_process_instead_of_hanging_it(
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    error: BaseException,
) -> None:
    def panics(*_arguments: Any, **_options: Any) -> Callable[..., Reactor]:
        raise error

    class Panicking:
        open = staticmethod(panics)

    monkeypatch.setattr(service_module, "Reactor", Panicking)

    async def story() -> ExitCode:
        service = service_over(tmp_path, tmp_path / "shop.yaml")
        async with service.lifespan(Starlette()):
            await asyncio.wait_for(service.stopping.wait(), 5)
        return service.exit_code

    assert asyncio.run(story()) is ExitCode.FAILED
    said = capsys.readouterr().err
    assert said.startswith("Recovery ended with a bug of p13n: ")
    assert said.count("\n") == 1
