//! Erasure: people erased, anonymized, exported, and the proof, for the command line and for embedders.

use std::collections::BTreeMap;
use std::path::PathBuf;

use pyo3::exceptions::{PyTypeError, PyValueError};
use pyo3::prelude::*;
use pyo3::types::{PyBytes, PyDict, PyList};

use super::convert::to_python;
use super::cursor::log_folder;
use super::reactor::profile_dict;
use crate::event::{parse_uuid, uuid_text};
use crate::log::storage::RealDisk;
use crate::profile::Rid;
use crate::reactor::erasure::export::export_person;
use crate::reactor::erasure::proof::{Wanted, files_under, prove};
use crate::reactor::erasure::{ErasureReport, Leave, When, erased_before};
use crate::reactor::{Options, Reactor};

/// Identifiers: each a key's name and a value.
pub type Names = Vec<(String, String)>;

/// People by their identifiers: a dict, or a list of dicts.
pub fn names(people: &Bound<'_, PyAny>) -> PyResult<Names> {
    if let Ok(one) = people.extract::<BTreeMap<String, String>>() {
        return Ok(one.into_iter().collect());
    }
    let several = people.extract::<Vec<BTreeMap<String, String>>>();
    let several = several.map_err(|_| {
        PyTypeError::new_err(
            "people are a dict such as {\"email\": \"a@b.example\"}, or a list of such dicts",
        )
    })?;
    Ok(several.into_iter().flatten().collect())
}

/// Erases or anonymizes people in a reactor that is open.
pub fn erase<'py>(
    py: Python<'py>,
    reactor: &Reactor,
    people: &Names,
    anonymize: bool,
    shared: bool,
) -> PyResult<Bound<'py, PyDict>> {
    let leave = if anonymize { Leave::Counts } else { Leave::Nothing };
    let when = if shared { When::Shared } else { When::Now };
    let report = py.detach(|| {
        let people: Vec<_> =
            people.iter().map(|(key, value)| (key.as_str(), value.as_str())).collect();
        reactor.erase(&people, leave, when)
    })?;
    report_dict(py, &report)
}

/// Erases or anonymizes people in a directory that nobody else uses.
#[pyfunction]
#[pyo3(signature = (directory, people, anonymize=false))]
pub fn person_erase<'py>(
    py: Python<'py>,
    directory: PathBuf,
    people: Names,
    anonymize: bool,
) -> PyResult<Bound<'py, PyDict>> {
    log_folder(&directory)?;
    let reactor = py.detach(|| Reactor::reopen(&directory, &Options::default()))?;
    let erased = erase(py, &reactor, &people, anonymize, false);
    py.detach(|| reactor.close())?;
    let erased = erased?;
    erased.set_item("pending", reactor.erasures_pending())?;
    Ok(erased)
}

/// What erasures of a directory's log were of people with one of these identifiers: their ids.
#[pyfunction]
pub fn person_erased(py: Python<'_>, directory: PathBuf, people: Names) -> PyResult<Vec<String>> {
    log_folder(&directory)?;
    let rids = py.detach(|| erased_before(&directory, &people, &Options::default()))?;
    Ok(rids.iter().map(Rid::to_string).collect())
}

/// Looks for people in all files under some folders, decoded.
#[pyfunction]
pub fn person_prove<'py>(
    py: Python<'py>,
    folders: Vec<PathBuf>,
    erased: Vec<String>,
    rids: Vec<String>,
    control: Vec<String>,
) -> PyResult<Bound<'py, PyDict>> {
    let rids: Option<Vec<Rid>> = rids.iter().map(|rid| parse_uuid(rid).map(Rid)).collect();
    let rids = rids.ok_or_else(|| PyValueError::new_err("an rid is a UUID"))?;
    let wanted = Wanted { erased: &erased, rids: &rids, control: &control };
    let proof = py.detach(|| prove(&RealDisk, &mut || files_under(&folders), &wanted))?;
    let kinds = PyDict::new(py);
    for (kind, finding) in &proof.kinds {
        let dict = PyDict::new(py);
        dict.set_item("files", finding.files)?;
        dict.set_item("bytes", finding.bytes)?;
        dict.set_item("hits", finding.hits)?;
        dict.set_item("mentions", finding.mentions)?;
        dict.set_item("control", finding.control)?;
        dict.set_item("with_hits", PyList::new(py, &finding.with_hits)?)?;
        kinds.set_item(kind, dict)?;
    }
    let dict = PyDict::new(py);
    dict.set_item("kinds", kinds)?;
    dict.set_item("unsound", proof.unsound)?;
    dict.set_item("undecoded", proof.undecoded)?;
    Ok(dict)
}

/// Everything that a directory holds of one person.
#[pyfunction]
pub fn person_export<'py>(
    py: Python<'py>,
    directory: PathBuf,
    key: String,
    value: String,
) -> PyResult<Bound<'py, PyDict>> {
    log_folder(&directory)?;
    let options = Options::default();
    let found = py.detach(|| export_person(&directory, &key, &value, &options))?;
    let events = PyList::empty(py);
    for event in &found.events {
        let offers = PyList::empty(py);
        for (offer, rule, data) in &event.offers {
            let dict = PyDict::new(py);
            dict.set_item("offer", offer)?;
            dict.set_item("rule", rule)?;
            dict.set_item("data", to_python(py, data)?)?;
            offers.append(dict)?;
        }
        let dict = PyDict::new(py);
        dict.set_item("lsn", event.lsn)?;
        dict.set_item("time", event.now_ms)?;
        dict.set_item("uuid", uuid_text(&event.uuid).as_str())?;
        dict.set_item("database", &event.database)?;
        dict.set_item("table", &event.table)?;
        dict.set_item("body", PyBytes::new(py, &event.body))?;
        dict.set_item("offers", offers)?;
        events.append(dict)?;
    }
    let dict = PyDict::new(py);
    dict.set_item("rids", found.rids.iter().map(Rid::to_string).collect::<Vec<_>>())?;
    let profile = found.profile.as_ref().map(|reading| profile_dict(py, reading)).transpose()?;
    dict.set_item("profile", profile)?;
    dict.set_item("events", events)?;
    dict.set_item("activations", PyList::empty(py))?;
    Ok(dict)
}

fn report_dict<'py>(py: Python<'py>, report: &ErasureReport) -> PyResult<Bound<'py, PyDict>> {
    let files = report.files;
    let dict = PyDict::new(py);
    dict.set_item("lsn", report.lsn)?;
    dict.set_item("rids", report.rids.iter().map(Rid::to_string).collect::<Vec<_>>())?;
    dict.set_item("identifiers", report.identifiers)?;
    dict.set_item("texts", &report.texts)?;
    dict.set_item("profiles", report.profiles)?;
    dict.set_item("tombstones", files.tombstones)?;
    dict.set_item("segments", files.segments)?;
    dict.set_item("log_bytes", files.log_bytes)?;
    dict.set_item("snapshot_profiles", files.snapshot_profiles)?;
    dict.set_item("snapshots", files.snapshots)?;
    dict.set_item("batch_rows", files.batch_rows)?;
    dict.set_item("generations", files.generations)?;
    dict.set_item("removed", files.removed)?;
    dict.set_item("ms", files.ms)?;
    Ok(dict)
}
