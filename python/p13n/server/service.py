"""The service's life: recover, serve, watch, drain; and why it stops.

Recovery runs in a thread while the probes already answer. Two things are watched off the hot path:
the key file, which other processes change, and the health of the logs.

Invariants: the first reason to stop wins, save that a log which could not be synced at the end is
never a success; reactors are closed (final sync) after the last request has been answered, and
exactly once.
"""

import asyncio
import contextlib
import functools
import shlex
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from starlette.applications import Starlette

from p13n import Corrupted, Locked, LogError, P13nError, Reactor, RecoveryProgress
from p13n.exit_codes import ExitCode
from p13n.keys import KeyFileError, KeyRing
from p13n.server import limits
from p13n.server.auth import Gate, Phase, Served
from p13n.server.commits import Commits
from p13n.server.errors import place_of
from p13n.settings import Settings
from p13n.system_error import sentence_of


class StartFailure(Exception):
    """The server cannot start: `str(error)` is the sentence for standard error."""

    def __init__(self, code: ExitCode, sentence: str) -> None:
        super().__init__(sentence)
        self.code = code


class Service:
    """The reactors of one process and the reason why it stops."""

    def __init__(self, settings: Settings, keys: KeyRing) -> None:
        self.settings = settings
        self.gate = Gate(keys)
        self.recovered = asyncio.Event()
        self.stopping = asyncio.Event()
        self.exit_code = ExitCode.OK
        self._reactors: list[Reactor] = []
        self._recovery: asyncio.Task[None] | None = None
        self._progress = RecoveryProgress()
        self._snapshots: set[asyncio.Task[None]] = set()

    @contextlib.asynccontextmanager
    async def lifespan(self, _app: Starlette) -> AsyncIterator[None]:
        """Starts recovery and the watch; at the end closes the reactors, which syncs their logs."""
        self._recovery = asyncio.create_task(self._recover())
        watch = asyncio.create_task(self._watch())
        yield
        watch.cancel()
        for served in self.gate.served:
            served.commits.close()
        for sentence in await asyncio.to_thread(self._close):
            say(sentence)
            self.exit_code = ExitCode.LOG_FAILED

    def stop(self, code: ExitCode, sentence: str | None = None) -> None:
        """Asks the process to end; the first reason wins."""
        self.gate.drain()
        if self.stopping.is_set():
            return
        self.exit_code = code
        self.stopping.set()
        if sentence is not None:
            say(sentence)

    def recovering(self) -> bool:
        """Whether a thread is still at work on recovery."""
        return self._recovery is not None and not self._recovery.done()

    def recovery_state(self) -> str:
        """How far recovery is, for people."""
        number = min(len(self._reactors) + 1, len(self.settings.configurations))
        of = f"reactor {number} of {len(self.settings.configurations)}"
        phase, done, total = self._progress.read()
        share = f" {100 * done // total} %" if total else ""
        match phase:
            case "snapshot":
                return f"{of}: loading the snapshot{share}"
            case "log":
                return f"{of}: replaying the log{share}"
            case "epoch":
                return f"{of}: writing a snapshot of what an older release's log led to"
            case _:
                return f"{of}: opening"

    def snapshot(self) -> None:
        """Takes a snapshot of every reactor, in a thread, and says what became of it."""
        for served in self.gate.served:
            task = asyncio.create_task(asyncio.to_thread(_snapshot, served.reactor))
            self._snapshots.add(task)
            task.add_done_callback(self._snapshots.discard)

    def readiness(self) -> dict[str, Any]:
        """What `/readyz` says: `ready`, why not, sync and clock mode, the reactors."""
        reasons: list[str] = []
        if self.gate.phase is not Phase.READY:
            reasons.append(self.gate.phase.value)
            if self.recovering():
                reasons.append(self.recovery_state())
        for one in self.gate.served:
            if one.failed:
                reasons.append(f"the log of {_id(one)} has failed")
            elif one.reactor._full():
                reasons.append(f"the disk of {_id(one)} is full: events are refused")
        return {
            "ready": not reasons,
            "reasons": reasons,
            "sync": self.settings.sync,
            "clock": self.settings.clock,
            "reactors": [
                {"reactor": _id(one), "configuration": one.config_header.decode()}
                for one in self.gate.served
            ],
        }

    async def _recover(self) -> None:
        try:
            await asyncio.to_thread(self._open)
        except StartFailure as failure:
            self.stop(failure.code, str(failure))
            return
        except asyncio.CancelledError:
            raise
        except BaseException as error:
            # A panic of the binary is a BaseException. Nobody else would hear of it.
            what = f"{type(error).__name__} at {place_of(error)}"
            self.stop(ExitCode.FAILED, f"Recovery ended with a bug of p13n: {what}.")
            return
        timeout_s = limits.COMMIT_TIMEOUT_MS / 1000
        served = [
            Served(reactor, Commits(reactor, timeout_s, functools.partial(self._failed, number)))
            for number, reactor in enumerate(self._reactors)
        ]
        if not self.stopping.is_set():
            self.gate.serve(served)
            self.recovered.set()

    def _open(self) -> None:
        """Opens all reactors, in a thread of its own. Raises StartFailure."""
        for path in self.settings.configurations:
            self._progress = RecoveryProgress()
            try:
                reactor = Reactor.open(
                    path,
                    data_dir=self.settings.data_dir,
                    sync=self.settings.sync,
                    sync_interval_ms=self.settings.sync_interval_ms,
                    clock=self.settings.clock,
                    commit_timeout_ms=limits.COMMIT_TIMEOUT_MS,
                    queue_bytes_max=self.settings.queue_bytes_max,
                    dedup_max=self.settings.dedup_max,
                    retention_days=self.settings.retention_days,
                    retention_bytes=self.settings.retention_bytes,
                    memory_budget=self._memory_budget(),
                    on_memory_full=self.settings.on_memory_full,
                    progress=self._progress,
                )
            except (P13nError, OSError) as error:
                raise self._start_failure(path, error) from error
            self._reactors.append(reactor)

    def _memory_budget(self) -> int:
        """A reactor's part of the budget, in equal shares."""
        whole = self.settings.memory_budget or Reactor._memory_budget()
        if whole == 0:
            return 0
        return max(whole // len(self.settings.configurations), limits.MEMORY_BUDGET_MIN)

    def _start_failure(self, path: Path, error: P13nError | OSError) -> StartFailure:
        """The exit code and the sentence of an error while opening `path`."""
        match error:
            case Locked():
                ours = {f"{reactor.account}-{reactor.instance}" for reactor in self._reactors}
                if ours & set(Path(error.directory).parts):
                    sentence = f"{path} has the account and instance of an earlier configuration."
                    return StartFailure(ExitCode.CONFIGURATION, sentence)
                return StartFailure(ExitCode.LOCKED, f"Another process is using {error.directory}.")
            case Corrupted():
                directory = shlex.quote(str(self.settings.data_dir))
                sentence = (
                    f"The log cannot be opened: {error}. Restore a backup, or read what is left "
                    f"with `p13n log salvage --data-dir {directory} --to NEW`."
                )
                return StartFailure(ExitCode.LOG_DAMAGED, sentence)
            case LogError():
                return StartFailure(ExitCode.LOG_DAMAGED, f"The log cannot be opened: {error}")
            case P13nError():
                return StartFailure(ExitCode.CONFIGURATION, str(error))
            case _:
                return StartFailure(
                    ExitCode.DIRECTORY, f"Cannot open {path}: {sentence_of(error)}."
                )

    def _failed(self, number: int, why: str) -> None:
        served = self.gate.served[number]
        self.gate.fail(served)
        self.stop(ExitCode.LOG_FAILED, f"The log of reactor {_id(served)} has failed: {why}")

    async def _watch(self) -> None:
        """Notices changes of the key file and failures that no sync announced, within a second."""
        complained = False
        full: set[int] = set()
        while True:
            await asyncio.sleep(limits.KEYS_POLL_S)
            try:
                await self.gate.refresh_keys()
                complained = False
            except (KeyFileError, OSError) as error:
                if not complained:
                    say(f"The API keys stay as they were: {error}")
                complained = True
            for number, served in enumerate(self.gate.served):
                served.commits.check()
                _say_whether_full(served, number, full)

    def _close(self) -> list[str]:
        """Syncs and closes all logs; a sentence for each that could not be synced to its end."""
        sentences = []
        for reactor in self._reactors:
            try:
                reactor.close()
            except LogError as error:
                name = f"{reactor.account}/{reactor.instance}"
                sentences.append(f"The log of reactor {name} was not synced at the end: {error}")
        return sentences


def retention_sentence(reactor: Reactor) -> str:
    """How long the log will reach back, in days at the rate of late (5.6)."""
    outlook = reactor.stats()["retention"]
    limits_of = []
    reach_days = []
    if (days_max := outlook["days_max"]) is not None:
        limits_of.append(f"for {days_max:g} {'day' if days_max == 1 else 'days'}")
        reach_days.append(days_max)
    if (bytes_max := outlook["bytes_max"]) is not None:
        limits_of.append(f"up to {_size(bytes_max)}")
        if outlook["bytes_per_day"]:
            reach_days.append(bytes_max / outlook["bytes_per_day"])
    name = f"{reactor.account}/{reactor.instance}"
    if not limits_of:
        return f"The log of reactor {name} keeps everything."
    sentence = f"The log of reactor {name} keeps events {' or '.join(limits_of)}"
    if outlook["bytes_per_day"]:
        return f"{sentence}: {min(reach_days):.1f} days at its rate of late."
    return f"{sentence}; how many days that is will show once it spans an hour."


def recovery_sentences(reactor: Reactor) -> list[str]:
    """What the start of a reactor found that a person should know: none, as a rule."""
    recovery = reactor.stats()["recovery"]
    name = f"{reactor.account}/{reactor.instance}"
    sentences = []
    if torn := recovery["torn_bytes"]:
        sentences.append(
            f"The log of reactor {name} ended in {torn} bytes that a crash left unfinished: they "
            "were cut off and kept beside as `.torn`."
        )
    if damaged := recovery["snapshots_damaged"]:
        what = "snapshot was" if damaged == 1 else "snapshots were"
        sentences.append(
            f"{damaged} damaged {what} set aside by reactor {name}; an older one, or the log, "
            "served instead."
        )
    return sentences


def _size(size_bytes: int) -> str:
    """Bytes with the unit in which they are at least 1."""
    for unit, unit_bytes in (("GB", 1e9), ("MB", 1e6), ("kB", 1e3)):
        if size_bytes >= unit_bytes:
            return f"{size_bytes / unit_bytes:.1f} {unit}"
    return f"{size_bytes} bytes"


def _snapshot(reactor: Reactor) -> None:
    name = f"{reactor.account}/{reactor.instance}"
    try:
        taken = reactor.snapshot()
    except P13nError as error:
        say(f"No snapshot of reactor {name} was taken: {error}")
        return
    say(
        f"A snapshot of reactor {name}: {taken['profiles']} profiles at LSN {taken['lsn']}, "
        f"{taken['bytes']} bytes, {taken['ms']} ms."
    )


def _say_whether_full(served: Served, number: int, full: set[int]) -> None:
    """Says once that memory is full, and once that it is not any more."""
    is_full = served.reactor._memory_full()
    if is_full and number not in full:
        full.add(number)
        say(
            f"Alarm: the memory for profiles of reactor {_id(served)} is full: new customers are "
            "answered and not kept (see `--memory-budget` and `--on-memory-full`)."
        )
    elif not is_full and number in full:
        full.discard(number)
        say(f"There is memory for new profiles of reactor {_id(served)} again.")


def say(sentence: str) -> None:
    """One line on standard error, where faults and notices go.

    Standard error may be a file on the very disk that is full: that stops nothing else.
    """
    with contextlib.suppress(OSError):
        print(sentence, file=sys.stderr, flush=True)


def _id(served: Served) -> str:
    return f"{served.account.decode()}/{served.instance.decode()}"
