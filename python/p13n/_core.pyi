"""The contract of the binary `p13n._core`: shapes, units, errors.

`p13n` re-exports the public names. Names that start with an underscore are for the server and the
command line only.
"""

from collections.abc import Iterable, Sequence
from os import PathLike
from typing import Any, Literal, Self, final

from p13n.batch import Imported

__all__ = [
    "BadEvent",
    "Busy",
    "CompileError",
    "ConfigError",
    "Corrupted",
    "Diagnostic",
    "DiskFull",
    "EvaluationError",
    "Events",
    "Expression",
    "ExpressionWarning",
    "IdentityChanges",
    "IdentityCursor",
    "Import",
    "IngestReport",
    "Locked",
    "LogCursor",
    "LogError",
    "NotDurable",
    "OfferCursor",
    "P13nError",
    "Reactor",
    "RecoveryProgress",
    "Trace",
    "TraceEntry",
    "UnknownTable",
    "__version__",
    "check",
    "identity_find",
    "log_backup",
    "log_events",
    "log_info",
    "log_rehearse",
    "log_restore",
    "log_salvage",
    "log_verify",
    "person_erase",
    "person_erased",
    "person_export",
    "person_prove",
    "profile_read",
    "read_yaml",
]

__version__: str

class P13nError(Exception):
    """Base of every error that p13n raises. `str(error)` is one sentence for a person."""

class ConfigError(P13nError):
    """A configuration has errors (page 2). `str(error)` is the rendered text of all diagnostics."""

    diagnostics: list[Diagnostic]

class CompileError(P13nError):
    """An expression does not compile (page 3)."""

    code: str
    message: str
    span: tuple[int, int]
    """Byte offsets in the source, start and end."""
    help: str | None

class EvaluationError(P13nError):
    """An expression threw, or its fuel or a limit ran out (3.4)."""

    kind: Literal["TypeError", "RangeError", "SyntaxError", "URIError", "FuelError", "LimitError"]
    message: str
    span: tuple[int, int]

class BadEvent(P13nError):
    """An event is not acceptable (1.3), `code` is 3004; `detail` never echoes its values."""

    code: int
    detail: str

class UnknownTable(P13nError):
    """Database or table is malformed (1.1), `code` is 4004."""

    code: int
    detail: str

class Busy(P13nError):
    """The log's queue is full (row 16b): nothing was written; try again. `code` is 2003."""

    code: int

class LogError(P13nError):
    """The log failed; every later call raises it too (5.5). `code` is 5007."""

    code: int

class Corrupted(LogError):
    """The log is damaged: `file`, `offset` in bytes, and `lsn` say where (5.4)."""

    file: str
    offset: int
    lsn: int

class DiskFull(LogError):
    """No room on the disk; the event was not stored (5.5)."""

class Locked(LogError):
    """Another process has the data directory."""

    directory: str

class NotDurable(LogError):
    """Not durable within `commit_timeout_ms`: it may be stored; a retry with its uuid is safe."""

@final
class Diagnostic:
    """One problem of a configuration. `str(diagnostic)` is the text for a person, with a caret."""

    severity: Literal["error", "warning"]
    code: str
    file: str
    line: int
    column: int
    message: str
    help: str | None

@final
class ExpressionWarning:
    """Something in an expression that compiles and is hardly meant; `str` gives its sentence."""

    code: str
    message: str
    span: tuple[int, int]
    """Byte offsets in the source, start and end."""
    help: str | None

@final
class Import:
    """A file being imported; what is not finished is gone."""

    def feed(self, bytes: bytes) -> None:
        """Takes the file's next bytes. Raises ValueError for a file of which no row can be read."""
    def finish(self) -> dict[str, Any]:
        """Puts the rows into force, unless one was malformed; what became of them."""

@final
class IngestReport:
    """What became of many events. Indices count from 0 in the order given."""

    stored: int
    duplicate: int
    ignored: int
    """Those that `ignore` kept out of the log."""
    refused: list[tuple[int, str]]

@final
class Expression:
    """One compiled expression (page 3); outside a configuration `PROFILE` is an ordinary object."""

    def __new__(cls, source: str) -> Self:
        """Compiles. Raises CompileError."""
    @property
    def source(self) -> str: ...
    @property
    def warnings(self) -> list[ExpressionWarning]:
        """What compiles and is hardly meant, in the order of the source."""
    def evaluate(
        self,
        profile: dict[str, Any] | None = None,
        event: dict[str, Any] | None = None,
        *,
        now_ms: int | None = None,
        time_zone: str | None = None,
        seed: int | None = None,
    ) -> Any:
        """The value as Python's: `undefined` and `null` are None, numbers without a fraction int.

        `now_ms` is what `Date.now()` is (default: the clock), `time_zone` the IANA name of local
        time (default UTC); `seed` seeds `Math.random()`, which by default `now_ms` and the text
        do. Raises EvaluationError, ValueError for an unknown time zone.
        """
    def evaluate_json(
        self,
        profile: bytes | None = None,
        event: bytes | None = None,
        *,
        now_ms: int | None = None,
        time_zone: str | None = None,
        seed: int | None = None,
    ) -> bytes | None:
        """As `evaluate`, the value as `JSON.stringify` writes it; None for `undefined`."""
    def trace(
        self,
        profile: dict[str, Any] | None = None,
        event: dict[str, Any] | None = None,
        *,
        now_ms: int | None = None,
        time_zone: str | None = None,
        seed: int | None = None,
    ) -> Trace:
        """Evaluates and tells what each subexpression gave. What it throws is the trace's error."""

@final
class Trace:
    """One evaluation, subexpression by subexpression. Spans are bytes of the source in UTF-8."""

    @property
    def value(self) -> Any:
        """The whole expression's value, as `Expression.evaluate` gives it; None after an error."""
    @property
    def json(self) -> str | None:
        """The value as `JSON.stringify` writes it; None for `undefined` and after an error."""
    @property
    def error(self) -> EvaluationError | None: ...
    @property
    def entries(self) -> list[TraceEntry]:
        """In the order in which they had their values; literals and what was skipped are absent."""
    @property
    def decided(self) -> tuple[int, int]:
        """The smallest subexpression that settled the result."""
    @property
    def cut(self) -> bool:
        """Whether entries were left out: a function's body is shown for its first 100 calls."""

@final
class TraceEntry:
    """What one subexpression gave, once."""

    @property
    def span(self) -> tuple[int, int]: ...
    @property
    def value(self) -> Any: ...
    @property
    def json(self) -> str | None: ...
    @property
    def error(self) -> EvaluationError | None: ...

@final
class Reactor:
    """One configuration, its profiles and its log (6.7). Thread-safe; a context manager."""

    @staticmethod
    def open(
        path: str | PathLike[str],
        *,
        data_dir: str | PathLike[str] | None = None,
        sync: Literal["always", "interval", "never"] = "always",
        sync_interval_ms: int = 100,
        clock: Literal["server", "event"] = "server",
        commit_timeout_ms: int = 1000,
        queue_bytes_max: int = 67108864,
        dedup_max: int = 1000000,
        shards: int = 256,
        retention_days: int = 30,
        retention_bytes: int = 0,
        memory_budget: int = 0,
        on_memory_full: Literal["keep", "evict"] = "keep",
        progress: RecoveryProgress | None = None,
    ) -> Reactor:
        """Opens the reactor of a configuration file; without `data_dir` all stays in memory.

        The reactor's own directory is `data_dir/{account}-{instance}`. Recovers before it returns
        and publishes the configuration when it differs from the last published one.
        `queue_bytes_max` is at least 8000000. `shards` (1 to 65536, made a power of two) is into
        how many parts, each with a lock of its own, profiles are divided; it changes no result. The
        log lets go of events that are older than `retention_days` (0: not by age) or over
        `retention_bytes` (0: 60 % of the disk); profiles stay. Profiles take `memory_budget` bytes
        (0: 60 % of the machine; at least 16777216); without room a new profile is not kept, or
        others are evicted for it (`on_memory_full`). `progress` can be read by another thread while
        this runs. Raises ConfigError, LogError, Corrupted, Locked, OSError, ValueError for an
        option out of its range.
        """
    @staticmethod
    def from_text(
        yaml: str,
        *,
        data_dir: str | PathLike[str] | None = None,
        sync: Literal["always", "interval", "never"] = "always",
        sync_interval_ms: int = 100,
        clock: Literal["server", "event"] = "server",
        commit_timeout_ms: int = 1000,
        queue_bytes_max: int = 67108864,
        dedup_max: int = 1000000,
        shards: int = 256,
        retention_days: int = 30,
        retention_bytes: int = 0,
        memory_budget: int = 0,
        on_memory_full: Literal["keep", "evict"] = "keep",
        progress: RecoveryProgress | None = None,
    ) -> Reactor:
        """As `open`, from the configuration's text."""
    @property
    def name(self) -> str: ...
    @property
    def account(self) -> int: ...
    @property
    def instance(self) -> int: ...
    @property
    def configuration_number(self) -> int: ...
    @property
    def configuration_hash(self) -> str:
        """64 hex digits."""
    @property
    def warnings(self) -> list[Diagnostic]:
        """Warnings of the configuration that was opened."""
    def personalize(
        self,
        database: str,
        table: str,
        event: dict[str, Any],
        *,
        now_ms: int | None = None,
        public: bool = False,
        sees_sensitive: bool = True,
        user_agent: str | None = None,
        address: str | None = None,
    ) -> dict[str, Any]:
        """Stores the event, updates the profile, answers the object of 1.4.

        `now_ms` is this call's processing time, epoch milliseconds from 0 to 253402300799999.
        `public`: anybody may be the caller, as with a browser's token. The answer shows sensitive
        values only where `sees_sensitive` and not `public`. `user_agent` and `address` are what
        `REQUEST` reads in `ignore`.
        Raises BadEvent (also for a dict without a JSON form, and over 1,000,000 bytes),
        UnknownTable, Busy, LogError, ValueError for `now_ms`.
        """
    def personalize_json(
        self,
        database: str,
        table: str,
        body: bytes,
        *,
        now_ms: int | None = None,
        public: bool = False,
        sees_sensitive: bool = True,
        user_agent: str | None = None,
        address: str | None = None,
    ) -> bytes:
        """As `personalize`, from the event's JSON to the answer's."""
    def ingest_many(
        self,
        database: str,
        table: str,
        events: Iterable[dict[str, Any] | bytes],
        *,
        now_ms: int | None = None,
    ) -> IngestReport:
        """Stores many events, decides no offers; the bulk path. Returns once all are durable.

        Events are taken over a few thousand at a time. What is not an event is in the report's
        `refused`, and the others are stored. Raises UnknownTable, LogError, ValueError.
        """
    def profile(self, **key: str | int) -> dict[str, Any] | None:
        """The profile of one identifier, e.g. `profile(email="a@example.com")`; a whole number is
        the identifier of its digits, as in an event.

        `{"rid", "identifiers": {key: [values, newest last]}, "attributes": {name: what an
        expression reads}, "segments": [ids], "updated": epoch ms}`. Raises ValueError for a key
        that is not configured or not exactly one keyword.
        """
    def events(
        self,
        database: str | None = None,
        table: str | None = None,
        *,
        start: int | None = None,
        end: int | None = None,
    ) -> Events:
        """The events of the reactor's own log in LSN order, up to what is synced now.

        Dicts of `lsn`, `time` (processing time, epoch ms), `uuid`, `database`, `table`, `rid` (the
        profile's, None for nobody) and `body` (bytes as they came). `start` (included) and `end`
        (excluded) are epoch ms of processing time. Read in batches: memory does not grow with the
        log. Raises ValueError in memory, Corrupted, LogError, OSError.
        """
    def identity_changes(self) -> IdentityChanges:
        """Every change of who is who, oldest first, as rows of the table `id_changes`.

        Dicts of `time` (epoch seconds), `event_type` (`id`), `key_values` (None),
        `reactor_instance_id`, `profile_change_type` (`profile_added`,
        `profile_updated_by_stitching`, `profile_deleted_by_stitching`; ours: `profile_evicted`,
        `profile_not_kept`), `current_id_attributes` (JSON, of an added one), `current_rid`,
        `merged_rids` (JSON), and of our own `lsn`, `identifiers` (JSON) and `moved_to` (the profile
        to which a guard rail moved this row's identifiers). Raises ValueError in memory, Corrupted,
        LogError.
        """
    def import_attributes(
        self, path: str | PathLike[str], *, key: str | None = None, replace: bool = False
    ) -> Imported:
        """Imports values of attributes of `type: imported` from CSV, JSON lines or Parquet.

        `key` names the identifier that rows are found by, where they have several. Without
        `replace` the rows lie over those imported before. Raises p13n.batch.BadRows,
        p13n.batch.UnreadableFile, OSError, ValueError, LogError; then nothing was imported.
        """
    def import_segments(
        self, path: str | PathLike[str], *, key: str | None = None, replace: bool = False
    ) -> Imported:
        """As `import_attributes`, of batch segments."""
    def import_catalog(
        self, name: str, path: str | PathLike[str], *, replace: bool = False
    ) -> Imported:
        """As `import_attributes`, of the rows of a catalog."""
    def import_identities(self, path: str | PathLike[str]) -> Imported:
        """Stitches profiles by rows of identifiers; `layers` is 0."""
    def stats(self) -> dict[str, Any]:
        """Counters and sizes: `profiles`, `identifiers`, `events`, `duplicates`, `offers`,
        `answers_cut`, `unrouted`, `only_stored` and `dropped` (by `ignore`), `not_kept` and
        `evicted` (profiles, {reason: count}), `memory` (budget_bytes, profile_bytes, beside_bytes,
        full), `linked` (rows of identifiers), `errors`, `ignored_identifiers`, `rejected_values`
        (each {name: {reason: count}}), `batch` (a list of kind, name, layers, rows, bytes),
        `clock_step_ms` (None: the wall clock is followed), `log` (lsn,
        synced_lsn, syncs, batches, bytes, queued_bytes, full_since_ms), `identity` (noticed: {key:
        {sign: count}} of keys that many people share, warnings: sentences, durable_lsn, lost and
        failure of the identity log), `recovery` (snapshot_lsn,
        snapshot_profiles, snapshot_ms, snapshots_damaged, events: those replayed behind the
        snapshot, events_per_s, ms, torn_bytes), `snapshots`
        (taken, failed, failure, last), `retention` (segments_retired, log_bytes, bytes_max,
        days_max, bytes_per_day: None until the log spans an hour)."""
    def snapshot(self) -> dict[str, int]:
        """Takes a snapshot of the state while events go on (5.4): the next start is quick.

        `{"lsn", "profiles", "bytes", "ms", "side_bytes_max"}`. One is also taken when replay would
        take long, and by `close`. Raises LogError (also for what the disk refused, which harms
        nothing), ValueError in memory.
        """
    def erase(
        self,
        people: dict[str, str] | list[dict[str, str]],
        *,
        anonymize: bool = False,
        shared: bool = False,
    ) -> dict[str, Any]:
        """Erases people by any identifier of each, such as `{"email": "a@b.example"}`.

        Their state and identifiers are gone when this returns, and their events and whatever else
        files hold of them, too; with `shared` files follow within 10 minutes, together with other
        erasures. `anonymize` leaves their profiles without identifiers and sensitive attributes.
        Answers as `person_erase`. Raises ValueError, LogError, OSError.
        """
    def state_hash(self) -> str:
        """The canonical hash of the state (5.7), 32 hex digits."""
    def close(self) -> None:
        """Syncs and releases the directory; later calls raise LogError. Idempotent."""
    def __enter__(self) -> Reactor: ...
    def __exit__(self, *exception: object) -> None: ...
    def _personalize(
        self,
        database: str,
        table: str,
        event: dict[str, Any],
        body: bytes,
        answer_bytes_max: int,
        sees_sensitive: bool,
        user_agent: bytes | None = None,
        address: str | None = None,
    ) -> tuple[bytes, int, int]:
        """The hot path: `event` is `orjson.loads(body)`; database and table are well-formed.
        Who sent it is handed over when `_reads_request()`; bytes that are no UTF-8 read as U+FFFD.

        Answers (answer, lsn, wait_lsn): the answer may leave once `_synced_lsn() >= wait_lsn`
        (0: at once). Never blocks on a disk. Raises BadEvent, Busy, LogError.
        """
    def _tokens(self) -> list[tuple[str, bytes, bool]]:
        """(name, SHA-256 of the token's value, 32 bytes, `sees_sensitive`) of each token."""
    def _reads_request(self) -> bool:
        """Whether `ignore` reads who sent an event."""
    def _routes(self) -> list[tuple[str, str]]:
        """(database, table) of each destination."""
    def _synced_fd(self) -> int:
        """An eventfd that becomes readable after each sync (and on failure); -1 in memory."""
    def _synced_lsn(self) -> int: ...
    def _full(self) -> bool:
        """Whether events are refused for want of room on the disk; ends by itself."""
    @staticmethod
    def _memory_budget() -> int:
        """What profiles may take unless told otherwise, bytes; 0 where the system does not say."""
    def _memory_full(self) -> bool:
        """Whether new profiles are answered and not kept, for want of memory."""
    def _failure(self) -> str | None:
        """Why the log failed, None while it is well."""
    def _ingest_lines(
        self,
        database: str,
        table: str,
        lines: list[bytes],
        file_hash: bytes,
        first_line: int,
        stop_on_error: bool,
    ) -> IngestReport:
        """Stores a file's lines; `first_line` counts from 1. `refused` holds (line number, why).

        With `stop_on_error` the first bad line ends the call. `file_hash` is 32 bytes.
        """
    def _import_begin(
        self,
        kind: str,
        name: str,
        format: str,
        file_hash: bytes,
        *,
        key: str | None = None,
        replace: bool = False,
        only_check: bool = False,
    ) -> Import | None:
        """Begins an import (p13n.batch); None when the newest one was of the same file.

        `file_hash` is 32 bytes. Raises ValueError for what the configuration does not declare.
        """
    def _ingested_line(self, database: str, table: str, file_hash: bytes) -> int:
        """The last line of this file dealt with for this table; 0 for none."""

@final
class RecoveryProgress:
    """How far the recovery of a reactor is that another thread opens."""

    def __new__(cls) -> RecoveryProgress: ...
    def read(self) -> tuple[Literal["waiting", "snapshot", "log", "epoch", "done"], int, int]:
        """The phase, how much of it is done, how much there is: profiles, then bytes of the log."""

@final
class Events:
    """An iterator over events of a log; made by `Reactor.events`."""

    def __iter__(self) -> Self: ...
    def __next__(self) -> dict[str, Any]: ...

@final
class LogCursor:
    """The synced records of a reactor's directory, batch after batch, without its lock.

    The place reached is kept: a later call goes on with what has come since.
    """

    def __new__(
        cls,
        directory: str | PathLike[str],
        *,
        after_lsn: int = 0,
        database: str | None = None,
        table: str | None = None,
    ) -> Self:
        """Begins behind `after_lsn`. Raises OSError, Corrupted, LogError."""
    @property
    def position(self) -> int:
        """LSN of the last record handed on or passed over."""
    @property
    def lost(self) -> int:
        """Records that retention took before they were read."""
    @property
    def first_lsn(self) -> int:
        """LSN of the first record that the log holds, or would hold."""
    @property
    def log_id(self) -> str:
        """16 hex digits: the same in every copy of this log, others in every other log."""
    def synced_lsn(self) -> int:
        """Highest LSN that is known to be synced now. Raises Corrupted, LogError."""
    def records(self, records_max: int) -> list[dict[str, Any]]:
        """At most so many records; none when there is no more for now.

        Of every `kind` when neither database nor table was chosen, else events only. Raises
        Corrupted, LogError.
        """
    def rows(
        self, up_to_lsn: int, events_max: int, bytes_max: int
    ) -> list[tuple[int, int, str, str, str, bytes]]:
        """Events as (lsn, time, uuid, database, table, body), none above `up_to_lsn`.

        `events_max` and `bytes_max` (of bodies) bound one call. Raises Corrupted, LogError.
        """

@final
class IdentityChanges:
    """An iterator over changes of identity; made by `Reactor.identity_changes`."""

    def __iter__(self) -> Self: ...
    def __next__(self) -> dict[str, Any]: ...

@final
class IdentityCursor:
    """The identity log of a reactor's directory, batch after batch, without its lock."""

    def __new__(cls, directory: str | PathLike[str], *, after: int = 0) -> Self:
        """Begins behind `after` entries, as `position` said. Raises Corrupted, LogError."""
    @property
    def position(self) -> int:
        """Entries read so far."""
    def rows(self) -> list[tuple[int, int, str, str, str, str | None, str, str | None]]:
        """The next (lsn, time in epoch ms, profile_change_type, current_rid, merged_rids,
        current_id_attributes, identifiers, moved_to); none at the end. Raises Corrupted, LogError.
        """

@final
class OfferCursor:
    """The offers of a directory's events, decided again from the log; without its lock.

    Holds every profile as it was: as much memory as the reactor itself.
    """

    def __new__(cls, directory: str | PathLike[str], after_lsn: int, up_to_lsn: int) -> Self:
        """Of the events above `after_lsn`, up to `up_to_lsn`. Raises OSError."""
    def rows(self) -> list[tuple[int, int, str, str | None, str, int, int]]:
        """The next (lsn, time, uuid, rid, offer, rule, configuration); none at the end.

        `rule` is the position of the rule that held, from 0. Raises Corrupted, LogError.
        """

def identity_find(directory: str | PathLike[str], who: str) -> dict[str, Any] | None:
    """All that a directory's identity log knows of a person, by `key=value` or by a rid; without
    its lock.

    `{"rid", "rids": [oldest first], "identifiers": {key: [values]}, "somebody_elses_now": {key:
    [values]}}`; None for nobody. Raises ValueError, Corrupted, LogError.
    """

def profile_read(directory: str | PathLike[str], key: str, value: str) -> dict[str, Any] | None:
    """The profile of one identifier, as `Reactor.profile` gives it, from a directory's snapshot and
    log: without its lock, and without publishing anything. Raises ValueError, Corrupted, LogError.
    """

def check(paths: list[str | PathLike[str]]) -> list[Diagnostic]:
    """All diagnostics of a configuration's files; several files are several configurations.

    Raises OSError.
    """

def read_yaml(text: str, name: str = "<text>") -> Any:
    """A YAML document that is no configuration, read as strictly as one.

    A plain scalar is what JSON says it is, nothing at all is None, all else is text, and so is a
    number that no double holds exactly. Raises ConfigError, whose diagnostics give the places.
    """

def log_info(directory: str | PathLike[str]) -> dict[str, Any]:
    """What a reactor's directory holds, read without its lock.

    `segments` (list of {file, bytes, stored_bytes, first_lsn, last_lsn, term, batches, state}),
    `snapshots` (list of {file, lsn, bytes, taken, base}), `records`, `bytes`, `stored_bytes`,
    `term`, `first_lsn`, `last_lsn`, `synced_lsn`, `unfinished_bytes`, `format_version`,
    `apply_epoch`.
    Raises OSError, Corrupted.
    """

def log_events(directory: str | PathLike[str]) -> list[dict[str, Any]]:
    """Every event record of a reactor's directory in LSN order.

    `{"lsn", "uuid", "time_ms", "database", "table", "body"}`; read without the lock, for small
    logs and tests. Raises OSError, Corrupted.
    """

def log_rehearse(directory: str | PathLike[str]) -> str:
    """The state hash of a fresh in-memory reactor fed a directory's events in LSN order.

    Every event is decided again from its body at its recorded time, so equality with the
    recovered reactor's `state_hash()` proves replay and live traffic alike. Reads without the
    lock. Raises OSError, Corrupted, LogError.
    """

def log_verify(directory: str | PathLike[str]) -> dict[str, Any]:
    """Reads and checks everything of a reactor's log without its lock; damage is in the answer.

    `verdict` ("whole", "being written", "torn tail", "damaged"), `segments`, `batches`, `records`,
    `bytes`, `first_lsn`, `last_lsn`, `synced_lsn`, `damages` (list of {file, offset, bytes,
    first_lsn, last_lsn, what}; no record is concerned when `last_lsn < first_lsn`), `unfinished`
    (one of the same, or None), `unreadable` (list of {lsn, what}), `snapshots` (list of {file, lsn,
    bytes, taken, damage}), `snapshots_damage` (of their manifest). Raises OSError, LogError.
    """

def log_backup(directory: str | PathLike[str], target: str | PathLike[str]) -> dict[str, int]:
    """Copies a reactor's directory as of its newest synced LSN, beside a running server.

    `target` is an empty or missing directory, or an earlier backup of the same log: then only what
    is new is written. `last_lsn`, `files` and `bytes` written, `kept` files that were there.
    Raises OSError, Corrupted, LogError, ValueError for a target that holds something else.
    """

def log_restore(
    directory: str | PathLike[str],
    target: str | PathLike[str],
    until_ms: int | None = None,
    current: str | PathLike[str] | None = None,
) -> dict[str, int]:
    """Copies a backup into a new directory, up to the last record of at most `until_ms`.

    Erasures that are recorded later, there or in the reactor's directory `current`, are carried out
    when the new directory is first opened.

    All of it is checked first. Answers and raises as `log_backup`; `last_lsn` is 0 when no record
    is that old.
    """

def log_salvage(directory: str | PathLike[str], target: str | PathLike[str]) -> dict[str, Any]:
    """Decides everything that can be read of a damaged directory again, into a new one.

    `records` and `first_lsn` read, `damages` and `unfinished` as in `log_verify`, `events`,
    `repeated`, `configurations` and `last_lsn` of the new log, `base_lsn` of the snapshot that was
    begun from (0: none) and how many records it had in it (`in_base`), `reconfigured` (events whose
    own configuration is lost), `refused` (list of (LSN in the source, why)). Raises OSError,
    LogError, ValueError when no configuration is left.
    """

def person_erase(
    directory: str | PathLike[str], people: list[tuple[str, str]], anonymize: bool = False
) -> dict[str, Any]:
    """Erases or anonymizes people in a reactor's directory that nobody else uses.

    `people` are (key, value); any identifier leads to all that a person ever had. `lsn` of the
    record, `rids` of all profiles that ever were theirs, `identifiers` and `texts`: how many and
    which, `profiles` in memory; of the files `tombstones`, `segments`, `log_bytes` looked through,
    `snapshot_profiles`, `snapshots`, `batch_rows` left out of `generations`, `removed`, `ms`.
    Raises Locked, OSError, Corrupted, LogError, ValueError for an unknown key or a value that
    never identifies.
    """

def person_erased(directory: str | PathLike[str], people: list[tuple[str, str]]) -> list[str]:
    """Ids of everybody with one of the identifiers whose erasure the log holds the record of.

    Needs no lock. Raises as `person_erase`.
    """

def person_prove(
    folders: Sequence[str | PathLike[str]], erased: list[str], rids: list[str], control: list[str]
) -> dict[str, Any]:
    """Looks for texts in all files under folders, each decoded as far as its form is known.

    `kinds`: by kind of file `files`, `bytes`, `hits`, `mentions` (in other people's records),
    `control`, `with_hits`; `unsound`: kinds that hold people and in which the control was not
    found; `undecoded` files. Raises OSError, ValueError.
    """

def person_export(directory: str | PathLike[str], key: str, value: str) -> dict[str, Any]:
    """Everything that is kept of one person, without a lock.

    `rids`, `profile` (as `Reactor.profile`, or None), `events` with `lsn`, `time`, `uuid`,
    `database`, `table`, `body` (bytes) and `offers` (`offer`, `rule`, `data`), `activations`.
    Raises OSError, Corrupted, LogError, ValueError.
    """
