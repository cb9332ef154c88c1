"""Erase: the rows of people who were erased, out of the exported files.

A row goes when its LSN is a tombstone in the log; where the log does not reach back so far, when
one of its cells holds an identifier; an offer's row goes with its profile, and a row of
`id_changes` with any of the profiles that it is about. Each file is replaced
atomically, so that a run that is killed has rewritten some files and the next one does the rest.
"""

import json
import re
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from p13n import LogCursor, durable
from p13n.lake.state import STAGING_NAME, locked

CHANGE_COLUMNS = ["lsn", "current_rid", "merged_rids", "moved_to"]
"""What tells whose a row of `id_changes` is."""
RECORDS = 65_536
"""Records of the log that are read at a time."""


def erase(directory: Path, root: Path, texts: list[str], rids: list[str]) -> tuple[int, int]:
    """Rewrites the export of a reactor; how many files, and how many rows went.

    Raises LakeError while another export runs, Corrupted, LogError, OSError.
    """
    folder = root / directory.name
    first_lsn, erased = _tombstones(directory)
    forms = _forms(texts)
    files = rows = 0
    with locked(folder):
        for path in sorted(folder.glob("events/**/*.parquet")):
            table = pq.ParquetFile(path).read()
            lsns = table.column("lsn").to_pylist()
            mentions = _mentions(table, forms) if min(lsns, default=first_lsn) < first_lsn else []
            keep = [
                lsn not in erased if lsn >= first_lsn else not (mentions and mentions[position])
                for position, lsn in enumerate(lsns)
            ]
            rows += _replace(folder, path, table, keep)
            files += not all(keep)
        gone = set(rids)
        for path in sorted(folder.glob("offers/**/*.parquet")):
            table = pq.ParquetFile(path).read()
            keep = [rid not in gone for rid in table.column("rid").to_pylist()]
            rows += _replace(folder, path, table, keep)
            files += not all(keep)
        for path in sorted(folder.glob("id_changes/**/*.parquet")):
            table = pq.ParquetFile(path).read()
            keep = [
                change["lsn"] not in erased and gone.isdisjoint(_rids(change))
                for change in table.select(CHANGE_COLUMNS).to_pylist()
            ]
            rows += _replace(folder, path, table, keep)
            files += not all(keep)
    return files, rows


def _rids(change: dict[str, Any]) -> set[str]:
    """The profiles that a row of `id_changes` is about."""
    merged = json.loads(change["merged_rids"] or "[]")
    return {change["current_rid"], change["moved_to"], *merged}


def look(paths: Iterable[Path], texts: list[str], control: list[str]) -> dict[str, Any]:
    """Looks for people in every cell of exported files."""
    erased, there = _forms(texts), _forms(control)
    found: dict[str, Any] = dict.fromkeys(("files", "bytes", "hits", "mentions", "control"), 0)
    found["with_hits"] = []
    for path in paths:
        table = pq.ParquetFile(path).read()
        hits = sum(_mentions(table, erased))
        found["files"] += 1
        found["bytes"] += table.nbytes
        found["hits"] += hits
        found["control"] += sum(_mentions(table, there))
        if hits:
            found["with_hits"].append(str(path))
    return found


def _tombstones(directory: Path) -> tuple[int, set[int]]:
    cursor = LogCursor(directory)
    erased: set[int] = set()
    while records := cursor.records(RECORDS):
        erased.update(record["lsn"] for record in records if record["kind"] == "tombstone")
    return cursor.first_lsn, erased


def _forms(texts: list[str]) -> "re.Pattern[str] | None":
    """Any of the texts, standing alone, in any case; nothing for none."""
    if not texts:
        return None
    longest_first = sorted({text.strip() for text in texts}, key=len, reverse=True)
    either = "|".join(map(re.escape, longest_first))
    return re.compile(rf"(?<![0-9A-Za-z])(?:{either})(?![0-9A-Za-z])", re.IGNORECASE)


def _mentions(table: "pa.Table", forms: "re.Pattern[str] | None") -> list[bool]:
    """Which rows hold one of the texts in a cell."""
    held = [False] * table.num_rows
    if forms is None:
        return held
    for name in table.column_names:
        if name in ("time", "lsn", "configuration", "rule"):
            continue
        for position, cell in enumerate(table.column(name).to_pylist()):
            if cell is None or held[position]:
                continue
            if isinstance(cell, float) and cell.is_integer():
                cell = int(cell)
            held[position] = forms.search(str(cell)) is not None
    return held


def _replace(folder: Path, path: Path, table: "pa.Table", keep: list[bool]) -> int:
    """Leaves rows out of a file; how many."""
    if all(keep):
        return 0
    staged = folder / STAGING_NAME / f"erased-{path.name}.partial"
    pq.write_table(table.filter(pa.array(keep)), staged, compression="zstd")
    durable.sync(staged)
    staged.rename(path)
    durable.sync(path.parent)
    return keep.count(False)
