//! Reactor: the binding of the engine. A method translates and never decides.
//!
//! The server's hot call keeps the GIL (it lasts microseconds and waits for nothing); embedded calls
//! let it go. Nothing under a lock of ours takes it.

use std::cell::RefCell;
use std::path::PathBuf;
use std::sync::Arc;

use pyo3::exceptions::PyValueError;
use pyo3::prelude::*;
use pyo3::types::{PyBool, PyBytes, PyDict, PyInt, PyList};

use super::body::{body_of, dumps, loads};
use super::convert::to_python;
use super::cursor::{PyEvents, Wanted};
use super::diagnostic::PyDiagnostic;
use super::error::os_error;
use super::event::FieldNames;
use super::identities::PyIdentityChanges;
use super::ingest_report::PyIngestReport;
use super::options::{Keywords, memory, retention, shards_within};
use crate::config::SourceFile;
use crate::error::{Error, ErrorKind};
use crate::reactor::history::History;
use crate::reactor::ingest::FileLines;
use crate::reactor::machine;
use crate::reactor::open::directory_of;
use crate::reactor::read::ProfileReading;
use crate::reactor::{
    Caller, Options, Published, Reactor, Receipt, RecoveryPhase, RecoveryProgress, Request,
    is_table_name,
};

/// Events that bulk calls take over from Python at a time.
const CHUNK_EVENTS: usize = 4_096;

thread_local! {
    static ANSWER: RefCell<Vec<u8>> = const { RefCell::new(Vec::new()) };
}

/// One configuration, its profiles and its log. Thread-safe; a context manager.
#[pyclass(name = "Reactor", module = "p13n._core", frozen)]
pub struct PyReactor {
    core: Reactor,
    names: FieldNames,
    /// The reactor's own directory; `None` in memory.
    directory: Option<PathBuf>,
    warnings: Vec<crate::config::diagnostic::Diagnostic>,
}

/// How far the recovery of a reactor is that another thread opens.
#[pyclass(name = "RecoveryProgress", module = "p13n._core", frozen)]
#[derive(Default)]
pub struct PyRecoveryProgress(pub(super) Arc<RecoveryProgress>);

#[pymethods]
impl PyRecoveryProgress {
    #[new]
    fn new() -> Self {
        Self::default()
    }

    fn read(&self) -> (&'static str, u64, u64) {
        let phase = match self.0.phase() {
            RecoveryPhase::Waiting => "waiting",
            RecoveryPhase::Snapshot => "snapshot",
            RecoveryPhase::Log => "log",
            RecoveryPhase::Epoch => "epoch",
            RecoveryPhase::Done => "done",
        };
        let (done, total) = self.0.done_and_total();
        (phase, done, total)
    }
}

#[pymethods]
impl PyReactor {
    #[staticmethod]
    #[pyo3(signature = (path, *, data_dir=None, sync="always", sync_interval_ms=100,
        clock="server", commit_timeout_ms=1000, queue_bytes_max=67_108_864, dedup_max=1_000_000,
        shards=256, retention_days=30, retention_bytes=0, memory_budget=0,
        on_memory_full="keep", progress=None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of a public constructor")]
    fn open(
        py: Python<'_>,
        path: PathBuf,
        data_dir: Option<PathBuf>,
        sync: &str,
        sync_interval_ms: u64,
        clock: &str,
        commit_timeout_ms: u64,
        queue_bytes_max: usize,
        dedup_max: usize,
        shards: usize,
        retention_days: i64,
        retention_bytes: i64,
        memory_budget: usize,
        on_memory_full: &str,
        progress: Option<&PyRecoveryProgress>,
    ) -> PyResult<Self> {
        let source = SourceFile::read(&path)
            .map_err(|error| os_error(&path.display().to_string(), &error))?
            .map_err(|diagnostic| Error::from(ErrorKind::Config(vec![*diagnostic])))?;
        let keywords = Keywords {
            data_dir,
            sync,
            sync_interval_ms,
            clock,
            commit_timeout_ms,
            queue_bytes_max,
            dedup_max,
            shards: shards_within(shards)?,
            retention: retention(retention_days, retention_bytes)?,
            memory: memory(memory_budget, on_memory_full)?,
            progress,
        };
        Self::start(py, source, keywords.options()?)
    }

    #[staticmethod]
    #[pyo3(signature = (yaml, *, data_dir=None, sync="always", sync_interval_ms=100,
        clock="server", commit_timeout_ms=1000, queue_bytes_max=67_108_864, dedup_max=1_000_000,
        shards=256, retention_days=30, retention_bytes=0, memory_budget=0,
        on_memory_full="keep", progress=None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of a public constructor")]
    fn from_text(
        py: Python<'_>,
        yaml: &str,
        data_dir: Option<PathBuf>,
        sync: &str,
        sync_interval_ms: u64,
        clock: &str,
        commit_timeout_ms: u64,
        queue_bytes_max: usize,
        dedup_max: usize,
        shards: usize,
        retention_days: i64,
        retention_bytes: i64,
        memory_budget: usize,
        on_memory_full: &str,
        progress: Option<&PyRecoveryProgress>,
    ) -> PyResult<Self> {
        let keywords = Keywords {
            data_dir,
            sync,
            sync_interval_ms,
            clock,
            commit_timeout_ms,
            queue_bytes_max,
            dedup_max,
            shards: shards_within(shards)?,
            retention: retention(retention_days, retention_bytes)?,
            memory: memory(memory_budget, on_memory_full)?,
            progress,
        };
        Self::start(py, SourceFile::new("<text>", yaml), keywords.options()?)
    }

    #[getter]
    fn name(&self) -> String {
        self.core.published().plan.name.to_string()
    }

    #[getter]
    fn account(&self) -> u64 {
        self.core.published().plan.account
    }

    #[getter]
    fn instance(&self) -> u64 {
        self.core.published().plan.instance
    }

    #[getter]
    fn configuration_number(&self) -> u32 {
        self.core.published().plan.number
    }

    #[getter]
    fn configuration_hash(&self) -> String {
        hex(&self.core.published().plan.hash)
    }

    #[getter]
    fn warnings(&self) -> Vec<PyDiagnostic> {
        self.warnings.iter().cloned().map(PyDiagnostic::from).collect()
    }

    #[pyo3(signature = (database, table, event, *, now_ms=None, public=false, sees_sensitive=true,
        user_agent=None, address=None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of a public method")]
    fn personalize<'py>(
        &self,
        py: Python<'py>,
        database: &str,
        table: &str,
        event: &Bound<'py, PyDict>,
        now_ms: Option<i64>,
        public: bool,
        sees_sensitive: bool,
        user_agent: Option<&str>,
        address: Option<&str>,
    ) -> PyResult<Bound<'py, PyAny>> {
        let body = dumps(event.as_any())?;
        let caller = Caller { public, sees_sensitive, user_agent, address };
        let request = Request { now_ms, caller, ..Request::new(database, table, body.as_bytes()) };
        let answer = self.answer(py, &request)?;
        loads(py)?.call1((PyBytes::new(py, &answer),))
    }

    #[pyo3(signature = (database, table, body, *, now_ms=None, public=false, sees_sensitive=true,
        user_agent=None, address=None))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of a public method")]
    fn personalize_json<'py>(
        &self,
        py: Python<'py>,
        database: &str,
        table: &str,
        body: &[u8],
        now_ms: Option<i64>,
        public: bool,
        sees_sensitive: bool,
        user_agent: Option<&str>,
        address: Option<&str>,
    ) -> PyResult<Bound<'py, PyBytes>> {
        let caller = Caller { public, sees_sensitive, user_agent, address };
        let request = Request { now_ms, caller, ..Request::new(database, table, body) };
        Ok(PyBytes::new(py, &self.answer(py, &request)?))
    }

    #[pyo3(signature = (database, table, events, *, now_ms=None))]
    fn ingest_many(
        &self,
        py: Python<'_>,
        database: &str,
        table: &str,
        events: &Bound<'_, PyAny>,
        now_ms: Option<i64>,
    ) -> PyResult<PyIngestReport> {
        check_names(database, table)?;
        let mut whole = PyIngestReport::default();
        let (mut bodies, mut indices) = (Vec::new(), Vec::new());
        let mut events = events.try_iter()?.zip(0..);
        loop {
            let mut is_over = true;
            for (event, index) in events.by_ref().take(CHUNK_EVENTS) {
                is_over = false;
                match body_of(&event?) {
                    Ok(body) => {
                        bodies.push(body);
                        indices.push(index);
                    }
                    Err(error) => whole.refuse(py, index, error)?,
                }
            }
            if is_over {
                whole.refused.sort_by_key(|(index, _)| *index);
                return Ok(whole);
            }
            let report =
                py.detach(|| self.core.ingest(database, table, &bodies, now_ms, None, false))?;
            whole.add(|at| indices[at], report);
            bodies.clear();
            indices.clear();
        }
    }

    #[pyo3(signature = (**key))]
    fn profile<'py>(
        &self,
        py: Python<'py>,
        key: Option<&Bound<'py, PyDict>>,
    ) -> PyResult<Option<Bound<'py, PyDict>>> {
        let (name, value) = match key {
            Some(key) if key.len() == 1 => identifier(&key.items().get_item(0)?)?,
            _ => return Err(one_key()),
        };
        let reading = py.detach(|| self.core.profile(&name, &value))?;
        reading.map(|reading| profile_dict(py, &reading)).transpose()
    }

    #[pyo3(signature = (database=None, table=None, *, start=None, end=None))]
    fn events(
        &self,
        py: Python<'_>,
        database: Option<String>,
        table: Option<String>,
        start: Option<i64>,
        end: Option<i64>,
    ) -> PyResult<PyEvents> {
        let Some(directory) = &self.directory else {
            return Err(PyValueError::new_err(
                "a reactor in memory keeps no events; open it with `data_dir`",
            ));
        };
        let wanted = Wanted { database, table, start_ms: start, end_ms: end };
        PyEvents::new(py, directory, wanted, self.core.log().synced())
    }

    fn identity_changes(&self, py: Python<'_>) -> PyResult<PyIdentityChanges> {
        let instance = self.core.published().plan.instance;
        let changes = py.detach(|| {
            self.core.register()?;
            let directory = self.directory.as_deref().unwrap_or(std::path::Path::new(""));
            PyIdentityChanges::new(directory, instance)
        });
        Ok(changes?)
    }

    #[pyo3(signature = (path, *, key=None, replace=false))]
    fn import_attributes<'py>(
        slf: &Bound<'py, Self>,
        path: PathBuf,
        key: Option<&str>,
        replace: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        super::import::import_file(slf, "attributes", path, ("", key, replace))
    }

    #[pyo3(signature = (path, *, key=None, replace=false))]
    fn import_segments<'py>(
        slf: &Bound<'py, Self>,
        path: PathBuf,
        key: Option<&str>,
        replace: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        super::import::import_file(slf, "segments", path, ("", key, replace))
    }

    #[pyo3(signature = (name, path, *, replace=false))]
    fn import_catalog<'py>(
        slf: &Bound<'py, Self>,
        name: &str,
        path: PathBuf,
        replace: bool,
    ) -> PyResult<Bound<'py, PyAny>> {
        super::import::import_file(slf, "catalog", path, (name, None, replace))
    }

    fn import_identities<'py>(
        slf: &Bound<'py, Self>,
        path: PathBuf,
    ) -> PyResult<Bound<'py, PyAny>> {
        super::import::import_file(slf, "identities", path, ("", None, false))
    }

    fn stats<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        super::stats::stats(py, &self.core)
    }

    fn snapshot<'py>(&self, py: Python<'py>) -> PyResult<Bound<'py, PyDict>> {
        let report = py.detach(|| self.core.snapshot())?;
        super::stats::snapshot(py, &report)
    }

    #[pyo3(signature = (people, *, anonymize=false, shared=false))]
    fn erase<'py>(
        &self,
        py: Python<'py>,
        people: &Bound<'py, PyAny>,
        anonymize: bool,
        shared: bool,
    ) -> PyResult<Bound<'py, PyDict>> {
        super::erasure::erase(py, &self.core, &super::erasure::names(people)?, anonymize, shared)
    }

    fn state_hash(&self, py: Python<'_>) -> String {
        format!("{:032x}", py.detach(|| self.core.state_hash()))
    }

    fn close(&self, py: Python<'_>) -> PyResult<()> {
        Ok(py.detach(|| self.core.close())?)
    }

    fn __enter__(slf: Bound<'_, Self>) -> Bound<'_, Self> {
        slf
    }

    #[pyo3(signature = (*_exception))]
    fn __exit__(&self, py: Python<'_>, _exception: &Bound<'_, PyAny>) -> PyResult<()> {
        self.close(py)
    }

    fn __repr__(&self) -> String {
        let plan = &self.core.published().plan;
        format!("<Reactor {} {}-{}>", plan.name, plan.account, plan.instance)
    }

    #[pyo3(signature = (database, table, event, body, answer_bytes_max, sees_sensitive,
        user_agent=None, address=None))]
    #[expect(clippy::too_many_arguments, reason = "the one crossing of a request")]
    fn _personalize<'py>(
        &self,
        py: Python<'py>,
        database: &str,
        table: &str,
        event: &Bound<'py, PyDict>,
        body: &[u8],
        answer_bytes_max: usize,
        sees_sensitive: bool,
        user_agent: Option<&[u8]>,
        address: Option<&str>,
    ) -> PyResult<(Bound<'py, PyBytes>, u64, u64)> {
        let user_agent = user_agent.map(String::from_utf8_lossy);
        let user_agent = user_agent.as_deref();
        let caller = Caller { public: false, sees_sensitive, user_agent, address };
        let request = Request { answer_bytes_max, caller, ..Request::new(database, table, body) };
        ANSWER.with_borrow_mut(|out| {
            let mut take = |published: &Arc<Published>| self.names.take(published, event, body);
            let receipt = self.core.personalize(&request, &mut take, out)?;
            Ok((PyBytes::new(py, out), receipt.lsn, self.core.wait_lsn(&receipt)))
        })
    }

    fn _tokens<'py>(&self, py: Python<'py>) -> Vec<(String, Bound<'py, PyBytes>, bool)> {
        let published = self.core.published();
        let tokens = published.plan.tokens.iter();
        tokens
            .map(|token| {
                let digest = PyBytes::new(py, &token.digest);
                (token.name.to_string(), digest, token.sees_sensitive)
            })
            .collect()
    }

    fn _reads_request(&self) -> bool {
        self.core.published().plan.reads_request
    }

    fn _routes(&self) -> Vec<(String, String)> {
        let published = self.core.published();
        let tables = published.plan.tables.iter();
        tables.map(|table| (table.database.to_string(), table.table.to_string())).collect()
    }

    fn _synced_fd(&self) -> i32 {
        if self.directory.is_none() { -1 } else { self.core.log().wake_fd() }
    }

    fn _synced_lsn(&self) -> u64 {
        self.core.log().synced()
    }

    fn _full(&self) -> bool {
        self.core.log().stats().full_since_ms.is_some()
    }

    #[staticmethod]
    fn _memory_budget() -> usize {
        machine::budget_bytes().unwrap_or(0)
    }

    fn _memory_full(&self) -> bool {
        self.core.is_memory_full()
    }

    fn _failure(&self) -> Option<String> {
        self.core.log().failure().map(|failure| failure.to_string())
    }

    #[expect(clippy::too_many_arguments, reason = "one call of the command line")]
    fn _ingest_lines(
        &self,
        py: Python<'_>,
        database: &str,
        table: &str,
        lines: Vec<Vec<u8>>,
        file_hash: [u8; 32],
        first_line: u64,
        stop_on_error: bool,
    ) -> PyResult<PyIngestReport> {
        check_names(database, table)?;
        let file = Some(FileLines { file: file_hash, first_line });
        let report =
            py.detach(|| self.core.ingest(database, table, &lines, None, file, stop_on_error))?;
        let mut whole = PyIngestReport::default();
        whole.add(|at| first_line + at as u64, report);
        Ok(whole)
    }

    #[pyo3(signature = (kind, name, format, file_hash, *, key=None, replace=false, only_check=false))]
    #[expect(clippy::too_many_arguments, reason = "keyword arguments of one call")]
    fn _import_begin(
        slf: &Bound<'_, Self>,
        kind: &str,
        name: &str,
        format: &str,
        file_hash: [u8; 32],
        key: Option<&str>,
        replace: bool,
        only_check: bool,
    ) -> PyResult<Option<super::import::PyImport>> {
        let request = (kind, name, format, file_hash);
        super::import::begin(slf, request, key, replace, only_check)
    }

    fn _ingested_line(&self, database: &str, table: &str, file_hash: [u8; 32]) -> u64 {
        self.core.ingested_line(database, table, file_hash)
    }
}

impl PyReactor {
    /// The engine.
    pub(super) fn core(&self) -> &Reactor {
        &self.core
    }

    fn start(py: Python<'_>, source: SourceFile, options: Options) -> PyResult<Self> {
        let (core, warnings) = py.detach(|| Reactor::open(&source, &options))?;
        let plan = &core.published().plan;
        let directory = options.data_dir.as_deref();
        let directory = directory.map(|dir| directory_of(dir, plan.account, plan.instance));
        Ok(Self { core, names: FieldNames::default(), directory, warnings })
    }

    fn answer(&self, py: Python<'_>, request: &Request<'_>) -> PyResult<Vec<u8>> {
        check_names(request.database, request.table)?;
        let answered = py.detach(|| {
            let mut out = Vec::new();
            let receipt: Receipt = self.core.personalize_json(request, &mut out)?;
            self.core.wait(&receipt)?;
            Ok::<_, Error>(out)
        });
        Ok(answered?)
    }
}

fn check_names(database: &str, table: &str) -> PyResult<()> {
    for (what, name) in [("database", database), ("table", table)] {
        if !is_table_name(name) {
            let message = format!("a {what} is 3 to 128 characters out of 0-9, a-z and _");
            return Err(Error::from(ErrorKind::UnknownTable(message)).into());
        }
    }
    Ok(())
}

fn one_key() -> PyErr {
    PyValueError::new_err(
        "profile() takes one key with a text or a whole number, such as email=\"a@b.example\"",
    )
}

/// A key's name and its value as text; a whole number is the text of its digits, as in an event.
fn identifier(item: &Bound<'_, PyAny>) -> PyResult<(String, String)> {
    let (name, value): (String, Bound<'_, PyAny>) = item.extract()?;
    let whole = value.is_instance_of::<PyInt>() && !value.is_instance_of::<PyBool>();
    let text = if whole { value.str()?.extract() } else { value.extract() };
    Ok((name, text.map_err(|_: PyErr| one_key())?))
}

/// The profile of one identifier in a reactor's directory, read from its log without its lock.
#[pyfunction]
pub fn profile_read<'py>(
    py: Python<'py>,
    directory: PathBuf,
    key: &str,
    value: &str,
) -> PyResult<Option<Bound<'py, PyDict>>> {
    let reading =
        py.detach(|| History::newest(&directory, &Options::default())?.profile(key, value))?;
    reading.map(|reading| profile_dict(py, &reading)).transpose()
}

pub(super) fn profile_dict<'py>(
    py: Python<'py>,
    reading: &ProfileReading,
) -> PyResult<Bound<'py, PyDict>> {
    let identifiers = PyDict::new(py);
    for (name, values) in &reading.identifiers {
        let values = PyList::new(py, values.iter().map(|value| value.as_str()))?;
        identifiers.set_item(name.as_str(), values)?;
    }
    let attributes = PyDict::new(py);
    for (name, value) in &reading.attributes {
        attributes.set_item(name.as_str(), to_python(py, value)?)?;
    }
    let profile = PyDict::new(py);
    profile.set_item("rid", reading.rid.to_string())?;
    profile.set_item("identifiers", identifiers)?;
    profile.set_item("attributes", attributes)?;
    let segments = reading.segments.iter().map(|id| id.as_str());
    profile.set_item("segments", PyList::new(py, segments)?)?;
    profile.set_item("updated", reading.updated_ms)?;
    Ok(profile)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
