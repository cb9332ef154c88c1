"""`p13n check`: all diagnostics of configurations, without a data directory."""

from pathlib import Path
from typing import Annotated

import typer

from p13n.cli.failures import fail
from p13n.exit_codes import ExitCode


def check(
    files: Annotated[
        list[Path],
        typer.Argument(metavar="FILE", readable=False, help="One YAML file for each reactor."),
    ],
) -> None:
    """Check configurations and print every error and warning at once.

    Exits 0 when there is no error (warnings do not count), 1 when there is one.

    Examples:

    \b
      p13n check retail.yaml
      p13n check reactors/*.yaml && echo ready to publish
    """
    import p13n
    from p13n.system_error import sentence_of

    try:
        diagnostics = p13n.check([str(file) for file in files])
    except OSError as error:
        fail(f"Cannot read the configuration: {sentence_of(error)}.")
    for diagnostic in diagnostics:
        print(diagnostic)
    errors = sum(diagnostic.severity == "error" for diagnostic in diagnostics)
    warnings = len(diagnostics) - errors
    print(
        f"{_counted(len(files), 'file')}: {_counted(errors, 'error')}, "
        f"{_counted(warnings, 'warning')}"
    )
    if errors:
        raise typer.Exit(ExitCode.FAILED)


def _counted(number: int, noun: str) -> str:
    return f"{number} {noun}" if number == 1 else f"{number} {noun}s"
