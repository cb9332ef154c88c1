"""`p13n log verify`: every segment read and checked, and every damage told with its place."""

from pathlib import Path
from typing import Annotated, Any

import typer

from p13n.cli.failures import in_one_sentence
from p13n.cli.parameters import AnyDirectory
from p13n.cli.reactors import reactor_directories
from p13n.exit_codes import ExitCode


def verify(
    data_dir: AnyDirectory,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Read and check everything, and tell every damage with file, byte offset and LSN range.

    Exits 7 when anything is damaged, else 0. An unfinished end is no damage: it is being written,
    or a torn tail that was never answered. Works beside a running server.

    Examples:

    \b
      p13n log verify --data-dir data
      p13n log verify --data-dir data --json
    """
    import orjson

    from p13n import log_verify

    directories = reactor_directories(data_dir)
    with in_one_sentence():
        found = {directory.name: log_verify(directory) for directory in directories}
    if json:
        print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
    else:
        for name, verdict in found.items():
            _print(name, verdict)
    if any(verdict["verdict"] == "damaged" for verdict in found.values()):
        raise typer.Exit(ExitCode.LOG_DAMAGED)


def _print(name: str, found: dict[str, Any]) -> None:
    print(
        f"reactor {name}: {found['verdict']}; {found['records']} records in {found['segments']} "
        f"segments and {len(found['snapshots'])} snapshots read, last LSN {found['last_lsn']}, "
        f"synced up to {found['synced_lsn']}"
    )
    for damage in found["damages"]:
        print(f"  damaged: {place(damage)}")
    for record in found["unreadable"]:
        print(f"  damaged: record {record['lsn']} cannot be read: {record['what']}")
    for snapshot in found["snapshots"]:
        if snapshot["damage"] is not None:
            print(f"  damaged: {snapshot['damage']}")
    if found["snapshots_damage"] is not None:
        print(f"  damaged: {found['snapshots_damage']}")
    if (end := found["unfinished"]) is not None:
        what = "being written" if found["verdict"] == "being written" else "torn, never answered"
        print(f"  unfinished: {Path(end['file']).name} at byte {end['offset']}, {what}")


def place(damage: dict[str, Any]) -> str:
    """One damage as words."""
    lost = "no record"
    if damage["last_lsn"] >= damage["first_lsn"]:
        lost = f"LSN {damage['first_lsn']} to {damage['last_lsn']}"
    return (
        f"{Path(damage['file']).name} at byte {damage['offset']}, {damage['bytes']} bytes, "
        f"{lost}: {damage['what']}"
    )
