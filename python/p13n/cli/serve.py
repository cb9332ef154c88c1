"""`p13n serve`: the service in the foreground."""

from pathlib import Path
from typing import Annotated, cast, get_args

import typer

from p13n.cli.failures import fail
from p13n.cli.parameters import ServedDirectory
from p13n.exit_codes import ExitCode
from p13n.server.limits import MEMORY_BUDGET_MIN
from p13n.settings import Clock, OnMemoryFull, Settings, Sync

PORT_MAX = 65535
RETENTION_DAYS_MAX = 36_500


def serve(
    configurations: Annotated[
        list[Path],
        typer.Argument(metavar="CONFIG", readable=False, help="One YAML file for each reactor."),
    ],
    data_dir: ServedDirectory,
    host: Annotated[
        str, typer.Option(envvar="P13N_HOST", help="Address of the data plane.")
    ] = "127.0.0.1",
    port: Annotated[
        int,
        typer.Option(
            envvar="P13N_PORT",
            min=0,
            max=PORT_MAX,
            help="Port of the data plane; 0 picks a free one.",
        ),
    ] = 8080,
    admin_host: Annotated[
        str, typer.Option(envvar="P13N_ADMIN_HOST", help="Address of the admin plane.")
    ] = "127.0.0.1",
    admin_port: Annotated[
        int,
        typer.Option(
            envvar="P13N_ADMIN_PORT",
            min=0,
            max=PORT_MAX,
            help="Port of the admin plane; 0 picks a free one.",
        ),
    ] = 8081,
    sync: Annotated[
        str,
        typer.Option(
            envvar="P13N_SYNC",
            metavar="always|interval|never",
            help="`always`: an answer leaves when its event is on disk. `interval`: the disk "
            "follows within the interval. `never`: the system writes when it likes.",
        ),
    ] = "always",
    sync_interval_ms: Annotated[
        int,
        typer.Option(
            envvar="P13N_SYNC_INTERVAL_MS",
            min=1,
            max=60_000,
            help="The interval of `--sync interval`.",
        ),
    ] = 100,
    clock: Annotated[
        str,
        typer.Option(
            envvar="P13N_CLOCK",
            metavar="server|event",
            help="`event` takes the processing time from the events: for backfill and tests.",
        ),
    ] = "server",
    answer_bytes_max: Annotated[
        int,
        typer.Option(
            envvar="P13N_ANSWER_BYTES_MAX",
            min=13,
            help="A longer answer is cut at the last whole offer that fits.",
        ),
    ] = 10_000,
    queue_bytes_max: Annotated[
        int,
        typer.Option(
            envvar="P13N_QUEUE_BYTES_MAX",
            min=8_000_000,
            help="What may wait for the disk; when full, events are answered 429.",
        ),
    ] = 67_108_864,
    dedup_max: Annotated[
        int,
        typer.Option(
            envvar="P13N_DEDUP_MAX", min=1, help="Clients' uuids remembered in each generation."
        ),
    ] = 1_000_000,
    retention_days: Annotated[
        int,
        typer.Option(
            envvar="P13N_RETENTION_DAYS",
            min=0,
            max=RETENTION_DAYS_MAX,
            help="Events are kept for so many days; 0: not let go by age. Profiles stay.",
        ),
    ] = 30,
    retention_bytes: Annotated[
        int,
        typer.Option(
            envvar="P13N_RETENTION_BYTES",
            min=0,
            help="The log of one reactor takes at most so much; 0: 60 % of the disk.",
        ),
    ] = 0,
    memory_budget: Annotated[
        int,
        typer.Option(
            envvar="P13N_MEMORY_BUDGET",
            min=0,
            help="Bytes that the profiles of all reactors take; 0: 60 % of the machine.",
        ),
    ] = 0,
    on_memory_full: Annotated[
        str,
        typer.Option(
            envvar="P13N_ON_MEMORY_FULL",
            metavar="keep|evict",
            help="`keep`: a new customer is answered and not kept. `evict`: others go, the oldest "
            "first.",
        ),
    ] = "keep",
    workers: Annotated[
        int, typer.Option(envvar="P13N_WORKERS", min=1, help="Processes; one in this version.")
    ] = 1,
) -> None:
    """Serve reactors over HTTP until SIGTERM or Ctrl-C.

    Once events are served, one line on standard output says where: `data=http://... admin=...`.
    SIGTERM answers what is in flight, syncs the log and exits 0.

    Examples:

    \b
      p13n serve retail.yaml --data-dir data
      p13n serve shop.yaml news.yaml --data-dir data --port 0 --sync interval
      P13N_PORT=9000 p13n serve retail.yaml --data-dir data
    """
    if not host or not admin_host:
        fail(
            "`--host` and `--admin-host` are addresses; an empty one would mean all of them "
            "(write `0.0.0.0` for that).",
            ExitCode.USAGE,
        )
    if workers > 1:
        fail(
            "More than one worker is not built in this version: run with `--workers 1`.",
            ExitCode.USAGE,
        )
    if sync not in get_args(Sync):
        fail("`--sync` is `always`, `interval` or `never`.", ExitCode.USAGE)
    if clock not in ("server", "event"):
        fail("`--clock` is `server` or `event`.", ExitCode.USAGE)
    if on_memory_full not in get_args(OnMemoryFull):
        fail("`--on-memory-full` is `keep` or `evict`.", ExitCode.USAGE)
    if 0 < memory_budget < MEMORY_BUDGET_MIN * len(configurations):
        fail(
            f"`--memory-budget` is at least {MEMORY_BUDGET_MIN} bytes for each reactor.",
            ExitCode.USAGE,
        )
    from p13n.server.run import serve as run

    code = run(
        Settings(
            configurations=tuple(configurations),
            data_dir=data_dir,
            host=host,
            port=port,
            admin_host=admin_host,
            admin_port=admin_port,
            sync=cast(Sync, sync),
            sync_interval_ms=sync_interval_ms,
            clock=cast(Clock, clock),
            answer_bytes_max=answer_bytes_max,
            queue_bytes_max=queue_bytes_max,
            dedup_max=dedup_max,
            retention_days=retention_days,
            retention_bytes=retention_bytes,
            memory_budget=memory_budget,
            on_memory_full=cast(OnMemoryFull, on_memory_full),
        )
    )
    raise typer.Exit(code)
