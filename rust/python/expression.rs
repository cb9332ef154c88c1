//! Expression: one compiled expression, for Python (page 3.7).

use std::borrow::Cow;
use std::time::{SystemTime, UNIX_EPOCH};

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict};

use super::convert::{from_python, to_python};
use super::diagnostic::PyExpressionWarning;
use super::error::{compile_error, evaluation_error};
use super::trace::PyTrace;
use crate::config::time_zone;
use crate::error::Error;
use crate::expr::advice::{self, ProfileTypes, Purpose, Types};
use crate::expr::random::Sequence;
use crate::expr::{self, FieldTable, Fuel, Names, ProfileNames, Program, Scope, Vm};
use crate::value::date::Zone;
use crate::value::{Text, Value, json};

/// One compiled expression; outside a configuration `PROFILE` is an ordinary object.
#[pyclass(name = "Expression", module = "p13n._core", frozen)]
pub struct PyExpression {
    source: String,
    program: Program,
    fields: FieldTable,
}

#[pymethods]
impl PyExpression {
    #[new]
    fn new(py: Python<'_>, source: String) -> PyResult<Self> {
        let mut fields = FieldTable::default();
        let mut names = Names { profile: ProfileNames::Object, fields: &mut fields, locals: &[] };
        let program =
            expr::compile(&source, &mut names).map_err(|error| compile_error(py, &error))?;
        Ok(Self { source, program, fields })
    }

    #[getter]
    fn source(&self) -> &str {
        &self.source
    }

    #[getter]
    fn warnings(&self) -> Vec<PyExpressionWarning> {
        let types = Types { profile: ProfileTypes::Object, locals: &[] };
        let advice = advice::of_expression(&self.source, Purpose::Value, &types);
        advice.warnings.into_iter().map(PyExpressionWarning::from).collect()
    }

    #[pyo3(signature = (profile=None, event=None, *, now_ms=None, time_zone=None, seed=None))]
    fn evaluate<'py>(
        &self,
        py: Python<'py>,
        profile: Option<&Bound<'py, PyDict>>,
        event: Option<&Bound<'py, PyDict>>,
        now_ms: Option<i64>,
        time_zone: Option<&str>,
        seed: Option<u64>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let circumstances = Circumstances::of(now_ms, time_zone, seed)?;
        to_python(py, &self.run(py, object(profile)?, object(event)?, circumstances)?)
    }

    #[pyo3(signature = (profile=None, event=None, *, now_ms=None, time_zone=None, seed=None))]
    fn evaluate_json<'py>(
        &self,
        py: Python<'py>,
        profile: Option<&[u8]>,
        event: Option<&[u8]>,
        now_ms: Option<i64>,
        time_zone: Option<&str>,
        seed: Option<u64>,
    ) -> PyResult<Option<Bound<'py, PyBytes>>> {
        let circumstances = Circumstances::of(now_ms, time_zone, seed)?;
        let object = |given: Option<&[u8]>| match given {
            Some(text) => {
                json::parse_json(text).map_err(|error| Error::bad_event(error.to_string()))
            }
            None => Ok(Value::Object(Default::default())),
        };
        let value = self.run(py, object(profile)?, object(event)?, circumstances)?;
        if matches!(value, Value::Undefined) {
            return Ok(None);
        }
        let mut out = Vec::new();
        json::write_json(&value, &mut out);
        Ok(Some(PyBytes::new(py, &out)))
    }

    #[pyo3(signature = (profile=None, event=None, *, now_ms=None, time_zone=None, seed=None))]
    fn trace(
        &self,
        profile: Option<&Bound<'_, PyDict>>,
        event: Option<&Bound<'_, PyDict>>,
        now_ms: Option<i64>,
        time_zone: Option<&str>,
        seed: Option<u64>,
    ) -> PyResult<PyTrace> {
        let circumstances = Circumstances::of(now_ms, time_zone, seed)?;
        let scope = self.scope(object(profile)?, object(event)?, circumstances);
        Ok(PyTrace::new(Vm::default().trace(&self.program, &scope, &mut Fuel::request())))
    }

    fn __repr__(&self) -> String {
        format!("Expression({:?})", self.source)
    }
}

impl PyExpression {
    fn run(
        &self,
        py: Python<'_>,
        profile: Value,
        event: Value,
        circumstances: Circumstances,
    ) -> PyResult<Value> {
        let scope = self.scope(profile, event, circumstances);
        Vm::default()
            .evaluate(&self.program, &scope, &mut Fuel::request())
            .map(Value::into_plain)
            .map_err(|error| evaluation_error(py, &error))
    }

    fn scope(&self, profile: Value, event: Value, circumstances: Circumstances) -> Given {
        let fields = self.fields.names().iter().map(|name| match &event {
            Value::Object(object) => object.get(name).cloned().unwrap_or_default(),
            _ => Value::Undefined,
        });
        let fields = fields.collect();
        let Circumstances { now_ms, zone, seed } = circumstances;
        let draws = match seed {
            Some(seed) => Sequence::new(seed),
            None => Sequence::of_source(&self.source, now_ms),
        };
        Given { profile, fields, event, now_ms, zone, draws }
    }
}

/// What `PROFILE` or `EVENT` is; without anything given, an empty map.
fn object(given: Option<&Bound<'_, PyDict>>) -> PyResult<Value> {
    match given {
        Some(dict) => from_python(dict.as_any()),
        None => Ok(Value::Object(Default::default())),
    }
}

/// When and where an expression is evaluated.
struct Circumstances {
    now_ms: i64,
    zone: Zone,
    /// Seeds `Math.random`; by default the time and the text do.
    seed: Option<u64>,
}

impl Circumstances {
    fn of(now_ms: Option<i64>, time_zone: Option<&str>, seed: Option<u64>) -> PyResult<Self> {
        let zone = time_zone.map_or(Ok(Zone::UTC), time_zone::named);
        let zone = zone.map_err(|unknown| PyValueError::new_err(unknown.to_string()))?;
        Ok(Self { now_ms: now_ms.unwrap_or_else(wall_ms), zone, seed })
    }
}

/// What the caller gave.
struct Given {
    profile: Value,
    fields: Vec<Value>,
    event: Value,
    now_ms: i64,
    zone: Zone,
    draws: Sequence,
}

impl Scope for Given {
    fn profile(&self, _slot: u32) -> Cow<'_, Value> {
        unreachable!("outside a configuration PROFILE has no slots")
    }

    fn profile_object(&self) -> &Value {
        &self.profile
    }

    fn field(&self, index: u32) -> &Value {
        &self.fields[index as usize]
    }

    fn event(&self) -> &Value {
        &self.event
    }

    fn local(&self, _index: u32) -> &Value {
        unreachable!("outside a rule there are no locals")
    }

    fn now_ms(&self) -> i64 {
        self.now_ms
    }

    fn rid(&self) -> Option<Text> {
        None
    }

    fn zone(&self) -> Zone {
        self.zone
    }

    fn random(&self) -> Option<f64> {
        Some(self.draws.draw())
    }
}

fn wall_ms() -> i64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis() as i64)
}
