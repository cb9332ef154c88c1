//! Diagnostic: one problem of a configuration or expression, for Python.

use std::path::PathBuf;

use pyo3::prelude::*;

use super::convert::to_python;
use super::error::os_error;
use crate::config::diagnostic::{Diagnostic, Severity};
use crate::config::{self, SourceFile};
use crate::error::{Error, ErrorKind};
use crate::expr::advice::Warning;

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

/// Something in an expression that compiles and is hardly meant.
#[pyclass(name = "ExpressionWarning", module = "p13n._core", frozen)]
pub struct PyExpressionWarning(Warning);

impl From<Warning> for PyExpressionWarning {
    fn from(warning: Warning) -> Self {
        Self(warning)
    }
}

#[pymethods]
impl PyExpressionWarning {
    #[getter]
    fn code(&self) -> &'static str {
        self.0.code
    }

    #[getter]
    fn message(&self) -> &str {
        &self.0.message
    }

    #[getter]
    fn span(&self) -> (usize, usize) {
        (self.0.span.start, self.0.span.end)
    }

    #[getter]
    fn help(&self) -> Option<&str> {
        self.0.help.as_deref()
    }

    fn __str__(&self) -> &str {
        &self.0.message
    }

    fn __repr__(&self) -> String {
        format!("<ExpressionWarning {} {:?}>", self.0.code, self.0.span)
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

/// A YAML document that is no configuration, read as strictly as one.
#[pyfunction]
#[pyo3(signature = (text, name="<text>"))]
pub fn read_yaml<'py>(py: Python<'py>, text: &str, name: &str) -> PyResult<Bound<'py, PyAny>> {
    let document = config::read_document(&SourceFile::new(name, text));
    let value = document.map_err(|found| Error::from(ErrorKind::Config(found)))?;
    to_python(py, &value)
}
