"""Import of batch data: attributes, segments, catalogs and rows of identifiers from a file.

The file is read here, in pieces, and parsed in Rust; Parquet is read by pyarrow and handed over as
JSON lines, or as CSV where every column is text. Invariants: a file is imported whole or not at
all; the same file again changes nothing; memory is bounded by a piece.
"""

import gzip
import hashlib
import io
import zlib
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

import orjson

from p13n import P13nError

if TYPE_CHECKING:
    from p13n import Reactor

Kind = Literal["attributes", "segments", "catalog", "identities"]
Format = Literal["csv", "jsonl", "parquet"]

_PIECE_BYTES = 1 << 20
_PARQUET_ROWS = 16_384
_GZIP_MAGIC = b"\x1f\x8b"
_PARQUET_MAGIC = b"PAR1"
_SUFFIXES: dict[str, Format] = {
    ".csv": "csv",
    ".jsonl": "jsonl",
    ".ndjson": "jsonl",
    ".json": "jsonl",
    ".parquet": "parquet",
}


class BadRows(P13nError):
    """A file with malformed rows, of which nothing was imported."""

    def __init__(self, path: Path, malformed: int, problems: list[tuple[int, str]]) -> None:
        self.malformed = malformed
        """How many rows are malformed."""
        self.problems = problems
        """(line, why) of the first of them."""
        lines = [f"{path}, line {line}: {why}" for line, why in problems]
        if malformed > len(problems):
            lines.append(f"{path}: {malformed - len(problems)} more malformed rows")
        lines.append(f"Nothing was imported: {malformed} malformed rows.")
        super().__init__("\n".join(lines))


class UnreadableFile(P13nError):
    """A file that cannot be read to its end, or whose kind cannot be read here."""


@dataclass(frozen=True, slots=True)
class Imported:
    """What an import did."""

    rows: int
    """Rows read from the file."""
    rows_kept: int
    """Rows that are looked up from now on: fewer than `rows` when keys repeat."""
    layers: int
    """Layers of the same data from now on; 0 for rows of identifiers."""
    unchanged: bool
    """Whether the newest import was of the same file: then nothing was done."""


def import_file(
    reactor: "Reactor",
    kind: Kind,
    path: Path,
    *,
    name: str = "",
    key: str | None = None,
    replace: bool = False,
    advance: Callable[[int], None] = lambda _bytes: None,
) -> Imported:
    """Imports `path`; `name` is a catalog's, `key` the identifier that rows are found by.

    `advance` is called with the bytes of the file read since the last call; rows of identifiers
    are read twice. Raises BadRows, UnreadableFile, OSError, ValueError, LogError.
    """
    file_format = format_of(path)
    with path.open("rb") as file:
        file_hash = hashlib.file_digest(file, "sha256").digest()
    parsed = _parsed_as(path, file_format)
    if kind == "identities":
        checking = reactor._import_begin(kind, name, parsed, file_hash, only_check=True)
        assert checking is not None, "rows of identifiers are always read"
        _feed(checking, path, file_format, parsed, advance)
        _refuse_bad_rows(path, checking.finish(), file_format, parsed)
    begun = reactor._import_begin(kind, name, parsed, file_hash, key=key, replace=replace)
    if begun is None:
        return Imported(rows=0, rows_kept=0, layers=0, unchanged=True)
    _feed(begun, path, file_format, parsed, advance)
    report = begun.finish()
    _refuse_bad_rows(path, report, file_format, parsed)
    layers = report.get("layers", 0)
    return Imported(report["rows"], report["rows_kept"], layers, unchanged=False)


def format_of(path: Path) -> Format:
    """How a file is written, by its name without `.gz`, else by its first bytes."""
    suffixes = [suffix.lower() for suffix in path.suffixes]
    if suffixes and suffixes[-1] == ".gz":
        suffixes.pop()
    if suffixes and suffixes[-1] in _SUFFIXES:
        return _SUFFIXES[suffixes[-1]]
    with path.open("rb") as file:
        head = file.read(4)
    if head == _PARQUET_MAGIC:
        return "parquet"
    return "jsonl" if head.lstrip()[:1] == b"{" else "csv"


def _refuse_bad_rows(
    path: Path, report: dict[str, Any], file_format: Format, parsed: Literal["csv", "jsonl"]
) -> None:
    if not report["malformed"]:
        return
    # Parquet has rows and no header.
    before = 1 if (file_format, parsed) == ("parquet", "csv") else 0
    problems = [(line - before, why) for line, why in report["problems"]]
    raise BadRows(path, report["malformed"], problems)


def _feed(
    job: Any,
    path: Path,
    file_format: Format,
    parsed: Literal["csv", "jsonl"],
    advance: Callable[[int], None],
) -> None:
    if file_format == "parquet":
        pieces = _parquet_pieces(path, parsed, advance)
    else:
        pieces = _pieces(path, advance)
    for piece in pieces:
        job.feed(piece)


def _pieces(path: Path, advance: Callable[[int], None]) -> Iterator[bytes]:
    with path.open("rb") as raw:
        is_packed = raw.peek(2)[:2] == _GZIP_MAGIC
        stream: Any = gzip.GzipFile(fileobj=raw) if is_packed else raw
        position = 0
        try:
            while piece := stream.read(_PIECE_BYTES):
                yield piece
                advance(raw.tell() - position)
                position = raw.tell()
        except (EOFError, zlib.error, gzip.BadGzipFile) as error:
            raise UnreadableFile(f"{path} is not a whole gzip file.") from error


def _parquet(path: Path) -> Any:
    try:
        from pyarrow import ArrowInvalid, parquet
    except ImportError as error:
        raise UnreadableFile(
            'Parquet needs pyarrow, which is not installed: `pip install "p13n[lake]"`; '
            "CSV and JSON lines need nothing."
        ) from error
    try:
        return parquet.ParquetFile(path)
    except ArrowInvalid as error:
        raise UnreadableFile(f"{path} is not a Parquet file: {error}") from error


def _parsed_as(path: Path, file_format: Format) -> Literal["csv", "jsonl"]:
    """What Rust parses: Parquet of text alone becomes CSV, which is twice as fast."""
    if file_format != "parquet":
        return file_format
    from pyarrow import types

    fields = _parquet(path).schema_arrow
    is_text = all(types.is_string(one.type) or types.is_large_string(one.type) for one in fields)
    return "csv" if is_text else "jsonl"


def _parquet_pieces(
    path: Path, parsed: Literal["csv", "jsonl"], advance: Callable[[int], None]
) -> Iterator[bytes]:
    from pyarrow import ArrowException, csv

    file = _parquet(path)
    total, rows, done = path.stat().st_size, max(1, file.metadata.num_rows), 0
    try:
        for at, batch in enumerate(file.iter_batches(_PARQUET_ROWS)):
            if parsed == "csv":
                out = io.BytesIO()
                csv.write_csv(batch, out, csv.WriteOptions(include_header=at == 0))
                yield out.getvalue()
            else:
                lines = batch.to_pylist()
                yield b"\n".join(map(_line, lines)) + b"\n" if lines else b""
            before = done * total // rows
            done += batch.num_rows
            advance(done * total // rows - before)
    except ArrowException as error:
        raise UnreadableFile(f"{path} cannot be read: {error}") from error


def _line(row: dict[str, Any]) -> bytes:
    return orjson.dumps(row, default=_plain, option=orjson.OPT_NAIVE_UTC)


def _plain(value: Any) -> Any:
    from decimal import Decimal

    if isinstance(value, Decimal):
        return float(value)
    raise TypeError(f"a column of {type(value).__name__} cannot be imported")
