"""`p13n log salvage`: what a damaged log still holds, into a new data directory."""

from pathlib import Path
from typing import Annotated, Any

import typer

from p13n.cli.failures import fail, in_one_sentence, must_be_new
from p13n.cli.log_verify import place
from p13n.cli.parameters import AnyDirectory
from p13n.cli.reactors import reactor_directories
from p13n.exit_codes import ExitCode

REPORT_NAME = "salvage.json"
SHOWN = 20
"""Refused records that are told one by one; all are in the report."""


def salvage(
    data_dir: AnyDirectory,
    to: Annotated[
        Path, typer.Option("--to", metavar="NEW", help="The new data directory; missing or empty.")
    ],
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Read everything that can be read of a damaged log into a new data directory.

    Every event before and behind the damage is decided again from its body, at its recorded time,
    by the configuration of then. The damaged directory is not changed. What was lost is printed
    and kept in NEW/salvage.json. Exits 0 even so: it is what could be done.

    Examples:

    \b
      p13n log salvage --data-dir damaged --to data
    """
    import orjson

    from p13n import durable, keys, log_salvage

    directories = reactor_directories(data_dir)
    must_be_new(to)
    report: dict[str, Any] = {}
    with in_one_sentence("The data directory cannot be made"), durable.appearing(to) as new:
        for directory in directories:
            try:
                report[directory.name] = log_salvage(directory, new / directory.name)
            except ValueError as error:
                fail(f"{directory}: {error}.", ExitCode.LOG_DAMAGED)
        if (data_dir / keys.FILE_NAME).exists():
            content = (data_dir / keys.FILE_NAME).read_bytes()
            durable.replace(new / keys.FILE_NAME, content, mode=0o600)
        document = orjson.dumps(report, option=orjson.OPT_INDENT_2) + b"\n"
        durable.replace(new / REPORT_NAME, document)
    if json:
        print(document.decode(), end="")
        return
    for name, found in report.items():
        _print(name, found)


def _print(name: str, found: dict[str, Any]) -> None:
    lost = sum(max(0, damage["last_lsn"] - damage["first_lsn"] + 1) for damage in found["damages"])
    print(
        f"reactor {name}: {found['records']} records read, {lost} lost; {found['events']} events "
        f"and {found['configurations']} configurations in the new log, "
        f"{found['repeated']} repeats, {len(found['refused'])} refused"
    )
    if found["base_lsn"]:
        print(
            f"  the log began at LSN {found['first_lsn']}: {found['in_base']} records are in the "
            f"snapshot at LSN {found['base_lsn']} that it was begun from"
        )
    elif found["first_lsn"] > 1:
        print(f"  the log began at LSN {found['first_lsn']}, without a snapshot of what was before")
    for damage in found["damages"]:
        print(f"  damaged: {place(damage)}")
    if found["reconfigured"]:
        print(
            f"  {found['reconfigured']} events were decided by another configuration than their "
            "own, which is lost"
        )
    for lsn, why in found["refused"][:SHOWN]:
        print(f"  refused: LSN {lsn}: {why}")
