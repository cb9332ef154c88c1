"""The reactors of a data directory, for commands that read their logs."""

import re
from pathlib import Path

from p13n.cli.failures import fail
from p13n.exit_codes import ExitCode
from p13n.system_error import reason_of

_REACTOR = re.compile("[0-9]+-[0-9]+")


def reactor_directories(data_dir: Path, what: str = "data directory") -> list[Path]:
    """The directories `{account}-{instance}` of a data directory; ends the command without one.

    `what` is it, in words.
    """
    if not data_dir.exists():
        fail(f"There is no {what} {data_dir}.", ExitCode.DIRECTORY)
    if not data_dir.is_dir():
        fail(f"The {what} {data_dir} is not a directory.", ExitCode.DIRECTORY)
    try:
        found = sorted(
            path for path in data_dir.iterdir() if path.is_dir() and _REACTOR.fullmatch(path.name)
        )
    except OSError as error:
        fail(f"The {what} {data_dir} cannot be read: {reason_of(error)}.", ExitCode.DIRECTORY)
    if not found:
        fail(f"{data_dir} holds no reactor yet.", ExitCode.DIRECTORY)
    for directory in found:
        if not (directory / "log").is_dir():
            fail(f"{directory} holds no log.", ExitCode.DIRECTORY)
    return found


def one_reactor(data_dir: Path, name: str | None) -> Path:
    """The reactor that is meant: the only one, or the one named `{account}-{instance}`."""
    found = reactor_directories(data_dir)
    meant = [directory for directory in found if name in (None, directory.name)]
    if len(meant) != 1:
        names = ", ".join(directory.name for directory in found)
        wanted = f"no reactor {name}" if name is not None else "several reactors"
        fail(f"{data_dir} holds {wanted}: choose with `--reactor` one of {names}.", ExitCode.USAGE)
    return meant[0]
