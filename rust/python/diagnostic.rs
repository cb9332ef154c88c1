//! Diagnostic: one problem of a configuration, for Python.

use std::path::PathBuf;

use pyo3::prelude::*;

use super::error::os_error;
use crate::config::diagnostic::{Diagnostic, Severity};
use crate::config::{self, SourceFile};

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

/// All diagnostics of configuration files; each file is a configuration of its own.
#[pyfunction]
pub fn check(paths: Vec<PathBuf>) -> PyResult<Vec<PyDiagnostic>> {
    let mut all = Vec::new();
    for path in paths {
        let source = SourceFile::read(&path)
            .map_err(|error| os_error(&path.display().to_string(), &error))?;
        match source {
            Ok(source) => all.extend(config::check(&source).into_iter().map(PyDiagnostic)),
            Err(diagnostic) => all.push(PyDiagnostic(*diagnostic)),
        }
    }
    Ok(all)
}
