"""State: what of a log is exported, in one small file that is replaced atomically.

The file is the commit: rows belong to the lake once it names their files, and a file that it does
not name is none of it. Between the commit and the last rename rows may be missing for a reader of
the files; the next run completes it. None is ever there twice.
"""

import contextlib
import fcntl
import os
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import orjson

from p13n import durable
from p13n.lake import LakeError
from p13n.lake.columns import Columns
from p13n.system_error import make_directory

STATE_NAME = "state.json"
STAGING_NAME = "staging"
LOCK_NAME = "lock"
FORMAT_VERSION = 1


@dataclass
class State:
    """What of one reactor's log is exported."""

    folder: Path
    log: str
    """Digest of the log's own identity."""
    events_lsn: int = 0
    """Events up to this LSN are exported."""
    last_event: tuple[int, str] = (0, "")
    """LSN and uuid of the last one, by which a log that went another way is known."""
    offers_lsn: int = 0
    """Offers of events up to this LSN are exported."""
    identities: int = 0
    """Entries of the identity log that are exported."""
    tables: dict[str, Columns] = field(default_factory=dict)
    """Columns by `database.table`."""
    pending: dict[str, str] = field(default_factory=dict)
    """Files that are committed and may still be staged: name in staging, place in the folder."""
    rewriting: list[str] = field(default_factory=list)
    """Tables of which files may still have columns of an older type."""

    @classmethod
    def load(cls, folder: Path, log: str) -> "State":
        """The state of a folder; that of an empty one when there is none.

        Raises LakeError for one that is damaged, newer or of another log, OSError.
        """
        path = folder / STATE_NAME
        try:
            document = orjson.loads(path.read_bytes())
        except FileNotFoundError:
            if any(folder.glob("events/**/*.parquet")):
                raise LakeError(
                    f"{folder} holds exported files but no {STATE_NAME}, which says what is in "
                    "them: export to a new directory."
                ) from None
            return cls(folder, log)
        except ValueError as error:
            raise LakeError(f"{path} is damaged: export to a new directory.") from error
        if not isinstance(document, dict) or document.get("version") != FORMAT_VERSION:
            raise LakeError(f"{path} was written by a newer version of p13n.")
        if document["log"] != log:
            raise LakeError(f"{folder} is the export of another log: export to a new directory.")
        return cls(
            folder,
            log,
            document["events_lsn"],
            (document["last_event"][0], document["last_event"][1]),
            document["offers_lsn"],
            document.get("identities", 0),
            {name: Columns.load(columns) for name, columns in document["tables"].items()},
            document["pending"],
            document["rewriting"],
        )

    def save(self) -> None:
        """Replaces the file: the commit."""
        document: dict[str, Any] = {
            "version": FORMAT_VERSION,
            "log": self.log,
            "events_lsn": self.events_lsn,
            "last_event": self.last_event,
            "offers_lsn": self.offers_lsn,
            "identities": self.identities,
            "tables": {name: columns.dump() for name, columns in self.tables.items()},
            "pending": self.pending,
            "rewriting": self.rewriting,
        }
        durable.replace(self.folder / STATE_NAME, orjson.dumps(document))

    @property
    def staging(self) -> Path:
        """Where files are written before they have a place."""
        return self.folder / STAGING_NAME


@contextlib.contextmanager
def locked(folder: Path) -> Iterator[None]:
    """Keeps a second export out of a folder, which is made. Raises LakeError, OSError."""
    make_directory(folder / STAGING_NAME)
    descriptor = os.open(folder / LOCK_NAME, os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o644)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        yield
    except BlockingIOError as error:
        raise LakeError(f"Another export to {folder} is running.") from error
    finally:
        os.close(descriptor)
