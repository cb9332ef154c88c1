//! Log: what a reactor's directory holds, read without its lock.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use super::cursor::log_folder;
use crate::error::Error;
use crate::event::uuid_text;
use crate::log::storage::RealDisk;
use crate::log::{Damage, End, Reader, ReplayError, SegmentState};
use crate::reactor::inspect::inspect;
use crate::reactor::open::SNAPSHOT_FOLDER;
use crate::reactor::{Options, Reactor};
use crate::record::{EventReplay, KIND_EVENT};
use crate::snapshot::{Role, Shelf};

/// Segments, records, bytes, term and last LSN of a reactor's log.
#[pyfunction]
pub fn log_info<'py>(py: Python<'py>, directory: PathBuf) -> PyResult<Bound<'py, PyDict>> {
    let reader = reader(&directory)?;
    let summary = py.detach(|| reader.summary()).map_err(Error::from)?;
    let segments = PyList::empty(py);
    for segment in &summary.segments {
        let entry = PyDict::new(py);
        entry.set_item("file", segment.file.display().to_string())?;
        entry.set_item("bytes", segment.bytes)?;
        entry.set_item("first_lsn", segment.first_lsn)?;
        entry.set_item("last_lsn", segment.last_lsn)?;
        entry.set_item("term", segment.term)?;
        entry.set_item("batches", segment.batches)?;
        entry.set_item("stored_bytes", segment.file_bytes)?;
        let state = match segment.state {
            SegmentState::Open => "open",
            SegmentState::Closed => "closed",
            SegmentState::Sealed => "sealed",
        };
        entry.set_item("state", state)?;
        segments.append(entry)?;
    }
    let snapshots = PyList::empty(py);
    let folder = directory.join(SNAPSHOT_FOLDER);
    for (kept, file) in Shelf::list(&RealDisk, &folder).map_err(Error::from)? {
        let entry = PyDict::new(py);
        entry.set_item("file", file.display().to_string())?;
        entry.set_item("lsn", kept.lsn)?;
        entry.set_item("bytes", kept.bytes)?;
        entry.set_item("taken", kept.taken_ms)?;
        entry.set_item("base", kept.role == Role::Base)?;
        snapshots.append(entry)?;
    }
    let info = PyDict::new(py);
    info.set_item("segments", segments)?;
    info.set_item("snapshots", snapshots)?;
    let stored: u64 = summary.segments.iter().map(|segment| segment.file_bytes).sum();
    info.set_item("stored_bytes", stored)?;
    info.set_item("records", summary.records)?;
    info.set_item("bytes", summary.bytes)?;
    info.set_item("term", summary.term)?;
    info.set_item("first_lsn", summary.first_lsn)?;
    info.set_item("last_lsn", summary.last_lsn)?;
    info.set_item("synced_lsn", summary.synced_lsn)?;
    info.set_item("unfinished_bytes", summary.unfinished_bytes)?;
    info.set_item("format_version", summary.format_version)?;
    info.set_item("apply_epoch", summary.apply_epoch)?;
    Ok(info)
}

/// Every event record of a reactor's directory, in LSN order.
#[pyfunction]
pub fn log_events<'py>(py: Python<'py>, directory: PathBuf) -> PyResult<Bound<'py, PyList>> {
    let events = PyList::empty(py);
    let read = reader(&directory)?.records(|record| -> PyResult<()> {
        if record.kind == KIND_EVENT {
            let event = EventReplay::decode(record.payload)
                .map_err(|error| pyo3::exceptions::PyValueError::new_err(error.to_string()))?;
            let entry = PyDict::new(py);
            entry.set_item("lsn", record.lsn.counter)?;
            entry.set_item("uuid", uuid_text(&event.uuid).as_str())?;
            entry.set_item("time_ms", event.now_ms)?;
            entry.set_item("database", event.database)?;
            entry.set_item("table", event.table)?;
            entry.set_item("body", PyBytes::new(py, event.body))?;
            events.append(entry)?;
        }
        Ok(())
    });
    match read {
        Ok(_) => Ok(events),
        Err(ReplayError::Log(error)) => Err(Error::from(error).into()),
        Err(ReplayError::Apply { error, .. }) => Err(error),
    }
}

/// The state hash of a fresh in-memory reactor that is fed a directory's events in LSN order.
#[pyfunction]
pub fn log_rehearse(py: Python<'_>, directory: PathBuf) -> PyResult<String> {
    let hash = py.detach(|| Reactor::rehearse(&directory, &Options::default()))?;
    Ok(format!("{hash:032x}"))
}

/// Everything that is wrong with a reactor's directory.
#[pyfunction]
pub fn log_verify<'py>(py: Python<'py>, directory: PathBuf) -> PyResult<Bound<'py, PyDict>> {
    log_folder(&directory)?;
    let found = py.detach(|| inspect(&directory, &RealDisk))?;
    let verdict = match &found.log.unfinished {
        _ if found.is_damaged() => "damaged",
        Some((_, End::BeingWritten)) => "being written",
        Some((_, End::Torn)) => "torn tail",
        None => "whole",
    };
    let log = &found.log;
    let dict = PyDict::new(py);
    dict.set_item("verdict", verdict)?;
    dict.set_item("segments", log.segments)?;
    dict.set_item("batches", log.batches)?;
    dict.set_item("records", log.records)?;
    dict.set_item("bytes", log.bytes)?;
    dict.set_item("first_lsn", log.first_lsn)?;
    dict.set_item("last_lsn", log.last_lsn)?;
    dict.set_item("synced_lsn", log.synced_lsn)?;
    let damages = log.damages.iter().map(|damage| damage_dict(py, damage));
    dict.set_item("damages", damages.collect::<PyResult<Vec<_>>>()?)?;
    let unfinished = log.unfinished.as_ref().map(|(end, _)| damage_dict(py, end)).transpose()?;
    dict.set_item("unfinished", unfinished)?;
    let unreadable = found.unreadable.iter().map(|(lsn, what)| {
        let entry = PyDict::new(py);
        entry.set_item("lsn", lsn)?;
        entry.set_item("what", what)?;
        Ok(entry)
    });
    dict.set_item("unreadable", unreadable.collect::<PyResult<Vec<_>>>()?)?;
    let snapshots = found.snapshots.iter().map(|snapshot| {
        let entry = PyDict::new(py);
        entry.set_item("file", snapshot.file.display().to_string())?;
        entry.set_item("lsn", snapshot.kept.lsn)?;
        entry.set_item("bytes", snapshot.kept.bytes)?;
        entry.set_item("taken", snapshot.kept.taken_ms)?;
        entry.set_item("damage", snapshot.damage.as_deref())?;
        Ok(entry)
    });
    dict.set_item("snapshots", snapshots.collect::<PyResult<Vec<_>>>()?)?;
    let manifest = found.snapshots_damage.as_ref();
    let words = manifest.map(|(file, what)| format!("{}: {what}", file.display()));
    dict.set_item("snapshots_damage", words)?;
    Ok(dict)
}

/// One damage, for Python.
pub fn damage_dict<'py>(py: Python<'py>, damage: &Damage) -> PyResult<Bound<'py, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("file", damage.file.display().to_string())?;
    dict.set_item("offset", damage.offset)?;
    dict.set_item("bytes", damage.bytes)?;
    dict.set_item("first_lsn", damage.first_lsn)?;
    dict.set_item("last_lsn", damage.last_lsn)?;
    dict.set_item("what", damage.what)?;
    Ok(dict)
}

fn reader(directory: &Path) -> PyResult<Reader> {
    let folder = log_folder(directory)?;
    Ok(Reader::open(&folder, Arc::new(RealDisk)).map_err(Error::from)?)
}
