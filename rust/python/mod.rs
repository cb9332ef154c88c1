//! The binding: the only place that names pyo3.
//!
//! `p13n._core` is private; `p13n` re-exports its public names and `python/p13n/_core.pyi` is its
//! contract. Invariant: a method translates, it never decides.

mod body;
mod convert;
mod cursor;
mod diagnostic;
mod erasure;
mod error;
mod event;
mod expression;
mod identities;
mod import;
mod ingest_report;
mod keeping;
mod log;
mod offers;
mod options;
mod reactor;
mod stats;
mod trace;

use pyo3::prelude::*;

/// The extension module `p13n._core`.
#[pymodule(gil_used = false)]
fn _core(module: &Bound<'_, PyModule>) -> PyResult<()> {
    module.add("__version__", env!("CARGO_PKG_VERSION"))?;
    error::register(module)?;
    module.add_class::<diagnostic::PyDiagnostic>()?;
    module.add_class::<diagnostic::PyExpressionWarning>()?;
    module.add_class::<expression::PyExpression>()?;
    module.add_class::<trace::PyTrace>()?;
    module.add_class::<trace::PyTraceEntry>()?;
    module.add_class::<ingest_report::PyIngestReport>()?;
    module.add_class::<import::PyImport>()?;
    module.add_class::<reactor::PyReactor>()?;
    module.add_class::<reactor::PyRecoveryProgress>()?;
    module.add_function(wrap_pyfunction!(diagnostic::check, module)?)?;
    module.add_function(wrap_pyfunction!(diagnostic::read_yaml, module)?)?;
    module.add_function(wrap_pyfunction!(log::log_info, module)?)?;
    module.add_function(wrap_pyfunction!(log::log_events, module)?)?;
    module.add_function(wrap_pyfunction!(log::log_rehearse, module)?)?;
    module.add_class::<cursor::PyLogCursor>()?;
    module.add_class::<cursor::PyEvents>()?;
    module.add_class::<identities::PyIdentityCursor>()?;
    module.add_class::<identities::PyIdentityChanges>()?;
    module.add_function(wrap_pyfunction!(identities::identity_find, module)?)?;
    module.add_function(wrap_pyfunction!(reactor::profile_read, module)?)?;
    module.add_class::<offers::PyOfferCursor>()?;
    module.add_function(wrap_pyfunction!(log::log_verify, module)?)?;
    module.add_function(wrap_pyfunction!(keeping::log_backup, module)?)?;
    module.add_function(wrap_pyfunction!(keeping::log_restore, module)?)?;
    module.add_function(wrap_pyfunction!(keeping::log_salvage, module)?)?;
    module.add_function(wrap_pyfunction!(erasure::person_erase, module)?)?;
    module.add_function(wrap_pyfunction!(erasure::person_erased, module)?)?;
    module.add_function(wrap_pyfunction!(erasure::person_prove, module)?)?;
    module.add_function(wrap_pyfunction!(erasure::person_export, module)?)?;
    Ok(())
}
