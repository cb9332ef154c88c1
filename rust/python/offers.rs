//! Offers: what each event of a log was offered, decided again from the log, for Python in batches.
//!
//! Going through a history holds the state of every profile, so it happens once, on a thread of its own,
//! and what it finds waits in a short queue: the reader decides how fast it goes.

use std::ops::ControlFlow;
use std::path::{Path, PathBuf};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};

use crate::sync::Mutex;
use pyo3::prelude::*;

use super::cursor::log_folder;
use crate::error::{Error, Result};
use crate::event::uuid_text;
use crate::reactor::Options;
use crate::reactor::history::History;

/// Rows that cross at a time.
const ROWS: usize = 16_384;
/// Batches that may wait.
const AHEAD: usize = 2;

/// lsn, time_ms, uuid, rid, offer, rule, configuration.
type Row = (u64, i64, String, Option<String>, String, usize, u32);
type Batch = Result<Vec<Row>, Error>;

/// The offers of a directory's events, batch after batch.
#[pyclass(name = "OfferCursor", module = "p13n._core", frozen)]
pub struct PyOfferCursor {
    batches: Mutex<Receiver<Batch>>,
}

#[pymethods]
impl PyOfferCursor {
    #[new]
    fn new(directory: PathBuf, after_lsn: u64, up_to_lsn: u64) -> PyResult<Self> {
        log_folder(&directory)?;
        let (give, batches) = sync_channel(AHEAD);
        std::thread::Builder::new().name("p13n-offers".to_owned()).spawn(move || {
            if let Err(error) = decide_again(&directory, after_lsn, up_to_lsn, &give) {
                // Nobody may be there to hear it any more.
                drop(give.send(Err(error)));
            }
        })?;
        Ok(Self { batches: Mutex::new(batches) })
    }

    /// The next batch; empty at the end.
    fn rows(&self, py: Python<'_>) -> PyResult<Vec<Row>> {
        match py.detach(|| self.batches.lock().recv()) {
            Ok(batch) => Ok(batch?),
            Err(_) => Ok(Vec::new()),
        }
    }
}

fn decide_again(
    directory: &Path,
    after_lsn: u64,
    up_to_lsn: u64,
    give: &SyncSender<Batch>,
) -> Result<()> {
    let mut history = History::open(directory, after_lsn, &Options::default())?;
    let mut rows: Vec<Row> = Vec::new();
    history.visit(|scene| {
        let lsn = scene.lsn.counter;
        if lsn > up_to_lsn {
            return Ok(ControlFlow::Break(()));
        }
        let event = scene.event;
        let uuid = uuid_text(&event.uuid);
        let rid = crate::profile::Outcome::from(&event.outcome).rid();
        let rid = rid.map(|rid| uuid_text(&rid.0).to_string());
        let (time_ms, number) = (event.now_ms, event.configuration);
        scene.offers(|given| {
            let offer = given.offer.name.to_string();
            rows.push((lsn, time_ms, uuid.to_string(), rid.clone(), offer, given.rule, number));
        });
        if rows.len() >= ROWS && give.send(Ok(std::mem::take(&mut rows))).is_err() {
            return Ok(ControlFlow::Break(()));
        }
        Ok(ControlFlow::Continue(()))
    })?;
    if !rows.is_empty() {
        drop(give.send(Ok(rows)));
    }
    Ok(())
}
