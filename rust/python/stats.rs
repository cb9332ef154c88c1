//! Stats: the reactor's counts and sizes as a dict.

use pyo3::prelude::*;
use pyo3::types::PyDict;

use crate::reactor::Reactor;
use crate::reactor::counters::Labelled;

/// What `Reactor.stats` answers.
pub fn stats<'py>(py: Python<'py>, reactor: &Reactor) -> PyResult<Bound<'py, PyDict>> {
    let counters = reactor.counters();
    let (profiles, identifiers) = py.detach(|| reactor.sizes());
    let stats = PyDict::new(py);
    stats.set_item("profiles", profiles)?;
    stats.set_item("identifiers", identifiers)?;
    stats.set_item("events", counters.events.get())?;
    stats.set_item("duplicates", counters.duplicates.get())?;
    stats.set_item("unrouted", counters.unrouted.get())?;
    stats.set_item("offers", counters.offers.get())?;
    stats.set_item("answers_cut", counters.answers_cut.get())?;
    stats.set_item("errors", labelled(py, &counters.errors)?)?;
    stats.set_item("ignored_identifiers", labelled(py, &counters.ignored)?)?;
    stats.set_item("rejected_values", labelled(py, &counters.rejected)?)?;
    stats.set_item("clock_step_ms", reactor.clock_step_ms())?;
    stats.set_item("log", log(py, reactor)?)?;
    stats.set_item("recovery", recovery(py, reactor)?)?;
    Ok(stats)
}

/// `{name: {reason: count}}`.
fn labelled<'py>(py: Python<'py>, counts: &Labelled) -> PyResult<Bound<'py, PyDict>> {
    let names = PyDict::new(py);
    for (name, reason, count) in counts.snapshot() {
        let reasons = match names.get_item(name.as_str())? {
            Some(reasons) => reasons.cast_into::<PyDict>()?,
            None => PyDict::new(py),
        };
        reasons.set_item(reason, count)?;
        names.set_item(name.as_str(), reasons)?;
    }
    Ok(names)
}

fn log<'py>(py: Python<'py>, reactor: &Reactor) -> PyResult<Bound<'py, PyDict>> {
    let stats = reactor.log().stats();
    let log = PyDict::new(py);
    log.set_item("lsn", stats.appended)?;
    log.set_item("synced_lsn", stats.synced)?;
    log.set_item("syncs", stats.syncs)?;
    log.set_item("batches", stats.batches)?;
    log.set_item("bytes", stats.written_bytes)?;
    log.set_item("queued_bytes", stats.queued_bytes)?;
    Ok(log)
}

fn recovery<'py>(py: Python<'py>, reactor: &Reactor) -> PyResult<Bound<'py, PyDict>> {
    let report = reactor.recovery();
    let recovery = PyDict::new(py);
    recovery.set_item("snapshot_lsn", report.snapshot_lsn)?;
    recovery.set_item("snapshot_profiles", report.snapshot_profiles)?;
    recovery.set_item("snapshots_damaged", report.snapshots_damaged)?;
    recovery.set_item("events", report.events)?;
    recovery.set_item("events_per_s", report.events_per_s)?;
    recovery.set_item("ms", report.ms)?;
    recovery.set_item("torn_bytes", report.torn_bytes)?;
    Ok(recovery)
}
