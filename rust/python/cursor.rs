//! Cursor: the synced records of a log for Python, in batches of bounded size.
//!
//! Reading, checksums and decoding run without the GIL; what crosses is plain rows. Only synced records
//! cross, so nothing that is exported or shown can be taken back (page 5.1).

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;

use crate::sync::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::error::os_error;
use crate::error::{Error, ErrorKind};
use crate::event::uuid_text;
use crate::log::storage::RealDisk;
use crate::log::{Record, ReplayError, Tail};
use crate::reactor::open::LOG_FOLDER;
use crate::record::{
    BadRecord, ConfigurationRecord, ErasedRecord, ErasureRecord, EventReplay, EvictionRecord,
    KIND_CONFIGURATION, KIND_ERASED, KIND_ERASURE, KIND_EVENT, KIND_EVICTION, KIND_LINES,
    KIND_TOMBSTONE, LinesRecord, RecordedOutcome, Tombstone,
};

/// Rows that the iterator over events takes over at a time.
const ROWS: usize = 1_024;
/// Bytes of bodies after which it takes no more at a time.
const ROWS_BYTES: usize = 4 << 20;

/// Which events are wanted.
#[derive(Clone, Default)]
pub struct Wanted {
    pub database: Option<String>,
    pub table: Option<String>,
    /// Epoch milliseconds of processing time, included.
    pub start_ms: Option<i64>,
    /// Epoch milliseconds of processing time, excluded.
    pub end_ms: Option<i64>,
}

impl Wanted {
    fn takes(&self, event: &EventReplay<'_>) -> bool {
        self.database.as_deref().is_none_or(|database| database == event.database)
            && self.table.as_deref().is_none_or(|table| table == event.table)
            && self.start_ms.is_none_or(|start_ms| event.now_ms >= start_ms)
            && self.end_ms.is_none_or(|end_ms| event.now_ms < end_ms)
    }

    fn takes_all(&self) -> bool {
        self.database.is_none() && self.table.is_none()
    }
}

/// One record, owned.
struct Row {
    lsn: u64,
    what: What,
}

enum What {
    Event(Box<EventRow>),
    Configuration {
        now_ms: i64,
        number: u32,
        hash: [u8; 32],
    },
    Lines {
        database: String,
        table: String,
        file: [u8; 32],
        line: u64,
    },
    Eviction(EvictionRecord),
    /// Processing time of the event that stood here.
    Tombstone(i64),
    /// When, whom, and how many of them stay without identifiers.
    Erasure(i64, Vec<[u8; 16]>, usize),
    Erased(ErasedRecord),
    Other(u8),
}

struct EventRow {
    now_ms: i64,
    uuid: [u8; 16],
    database: String,
    table: String,
    rid: Option<[u8; 16]>,
    outcome: &'static str,
    body: Vec<u8>,
}

impl EventRow {
    fn of(event: &EventReplay<'_>) -> Self {
        let (rid, outcome) = match &event.outcome {
            RecordedOutcome::Nobody => (None, "nobody"),
            RecordedOutcome::New(rid) => (Some(*rid), "new"),
            RecordedOutcome::Known(rid) => (Some(*rid), "known"),
            RecordedOutcome::Extended(rid) => (Some(*rid), "extended"),
            RecordedOutcome::Merged(rid, _) => (Some(*rid), "merged"),
            RecordedOutcome::Passing(rid) => (Some(*rid), "not kept"),
            RecordedOutcome::Moved(moved) => (Some(moved.rid.0), "moved"),
        };
        Self {
            now_ms: event.now_ms,
            uuid: event.uuid,
            database: event.database.to_owned(),
            table: event.table.to_owned(),
            rid,
            outcome,
            body: event.body.to_vec(),
        }
    }

    fn rid_text(&self) -> Option<String> {
        self.rid.map(|rid| uuid_text(&rid).to_string())
    }
}

/// How much one call takes over.
#[derive(Clone, Copy)]
struct Amount {
    records: usize,
    bytes: usize,
    /// Whether records that are no events are wanted, too.
    all_kinds: bool,
}

/// A row of the export: lsn, time_ms, uuid, database, table, body.
type Cells<'py> = (u64, i64, String, String, String, Bound<'py, PyBytes>);

/// The synced records of a directory's log, batch after batch.
#[pyclass(name = "LogCursor", module = "p13n._core", frozen)]
pub struct PyLogCursor {
    tail: Mutex<Tail>,
    wanted: Wanted,
}

#[pymethods]
impl PyLogCursor {
    #[new]
    #[pyo3(signature = (directory, *, after_lsn=0, database=None, table=None))]
    fn new(
        py: Python<'_>,
        directory: PathBuf,
        after_lsn: u64,
        database: Option<String>,
        table: Option<String>,
    ) -> PyResult<Self> {
        let wanted = Wanted { database, table, ..Wanted::default() };
        Ok(Self { tail: Mutex::new(open(py, &directory, after_lsn)?), wanted })
    }

    #[getter]
    fn position(&self) -> u64 {
        self.tail.lock().position()
    }

    #[getter]
    fn lost(&self) -> u64 {
        self.tail.lock().lost()
    }

    #[getter]
    fn first_lsn(&self) -> u64 {
        self.tail.lock().first_lsn()
    }

    #[getter]
    fn log_id(&self) -> String {
        format!("{:016x}", self.tail.lock().seed())
    }

    fn synced_lsn(&self, py: Python<'_>) -> PyResult<u64> {
        Ok(py.detach(|| synced(&mut self.tail.lock()))?)
    }

    /// All records as dicts, at most so many.
    fn records<'py>(
        &self,
        py: Python<'py>,
        records_max: usize,
    ) -> PyResult<Vec<Bound<'py, PyDict>>> {
        let all_kinds = self.wanted.takes_all();
        let amount = Amount { records: records_max, bytes: ROWS_BYTES, all_kinds };
        let rows = py.detach(|| {
            let mut tail = self.tail.lock();
            let synced = synced(&mut tail)?;
            rows(&mut tail, synced, &self.wanted, amount)
        })?;
        rows.iter().map(|row| record_dict(py, row)).collect()
    }

    /// Events as rows of the export, up to an LSN, at most so many and of so many bytes.
    fn rows<'py>(
        &self,
        py: Python<'py>,
        up_to_lsn: u64,
        events_max: usize,
        bytes_max: usize,
    ) -> PyResult<Vec<Cells<'py>>> {
        let amount = Amount { records: events_max, bytes: bytes_max, all_kinds: false };
        let rows = py.detach(|| {
            let mut tail = self.tail.lock();
            let synced = synced(&mut tail)?.min(up_to_lsn);
            rows(&mut tail, synced, &self.wanted, amount)
        })?;
        let events = rows.into_iter().filter_map(|row| match row.what {
            What::Event(event) => Some((row.lsn, event)),
            _ => None,
        });
        Ok(events
            .map(|(lsn, event)| {
                let uuid = uuid_text(&event.uuid).to_string();
                let body = PyBytes::new(py, &event.body);
                (lsn, event.now_ms, uuid, event.database, event.table, body)
            })
            .collect())
    }
}

/// The events of a reactor's own log, as dicts, up to what was synced when it was made.
#[pyclass(name = "Events", module = "p13n._core", frozen)]
pub struct PyEvents {
    state: Mutex<EventsState>,
    wanted: Wanted,
    synced: u64,
}

struct EventsState {
    tail: Tail,
    ready: vec::IntoIter<Row>,
}

impl PyEvents {
    /// The wanted events of a directory's log up to an LSN that is known to be synced.
    pub fn new(py: Python<'_>, directory: &Path, wanted: Wanted, synced: u64) -> PyResult<Self> {
        let tail = open(py, directory, 0)?;
        let state = Mutex::new(EventsState { tail, ready: Vec::new().into_iter() });
        Ok(Self { state, wanted, synced })
    }
}

#[pymethods]
impl PyEvents {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let amount = Amount { records: ROWS, bytes: ROWS_BYTES, all_kinds: false };
        let next = py.detach(|| -> Result<Option<Row>, Error> {
            let EventsState { tail, ready } = &mut *self.state.lock();
            if ready.len() == 0 {
                tail.refresh()?;
                *ready = rows(tail, self.synced, &self.wanted, amount)?.into_iter();
            }
            Ok(ready.next())
        })?;
        let Some(Row { lsn, what: What::Event(event) }) = next else { return Ok(None) };
        let dict = PyDict::new(py);
        put_event(&dict, lsn, &event)?;
        dict.set_item("body", PyBytes::new(py, &event.body))?;
        Ok(Some(dict))
    }
}

fn open(py: Python<'_>, directory: &Path, after_lsn: u64) -> PyResult<Tail> {
    let folder = log_folder(directory)?;
    Ok(py.detach(|| Tail::open(&folder, Arc::new(RealDisk), after_lsn)).map_err(Error::from)?)
}

/// The folder of a reactor's log; an error when there is none.
pub fn log_folder(directory: &Path) -> PyResult<PathBuf> {
    let folder = directory.join(LOG_FOLDER);
    match std::fs::read_dir(&folder) {
        Ok(_) => Ok(folder),
        Err(error) => Err(os_error(&folder.display().to_string(), &error)),
    }
}

fn synced(tail: &mut Tail) -> Result<u64, Error> {
    tail.refresh()?;
    Ok(tail.synced_lsn()?)
}

fn rows(tail: &mut Tail, synced: u64, wanted: &Wanted, amount: Amount) -> Result<Vec<Row>, Error> {
    let mut rows = Vec::new();
    let mut bytes = 0;
    let read = tail.read(synced, |record| -> Result<bool, BadRecord> {
        let what = match record.kind {
            KIND_EVENT => {
                let event = EventReplay::decode(record.payload)?;
                if !wanted.takes(&event) {
                    return Ok(true);
                }
                bytes += event.body.len();
                What::Event(Box::new(EventRow::of(&event)))
            }
            _ if !amount.all_kinds => return Ok(true),
            _ => other(&record)?,
        };
        rows.push(Row { lsn: record.lsn.counter, what });
        Ok(rows.len() < amount.records && bytes < amount.bytes)
    });
    match read {
        Ok(()) => Ok(rows),
        Err(ReplayError::Log(error)) => Err(error.into()),
        Err(ReplayError::Apply { lsn, error }) => {
            Err(ErrorKind::Replay(format!("record {lsn} cannot be read: {error}")).into())
        }
    }
}

/// A record that is no event.
fn other(record: &Record<'_>) -> Result<What, BadRecord> {
    Ok(match record.kind {
        KIND_CONFIGURATION => {
            let ConfigurationRecord { now_ms, number, hash, .. } =
                ConfigurationRecord::decode(record.payload)?;
            What::Configuration { now_ms, number, hash }
        }
        KIND_LINES => {
            let LinesRecord { database, table, source } = LinesRecord::decode(record.payload)?;
            let (database, table) = (database.to_owned(), table.to_owned());
            What::Lines { database, table, file: source.file, line: source.line }
        }
        KIND_EVICTION => What::Eviction(EvictionRecord::decode(record.payload)?),
        KIND_TOMBSTONE => What::Tombstone(Tombstone::decode(record.payload)?.now_ms),
        KIND_ERASURE => {
            let erasure = ErasureRecord::decode(record.payload)?;
            What::Erasure(erasure.now_ms, erasure.rids, erasure.kept.len())
        }
        KIND_ERASED => What::Erased(ErasedRecord::decode(record.payload)?),
        kind => What::Other(kind),
    })
}

fn put_event(dict: &Bound<'_, PyDict>, lsn: u64, event: &EventRow) -> PyResult<()> {
    dict.set_item("lsn", lsn)?;
    dict.set_item("time", event.now_ms)?;
    dict.set_item("uuid", uuid_text(&event.uuid).as_str())?;
    dict.set_item("database", &event.database)?;
    dict.set_item("table", &event.table)?;
    dict.set_item("rid", event.rid_text())
}

fn record_dict<'py>(py: Python<'py>, row: &Row) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("lsn", row.lsn)?;
    match &row.what {
        What::Event(event) => {
            dict.set_item("kind", "event")?;
            put_event(&dict, row.lsn, event)?;
            dict.set_item("outcome", event.outcome)?;
            dict.set_item("body", PyBytes::new(py, &event.body))?;
        }
        What::Configuration { now_ms, number, hash } => {
            dict.set_item("kind", "configuration")?;
            dict.set_item("time", now_ms)?;
            dict.set_item("number", number)?;
            dict.set_item("hash", hex(hash))?;
        }
        What::Lines { database, table, file, line } => {
            dict.set_item("kind", "lines")?;
            dict.set_item("database", database)?;
            dict.set_item("table", table)?;
            dict.set_item("file", hex(file))?;
            dict.set_item("line", line)?;
        }
        What::Eviction(EvictionRecord { now_ms, reason, profiles }) => {
            dict.set_item("kind", "eviction")?;
            dict.set_item("time", now_ms)?;
            dict.set_item("reason", reason.name())?;
            let rids = profiles.iter().map(|rid| uuid_text(&rid.0).to_string());
            dict.set_item("rids", rids.collect::<Vec<_>>())?;
        }
        What::Tombstone(now_ms) => {
            dict.set_item("kind", "tombstone")?;
            dict.set_item("time", now_ms)?;
        }
        What::Erasure(now_ms, rids, kept) => {
            dict.set_item("kind", "erasure")?;
            dict.set_item("time", now_ms)?;
            let rids: Vec<_> = rids.iter().map(|rid| uuid_text(rid).to_string()).collect();
            dict.set_item("rids", rids)?;
            dict.set_item("anonymized", kept)?;
        }
        What::Erased(ErasedRecord { erasure, tombstones }) => {
            dict.set_item("kind", "erased")?;
            dict.set_item("erasure", erasure)?;
            dict.set_item("tombstones", tombstones)?;
        }
        What::Other(kind) => {
            dict.set_item("kind", kind)?;
        }
    }
    Ok(dict)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
