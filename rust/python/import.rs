//! Import: batch data of a file on its way into a reactor, for Python; bytes come in pieces.

use std::path::PathBuf;

use parking_lot::Mutex;
use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::sync::PyOnceLock;
use pyo3::types::PyDict;

use super::reactor::PyReactor;
use crate::batch::Dataset;
use crate::batch::source::{Format, Tally};
use crate::reactor::import::{Begun, Import, ImportRequest};
use crate::reactor::stitching::IdentityRows;
use crate::value::Text;

/// What an import does with the next bytes.
enum UnderWay {
    Rows(Box<Import>),
    Identities(Box<IdentityRows>),
}

/// A file being imported.
#[pyclass(name = "Import", module = "p13n._core", frozen)]
pub struct PyImport {
    reactor: Py<PyReactor>,
    under_way: Mutex<Option<UnderWay>>,
}

#[pymethods]
impl PyImport {
    fn feed(&self, py: Python<'_>, bytes: &[u8]) -> PyResult<()> {
        let reactor = self.reactor.get();
        Ok(py.detach(|| match self.under_way.lock().as_mut() {
            Some(UnderWay::Rows(import)) => import.feed(bytes),
            Some(UnderWay::Identities(rows)) => reactor.core().feed_identities(rows, bytes),
            None => Ok(()),
        })?)
    }

    fn finish<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let under_way = self.under_way.lock().take();
        let reactor = self.reactor.get();
        let report = PyDict::new(py);
        let Some(under_way) = under_way else {
            return Err(PyValueError::new_err("this import is over"));
        };
        let tally = match under_way {
            UnderWay::Rows(import) => {
                let done = py.detach(|| reactor.core().finish_import(*import))?;
                report.set_item("generation", done.generation)?;
                report.set_item("rows_kept", done.rows)?;
                report.set_item("bytes", done.bytes)?;
                report.set_item("lsn", done.lsn)?;
                report.set_item("layers", done.layers)?;
                done.tally
            }
            UnderWay::Identities(rows) => {
                let done = py.detach(|| reactor.core().finish_identities(*rows))?;
                report.set_item("rows_kept", done.stitched)?;
                report.set_item("skipped", done.skipped)?;
                report.set_item("lsn", done.lsn)?;
                done.tally
            }
        };
        put_tally(&report, &tally)?;
        Ok(report)
    }
}

fn put_tally(report: &Bound<'_, PyDict>, tally: &Tally) -> PyResult<()> {
    report.set_item("rows", tally.rows)?;
    report.set_item("malformed", tally.malformed)?;
    let problems = tally.problems.iter().map(|problem| (problem.line, problem.why.as_str()));
    report.set_item("problems", problems.collect::<Vec<_>>())
}

/// Begins an import; `None` when the newest one was of the same file.
pub fn begin(
    reactor: &Bound<'_, PyReactor>,
    (kind, name, format, file_hash): (&str, &str, &str, [u8; 32]),
    key: Option<&str>,
    replace: bool,
    only_check: bool,
) -> PyResult<Option<PyImport>> {
    let format = match format {
        "csv" => Format::Csv,
        "jsonl" => Format::JsonLines,
        _ => return Err(PyValueError::new_err("format is \"csv\" or \"jsonl\"")),
    };
    let core = reactor.get().core();
    let dataset = match kind {
        "attributes" => Dataset::attributes(),
        "segments" => Dataset::segments(),
        "catalog" => Dataset::catalog(Text::new(name)),
        "identities" => {
            let rows = core.begin_identities(format, file_hash, only_check);
            let under_way = UnderWay::Identities(Box::new(rows));
            return Ok(Some(under(reactor, under_way)));
        }
        _ => {
            let kinds = "kind is \"attributes\", \"segments\", \"catalog\" or \"identities\"";
            return Err(PyValueError::new_err(kinds));
        }
    };
    let key = key.map(Text::new);
    let request = ImportRequest { dataset, key, format, file: file_hash, replace };
    Ok(match core.begin_import(&request)? {
        Begun::Same(_) => None,
        Begun::Import(import) => Some(under(reactor, UnderWay::Rows(import))),
    })
}

fn under(reactor: &Bound<'_, PyReactor>, under_way: UnderWay) -> PyImport {
    PyImport { reactor: reactor.clone().unbind(), under_way: Mutex::new(Some(under_way)) }
}

/// Reads a file through `p13n.batch`, which knows its kind.
pub fn import_file<'py>(
    reactor: &Bound<'py, PyReactor>,
    kind: &str,
    path: PathBuf,
    (name, key, replace): (&str, Option<&str>, bool),
) -> PyResult<Bound<'py, PyAny>> {
    static IMPORT_FILE: PyOnceLock<Py<PyAny>> = PyOnceLock::new();
    let py = reactor.py();
    let keywords = PyDict::new(py);
    keywords.set_item("name", name)?;
    keywords.set_item("key", key)?;
    keywords.set_item("replace", replace)?;
    let import_file = IMPORT_FILE.import(py, "p13n.batch", "import_file")?;
    let path = py.import("pathlib")?.getattr("Path")?.call1((path,))?;
    import_file.call((reactor, kind, path), Some(&keywords))
}
