"""`p13n log tail`: records as JSON lines, the last ones or from an LSN on, also as they come."""

import os
import select
import sys
from collections import deque
from collections.abc import Iterator
from contextlib import suppress
from typing import TYPE_CHECKING, Annotated, Any

import typer

from p13n.cli.failures import fail, in_one_sentence
from p13n.cli.parameters import AnyDirectory
from p13n.cli.reactors import one_reactor
from p13n.exit_codes import ExitCode

if TYPE_CHECKING:
    from p13n import LogCursor

RECORDS = 1024
"""Records that are taken over at a time."""
LAST = 10
"""How many are shown when nothing is said."""
POLL_MS = 200
"""How often a followed log is looked at."""


def tail(
    data_dir: AnyDirectory,
    follow: Annotated[
        bool, typer.Option("--follow", "-f", help="Go on with what comes; Ctrl-C ends it.")
    ] = False,
    database: Annotated[str | None, typer.Option(help="Only events of this database.")] = None,
    table: Annotated[str | None, typer.Option(help="Only events of this table.")] = None,
    from_lsn: Annotated[
        int | None, typer.Option(min=1, metavar="N", help="Begin with this record.")
    ] = None,
    count: Annotated[
        int | None,
        typer.Option(
            "-n",
            min=0,
            metavar="COUNT",
            help=f"The last so many ({LAST}); with `--from-lsn` the first so many.",
        ),
    ] = None,
    reactor: Annotated[
        str | None, typer.Option(metavar="ACCOUNT-INSTANCE", help="Which one, of several.")
    ] = None,
) -> None:
    """Print records of the log as JSON lines: those that are on disk for good.

    An event has `lsn`, `kind`, `time` (processing time, epoch ms), `uuid`, `database`, `table`,
    `rid` (its profile), `outcome` and `body`. Works beside a running server.

    Examples:

    \b
      p13n log tail --data-dir data
      p13n log tail --data-dir data --follow --table order_lines
      p13n log tail --data-dir data --from-lsn 1 -n 100
    """
    from p13n import LogCursor

    directory = one_reactor(data_dir, reactor)
    with in_one_sentence():
        first = max(from_lsn or 1, 1)
        cursor = LogCursor(directory, after_lsn=first - 1, database=database, table=table)
        if from_lsn is not None and not follow and from_lsn > cursor.synced_lsn():
            fail(
                f"The log ends at LSN {cursor.synced_lsn()}; there is no record {from_lsn}.",
                ExitCode.FAILED,
            )
        try:
            for record in _wanted(cursor, from_lsn, count, follow=follow):
                _print(record, flush=follow)
            sys.stdout.flush()
        except KeyboardInterrupt:
            with suppress(BrokenPipeError):
                sys.stdout.flush()
        except BrokenPipeError:
            forget_standard_output()
    if cursor.lost:
        print(
            f"{cursor.lost} records were gone before they were read (retention).", file=sys.stderr
        )


def _wanted(
    cursor: "LogCursor", from_lsn: int | None, count: int | None, *, follow: bool
) -> Iterator[dict[str, Any]]:
    if from_lsn is None:
        yield from deque(_all_now(cursor), maxlen=LAST if count is None else count)
        count = None
    while count is None or count > 0:
        records = cursor.records(RECORDS if count is None else min(count, RECORDS))
        yield from records
        if count is not None:
            count -= len(records)
        if not records and (not follow or _nobody_reads()):
            return


def _all_now(cursor: "LogCursor") -> Iterator[dict[str, Any]]:
    """What the log holds at the moment."""
    end = cursor.synced_lsn()
    while cursor.position < end and (records := cursor.records(RECORDS)):
        yield from records


def _nobody_reads() -> bool:
    """Waits a little; whether standard output is a pipe whose reader is gone."""
    waiting = select.poll()
    waiting.register(sys.stdout.fileno(), 0)
    return bool(waiting.poll(POLL_MS))


def _print(record: dict[str, Any], *, flush: bool) -> None:
    import orjson

    body = record.pop("body", None)
    line = orjson.dumps(record)
    if body is not None:
        line = line[:-1] + b',"body":' + _on_one_line(body) + b"}"
    sys.stdout.buffer.write(line + b"\n")
    if flush:
        sys.stdout.buffer.flush()


def _on_one_line(body: bytes) -> bytes:
    """The body as it was sent, unless a line break outside of its strings would break the line."""
    import orjson

    if b"\n" not in body and b"\r" not in body:
        return body
    return orjson.dumps(orjson.loads(body))


def forget_standard_output() -> None:
    """The reader has gone: what is buffered shall not be tried again at the end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)
