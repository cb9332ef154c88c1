//! Ingest report: what became of many events, for Python.
//!
//! Invariant: what is no event is one refused entry, and takes no other with it.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;

use super::error::BadEvent;
use crate::reactor::ingest::IngestReport;

/// What became of many events.
#[pyclass(name = "IngestReport", module = "p13n._core", frozen, get_all)]
#[derive(Default)]
pub struct PyIngestReport {
    stored: u64,
    duplicate: u64,
    ignored: u64,
    pub(super) refused: Vec<(u64, String)>,
}

#[pymethods]
impl PyIngestReport {
    fn __repr__(&self) -> String {
        let Self { stored, duplicate, ignored, refused } = self;
        let refused = refused.len();
        format!(
            "IngestReport(stored={stored}, duplicate={duplicate}, ignored={ignored}, \
             refused={refused})"
        )
    }
}

impl PyIngestReport {
    pub(super) fn add(&mut self, number_of: impl Fn(usize) -> u64, report: IngestReport) {
        self.stored += report.stored;
        self.duplicate += report.duplicate;
        self.ignored += report.ignored;
        let refused = report.refused.iter();
        self.refused.extend(refused.map(|(at, error)| (number_of(*at), error.to_string())));
    }

    /// Notes an event that has no JSON form; any other error is the caller's.
    pub(super) fn refuse(&mut self, py: Python<'_>, index: u64, error: PyErr) -> PyResult<()> {
        // What is no event is one refused entry: the others are neither lost nor sent twice.
        if !error.is_instance_of::<BadEvent>(py) && !error.is_instance_of::<PyTypeError>(py) {
            return Err(error);
        }
        self.refused.push((index, error.value(py).to_string()));
        Ok(())
    }
}
