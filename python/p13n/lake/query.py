"""Query: DuckDB over the lake, with one view a table, `events` over all of them, `offers`, and
`id_changes`.

A view reads the files when it is asked, so what it shows is what the export has committed and put
in place. Invariants: a column has in every view the type that it has in the state; nothing is
fetched from a network.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import duckdb

from p13n.lake import LakeError
from p13n.lake.columns import Kind
from p13n.lake.files import table_folder
from p13n.lake.state import STATE_NAME, State

ROWS = 4096
"""Rows that are fetched at a time."""

_TYPES = {
    Kind.BOOL: "BOOLEAN",
    Kind.INT: "BIGINT",
    Kind.DOUBLE: "DOUBLE",
    Kind.TEXT: "VARCHAR",
    Kind.JSON: "JSON",
}
_OWN = {
    "time": "TIMESTAMP",
    "lsn": "BIGINT",
    "uuid": "VARCHAR",
    "reactor": "VARCHAR",
    "database": "VARCHAR",
    "table": "VARCHAR",
    "hour": "VARCHAR",
}
_OFFERS = {
    "time": "TIMESTAMP",
    "lsn": "BIGINT",
    "uuid": "VARCHAR",
    "rid": "VARCHAR",
    "offer": "VARCHAR",
    "rule": "INTEGER",
    "configuration": "INTEGER",
    "reactor": "VARCHAR",
    "hour": "VARCHAR",
}

_ID_CHANGES = {
    "time": "BIGINT",
    "event_type": "VARCHAR",
    "key_values": "VARCHAR",
    "reactor_instance_id": "VARCHAR",
    "profile_change_type": "VARCHAR",
    "current_id_attributes": "VARCHAR",
    "current_rid": "VARCHAR",
    "merged_rids": "VARCHAR",
    "lsn": "BIGINT",
    "identifiers": "VARCHAR",
    "moved_to": "VARCHAR",
    "reactor": "VARCHAR",
    "hour": "VARCHAR",
}


@dataclass(frozen=True)
class _Source:
    """One table of one reactor."""

    reactor: str
    name: str
    glob: str
    columns: dict[str, str]
    """Type by name; those of ours left out."""


@dataclass(frozen=True)
class Answer:
    """The rows of a query."""

    names: list[str]
    types: list[str]
    rows: Iterator[tuple[Any, ...]]


def query(root: Path, states: list[State], sql: str) -> Answer:
    """Runs a query over exported reactors. Raises LakeError with what is wrong in one sentence."""
    try:
        connection = duckdb.connect(":memory:", config={"autoinstall_known_extensions": "false"})
        _make_views(connection, root, states)
        # Without a statement in the text the binding answers None, whatever its types say.
        cursor: duckdb.DuckDBPyConnection | None = connection.execute(sql)
        if cursor is None:
            raise LakeError("The question is empty.")
        described = cursor.description or []
        first = cursor.fetchmany(ROWS) if described else []
    except duckdb.Error as error:
        raise LakeError(_sentence(error)) from error
    return Answer(
        [column[0] for column in described],
        [str(column[1]) for column in described],
        _rows(connection, first),
    )


def _rows(
    connection: "duckdb.DuckDBPyConnection", first: list[tuple[Any, ...]]
) -> Iterator[tuple[Any, ...]]:
    rows = first
    while rows:
        yield from rows
        try:
            rows = connection.fetchmany(ROWS)
        except duckdb.Error as error:
            raise LakeError(_sentence(error)) from error


def _sentence(error: "duckdb.Error") -> str:
    """DuckDB's first line: what follows points into the query, or suggests."""
    line = str(error).strip().splitlines()[0]
    return line if line.endswith((".", "!", "?")) else line + "."


def states_of(root: Path) -> list[State]:
    """The states of all reactors that are exported to a folder."""
    import orjson

    found: list[State] = []
    for path in sorted(root.glob(f"*/{STATE_NAME}")):
        log = orjson.loads(path.read_bytes()).get("log", "")
        found.append(State.load(path.parent, log))
    return found


def _make_views(connection: "duckdb.DuckDBPyConnection", root: Path, states: list[State]) -> None:
    sources = [_source(root, state, name) for state in states for name in sorted(state.tables)]
    by_name: dict[str, list[_Source]] = {}
    for source in sources:
        by_name.setdefault(source.name, []).append(source)
    for name, same in by_name.items():
        database, _, table = name.partition(".")
        view = f"{_quoted(database)}.{_quoted(table)}"
        try:
            connection.execute(f"CREATE SCHEMA IF NOT EXISTS {_quoted(database)}")
            connection.execute(f"CREATE VIEW {view} AS {_union(same)}")
        except duckdb.CatalogException:
            # The name is DuckDB's own (`information_schema`): its rows are in `events`.
            continue
    connection.execute(f"CREATE VIEW main.events AS {_union(sources)}")
    for name, columns in (("offers", _OFFERS), ("id_changes", _ID_CHANGES)):
        connection.execute(f"CREATE VIEW main.{name} AS {_beside(states, name, columns)}")


def _source(root: Path, state: State, name: str) -> _Source:
    reactor = state.folder.name
    columns = {column.name: _TYPES[column.kind] for column in state.tables[name]}
    glob = f"{_escaped(root / reactor / table_folder(name))}/*/*.parquet"
    return _Source(reactor, name, glob, {**columns, "extra": "JSON"})


def _union(sources: list[_Source]) -> str:
    """All rows of several tables; where they disagree on a column's type, it is JSON."""
    types: dict[str, set[str]] = {}
    names: dict[str, str] = {}
    for source in sources:
        for name, type_ in source.columns.items():
            # DuckDB's names differ by more than case.
            names.setdefault(name.casefold(), name)
            types.setdefault(name.casefold(), set()).add(type_)
    selects: list[str] = []
    for source in sources:
        database, _, table = source.name.partition(".")
        columns = ["time", "lsn", "uuid", f"{_literal(source.reactor)} AS reactor"]
        columns += [f"{_literal(database)} AS database", f'{_literal(table)} AS "table"', "hour"]
        for name, type_ in source.columns.items():
            key = name.casefold()
            value = f"CAST({_quoted(name)} AS {type_})"
            if len(types[key]) > 1:
                value = f"to_json({value})"
            columns.append(f"{value} AS {_quoted(names[key])}")
        selects.append(f"SELECT {', '.join(columns)} FROM {_parquet(source.glob)}")
    return " UNION ALL BY NAME ".join(selects) or _none(_OWN)


def _beside(states: list[State], name: str, columns: dict[str, str]) -> str:
    """All rows of a table that stands beside the events."""
    selects = [
        f"SELECT *, {_literal(state.folder.name)} AS reactor "
        f"FROM {_parquet(_escaped(state.folder / name) + '/*/*.parquet')}"
        for state in states
        if any((state.folder / name).glob("*/*.parquet"))
    ]
    return " UNION ALL BY NAME ".join(selects) or _none(columns)


def _parquet(glob: str) -> str:
    return (
        f"read_parquet({_literal(glob)}, union_by_name = true, hive_partitioning = true, "
        "hive_types = {'hour': VARCHAR})"
    )


def _none(columns: dict[str, str]) -> str:
    cells = [f"CAST(NULL AS {type_}) AS {_quoted(name)}" for name, type_ in columns.items()]
    return f"SELECT {', '.join(cells)} WHERE false"


def _quoted(name: str) -> str:
    return '"' + name.replace('"', '""') + '"'


def _literal(text: str) -> str:
    return "'" + text.replace("'", "''") + "'"


def _escaped(path: Path) -> str:
    """A path in which no character is a pattern."""
    return "".join(f"[{letter}]" if letter in "*?[" else letter for letter in str(path))
