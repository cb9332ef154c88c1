//! Diagnostic: one problem of a configuration, for Python.

use pyo3::prelude::*;

use crate::config::diagnostic::{Diagnostic, Severity};

/// One problem of a configuration. `str(diagnostic)` is the text for a person, with a caret.
#[pyclass(name = "Diagnostic", module = "p13n._core", frozen)]
pub struct PyDiagnostic(Diagnostic);

impl From<Diagnostic> for PyDiagnostic {
    fn from(diagnostic: Diagnostic) -> Self {
        Self(diagnostic)
    }
}

#[pymethods]
impl PyDiagnostic {
    #[getter]
    fn severity(&self) -> &'static str {
        match self.0.severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        }
    }

    #[getter]
    fn code(&self) -> &'static str {
        self.0.code
    }

    #[getter]
    fn file(&self) -> &str {
        &self.0.file
    }

    #[getter]
    fn line(&self) -> usize {
        self.0.line
    }

    #[getter]
    fn column(&self) -> usize {
        self.0.column
    }

    #[getter]
    fn message(&self) -> &str {
        &self.0.message
    }

    #[getter]
    fn help(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    fn __str__(&self) -> String {
        self.0.to_string()
    }

    fn __repr__(&self) -> String {
        format!("<Diagnostic {} {}:{}>", self.0.code, self.0.file, self.0.line)
    }
}
