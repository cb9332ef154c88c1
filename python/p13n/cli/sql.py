"""`p13n sql`: questions to everything that the log holds."""

import csv
import re
import sys
from collections.abc import Iterator
from datetime import date, datetime
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from p13n.cli.failures import fail, in_one_sentence
from p13n.cli.log_export import bring_up_to_date
from p13n.cli.parameters import AnyDirectory
from p13n.cli.reactors import reactor_directories
from p13n.exit_codes import ExitCode

if TYPE_CHECKING:
    from p13n.lake.query import Answer

SHOWN_ROWS = 200
"""Rows of a printed table; `--json` and `--csv` print all."""
SHOWN_WIDTH = 60
"""Characters of a cell of a printed table."""


def sql(
    query: Annotated[str, typer.Argument(metavar="SQL", help="What to ask, in DuckDB's SQL.")],
    data_dir: AnyDirectory,
    to: Annotated[
        Path | None,
        typer.Option("--to", metavar="DIR", help="Where the export is; else DIR/lake."),
    ] = None,
    json: Annotated[bool, typer.Option("--json", help="Print rows as JSON lines.")] = False,
    as_csv: Annotated[bool, typer.Option("--csv", help="Print CSV.")] = False,
) -> None:
    """Export what is new, then ask it; needs `pip install 'p13n\\[lake]'`.

    There is a view DATABASE.TABLE for each table, `events` over all of them, `offers`, and
    `id_changes`: every change of who is who. Times are UTC. Works beside a running server.

    Examples:

    \b
      p13n sql 'select count(*) from events' --data-dir data
      p13n sql 'select country, sum(quantity) from retail.order_lines group by 1' --data-dir data
      p13n sql 'select offer, count(*) from offers group by 1' --data-dir data --csv
    """
    if json and as_csv:
        fail("Choose one of `--json` and `--csv`.", ExitCode.USAGE)
    from p13n import lake

    directories = reactor_directories(data_dir)
    root = to if to is not None else data_dir / lake.FOLDER
    asks_offers = re.search(r"\boffers\b", query, re.IGNORECASE) is not None
    with in_one_sentence("The export cannot be written"):
        lake.need_extra()
        for directory in directories:
            bring_up_to_date(directory, root, offers=asks_offers)
        from p13n.lake.query import query as ask
        from p13n.lake.query import states_of

        answer = ask(root, states_of(root), query)
        try:
            if json:
                _print_json(answer)
            elif as_csv:
                _print_csv(answer)
            else:
                _print_table(answer)
            sys.stdout.flush()
        except BrokenPipeError:
            from p13n.cli.log_tail import forget_standard_output

            forget_standard_output()


def _print_json(answer: "Answer") -> None:
    import orjson

    for row in answer.rows:
        cells = {
            name: orjson.Fragment(cell) if type_ == "JSON" and isinstance(cell, str) else cell
            for name, type_, cell in zip(answer.names, answer.types, row, strict=True)
        }
        sys.stdout.write(orjson.dumps(cells, default=str).decode() + "\n")


def _print_csv(answer: "Answer") -> None:
    writer = csv.writer(sys.stdout, lineterminator="\n")
    writer.writerow(answer.names)
    writer.writerows([_text(cell, "") for cell in row] for row in answer.rows)


def _print_table(answer: "Answer") -> None:
    rows: Iterator[tuple[Any, ...]] = answer.rows
    shown = [[_cut(_text(cell, "NULL")) for cell in row] for row in islice(rows, SHOWN_ROWS)]
    if not answer.names:
        return
    widths = [
        max(len(name), *(len(row[column]) for row in shown), 0)
        for column, name in enumerate(answer.names)
    ]
    for line in [answer.names, ["-" * width for width in widths], *shown]:
        cells = [cell.ljust(width) for cell, width in zip(line, widths, strict=True)]
        print("  ".join(cells).rstrip())
    if next(rows, None) is not None:
        print(f"Only the first {SHOWN_ROWS} rows; --csv or --json prints all.", file=sys.stderr)


def _text(cell: Any, null: str) -> str:
    if cell is None:
        return null
    if isinstance(cell, datetime | date):
        return cell.isoformat(" ") if isinstance(cell, datetime) else cell.isoformat()
    if isinstance(cell, bool):
        return "true" if cell else "false"
    return str(cell)


def _cut(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= SHOWN_WIDTH else line[: SHOWN_WIDTH - 3] + "..."
