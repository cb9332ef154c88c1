"""Columns: which fields of a table's events become columns, of which type, and the arrays of them.

A field has one type in all files of its table. When values of another type come, the column becomes
text in JSON for good (whole and other numbers become `double` as long as that loses nothing), and
what was written before is converted. Fields beyond the limit, and names that no column can have,
stay together in `extra`.
"""

from collections import Counter
from collections.abc import Iterator
from dataclasses import asdict, dataclass
from enum import StrEnum
from typing import Any

import orjson
import pyarrow as pa

FIELDS_MAX = 1000
"""Fields of a table that are columns: the most frequent ones of what is exported at a time; a field
that has a column keeps it."""

NAME_LENGTH_MAX = 200
"""Longest name of a column, in characters."""

EXACT_MAX = 2**53
"""Whole numbers up to this are the same as a double."""

INT64_MAX = 2**63 - 1

OWN = ("time", "uuid", "lsn", "extra", "database", "table", "hour")
"""Columns of ours; a field of such a name is the column `body_` and its name."""


class Kind(StrEnum):
    """Types of columns."""

    BOOL = "bool"
    INT = "int"
    DOUBLE = "double"
    TEXT = "text"
    JSON = "json"
    """Text in JSON: lists, objects, and values of several types."""


JSON_MARK = {b"p13n": b"json"}
"""Metadata of a column of that kind, so that a file itself says it."""


@dataclass(slots=True)
class Column:
    """One field's column."""

    field: str
    name: str
    kind: Kind
    wide: bool = False
    """Whether it has had whole numbers that a double cannot hold."""

    def arrow(self) -> "pa.Field":
        """The column as Arrow declares it."""
        if self.kind is Kind.JSON:
            return pa.field(self.name, pa.string(), metadata=JSON_MARK)
        types = {
            Kind.BOOL: pa.bool_(),
            Kind.INT: pa.int64(),
            Kind.DOUBLE: pa.float64(),
            Kind.TEXT: pa.string(),
        }
        return pa.field(self.name, types[self.kind])


class Columns:
    """The columns of one table, in the order in which they came."""

    def __init__(self, columns: list[Column]) -> None:
        self._columns = {column.field: column for column in columns}
        self._names = {column.name.casefold() for column in columns} | set(OWN)

    @classmethod
    def load(cls, stored: list[dict[str, Any]]) -> "Columns":
        """From what `dump` gave."""
        return cls([Column(**{**entry, "kind": Kind(entry["kind"])}) for entry in stored])

    def dump(self) -> list[dict[str, Any]]:
        """As JSON."""
        return [asdict(column) for column in self._columns.values()]

    def __iter__(self) -> Iterator[Column]:
        return iter(self._columns.values())

    def take_in(self, documents: list[dict[str, Any]]) -> bool:
        """Makes room for these events' fields; True when a column that was there changes."""
        counts: Counter[str] = Counter()
        types: dict[str, set[type]] = {}
        for document in documents:
            counts.update(document.keys())
            for field, value in document.items():
                types.setdefault(field, set()).add(type(value))
        changed = False
        for field, _ in counts.most_common():
            kind, wide = _kind_of(types[field], field, documents)
            if kind is None:
                continue
            column = self._columns.get(field)
            if column is None:
                self._add(field, kind, wide)
                continue
            wide = wide or column.wide
            merged = _merged(column.kind, kind, wide)
            changed |= merged is not column.kind
            column.kind, column.wide = merged, wide
        return changed

    def _add(self, field: str, kind: Kind, wide: bool) -> None:
        name = f"body_{field}" if field.casefold() in OWN else field
        fits = 0 < len(name) <= NAME_LENGTH_MAX and name.isprintable() and name == name.strip()
        if len(self._columns) < FIELDS_MAX and fits and name.casefold() not in self._names:
            self._columns[field] = Column(field, name, kind, wide)
            self._names.add(name.casefold())

    def arrays(self, documents: list[dict[str, Any]]) -> tuple[list["pa.Field"], list["pa.Array"]]:
        """One array a column that has a value here, and `extra` for the rest."""
        fields: list[pa.Field] = []
        arrays: list[pa.Array] = []
        for column in self._columns.values():
            values = [document.get(column.field) for document in documents]
            if all(value is None for value in values):
                continue
            if column.kind is Kind.JSON:
                values = [None if value is None else json_text(value) for value in values]
            elif column.kind is Kind.DOUBLE:
                values = [None if value is None else float(value) for value in values]
            field = column.arrow()
            fields.append(field)
            arrays.append(pa.array(values, field.type))
        known = self._columns.keys()
        rest = [
            None
            if document.keys() <= known
            else json_text({field: document[field] for field in document if field not in known})
            for document in documents
        ]
        fields.append(pa.field("extra", pa.string(), metadata=JSON_MARK))
        arrays.append(pa.array(rest, pa.string()))
        return fields, arrays

    def converted(self, table: "pa.Table") -> "pa.Table | None":
        """What a file holds, with its columns as they are now; None when they are so already."""
        changed = False
        by_name = {column.name: column for column in self._columns.values()}
        for position, field in enumerate(table.schema):
            column = by_name.get(field.name)
            if column is None or _is_as(field, wanted := column.arrow()):
                continue
            array = table.column(position)
            if column.kind is Kind.JSON:
                texts = [None if value is None else json_text(value) for value in array.to_pylist()]
                array = pa.array(texts, wanted.type)
            else:
                array = array.cast(wanted.type)
            table = table.set_column(position, wanted, array)
            changed = True
        return table if changed else None


def json_text(value: Any) -> str:
    """A value in JSON."""
    return orjson.dumps(value).decode()


def _is_as(field: "pa.Field", wanted: "pa.Field") -> bool:
    mark = (field.metadata or {}).get(b"p13n")
    wanted_mark = (wanted.metadata or {}).get(b"p13n")
    return bool(field.type == wanted.type and mark == wanted_mark)


def _kind_of(
    types: set[type], field: str, documents: list[dict[str, Any]]
) -> tuple[Kind | None, bool]:
    """The type of a field's values, and whether there are whole numbers too large for a double."""
    present = types - {type(None)}
    if not present:
        return None, False
    if present == {bool}:
        return Kind.BOOL, False
    if present == {str}:
        return Kind.TEXT, False
    if not present <= {int, float}:
        return Kind.JSON, False
    whole = [abs(value) for document in documents if type(value := document.get(field)) is int]
    largest = max(whole, default=0)
    wide = largest > EXACT_MAX
    if present == {int}:
        return (Kind.INT if largest <= INT64_MAX else Kind.JSON), wide
    return (Kind.JSON if wide else Kind.DOUBLE), wide


def _merged(old: Kind, new: Kind, wide: bool) -> Kind:
    if old is new:
        return old
    if {old, new} == {Kind.INT, Kind.DOUBLE} and not wide:
        return Kind.DOUBLE
    return Kind.JSON
