//! Stats: the reactor's counts and sizes as a dict.

use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::reactor::counters::Labelled;
use crate::reactor::{Reactor, SnapshotReport};
use crate::record::EvictionReason;

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
    stats.set_item("only_stored", counters.only_stored.get())?;
    stats.set_item("dropped", counters.dropped.get())?;
    stats.set_item("not_kept", counters.not_kept.get())?;
    stats.set_item("evicted", evicted(py, reactor)?)?;
    stats.set_item("memory", memory(py, reactor)?)?;
    stats.set_item("offers", counters.offers.get())?;
    stats.set_item("answers_cut", counters.answers_cut.get())?;
    stats.set_item("errors", labelled(py, &counters.errors)?)?;
    stats.set_item("ignored_identifiers", labelled(py, &counters.ignored)?)?;
    stats.set_item("rejected_values", labelled(py, &counters.rejected)?)?;
    stats.set_item("clock_step_ms", reactor.clock_step_ms())?;
    stats.set_item("log", log(py, reactor)?)?;
    stats.set_item("recovery", recovery(py, reactor)?)?;
    stats.set_item("snapshots", snapshots(py, reactor)?)?;
    stats.set_item("retention", retention(py, reactor)?)?;
    stats.set_item("linked", counters.linked.get())?;
    stats.set_item("batch", batch(py, reactor)?)?;
    Ok(stats)
}

/// What was imported: of each kind of data and each catalog its layers, rows and bytes.
fn batch<'py>(py: Python<'py>, reactor: &Reactor) -> PyResult<Bound<'py, PyList>> {
    let all = PyList::empty(py);
    for (dataset, layers) in reactor.batch_layers() {
        let one = PyDict::new(py);
        one.set_item("kind", dataset.kind.word())?;
        one.set_item("name", dataset.name.as_str())?;
        one.set_item("layers", layers.len())?;
        one.set_item("rows", layers.iter().map(|layer| layer.rows).sum::<u64>())?;
        one.set_item("bytes", layers.iter().map(|layer| layer.bytes).sum::<u64>())?;
        all.append(one)?;
    }
    Ok(all)
}

/// What `Reactor.snapshot` answers.
pub fn snapshot<'py>(py: Python<'py>, report: &SnapshotReport) -> PyResult<Bound<'py, PyDict>> {
    let snapshot = PyDict::new(py);
    snapshot.set_item("lsn", report.lsn)?;
    snapshot.set_item("profiles", report.profiles)?;
    snapshot.set_item("bytes", report.bytes)?;
    snapshot.set_item("ms", report.ms)?;
    snapshot.set_item("side_bytes_max", report.side_bytes_max)?;
    Ok(snapshot)
}

fn snapshots<'py>(py: Python<'py>, reactor: &Reactor) -> PyResult<Bound<'py, PyDict>> {
    let figures = reactor.snapshots();
    let snapshots = PyDict::new(py);
    snapshots.set_item("taken", figures.taken)?;
    snapshots.set_item("failed", figures.failed)?;
    snapshots.set_item("failure", figures.failure)?;
    let last = figures.last.as_ref().map(|report| snapshot(py, report)).transpose()?;
    snapshots.set_item("last", last)?;
    Ok(snapshots)
}

fn retention<'py>(py: Python<'py>, reactor: &Reactor) -> PyResult<Bound<'py, PyDict>> {
    let outlook = reactor.retention_outlook();
    let retention = PyDict::new(py);
    retention.set_item("segments_retired", reactor.snapshots().segments_retired)?;
    retention.set_item("log_bytes", outlook.log_bytes)?;
    retention.set_item("bytes_max", outlook.bytes_max)?;
    retention.set_item("days_max", outlook.days_max)?;
    retention.set_item("bytes_per_day", outlook.bytes_per_day)?;
    Ok(retention)
}

/// Profiles let go, by reason.
fn evicted<'py>(py: Python<'py>, reactor: &Reactor) -> PyResult<Bound<'py, PyDict>> {
    let evicted = PyDict::new(py);
    for reason in EvictionReason::ALL {
        evicted.set_item(reason.name(), reactor.counters().evicted(reason).get())?;
    }
    Ok(evicted)
}

fn memory<'py>(py: Python<'py>, reactor: &Reactor) -> PyResult<Bound<'py, PyDict>> {
    let figures = py.detach(|| reactor.memory());
    let memory = PyDict::new(py);
    memory.set_item("budget_bytes", figures.budget_bytes)?;
    memory.set_item("profile_bytes", figures.profile_bytes)?;
    memory.set_item("beside_bytes", figures.beside_bytes)?;
    memory.set_item("full", figures.full)?;
    Ok(memory)
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
    log.set_item("full_since_ms", stats.full_since_ms)?;
    Ok(log)
}

fn recovery<'py>(py: Python<'py>, reactor: &Reactor) -> PyResult<Bound<'py, PyDict>> {
    let report = reactor.recovery();
    let recovery = PyDict::new(py);
    recovery.set_item("snapshot_lsn", report.snapshot_lsn)?;
    recovery.set_item("snapshot_profiles", report.snapshot_profiles)?;
    recovery.set_item("snapshot_ms", report.snapshot_ms)?;
    recovery.set_item("snapshots_damaged", report.snapshots_damaged)?;
    recovery.set_item("events", report.events)?;
    recovery.set_item("events_per_s", report.events_per_s)?;
    recovery.set_item("ms", report.ms)?;
    recovery.set_item("torn_bytes", report.torn_bytes)?;
    Ok(recovery)
}
