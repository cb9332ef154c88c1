//! Event: takes from a parsed dict only the values that the plan reads.

use std::sync::Arc;

use parking_lot::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyString};

use super::convert::from_python;
use crate::error::{Error, Result};
use crate::event::{Taken, depth_is_allowed, too_deep};
use crate::reactor::Published;
use crate::value::Value;

/// The plan's field names as Python strings, made once a plan.
#[derive(Default)]
pub struct FieldNames(Mutex<Option<Arc<NamesOfPlan>>>);

struct NamesOfPlan {
    published: Arc<Published>,
    names: Vec<Py<PyString>>,
}

impl FieldNames {
    /// Takes the plan's fields from an event that `orjson.loads` made of `body`.
    ///
    /// # Errors
    /// `BadEvent` when the event nests too deep.
    pub fn take(
        &self,
        published: &Arc<Published>,
        event: &Bound<'_, PyDict>,
        body: &[u8],
    ) -> Result<Taken> {
        if !depth_is_allowed(body) {
            return Err(too_deep());
        }
        let py = event.py();
        let of_plan = self.of_plan(py, published);
        let mut values = Vec::with_capacity(of_plan.names.len());
        for name in &of_plan.names {
            values.push(match event.get_item(name.bind(py)) {
                Ok(Some(value)) => from_python(&value).map_err(not_json)?,
                Ok(None) => Value::Undefined,
                Err(error) => return Err(not_json(error)),
            });
        }
        let whole = if published.shape.needs_whole() {
            from_python(event.as_any()).map_err(not_json)?
        } else {
            Value::Undefined
        };
        Ok(Taken { values, whole })
    }

    fn of_plan(&self, py: Python<'_>, published: &Arc<Published>) -> Arc<NamesOfPlan> {
        let mut held = self.0.lock();
        match &*held {
            Some(known) if Arc::ptr_eq(&known.published, published) => Arc::clone(known),
            _ => {
                let names = published.shape.names().iter();
                let names = names.map(|name| PyString::intern(py, name).unbind()).collect();
                let made = Arc::new(NamesOfPlan { published: Arc::clone(published), names });
                *held = Some(Arc::clone(&made));
                made
            }
        }
    }
}

fn not_json(error: PyErr) -> Error {
    Python::attach(|py| Error::bad_event(error.value(py).to_string()))
}
