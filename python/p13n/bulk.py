"""Bulk ingest of a file: one event a line, into one table, exactly once.

The reactor remembers with each line's record the file's hash and the line's number (6.7), so a
rerun after a kill or an error goes on where the last one ended, with or without `uuid`s.

Invariants: lines are numbered from 1; a line is handed over once; memory is bounded by a batch.
"""

import gzip
import hashlib
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import BinaryIO

import orjson

from p13n import P13nError, Reactor

BATCH_LINES = 2_000
# What a file is called says little about what it is; no line of JSON starts like this.
_GZIP_MAGIC = b"\x1f\x8b"


class DamagedFile(P13nError):
    """A compressed file that cannot be read to its end."""


@dataclass(slots=True)
class Outcome:
    """What became of a file's lines."""

    stored: int = 0
    duplicate: int = 0
    ignored: int = 0
    """Lines that `ignore` kept out of the log."""
    skipped: int = 0
    """Lines that an earlier run had dealt with."""
    refused: list[tuple[int, str]] = field(default_factory=list)
    """(line number, why); without a file for rejects at most one, and the last line read."""


def ingest_file(
    reactor: Reactor,
    database: str,
    table: str,
    path: Path,
    *,
    rejects: BinaryIO | None = None,
    advance: Callable[[int], None] = lambda _bytes: None,
) -> Outcome:
    """Stores the lines of `path` (gzipped or plain) that were not stored before.

    With `rejects`, bad lines are written there as `{"line", "why", "text"}` and the rest goes on;
    without, the first bad line ends it. `advance` is called with the bytes of the file read since
    the last call. Raises OSError, DamagedFile, UnknownTable, LogError.
    """
    file_hash = _hash_of(path)
    done = reactor._ingested_line(database, table, file_hash)
    outcome = Outcome(skipped=done)
    for first_line, lines in _batches(path, done, advance):
        report = reactor._ingest_lines(
            database, table, lines, file_hash, first_line, rejects is None
        )
        outcome.stored += report.stored
        outcome.duplicate += report.duplicate
        outcome.ignored += report.ignored
        outcome.refused += report.refused
        if report.refused and rejects is None:
            break
        if rejects is not None:
            for number, why in report.refused:
                rejects.write(_reject(number, why, lines[number - first_line]))
            rejects.flush()
    return outcome


def _batches(
    path: Path, done: int, advance: Callable[[int], None]
) -> Iterator[tuple[int, list[bytes]]]:
    """(number of the first line, lines without their line ends) from line `done + 1` on."""
    with path.open("rb") as raw:
        bytes_read = 0
        batch: list[bytes] = []
        number = 0
        for number, line in enumerate(_lines(raw, path), 1):
            if number > done:
                batch.append(line.rstrip(b"\r\n"))
            if len(batch) == BATCH_LINES or number % BATCH_LINES == 0:
                position = raw.tell()
                advance(position - bytes_read)
                bytes_read = position
            if len(batch) == BATCH_LINES:
                yield number - len(batch) + 1, batch
                batch = []
        if batch:
            yield number - len(batch) + 1, batch
        advance(raw.tell() - bytes_read)


def _lines(raw: BufferedReader, path: Path) -> Iterator[bytes]:
    if raw.peek(2)[:2] != _GZIP_MAGIC:
        yield from raw
        return
    try:
        yield from gzip.GzipFile(fileobj=raw)
    except (EOFError, zlib.error, gzip.BadGzipFile) as error:
        raise DamagedFile(f"{path} is not a whole gzip file.") from error


def _hash_of(path: Path) -> bytes:
    """SHA-256 of the file as it stands, 32 bytes."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").digest()


def _reject(number: int, why: str, line: bytes) -> bytes:
    text = line.decode(errors="replace")
    return orjson.dumps({"line": number, "why": why, "text": text}) + b"\n"
