"""`p13n import`: attributes, segments, catalogs and rows of identifiers from a file."""

import contextlib
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from p13n.cli.failures import fail, in_one_sentence, must_read, must_write
from p13n.cli.parameters import FreeDirectory
from p13n.cli.progress import progress_bar
from p13n.exit_codes import ExitCode

if TYPE_CHECKING:
    from p13n.batch import Kind

app = typer.Typer(
    help=(
        "Import batch data: CSV, JSON lines (`.jsonl`, `.gz`) or Parquet.\n\n"
        "A file is imported whole or not at all; the same file again changes nothing."
    ),
    no_args_is_help=True,
)

Configuration = Annotated[
    Path,
    typer.Option(
        "--config",
        envvar="P13N_CONFIG",
        metavar="CONFIG",
        readable=False,
        help="The configuration.",
    ),
]
File = Annotated[Path, typer.Argument(metavar="FILE", readable=False, help="The rows.")]
Key = Annotated[
    str | None,
    typer.Option("--key", help="The key that rows are found by, where they have several."),
]
Replace = Annotated[
    bool,
    typer.Option("--replace", help="Instead of what was imported before, not over it."),
]


@app.command()
def attributes(
    file: File,
    configuration: Configuration,
    data_dir: FreeDirectory,
    key: Key = None,
    replace: Replace = False,
) -> None:
    """Import values of attributes of `type: imported`: a key and a column for each attribute.

    Example:

    \b
      p13n import attributes loyalty.csv --config retail.yaml --data-dir data
    """
    _import("attributes", file, configuration, data_dir, key=key, replace=replace)


@app.command()
def segments(
    file: File,
    configuration: Configuration,
    data_dir: FreeDirectory,
    key: Key = None,
    replace: Replace = False,
) -> None:
    """Import batch segments: a key and `segments`, ids joined by `;` or a JSON list.

    Example:

    \b
      p13n import segments members.jsonl.gz --config retail.yaml --data-dir data --replace
    """
    _import("segments", file, configuration, data_dir, key=key, replace=replace)


@app.command()
def catalog(
    name: Annotated[str, typer.Argument(metavar="NAME", help="The catalog.")],
    file: File,
    configuration: Configuration,
    data_dir: FreeDirectory,
    replace: Replace = False,
) -> None:
    """Import rows of a catalog: its key and its columns.

    Example:

    \b
      p13n import catalog products products.parquet --config retail.yaml --data-dir data --replace
    """
    _import("catalog", file, configuration, data_dir, name=name, replace=replace)


@app.command()
def identities(file: File, configuration: Configuration, data_dir: FreeDirectory) -> None:
    """Import rows of identifiers, which stitch profiles as events do.

    Example:

    \b
      p13n import identities crm.csv --config retail.yaml --data-dir data
    """
    _import("identities", file, configuration, data_dir)


def _import(
    kind: "Kind",
    file: Path,
    configuration: Path,
    data_dir: Path,
    *,
    name: str = "",
    key: str | None = None,
    replace: bool = False,
) -> None:
    from p13n import Reactor
    from p13n.batch import BadRows, UnreadableFile, import_file

    must_read(configuration, "the configuration", ExitCode.CONFIGURATION)
    if file.exists() and not file.is_file():
        fail(f"{file} is not a file; a stream must be saved first, since a file is read twice.")
    must_read(file, "the rows")
    must_write(data_dir)
    started = time.monotonic()
    with in_one_sentence(), contextlib.ExitStack() as stack:
        reactor = stack.enter_context(Reactor.open(configuration, data_dir=data_dir))
        passes = 2 if kind == "identities" else 1
        what = f"{file.name} to {' '.join(filter(None, (kind, name)))}"
        advance = stack.enter_context(progress_bar(what, passes * file.stat().st_size))
        try:
            done = import_file(
                reactor, kind, file, name=name, key=key, replace=replace, advance=advance
            )
        except (BadRows, UnreadableFile) as error:
            fail(str(error))
        except ValueError as error:
            fail(f"{file} cannot be imported: {error}.")
    if done.unchanged:
        print("unchanged: the newest import was of the same file")
        return
    seconds = time.monotonic() - started
    print(
        f"rows={done.rows} kept={done.rows_kept} layers={done.layers} seconds={seconds:.1f} "
        f"rows_per_second={done.rows / max(seconds, 1e-3):.0f}"
    )
