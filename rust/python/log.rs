//! Log: what a reactor's directory holds, read without its lock.

use std::path::{Path, PathBuf};
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use super::error::os_error;
use crate::error::Error;
use crate::event::uuid_text;
use crate::log::storage::RealDisk;
use crate::log::{Reader, ReplayError};
use crate::reactor::open::LOG_FOLDER;
use crate::reactor::{Options, Reactor};
use crate::record::{EventReplay, KIND_EVENT};

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
        entry.set_item("state", if segment.closed { "closed" } else { "open" })?;
        segments.append(entry)?;
    }
    let info = PyDict::new(py);
    info.set_item("segments", segments)?;
    info.set_item("records", summary.records)?;
    info.set_item("bytes", summary.bytes)?;
    info.set_item("term", summary.term)?;
    info.set_item("last_lsn", summary.last_lsn)?;
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

fn reader(directory: &Path) -> PyResult<Reader> {
    let folder = directory.join(LOG_FOLDER);
    if !folder.is_dir() {
        let missing = std::io::Error::from(std::io::ErrorKind::NotFound);
        return Err(os_error(&folder.display().to_string(), &missing));
    }
    Ok(Reader::open(&folder, Arc::new(RealDisk)).map_err(Error::from)?)
}
