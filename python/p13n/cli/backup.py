"""`p13n backup` and `p13n restore`: a data directory as of one moment, and back."""

import re
from collections.abc import Callable
from datetime import UTC, datetime
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from p13n.cli.failures import fail, in_one_sentence, must_be_new
from p13n.cli.log_verify import place
from p13n.cli.parameters import AnyDirectory, NewDirectory
from p13n.cli.reactors import reactor_directories
from p13n.exit_codes import ExitCode

_EPOCH_MS = re.compile("[0-9]{1,15}")


def backup(
    to: Annotated[
        Path,
        typer.Argument(metavar="DIR", readable=False, help="The backup; made, or brought up."),
    ],
    data_dir: AnyDirectory,
) -> None:
    """Copy a data directory as of one LSN of each reactor, beside a running server.

    Everything is checked first; of a damaged log nothing is copied. Into an earlier backup only
    what is new is written. The result is a complete data directory: restore it, or serve it. It
    holds the secret and the digests of API keys: keep it as safe.

    Examples:

    \b
      p13n backup /backups/shop --data-dir data
    """
    from p13n import durable, keys, log_backup, log_verify
    from p13n.system_error import make_directory

    directories = reactor_directories(data_dir)
    if to.resolve() == data_dir.resolve():
        fail("The backup and the data directory are the same directory.", ExitCode.USAGE)
    if to.resolve().is_relative_to(data_dir.resolve()):
        fail(
            f"{to} lies in the data directory, and would be lost with it: back up to another disk.",
            ExitCode.USAGE,
        )
    with in_one_sentence("The backup cannot be written"):
        # Before anything is written: a damaged file must not take the place of its good copy.
        for directory in directories:
            if damages := log_verify(directory)["damages"]:
                fail(
                    f"Nothing was copied, for reactor {directory.name} is damaged: "
                    f"{place(damages[0])}. `p13n log verify` tells all damage; the ways on are an "
                    "earlier backup and `p13n log salvage`.",
                    ExitCode.LOG_DAMAGED,
                )
        make_directory(to)
        for directory in directories:
            copied = _or_sentence(partial(log_backup, directory, to / directory.name))
            print(
                f"reactor {directory.name}: LSN {copied['last_lsn']}, {copied['files']} files "
                f"({copied['bytes']} bytes) copied, {copied['kept']} kept"
            )
        if (data_dir / keys.FILE_NAME).exists():
            content = (data_dir / keys.FILE_NAME).read_bytes()
            durable.replace(to / keys.FILE_NAME, content, mode=0o600)
        durable.sync(to)


def restore(
    source: Annotated[
        Path, typer.Argument(metavar="DIR", readable=False, help="The backup to restore.")
    ],
    data_dir: NewDirectory,
    until: Annotated[
        str | None,
        typer.Option(
            metavar="TIME",
            help="End with the last event of this time: ISO 8601 (UTC unless it says), or epoch "
            "ms.",
        ),
    ] = None,
    current: Annotated[
        Path | None,
        typer.Option(
            metavar="DIR",
            help="The data directory as it was last: people who were erased there stay erased.",
        ),
    ] = None,
) -> None:
    """Make a new data directory from a backup, whole or as of an earlier moment.

    Everything is checked first; the directory appears whole or not at all. TIME is processing
    time: when events arrived, or their own times under `--clock event`. Erasures that came later,
    in the backup or in `--current`, are carried out when the new directory is first opened.

    Examples:

    \b
      p13n restore /backups/shop --data-dir data
      p13n restore /backups/shop --data-dir data --until 2026-03-01T12:00:00Z
    """
    from p13n import durable, keys, log_restore

    until_ms = None if until is None else epoch_ms(until)
    directories = reactor_directories(source, "backup")
    must_be_new(data_dir)
    lines: list[str] = []
    with in_one_sentence("The data directory cannot be made"), durable.appearing(data_dir) as new:
        for directory in directories:
            last = None if current is None else current / directory.name
            last = last if last is not None and last.is_dir() else None
            work = partial(log_restore, directory, new / directory.name, until_ms, last)
            copied = _or_sentence(work)
            lines.append(
                f"reactor {directory.name}: restored up to LSN {copied['last_lsn']}"
                + ("" if copied["last_lsn"] else ", which is nothing: no record is that old")
            )
            if until_ms is not None and len(directories) == 1 and not copied["last_lsn"]:
                fail(f"Nothing in the backup is as old as {until}.")
        if (source / keys.FILE_NAME).exists():
            content = (source / keys.FILE_NAME).read_bytes()
            durable.replace(new / keys.FILE_NAME, content, mode=0o600)
    print("\n".join(lines))


def epoch_ms(text: str) -> int:
    """A moment as epoch milliseconds; ends the command when it is none."""
    if _EPOCH_MS.fullmatch(text):
        return int(text)
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        fail(
            f"`--until` is a time such as 2026-03-01T12:00:00Z, or epoch milliseconds; "
            f"{text!r} is neither.",
            ExitCode.USAGE,
        )
    if moment.tzinfo is None:
        moment = moment.replace(tzinfo=UTC)
    return round(moment.timestamp() * 1000)


def _or_sentence(work: Callable[[], dict[str, int]]) -> dict[str, int]:
    """What `work` answers; its ValueError is a sentence about the directory."""
    try:
        return work()
    except ValueError as error:
        fail(f"{error}.", ExitCode.DIRECTORY)
