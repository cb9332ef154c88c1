"""Parameters that several commands share, and how their text is read.

Invariant: an empty path is refused. It is what an unset shell variable leaves behind, and as a path
it would name the current directory.
"""

from pathlib import Path
from typing import Annotated

import typer


def _path(text: str) -> Path:
    if not text:
        raise typer.BadParameter("it is empty (an unset variable?)")
    return Path(text)


ServedDirectory = Annotated[
    Path,
    typer.Option(
        "--data-dir",
        envvar="P13N_DATA_DIR",
        parser=_path,
        metavar="DIR",
        help="Where keys and logs live; made when missing.",
    ),
]
"""For the server."""

FreeDirectory = Annotated[
    Path,
    typer.Option(
        "--data-dir",
        envvar="P13N_DATA_DIR",
        parser=_path,
        metavar="DIR",
        help="The data directory; no server may use it.",
    ),
]
"""For commands that take a reactor's lock."""

AnyDirectory = Annotated[
    Path,
    typer.Option(
        "--data-dir",
        envvar="P13N_DATA_DIR",
        parser=_path,
        metavar="DIR",
        help="The data directory; a server may run on it.",
    ),
]
"""For commands that work beside a running server."""

NewDirectory = Annotated[
    Path,
    typer.Option(
        "--data-dir",
        envvar="P13N_DATA_DIR",
        parser=_path,
        metavar="NEW",
        help="The new data directory; missing or empty.",
    ),
]
"""For commands that make one."""
