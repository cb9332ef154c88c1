//! Body: an event's JSON from what Python hands over, and back.
//!
//! Invariant: nothing is written that orjson would change on the way.

use pyo3::exceptions::PyTypeError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::{PyBytes, PyDict};

use super::convert::from_python;
use crate::error::Error;
use crate::value::Value;

/// An event's JSON: bytes as they are, a dict as orjson writes it.
pub(super) fn body_of(event: &Bound<'_, PyAny>) -> PyResult<Vec<u8>> {
    match event.cast::<PyBytes>() {
        Ok(body) => Ok(body.as_bytes().to_vec()),
        Err(_) => Ok(dumps(event)?.as_bytes().to_vec()),
    }
}

/// `orjson.dumps` of a dict, once it is known to hold nothing that orjson would change on the way.
pub(super) fn dumps<'py>(event: &Bound<'py, PyAny>) -> PyResult<Bound<'py, PyBytes>> {
    static DUMPS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = event.py();
    if !event.is_instance_of::<PyDict>() {
        return Err(PyTypeError::new_err("an event is a dict, or its JSON as bytes"));
    }
    let no_json = |error: PyErr| Error::bad_event(error.value(py).to_string());
    let value = from_python(event).map_err(no_json)?;
    if !is_finite(&value) {
        return Err(Error::bad_event("NaN and infinities have no JSON form").into());
    }
    let dumps = DUMPS.import(py, "orjson", "dumps")?;
    // What is left to refuse is an integer beyond 64 bits.
    Ok(dumps.call1((event,)).map_err(no_json)?.cast_into()?)
}

pub(super) fn loads<'py>(py: Python<'py>) -> PyResult<&'py Bound<'py, PyAny>> {
    static LOADS: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    LOADS.import(py, "orjson", "loads")
}

fn is_finite(value: &Value) -> bool {
    match value {
        Value::Number(number) => number.is_finite(),
        Value::Array(items) => items.iter().all(is_finite),
        Value::Object(object) => object.entries().iter().all(|(_, value)| is_finite(value)),
        _ => true,
    }
}
