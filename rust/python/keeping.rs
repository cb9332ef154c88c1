//! Keeping: backup, restore and salvage of a reactor's directory, for the command line.

use std::path::PathBuf;
use std::sync::Arc;

use pyo3::prelude::*;
use pyo3::types::PyDict;

use super::cursor::log_folder;
use crate::log::Copied;
use crate::log::storage::{Disk, RealDisk};
use crate::reactor::restore::{backup, restore};

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
#[pyo3(signature = (directory, target, until_ms=None))]
pub fn log_restore<'py>(
    py: Python<'py>,
    directory: PathBuf,
    target: PathBuf,
    until_ms: Option<i64>,
) -> PyResult<Bound<'py, PyDict>> {
    log_folder(&directory)?;
    let disk: Arc<dyn Disk> = Arc::new(RealDisk);
    copied_dict(py, py.detach(|| restore(&directory, &target, until_ms, &disk))?)
}

fn copied_dict(py: Python<'_>, copied: Copied) -> PyResult<Bound<'_, PyDict>> {
    let dict = PyDict::new(py);
    dict.set_item("last_lsn", copied.last_lsn)?;
    dict.set_item("files", copied.files)?;
    dict.set_item("bytes", copied.bytes)?;
    dict.set_item("kept", copied.kept)?;
    Ok(dict)
}
