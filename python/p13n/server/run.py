"""`serve`: the process. Checks what can be checked, listens, recovers, serves, drains, exits.

Two uvicorn servers share one event loop: the data plane and the admin plane, so that probes and
administration never stand in the queue of the data plane's port. Every way to fail has one sentence
on standard error and an exit code of its own.

Invariants: nothing is served before recovery is done; SIGTERM answers what is in flight, for at
most the drain's time, then syncs, then exits 0.
"""

import asyncio
import contextlib
import errno
import logging
import os
import shlex
import signal
import socket
import sys
from collections.abc import Callable, Iterator
from pathlib import Path

import uvicorn
import uvloop
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import Response

from p13n import __version__, check
from p13n.exit_codes import ExitCode
from p13n.keys import KeyFileError, KeyRing
from p13n.server import limits
from p13n.server.data_plane import DataPlane
from p13n.server.errors import NOT_FOUND
from p13n.server.probes import failure_response, probe_routes
from p13n.server.protocol import Outbox, protocol_of
from p13n.server.service import Service, StartFailure, recovery_sentences, retention_sentence, say
from p13n.settings import Settings
from p13n.system_error import check_writable, reason_of, sentence_of

# After the log has failed the process has one second; this much of it lets the answers leave.
_LAST_ANSWERS_S = 0.2
# A recovery that is quicker is not worth a line.
_QUIET_RECOVERY_S = 1.0
# And then a line so often.
_PROGRESS_EVERY_S = 2.0


def serve(settings: Settings, on_ready: Callable[[int], None] | None = None) -> ExitCode:
    """Serves until a signal or a fault; answers the exit code, having said why on standard error.

    `on_ready(port)` is called on the loop once the data plane serves.
    """
    logging.basicConfig(level=logging.WARNING, format="%(levelname)s %(name)s: %(message)s")
    try:
        check_configurations(settings.configurations)
        check_directory(settings.data_dir)
        keys = read_keys(settings.data_dir)
        data_socket = listen(settings.host, settings.port, "--port")
        admin_socket = listen(settings.admin_host, settings.admin_port, "--admin-port")
    except StartFailure as failure:
        say(str(failure))
        return failure.code
    with asyncio.Runner(loop_factory=uvloop.new_event_loop) as runner:
        return runner.run(_run(settings, keys, data_socket, admin_socket, on_ready))


async def _run(
    settings: Settings,
    keys: KeyRing,
    data_socket: socket.socket,
    admin_socket: socket.socket,
    on_ready: Callable[[int], None] | None,
) -> ExitCode:
    """The process on its loop, from listening to the last answer."""
    service = Service(settings, keys)
    routes = probe_routes(service.readiness)
    data_plane = DataPlane(service.gate, settings.answer_bytes_max, routes, service.lifespan)
    admin_plane = Starlette(routes=routes, exception_handlers={404: _not_found})
    servers = [_server(data_plane, "on"), _server(admin_plane, "off")]
    _stop_on_signals(service, servers)
    tasks = [
        asyncio.create_task(server.serve(sockets=[listener]))
        for server, listener in zip(servers, (data_socket, admin_socket), strict=True)
    ]
    await _until_ready(service, f"{_url(admin_socket)}/readyz")
    if service.recovered.is_set():
        with contextlib.suppress(OSError):  # Standard output may be a file on a full disk.
            print(_start_up_line(service, data_socket, admin_socket), flush=True)
        _say_which_keys_are_missing(service, keys)
        for served in service.gate.served:
            for sentence in recovery_sentences(served.reactor):
                say(sentence)
            say(retention_sentence(served.reactor))
        if on_ready is not None:
            on_ready(int(data_socket.getsockname()[1]))
    await service.stopping.wait()
    if service.exit_code is ExitCode.LOG_FAILED or service.recovering():
        # A failed disk may hang whoever touches it, and recovery cannot be interrupted; the log
        # is made to survive this.
        await asyncio.sleep(_LAST_ANSWERS_S)
        _exit_now(service.exit_code)
    servers[0].should_exit = True
    await tasks[0]
    servers[1].should_exit = True
    await tasks[1]
    return service.exit_code


async def _until_ready(service: Service, probe: str) -> None:
    """Until recovery is done or the process stops, whichever comes first."""
    waits = [
        asyncio.create_task(service.recovered.wait()),
        asyncio.create_task(service.stopping.wait()),
    ]
    first = asyncio.FIRST_COMPLETED
    done, _ = await asyncio.wait(waits, timeout=_QUIET_RECOVERY_S, return_when=first)
    if not done:
        say(f"Recovering; {probe} says when it is done.")
    while not done:
        done, _ = await asyncio.wait(waits, timeout=_PROGRESS_EVERY_S, return_when=first)
        if not done:
            say(f"Recovering: {service.recovery_state()}.")
    for wait in waits:
        wait.cancel()


class _Server(uvicorn.Server):
    """A uvicorn server that leaves signals to us: two of them share the process."""

    @contextlib.contextmanager
    def capture_signals(self) -> Iterator[None]:
        yield


def _server(app: Starlette, lifespan: str) -> _Server:
    return _Server(
        uvicorn.Config(
            app,
            interface="asgi3",
            http=protocol_of(Outbox(asyncio.get_running_loop())),
            ws="none",
            lifespan=lifespan,  # type: ignore[arg-type]
            # Its warnings name no request of ours, its errors are answered by our own handlers.
            log_config=None,
            log_level="critical",
            access_log=False,
            proxy_headers=False,
            server_header=False,
            timeout_graceful_shutdown=limits.DRAIN_S,
            backlog=limits.BACKLOG,
        )
    )


def _stop_on_signals(service: Service, servers: list[_Server]) -> None:
    """The first SIGTERM or SIGINT drains; a second one does not wait for what is in flight.

    SIGUSR1 asks for a snapshot.
    """

    def stop() -> None:
        if service.stopping.is_set():
            for server in servers:
                server.force_exit = True
        service.stop(ExitCode.OK)

    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        loop.add_signal_handler(number, stop)
    loop.add_signal_handler(signal.SIGUSR1, service.snapshot)


async def _not_found(_request: Request, _error: Exception) -> Response:
    return failure_response(NOT_FOUND)


def _start_up_line(
    service: Service, data_socket: socket.socket, admin_socket: socket.socket
) -> str:
    """Everything that a script needs to know, as `name=value`; printed once events are served."""
    recovery = [served.reactor.stats()["recovery"] for served in service.gate.served]
    facts = {
        "data": _url(data_socket),
        "admin": _url(admin_socket),
        "sync": service.settings.sync,
        "clock": service.settings.clock,
        "reactors": len(recovery),
        "snapshot_profiles": sum(one["snapshot_profiles"] for one in recovery),
        "recovered_events": sum(one["events"] for one in recovery),
        "recovery_ms": round(sum(one["ms"] for one in recovery)),
        "pid": os.getpid(),
    }
    return f"p13n {__version__} serves " + " ".join(f"{k}={v}" for k, v in facts.items())


def _say_which_keys_are_missing(service: Service, keys: KeyRing) -> None:
    """An account without a key is a service that refuses every event: said with the remedy."""
    accounts = {served.reactor.account for served in service.gate.served}
    for account in sorted(accounts - keys.accounts()):
        say(
            f"Account {account} has no API key that may send events, so each will be refused: "
            f"`p13n key create --data-dir {shlex.quote(str(service.settings.data_dir))} "
            f"--account {account} --kind write` makes one, at once."
        )


def _url(listener: socket.socket) -> str:
    host, port = listener.getsockname()[:2]
    return f"http://[{host}]:{port}" if ":" in host else f"http://{host}:{port}"


def check_configurations(paths: tuple[Path, ...]) -> None:
    """Says all diagnostics of the files; raises StartFailure when there is an error."""
    try:
        diagnostics = check([str(path) for path in paths])
    except OSError as error:
        raise StartFailure(
            ExitCode.CONFIGURATION, f"Cannot read the configuration: {sentence_of(error)}."
        ) from error
    for diagnostic in diagnostics:
        say(str(diagnostic))
    errors = sum(diagnostic.severity == "error" for diagnostic in diagnostics)
    if errors:
        raise StartFailure(
            ExitCode.CONFIGURATION,
            f"The configuration has {errors} {'error' if errors == 1 else 'errors'}; "
            "nothing was started.",
        )


def check_directory(directory: Path) -> None:
    """Makes the data directory and tries to write in it. Raises StartFailure."""
    try:
        check_writable(directory)
    except OSError as error:
        raise StartFailure(
            ExitCode.DIRECTORY,
            f"The data directory {directory} cannot be written: {reason_of(error)}.",
        ) from error


def read_keys(directory: Path) -> KeyRing:
    """The API keys as they stand. Raises StartFailure."""
    keys = KeyRing(directory)
    try:
        keys.refresh()
    except KeyFileError as error:
        raise StartFailure(ExitCode.CONFIGURATION, str(error)) from error
    except OSError as error:
        raise StartFailure(
            ExitCode.DIRECTORY, f"The API keys cannot be read: {reason_of(error)}."
        ) from error
    return keys


def listen(host: str, port: int, flag: str) -> socket.socket:
    """A socket bound to the address; port 0 picks a free one. Raises StartFailure."""
    try:
        family, kind, protocol, _name, address = socket.getaddrinfo(
            host, port, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
        )[0]
        listener = socket.socket(family, kind, protocol)
        listener.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        listener.bind(address)
        # At once: a bound port that does not listen yet could be bound a second time.
        listener.listen(limits.BACKLOG)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            sentence = f"Port {port} on {host} is taken; choose another with `{flag}`."
        else:
            sentence = f"Cannot listen on {host}, port {port}: {reason_of(error)}."
        raise StartFailure(ExitCode.LISTEN, sentence) from error
    return listener


def _exit_now(code: ExitCode) -> None:
    with contextlib.suppress(OSError):
        sys.stdout.flush()
        sys.stderr.flush()
    os._exit(code)
