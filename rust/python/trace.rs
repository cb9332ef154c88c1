//! Trace: what each subexpression of one evaluation gave, for Python.

use pyo3::exceptions::PyBaseException;
use pyo3::prelude::*;

use super::convert::to_python;
use super::error::evaluation_error;
use crate::expr::{EvalError, Trace, TraceEntry};
use crate::value::{Value, json};

/// One evaluation, subexpression by subexpression.
#[pyclass(name = "Trace", module = "p13n._core", frozen)]
pub struct PyTrace {
    trace: Trace,
}

impl PyTrace {
    pub(super) fn new(trace: Trace) -> Self {
        Self { trace }
    }
}

#[pymethods]
impl PyTrace {
    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        value_of(py, &self.trace.outcome)
    }

    #[getter]
    fn json(&self) -> Option<String> {
        json_of(&self.trace.outcome)
    }

    #[getter]
    fn error<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBaseException>> {
        error_of(py, &self.trace.outcome)
    }

    #[getter]
    fn entries(&self) -> Vec<PyTraceEntry> {
        self.trace.entries.iter().map(|entry| PyTraceEntry { entry: entry.clone() }).collect()
    }

    #[getter]
    fn decided(&self) -> (usize, usize) {
        (self.trace.decided.start, self.trace.decided.end)
    }

    #[getter]
    fn cut(&self) -> bool {
        self.trace.cut
    }
}

/// What one subexpression gave, once.
#[pyclass(name = "TraceEntry", module = "p13n._core", frozen)]
pub struct PyTraceEntry {
    entry: TraceEntry,
}

#[pymethods]
impl PyTraceEntry {
    #[getter]
    fn span(&self) -> (usize, usize) {
        (self.entry.span.start, self.entry.span.end)
    }

    #[getter]
    fn value<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyAny>>> {
        value_of(py, &self.entry.outcome)
    }

    #[getter]
    fn json(&self) -> Option<String> {
        json_of(&self.entry.outcome)
    }

    #[getter]
    fn error<'py>(&self, py: Python<'py>) -> Option<Bound<'py, PyBaseException>> {
        error_of(py, &self.entry.outcome)
    }
}

fn value_of<'py>(
    py: Python<'py>,
    outcome: &Result<Value, EvalError>,
) -> PyResult<Option<Bound<'py, PyAny>>> {
    outcome.as_ref().ok().map(|value| to_python(py, &value.clone().into_plain())).transpose()
}

/// The value as `JSON.stringify` writes it; nothing for `undefined` and for errors.
fn json_of(outcome: &Result<Value, EvalError>) -> Option<String> {
    let value = outcome.as_ref().ok()?.clone().into_plain();
    if matches!(value, Value::Undefined) {
        return None;
    }
    let mut out = Vec::new();
    json::write_json(&value, &mut out);
    Some(String::from_utf8_lossy(&out).into_owned())
}

fn error_of<'py>(
    py: Python<'py>,
    outcome: &Result<Value, EvalError>,
) -> Option<Bound<'py, PyBaseException>> {
    outcome.as_ref().err().map(|error| evaluation_error(py, error).into_value(py).into_bound(py))
}
