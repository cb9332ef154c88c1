//! Errors: the exception tree, and the one conversion from our errors to Python's.

use pyo3::IntoPyObjectExt;
use pyo3::create_exception;
use pyo3::exceptions::{PyException, PyOSError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::PyList;

use super::diagnostic::PyDiagnostic;
use crate::batch;
use crate::error::{Error, ErrorKind};
use crate::expr::{CompileError as ExprCompileError, EvalError};
use crate::log;

create_exception!(p13n._core, P13nError, PyException, "Base of every error that p13n raises.");
create_exception!(p13n._core, ConfigError, P13nError, "A configuration has errors.");
create_exception!(p13n._core, CompileError, P13nError, "An expression does not compile.");
create_exception!(p13n._core, EvaluationError, P13nError, "An expression threw.");
create_exception!(p13n._core, BadEvent, P13nError, "An event is not acceptable.");
create_exception!(p13n._core, UnknownTable, P13nError, "Database or table is malformed.");
create_exception!(p13n._core, Busy, P13nError, "The log's queue is full.");
create_exception!(p13n._core, LogError, P13nError, "The log failed.");
create_exception!(p13n._core, Corrupted, LogError, "The log is damaged.");
create_exception!(p13n._core, DiskFull, LogError, "No room on the disk.");
create_exception!(p13n._core, Locked, LogError, "Another process has the directory.");
create_exception!(p13n._core, NotDurable, LogError, "Not durable in time.");

/// Code of an event that is not acceptable (row 16 of page 1.2).
const CODE_BAD_EVENT: u16 = 3004;
/// Code of a malformed database or table (row 1).
const CODE_NOT_FOUND: u16 = 4004;
/// Code of a full queue (row 16b).
const CODE_BUSY: u16 = 2003;
/// Code of an event that could not be stored (row 17).
const CODE_NOT_STORED: u16 = 5007;

/// Adds the tree to the module.
pub fn register(module: &Bound<'_, PyModule>) -> PyResult<()> {
    let py = module.py();
    module.add("P13nError", py.get_type::<P13nError>())?;
    module.add("ConfigError", py.get_type::<ConfigError>())?;
    module.add("CompileError", py.get_type::<CompileError>())?;
    module.add("EvaluationError", py.get_type::<EvaluationError>())?;
    module.add("BadEvent", py.get_type::<BadEvent>())?;
    module.add("UnknownTable", py.get_type::<UnknownTable>())?;
    module.add("Busy", py.get_type::<Busy>())?;
    module.add("LogError", py.get_type::<LogError>())?;
    module.add("Corrupted", py.get_type::<Corrupted>())?;
    module.add("DiskFull", py.get_type::<DiskFull>())?;
    module.add("Locked", py.get_type::<Locked>())?;
    module.add("NotDurable", py.get_type::<NotDurable>())?;
    Ok(())
}

impl From<Error> for PyErr {
    fn from(error: Error) -> Self {
        let message = error.to_string();
        Python::attach(|py| match error.into_kind() {
            ErrorKind::BadEvent(detail) => {
                coded(py, BadEvent::new_err(message), CODE_BAD_EVENT, Some(detail))
            }
            ErrorKind::UnknownTable(detail) => {
                coded(py, UnknownTable::new_err(message), CODE_NOT_FOUND, Some(detail))
            }
            ErrorKind::Busy => coded(py, Busy::new_err(message), CODE_BUSY, None),
            ErrorKind::Full(_) => coded(py, DiskFull::new_err(message), CODE_NOT_STORED, None),
            ErrorKind::NotDurable => coded(py, NotDurable::new_err(message), CODE_NOT_STORED, None),
            ErrorKind::Argument(_) => PyValueError::new_err(message),
            ErrorKind::Panic(_) => pyo3::panic::PanicException::new_err(message),
            ErrorKind::Config(diagnostics) => {
                let error = ConfigError::new_err(message);
                let list = PyList::new(py, diagnostics.into_iter().map(PyDiagnostic::from));
                with(py, error, list.map(|list| ("diagnostics", list.into_any())))
            }
            ErrorKind::Log(error) => log_error(py, message, error),
            ErrorKind::Stopped(failure) if failure.kind == log::FailureKind::DiskFull => {
                coded(py, DiskFull::new_err(message), CODE_NOT_STORED, None)
            }
            ErrorKind::Batch(batch::Error::Limit(_)) => PyValueError::new_err(message),
            ErrorKind::Stopped(_)
            | ErrorKind::Replay(_)
            | ErrorKind::Snapshot(_)
            | ErrorKind::Batch(_) => coded(py, LogError::new_err(message), CODE_NOT_STORED, None),
        })
    }
}

fn log_error(py: Python<'_>, message: String, error: log::Error) -> PyErr {
    match error {
        log::Error::Locked { directory } => {
            let raised = coded(py, Locked::new_err(message), CODE_NOT_STORED, None);
            set(py, raised, "directory", directory.display().to_string())
        }
        log::Error::Corrupted { file, offset, first_lsn, .. } => {
            let raised = coded(py, Corrupted::new_err(message), CODE_NOT_STORED, None);
            let raised = set(py, raised, "file", file.display().to_string());
            let raised = set(py, raised, "offset", offset);
            set(py, raised, "lsn", first_lsn)
        }
        log::Error::DiskFull { .. } => coded(py, DiskFull::new_err(message), CODE_NOT_STORED, None),
        _ => coded(py, LogError::new_err(message), CODE_NOT_STORED, None),
    }
}

/// A compile error with its attributes.
pub fn compile_error(py: Python<'_>, error: &ExprCompileError) -> PyErr {
    let raised = CompileError::new_err(error.to_string());
    let raised = set(py, raised, "code", error.code);
    let raised = set(py, raised, "message", error.message.as_str());
    let raised = set(py, raised, "span", (error.span.start, error.span.end));
    set(py, raised, "help", error.help.as_deref())
}

/// An evaluation error with its attributes.
pub fn evaluation_error(py: Python<'_>, error: &EvalError) -> PyErr {
    let kind = error.kind.name();
    let raised = EvaluationError::new_err(format!("{kind}: {error}"));
    let raised = set(py, raised, "kind", kind);
    let raised = set(py, raised, "message", error.message.as_str());
    set(py, raised, "span", (error.span.start, error.span.end))
}

/// A file that the operating system would not give.
pub fn os_error(path: &str, error: &std::io::Error) -> PyErr {
    PyOSError::new_err((error.raw_os_error().unwrap_or(0), error.to_string(), path.to_owned()))
}

fn coded(py: Python<'_>, raised: PyErr, code: u16, detail: Option<String>) -> PyErr {
    let raised = set(py, raised, "code", code);
    match detail {
        Some(detail) => set(py, raised, "detail", detail),
        None => raised,
    }
}

fn set<'py>(
    py: Python<'py>,
    raised: PyErr,
    name: &'static str,
    value: impl IntoPyObjectExt<'py>,
) -> PyErr {
    with(py, raised, value.into_bound_py_any(py).map(|value| (name, value)))
}

/// The exception with an attribute; failing that, the failure.
fn with(py: Python<'_>, raised: PyErr, named: PyResult<(&str, Bound<'_, PyAny>)>) -> PyErr {
    match named.and_then(|(name, value)| raised.value(py).setattr(name, value)) {
        Ok(()) => raised,
        Err(failure) => failure,
    }
}
