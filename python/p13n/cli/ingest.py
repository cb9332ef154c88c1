"""`p13n ingest`: a file of events into a data directory, exactly once."""

import contextlib
import re
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, cast

import typer

from p13n.cli.failures import fail, in_one_sentence, must_read, must_write
from p13n.cli.parameters import FreeDirectory
from p13n.cli.progress import progress_bar
from p13n.exit_codes import ExitCode
from p13n.settings import Clock

if TYPE_CHECKING:
    from p13n import Reactor

_TARGET = re.compile(r"([0-9a-z_]{3,128})\.([0-9a-z_]{3,128})")


def ingest(
    configuration: Annotated[
        Path, typer.Argument(metavar="CONFIG", readable=False, help="The configuration.")
    ],
    file: Annotated[
        Path,
        typer.Argument(
            metavar="FILE[.gz]", readable=False, help="One JSON event a line, oldest first."
        ),
    ],
    data_dir: FreeDirectory,
    to: Annotated[
        str, typer.Option("--to", metavar="DATABASE.TABLE", help="The table of these events.")
    ],
    clock: Annotated[
        str,
        typer.Option(
            envvar="P13N_CLOCK",
            metavar="server|event",
            help="`event` takes the processing time from each event's `time`.",
        ),
    ] = "server",
    rejects: Annotated[
        Path | None,
        typer.Option(help="Write bad lines here and go on; without it the first one stops."),
    ] = None,
) -> None:
    """Store a file's events and update profiles; no offers are decided.

    A rerun adds nothing: it goes on after the last line that was dealt with, also after a kill.

    Examples:

    \b
      p13n ingest retail.yaml orders.jsonl.gz --to shop.orders --data-dir data --clock event
      p13n ingest retail.yaml orders.jsonl --to shop.orders --data-dir data --rejects bad.jsonl
    """
    from p13n import Reactor
    from p13n.bulk import ingest_file

    target = _TARGET.fullmatch(to)
    if target is None:
        fail(
            "`--to` is DATABASE.TABLE, each 3 to 128 of a-z, 0-9 and _.",
            ExitCode.USAGE,
        )
    if clock not in ("server", "event"):
        fail("`--clock` is `server` or `event`.", ExitCode.USAGE)
    must_read(configuration, "the configuration", ExitCode.CONFIGURATION)
    if file.exists() and not file.is_file():
        fail(f"{file} is not a file; a stream must be saved first, since a file is read twice.")
    must_read(file, "the events")
    must_write(data_dir)
    started = time.monotonic()
    with in_one_sentence(), contextlib.ExitStack() as stack:
        total = file.stat().st_size
        reactor = stack.enter_context(
            Reactor.open(configuration, data_dir=data_dir, clock=cast(Clock, clock))
        )
        _must_be_known(reactor, configuration, (target[1], target[2]))
        bad = stack.enter_context(rejects.open("ab")) if rejects is not None else None
        advance = stack.enter_context(progress_bar(f"{file.name} to {to}", total))
        try:
            outcome = ingest_file(reactor, target[1], target[2], file, rejects=bad, advance=advance)
        except KeyboardInterrupt:
            print(
                "Interrupted; the same command goes on after the last line stored.", file=sys.stderr
            )
            raise
    duration_s = time.monotonic() - started
    print(
        f"stored={outcome.stored} duplicate={outcome.duplicate} skipped={outcome.skipped} "
        f"ignored={outcome.ignored} refused={len(outcome.refused)} seconds={duration_s:.1f}"
    )
    if outcome.refused and rejects is None:
        number, why = outcome.refused[0]
        fail(f"{file}, line {number}: {why} (with `--rejects FILE` bad lines are set aside)")


def _must_be_known(reactor: "Reactor", configuration: Path, target: tuple[str, str]) -> None:
    """Refuses a table that the configuration does not name.

    Over HTTP such an event is stored and touches no profile. A whole file of them is a slip of
    the pen that nothing takes back.
    """
    routes = reactor._routes()
    if target in routes:
        return
    known = ", ".join(".".join(route) for route in routes) or "none"
    fail(
        f"{configuration} has no table {'.'.join(target)} (it has: {known}); to store its events "
        "without any rule for them, add the table to `destinations`.",
        ExitCode.USAGE,
    )
