//! Identities: the identity log for Python: its rows in batches, and who somebody is.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::vec;

use crate::sync::Mutex;
use pyo3::prelude::*;
use pyo3::types::{PyDict, PyList};

use crate::error::{Error, ErrorKind};
use crate::event::parse_uuid;
use crate::identity_log::{Entry, IDENTITY_FOLDER, Person, Register, Row};
use crate::log::storage::RealDisk;
use crate::log::{ReplayError, Tail};
use crate::profile::{Identifier, Rid};
use crate::reactor::identities::register_error;
use crate::record::BadRecord;
use crate::value::Text;

/// Rows that cross at a time.
const ROWS: usize = 4_096;

/// lsn, time_ms, profile_change_type, current_rid, merged_rids, current_id_attributes, identifiers, moved_to.
type Cells = (u64, i64, &'static str, String, String, Option<String>, String, Option<String>);

/// The identity log of a directory, batch after batch, without its lock.
#[pyclass(name = "IdentityCursor", module = "p13n._core", frozen)]
pub struct PyIdentityCursor {
    reading: Mutex<Option<Reading>>,
}

struct Reading {
    tail: Tail,
    /// Where the log was known to be synced when it was opened.
    synced: u64,
    names: Vec<Text>,
}

impl PyIdentityCursor {
    /// What a directory's identity log holds behind an entry of its own numbering.
    pub fn open(directory: &Path, after: u64) -> Result<Self, Error> {
        let folder = directory.join(IDENTITY_FOLDER);
        if !folder.is_dir() {
            return Ok(Self { reading: Mutex::new(None) });
        }
        let names = Register::open(directory, Arc::new(RealDisk))?.names();
        let names = names.map_err(register_error)?;
        let tail = Tail::open(&folder, Arc::new(RealDisk), after)?;
        let synced = tail.synced_lsn()?;
        Ok(Self { reading: Mutex::new(Some(Reading { tail, synced, names })) })
    }

    fn next_rows(&self) -> Result<Vec<Cells>, Error> {
        let mut reading = self.reading.lock();
        let Some(Reading { tail, synced, names }) = &mut *reading else { return Ok(Vec::new()) };
        let mut rows = Vec::new();
        tail.read(*synced, |record| -> Result<bool, BadRecord> {
            let entry = Entry::decode(record.kind, record.payload)?;
            if let Entry::Names(_, keys) = &entry {
                names.clone_from(keys);
            }
            rows.extend(Row::of(&entry).iter().map(|row| cells(row, names)));
            Ok(rows.len() < ROWS)
        })
        .map_err(register_error)?;
        Ok(rows)
    }
}

#[pymethods]
impl PyIdentityCursor {
    #[new]
    #[pyo3(signature = (directory, *, after=0))]
    fn new(py: Python<'_>, directory: PathBuf, after: u64) -> PyResult<Self> {
        Ok(py.detach(|| Self::open(&directory, after))?)
    }

    /// Entries read so far, by the identity log's own numbering.
    #[getter]
    fn position(&self) -> u64 {
        self.reading.lock().as_ref().map_or(0, |reading| reading.tail.position())
    }

    /// The next rows; none at the end.
    fn rows(&self, py: Python<'_>) -> PyResult<Vec<Cells>> {
        Ok(py.detach(|| self.next_rows())?)
    }
}

/// The rows of a reactor's identity log as dicts, up to what had come when it was made.
#[pyclass(name = "IdentityChanges", module = "p13n._core", frozen)]
pub struct PyIdentityChanges {
    cursor: PyIdentityCursor,
    instance: u64,
    ready: Mutex<vec::IntoIter<Cells>>,
}

impl PyIdentityChanges {
    /// Over a directory whose reactor has this instance number.
    pub fn new(directory: &Path, instance: u64) -> Result<Self, Error> {
        let cursor = PyIdentityCursor::open(directory, 0)?;
        Ok(Self { cursor, instance, ready: Mutex::new(Vec::new().into_iter()) })
    }
}

#[pymethods]
impl PyIdentityChanges {
    fn __iter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    fn __next__<'py>(&self, py: Python<'py>) -> PyResult<Option<Bound<'py, PyDict>>> {
        let next = py.detach(|| -> Result<Option<Cells>, Error> {
            let mut ready = self.ready.lock();
            if ready.len() == 0 {
                *ready = self.cursor.next_rows()?.into_iter();
            }
            Ok(ready.next())
        })?;
        let Some((lsn, time_ms, change, rid, merged, attributes, identifiers, moved_to)) = next
        else {
            return Ok(None);
        };
        let row = PyDict::new(py);
        row.set_item("time", time_ms.div_euclid(1_000))?;
        row.set_item("event_type", "id")?;
        row.set_item("key_values", py.None())?;
        row.set_item("reactor_instance_id", self.instance.to_string())?;
        row.set_item("profile_change_type", change)?;
        row.set_item("current_id_attributes", attributes)?;
        row.set_item("current_rid", rid)?;
        row.set_item("merged_rids", merged)?;
        row.set_item("lsn", lsn)?;
        row.set_item("identifiers", identifiers)?;
        row.set_item("moved_to", moved_to)?;
        Ok(Some(row))
    }
}

fn cells(row: &Row, names: &[Text]) -> Cells {
    (
        row.lsn,
        row.time_ms,
        row.change.name(),
        row.rid.to_string(),
        row.merged_json(),
        row.current_id_attributes(names),
        row.identifiers_json(names),
        row.moved_to.map(|rid| rid.to_string()),
    )
}

/// All that a directory's identity log knows of a person, by `key=value` or by a rid; `None` for nobody.
#[pyfunction]
pub fn identity_find<'py>(
    py: Python<'py>,
    directory: PathBuf,
    who: &str,
) -> PyResult<Option<Bound<'py, PyDict>>> {
    let found = py.detach(|| find(&directory, who))?;
    found.map(|(person, names)| person_dict(py, &person, &names)).transpose()
}

fn find(directory: &Path, who: &str) -> Result<Option<(Person, Vec<Text>)>, Error> {
    let register = Register::open(directory, Arc::new(RealDisk))?;
    let names = register.names().map_err(register_error)?;
    let found = |person: Result<Option<Person>, ReplayError<BadRecord>>| {
        person.map(|person| person.map(|person| (person, names.clone()))).map_err(register_error)
    };
    match who.split_once('=') {
        Some((key, value)) => {
            let Some(number) = names.iter().position(|name| name == key) else {
                let known: Vec<String> = names.iter().map(|name| format!("`{name}`")).collect();
                let message = format!(
                    "no event was ever identified by `{key}`; known are {}",
                    known.join(", ")
                );
                return Err(ErrorKind::Argument(message).into());
            };
            found(register.person_of(&Identifier { key: number as u16, value: value.into() }))
        }
        None => match parse_uuid(who) {
            Some(rid) => found(register.person(Rid(rid))),
            None => {
                let message =
                    "name somebody as `key=value` or by a rid, which is a UUID".to_owned();
                Err(ErrorKind::Argument(message).into())
            }
        },
    }
}

/// A person, for Python.
pub fn person_dict<'py>(
    py: Python<'py>,
    person: &Person,
    names: &[Text],
) -> PyResult<Bound<'py, PyDict>> {
    let identifiers = PyDict::new(py);
    let given_up = PyDict::new(py);
    for (Identifier { key, value }, other) in &person.identifiers {
        let name = names.get(usize::from(*key)).map_or("", Text::as_str);
        let values = if other.is_some() { &given_up } else { &identifiers };
        let list = match values.get_item(name)? {
            Some(list) => list.cast_into::<PyList>()?,
            None => {
                let list = PyList::empty(py);
                values.set_item(name, &list)?;
                list
            }
        };
        list.append(value.as_str())?;
    }
    let dict = PyDict::new(py);
    dict.set_item("rid", person.rid.to_string())?;
    dict.set_item("rids", person.rids.iter().map(ToString::to_string).collect::<Vec<_>>())?;
    dict.set_item("identifiers", identifiers)?;
    dict.set_item("somebody_elses_now", given_up)?;
    Ok(dict)
}
