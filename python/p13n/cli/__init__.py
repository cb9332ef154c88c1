"""The command line: `p13n` and `python -m p13n`; one module a command.

Every failure is one sentence on standard error and an exit code of `p13n.exit_codes`; results go to
standard output. Modules of commands import what is heavy only when they run.
"""

import os
import sys
from typing import Annotated

import typer

from p13n.cli import (
    backup,
    batch_import,
    check,
    config,
    demo,
    eval,
    ingest,
    key,
    log,
    profile,
    serve,
    sql,
)
from p13n.exit_codes import ExitCode
from p13n.system_error import sentence_of

app = typer.Typer(
    name="p13n",
    help=(
        "A reactor for real-time personalization: events in, profiles updated, offers out.\n\n"
        "Start with `p13n demo`: it serves two examples with real events and prints curl lines "
        "that work when pasted."
    ),
    epilog=(
        "Exit codes: 0 done, 1 failed, 2 wrong command line, 3 configuration or keys, "
        "4 port taken, 5 data directory not usable, 6 data directory in use, 7 log damaged, "
        "8 log failed while serving."
    ),
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)


def _version(wanted: bool) -> None:
    if wanted:
        from p13n import __version__

        print(f"p13n {__version__}")
        raise typer.Exit


@app.callback()
def _root(
    version: Annotated[
        bool, typer.Option("--version", callback=_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Options that stand before the command."""


app.command("serve")(serve.serve)
app.command("demo")(demo.demo)
app.command("check")(check.check)
app.command("eval")(eval.evaluate)
app.command("ingest")(ingest.ingest)
app.command("sql")(sql.sql)
app.command("backup")(backup.backup)
app.command("restore")(backup.restore)
app.add_typer(batch_import.app, name="import")
app.add_typer(config.app, name="config")
app.add_typer(key.app, name="key")
app.add_typer(profile.app, name="profile")
app.add_typer(log.app, name="log")


def main() -> None:
    """The entry point of the script `p13n`."""
    try:
        code = app(standalone_mode=False)
        sys.stdout.flush()
    except OSError as error:
        # What a command foresees it has said itself. Left over is standard output: a full disk.
        print(f"Cannot write the result: {sentence_of(error)}.", file=sys.stderr)
        _leave_standard_output()
        code = ExitCode.FAILED
    except typer.TyperException as error:
        if words := _sentence_of(error):
            print(words, file=sys.stderr)
        code = error.exit_code
    sys.exit(code)


def _leave_standard_output() -> None:
    """What is still buffered cannot be written: the interpreter shall not try again at its end."""
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 1)
    os.close(nowhere)


def _sentence_of(error: typer.TyperException) -> str:
    """What is wrong with the command line, on one line: logs of supervisors show lines, not boxes.

    Nothing, when a command that was called without arguments has shown its help instead.
    """
    words = error.format_message().strip()
    context = getattr(error, "ctx", None)
    if not words or "\n" in words or context is None:
        return words
    sentence = words if words.endswith((".", "?", "!")) else words + "."
    return f"{sentence} `{context.command_path} --help` shows what there is."
