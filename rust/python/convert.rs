//! Convert: values of ours to Python's and back.

use std::sync::Arc;

use pyo3::exceptions::{PyRecursionError, PyTypeError};
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyDict, PyFloat, PyInt, PyList, PyString, PyTuple};

use crate::event::DEPTH_MAX;
use crate::value::{Object, Text, Value};

/// Integers up to this magnitude are exact in a double.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// Python's form: `undefined` and `null` are None, numbers without a fraction int.
pub fn to_python<'py>(py: Python<'py>, value: &Value) -> PyResult<Bound<'py, PyAny>> {
    Ok(match value {
        // Instances and holes never leave an evaluation (`Value::into_plain`).
        Value::Undefined | Value::Null | Value::Instance(_) | Value::Hole => {
            py.None().into_bound(py)
        }
        Value::Bool(truth) => PyBool::new(py, *truth).to_owned().into_any(),
        Value::Number(number) if number.fract() == 0.0 && number.abs() <= EXACT_MAX => {
            (*number as i64).into_pyobject(py)?.into_any()
        }
        Value::Number(number) => PyFloat::new(py, *number).into_any(),
        Value::String(text) => PyString::new(py, text).into_any(),
        Value::Array(items) => {
            let list = PyList::empty(py);
            for item in items.iter() {
                list.append(to_python(py, item)?)?;
            }
            list.into_any()
        }
        Value::Object(object) => {
            let dict = PyDict::new(py);
            for (name, value) in object.entries() {
                dict.set_item(name.as_str(), to_python(py, value)?)?;
            }
            dict.into_any()
        }
    })
}

/// Our form of what `json.loads` can make.
///
/// # Errors
/// `TypeError` for anything else, `RecursionError` beyond [`DEPTH_MAX`] levels.
pub fn from_python(value: &Bound<'_, PyAny>) -> PyResult<Value> {
    from_python_at(value, 1)
}

fn from_python_at(value: &Bound<'_, PyAny>, depth: usize) -> PyResult<Value> {
    if let Ok(text) = value.cast::<PyString>() {
        return Ok(Value::String(Text::new(text.to_str()?)));
    }
    if value.is_none() {
        return Ok(Value::Null);
    }
    if let Ok(truth) = value.cast::<PyBool>() {
        return Ok(Value::Bool(truth.is_true()));
    }
    if value.is_instance_of::<PyFloat>() || value.is_instance_of::<PyInt>() {
        // `-0` in an event reads as `0` (page 3.6.6).
        return Ok(Value::Number(value.extract::<f64>()? + 0.0));
    }
    if depth > DEPTH_MAX {
        return Err(PyRecursionError::new_err(format!(
            "the value nests more than {DEPTH_MAX} levels deep"
        )));
    }
    if let Ok(dict) = value.cast::<PyDict>() {
        let mut entries = Vec::with_capacity(dict.len());
        for (name, value) in dict.iter() {
            let name = name.cast::<PyString>().map_err(|_| wrong_type(&name))?;
            entries.push((Text::new(name.to_str()?), from_python_at(&value, depth + 1)?));
        }
        return Ok(Value::Object(Arc::new(Object::from_entries(entries))));
    }
    if let Ok(list) = value.cast::<PyList>() {
        let items = list.iter().map(|item| from_python_at(&item, depth + 1));
        return Ok(Value::Array(Arc::new(items.collect::<PyResult<_>>()?)));
    }
    if let Ok(tuple) = value.cast::<PyTuple>() {
        let items = tuple.iter().map(|item| from_python_at(&item, depth + 1));
        return Ok(Value::Array(Arc::new(items.collect::<PyResult<_>>()?)));
    }
    Err(wrong_type(value))
}

fn wrong_type(value: &Bound<'_, PyAny>) -> PyErr {
    let name = value.get_type().name().map_or_else(|_| "?".into(), |name| name.to_string());
    PyTypeError::new_err(format!("a value of type {name} has no JSON form"))
}
