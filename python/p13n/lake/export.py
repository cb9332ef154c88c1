"""Export: from the log to the lake, in chunks of bounded size, exactly once each LSN.

Only what is synced is read. A run goes on where the last commit ended, however that run ended.
"""

import hashlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import orjson
import pyarrow as pa

from p13n import IdentityCursor, LogCursor, OfferCursor
from p13n.lake import LakeError
from p13n.lake.columns import Columns
from p13n.lake.files import HOUR_MS, Stage, rewrite, table_folder, tidy
from p13n.lake.state import State, locked

CHUNK_EVENTS = 65_536
"""Events that are exported by one commit, at most."""
CHUNK_BYTES = 64 << 20
"""Bytes of their bodies, at most (and one body more)."""

Row = tuple[int, int, str, str, str, bytes]
Advance = Callable[[int], None]


@dataclass
class Exported:
    """What one run added."""

    events: int = 0
    offers: int = 0
    identity_changes: int = 0
    lsn: int = 0
    """Everything up to it is exported."""
    lost: int = 0
    """Records that retention took before they were exported."""


def export(directory: Path, root: Path, *, offers: bool, advance: Advance) -> Exported:
    """Exports what is new in a reactor's directory into `root`/{account}-{instance}.

    `advance` is called with how many LSNs are done. Raises LakeError, LogError, Corrupted, OSError.
    """
    folder = root / directory.name
    cursor = LogCursor(directory)
    log = hashlib.sha256(f"p13n lake {cursor.log_id}".encode()).hexdigest()
    with locked(folder):
        state = State.load(folder, log)
        tidy(state)
        end = cursor.synced_lsn()
        _must_go_on(state, directory, end)
        cursor = LogCursor(directory, after_lsn=state.events_lsn)
        exported = Exported()
        while cursor.position < end:
            before = cursor.position
            rows = cursor.rows(end, CHUNK_EVENTS, CHUNK_BYTES)
            _export_chunk(state, rows, before + 1, cursor.position)
            exported.events += len(rows)
            advance(cursor.position - before)
        exported.identity_changes = _export_identities(state, directory)
        if offers and state.offers_lsn < end:
            exported.offers = _export_offers(state, directory, end)
        if state.pending:
            state.pending = {}
            state.save()
    exported.lsn, exported.lost = state.events_lsn, cursor.lost
    return exported


def _must_go_on(state: State, directory: Path, end: int) -> None:
    """Refuses a log that is not the continuation of what was exported, such as a restored one."""
    lsn, uuid = state.last_event
    went_another_way = state.events_lsn > end
    if not went_another_way and lsn > 0:
        rows = LogCursor(directory, after_lsn=lsn - 1).rows(lsn, 1, 1)
        went_another_way = bool(rows) and (rows[0][0], rows[0][2]) != (lsn, uuid)
    if went_another_way:
        raise LakeError(
            f"{state.folder} reaches LSN {state.events_lsn}, and the log went another way before "
            "that (was it restored?): export to a new directory."
        )


def _export_chunk(state: State, rows: list[Row], first_lsn: int, last_lsn: int) -> None:
    stage = Stage(state, first_lsn, last_lsn)
    tables: dict[str, list[Row]] = {}
    for row in rows:
        tables.setdefault(f"{row[3]}.{row[4]}", []).append(row)
    for name, own in tables.items():
        documents = [orjson.loads(row[5]) for row in own]
        columns = state.tables.setdefault(name, Columns([]))
        if columns.take_in(documents):
            # Before a row of the new type is there, those of the old one are converted.
            state.rewriting = [name]
            state.save()
            rewrite(state, name)
            state.rewriting = []
        fields, arrays = columns.arrays(documents)
        table = pa.table(
            [
                pa.array([row[1] for row in own], pa.timestamp("ms")),
                pa.array([row[2] for row in own], pa.string()),
                pa.array([row[0] for row in own], pa.int64()),
                *arrays,
            ],
            schema=pa.schema(
                [
                    pa.field("time", pa.timestamp("ms")),
                    pa.field("uuid", pa.string()),
                    pa.field("lsn", pa.int64()),
                    *fields,
                ]
            ),
        )
        stage.add(table, [row[1] // HOUR_MS for row in own], table_folder(name))
    state.events_lsn = last_lsn
    if rows:
        state.last_event = (rows[-1][0], rows[-1][2])
    stage.commit()


def _export_identities(state: State, directory: Path) -> int:
    """The rows of `id_changes` that are new, of Treasure Data's columns and ours."""
    cursor = IdentityCursor(directory, after=state.identities)
    instance = directory.name.partition("-")[2]
    count = 0
    while rows := cursor.rows():
        lsns, times, changes, rids, merged, attributes, identifiers, moved = zip(*rows, strict=True)
        text = pa.string()
        table = pa.table(
            {
                "time": pa.array([time // 1000 for time in times], pa.int64()),
                "event_type": pa.array(["id"] * len(rows), text),
                "key_values": pa.nulls(len(rows), text),
                "reactor_instance_id": pa.array([instance] * len(rows), text),
                "profile_change_type": pa.array(changes, text),
                "current_id_attributes": pa.array(attributes, text),
                "current_rid": pa.array(rids, text),
                "merged_rids": pa.array(merged, text),
                "lsn": pa.array(lsns, pa.int64()),
                "identifiers": pa.array(identifiers, text),
                "moved_to": pa.array(moved, text),
            }
        )
        stage = Stage(state, state.identities + 1, cursor.position)
        stage.add(table, [time // HOUR_MS for time in times], "id_changes")
        state.identities = cursor.position
        stage.commit()
        count += len(rows)
    return count


def _export_offers(state: State, directory: Path, end: int) -> int:
    cursor = OfferCursor(directory, state.offers_lsn, end)
    count = 0
    while rows := cursor.rows():
        lsns, times, uuids, rids, offers, rules, configurations = zip(*rows, strict=True)
        table = pa.table(
            {
                "time": pa.array(times, pa.timestamp("ms")),
                "lsn": pa.array(lsns, pa.int64()),
                "uuid": pa.array(uuids, pa.string()),
                "rid": pa.array(rids, pa.string()),
                "offer": pa.array(offers, pa.string()),
                "rule": pa.array(rules, pa.int32()),
                "configuration": pa.array(configurations, pa.int32()),
            }
        )
        stage = Stage(state, state.offers_lsn + 1, lsns[-1])
        stage.add(table, [time // HOUR_MS for time in times], "offers")
        state.offers_lsn = lsns[-1]
        stage.commit()
        count += len(rows)
    state.offers_lsn = end
    state.pending = {}
    state.save()
    return count
