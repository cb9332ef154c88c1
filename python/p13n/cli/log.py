"""`p13n log`: the log of a data directory, read without its lock."""

from pathlib import Path
from typing import Annotated, Any

import typer

from p13n.cli import log_export, log_salvage, log_tail, log_verify
from p13n.cli.failures import in_one_sentence
from p13n.cli.parameters import AnyDirectory
from p13n.cli.reactors import reactor_directories

app = typer.Typer(
    help="Look at the log, which is where events are kept. Works beside a running server.",
    no_args_is_help=True,
)


@app.command("info")
def show(
    data_dir: AnyDirectory,
    json: Annotated[bool, typer.Option("--json", help="Print JSON for programs.")] = False,
) -> None:
    """Show what each reactor's log holds: segments, records, bytes, last LSN.

    Examples:

    \b
      p13n log info --data-dir data
      p13n log info --data-dir data --json
    """
    import orjson

    from p13n import log_info

    directories = reactor_directories(data_dir)
    with in_one_sentence():
        found = {directory.name: log_info(str(directory)) for directory in directories}
    if json:
        print(orjson.dumps(found, option=orjson.OPT_INDENT_2).decode())
        return
    for name, state in found.items():
        _print_log(name, state)


app.command("verify")(log_verify.verify)
app.command("tail")(log_tail.tail)
app.command("export")(log_export.export)
app.command("salvage")(log_salvage.salvage)


def _print_log(name: str, state: dict[str, Any]) -> None:
    print(
        f"reactor {name}: {state['records']} records, {state['bytes']} bytes stored in "
        f"{state['stored_bytes']}, "
        f"term {state['term']}, LSN {state['first_lsn']} to {state['last_lsn']}, "
        f"synced up to {state['synced_lsn']}, format {state['format_version']}, "
        f"apply epoch {state['apply_epoch']}"
    )
    for segment in state["segments"]:
        print(
            f"  {Path(segment['file']).name:<19}  {segment['state']:<6} "
            f"{segment['bytes']:>12} bytes stored in {segment['stored_bytes']:>10}  "
            f"{segment['batches']:>7} batches  term {segment['term']}  "
            f"LSN {segment['first_lsn']} to {segment['last_lsn']}"
        )
    for snapshot in state["snapshots"]:
        print(
            f"  {Path(snapshot['file']).name}  {snapshot['bytes']} bytes, LSN {snapshot['lsn']}"
            + (", the base of the log" if snapshot["base"] else "")
        )
    if state["unfinished_bytes"]:
        print(
            f"  {state['unfinished_bytes']} bytes at the end are not a whole batch: being written, "
            "or cut off at the next start"
        )
