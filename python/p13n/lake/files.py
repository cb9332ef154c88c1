"""Files: rows as Parquet, staged, committed by the state, and put in their places.

The order is what makes it exact: the staged bytes are durable before the state names them, the
state is durable before a file gets its place, and places are durable before the next files are
committed.
"""

from collections.abc import Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from itertools import pairwise
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq

from p13n import durable
from p13n.lake import LakeError
from p13n.lake.state import State

THREADS = 8
"""Files that are written and synced at a time: it is the disk that is waited for."""

HOUR_MS = 3_600_000


class Stage:
    """The files of one commit."""

    def __init__(self, state: State, first_lsn: int, last_lsn: int) -> None:
        self._state = state
        self._range = f"{first_lsn:020}-{last_lsn:020}"
        self._files: list[tuple[pa.Table, str, str]] = []

    def add(self, table: "pa.Table", hours: list[int], folder: str) -> None:
        """Cuts rows by hour (epoch hours, one a row) into files of `folder`/hour=..."""
        order = sorted(range(len(hours)), key=hours.__getitem__)
        if any(later < earlier for earlier, later in pairwise(order)):
            table = table.take(pa.array(order))
            hours = [hours[position] for position in order]
        for start, end, hour in runs(hours):
            name = datetime.fromtimestamp(hour * HOUR_MS / 1000, UTC).strftime("%Y-%m-%d-%H")
            place = f"{folder}/hour={name}/{self._range}.parquet"
            staged = f"{self._range}-{len(self._files)}.partial"
            self._files.append((table.slice(start, end - start), staged, place))

    def commit(self) -> None:
        """Writes the files, saves the state with them, and puts them in their places."""
        with ThreadPoolExecutor(THREADS) as pool:
            list(pool.map(self._write, self._files))
        durable.sync(self._state.staging)
        self._state.pending = {staged: place for _, staged, place in self._files}
        self._state.save()
        settle(self._state)

    def _write(self, file: tuple["pa.Table", str, str]) -> None:
        table, staged, _ = file
        path = self._state.staging / staged
        pq.write_table(table, path, compression="zstd")
        durable.sync(path)


def runs(values: list[int]) -> Iterator[tuple[int, int, int]]:
    """Stretches of equal values: start, end, value."""
    start = 0
    for position in range(1, len(values) + 1):
        if position == len(values) or values[position] != values[start]:
            yield start, position, values[start]
            start = position


def settle(state: State) -> None:
    """Puts committed files in their places; what was never committed is removed."""
    folders: set[Path] = set()
    for staged, place in state.pending.items():
        target = state.folder / place
        if not target.parent.is_dir():
            target.parent.mkdir(parents=True, exist_ok=True)
            folders.update(_up_to(state.folder, target.parent))
        folders.add(target.parent)
        try:
            (state.staging / staged).rename(target)
        except FileNotFoundError:
            if not target.exists():
                raise LakeError(
                    f"The exported file {target} is gone: export to a new directory."
                ) from None
    _sync_all(folders)


def tidy(state: State) -> None:
    """Completes what an earlier run committed, and forgets what it did not."""
    settle(state)
    for name in state.rewriting:
        rewrite(state, name)
    if state.pending or state.rewriting:
        state.pending, state.rewriting = {}, []
        state.save()
    for left in state.staging.iterdir():
        left.unlink()


def table_folder(name: str) -> str:
    """The folder of `database.table`."""
    database, _, table = name.partition(".")
    return f"events/database={database}/table={table}"


def rewrite(state: State, name: str) -> None:
    """Gives the columns of all files of a table the types that they have now, file after file.

    Each file is replaced atomically and says itself what its columns are: done twice, it changes
    nothing more.
    """
    for path in sorted((state.folder / table_folder(name)).glob("*/*.parquet")):
        converted = state.tables[name].converted(pq.ParquetFile(path).read())
        if converted is not None:
            staged = state.staging / f"rewritten-{path.name}.partial"
            pq.write_table(converted, staged, compression="zstd")
            durable.sync(staged)
            staged.rename(path)
            durable.sync(path.parent)


def _up_to(root: Path, folder: Path) -> Iterator[Path]:
    """The folders above one, the root included."""
    while folder != root:
        folder = folder.parent
        yield folder


def _sync_all(folders: Iterable[Path]) -> None:
    with ThreadPoolExecutor(THREADS) as pool:
        list(pool.map(durable.sync, folders))
