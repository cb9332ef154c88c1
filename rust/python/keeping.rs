//! Keeping: backup, restore and salvage of a reactor's directory, for the command line.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::cursor::log_folder;
use super::log::damage_dict;
use crate::log::Copied;
use crate::log::storage::{Disk, RealDisk};
use crate::reactor::restore::{backup, restore};
use crate::reactor::salvage::salvage;

/// Copies a reactor's directory as of its newest synced LSN.
#[pyfunction]
pub fn log_backup<'py>(
    py: Python<'py>,
    directory: PathBuf,
    target: PathBuf,
) -> PyResult<Bound<'py, PyDict>> {
    log_folder(&directory)?;
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    copied_dict(py, py.detach(|| backup(&directory, &target, &disk))?)
}

/// Copies a backup into a new directory, up to a moment.
#[pyfunction]
#[pyo3(signature = (directory, target, until_ms=None, current=None))]
pub fn log_restore<'py>(
    py: Python<'py>,
    directory: PathBuf,
    target: PathBuf,
    until_ms: Option<i64>,
    current: Option<PathBuf>,
) -> PyResult<Bound<'py, PyDict>> {
    log_folder(&directory)?;
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    copied_dict(
        py,
        py.detach(|| restore(&directory, &target, until_ms, current.as_deref(), &disk))?,
    )
}

/// Reads everything that can be read of a damaged directory into a new one.
#[pyfunction]
pub fn log_salvage<'py>(
    py: Python<'py>,
    directory: PathBuf,
    target: PathBuf,
) -> PyResult<Bound<'py, PyDict>> {
    log_folder(&directory)?;
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    let report = py.detach(|| salvage(&directory, &target, &disk))?;
    let dict = PyDict::new(py);
    dict.set_item("records", report.source.records)?;
    dict.set_item("first_lsn", report.source.begin_lsn)?;
    let damages = report.source.damages.iter().map(|damage| damage_dict(py, damage));
    dict.set_item("damages", damages.collect::<PyResult<Vec<_>>>()?)?;
    let unfinished = report.source.unfinished.as_ref();
    dict.set_item("unfinished", unfinished.map(|(end, _)| damage_dict(py, end)).transpose()?)?;
    dict.set_item("base_lsn", report.base_lsn)?;
    dict.set_item("in_base", report.in_base)?;
    dict.set_item("events", report.events)?;
    dict.set_item("repeated", report.repeated)?;
    dict.set_item("configurations", report.configurations)?;
    dict.set_item("reconfigured", report.reconfigured)?;
    dict.set_item("refused", report.refused)?;
    dict.set_item("last_lsn", report.last_lsn)?;
    Ok(dict)
}

fn copied_dict(py: Python<'_>, copied: Copied) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("last_lsn", copied.last_lsn)?;
    dict.set_item("files", copied.files)?;
    dict.set_item("bytes", copied.bytes)?;
    dict.set_item("kept", copied.kept)?;
    Ok(dict)
}
