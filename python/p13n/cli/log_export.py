"""`p13n log export`: the log's events as Parquet files, exactly once."""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from p13n.cli.failures import fail, in_one_sentence
from p13n.cli.parameters import AnyDirectory
from p13n.cli.progress import progress_bar
from p13n.cli.reactors import reactor_directories
from p13n.exit_codes import ExitCode

if TYPE_CHECKING:
    from p13n.lake.export import Exported


def export(
    data_dir: AnyDirectory,
    to: Annotated[
        Path, typer.Option("--to", metavar="DIR", help="Where the files go; made when missing.")
    ],
    offers: Annotated[
        bool, typer.Option(help="Also what each event was offered, decided again from the log.")
    ] = True,
) -> None:
    """Bring Parquet files up to date with the log; needs `pip install 'p13n\\[lake]'`.

    Every synced event is in them exactly once, by database, table and hour of processing time
    (UTC), its fields as columns. A rerun adds what is new, also after a kill. Works beside a
    running server.

    Examples:

    \b
      p13n log export --data-dir data --to lake
      p13n log export --data-dir data --to lake --no-offers
    """
    from p13n import lake

    directories = reactor_directories(data_dir)
    if to.resolve() == data_dir.resolve():
        fail("The export and the data directory are the same directory.", ExitCode.USAGE)
    with in_one_sentence("The export cannot be written"):
        lake.need_extra()
        for directory in directories:
            exported = bring_up_to_date(directory, to, offers=offers)
            print(
                f"reactor {directory.name}: {exported.events} events and {exported.offers} offers "
                f"exported, up to LSN {exported.lsn}"
            )
            if exported.lost:
                print(f"  {exported.lost} records were gone before they were exported (retention)")


def bring_up_to_date(directory: Path, root: Path, *, offers: bool) -> "Exported":
    """Exports what is new of one reactor, with a bar on a terminal."""
    from p13n import LogCursor
    from p13n.lake.export import export as run

    total = LogCursor(directory).synced_lsn()
    with progress_bar(f"Exporting {directory.name}", total) as advance:
        return run(directory, root, offers=offers, advance=advance)
