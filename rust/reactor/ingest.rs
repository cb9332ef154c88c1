//! Ingest: many events at once, for bulk loads; no offers are decided.
//!
//! Where a request would be told `Busy`, bulk waits for the writer. The call returns once all it
//! stored is durable. Lines that leave no record, repeats and refused ones, are remembered by a record
//! of their own when they are the last, so that a rerun adds nothing however much later it comes.

use std::time::Duration;

use super::{Reactor, Receipt, Request};
use crate::error::{Error, ErrorKind, Result};
use crate::log::ReserveError;
use crate::record::{KIND_LINES, LinesRecord, SourceLine};

/// How long bulk waits for the writer to make room, and for the last record to be durable.
pub(super) const PATIENCE: Duration = Duration::from_secs(60);

/// What became of many events; positions count from 0 in the order given.
#[derive(Debug, Default)]
pub struct IngestReport {
    /// Events stored.
    pub stored: u64,
    /// Repeats, and lines dealt with in an earlier run.
    pub duplicate: u64,
    /// Events that `ignore` kept out of the log.
    pub ignored: u64,
    /// Events refused: position and why.
    pub refused: Vec<(usize, Error)>,
    /// LSN of the last record.
    pub lsn: u64,
}

/// Where lines come from.
#[derive(Clone, Copy, Debug)]
pub struct FileLines {
    /// SHA-256 of the file.
    pub file: [u8; 32],
    /// Line of the first body, from 1.
    pub first_line: u64,
}

impl Reactor {
    /// Stores bodies one after the other. A refused one is reported; with `stop_on_error` it ends
    /// the call. Lines of a file that were dealt with before are skipped.
    ///
    /// # Errors
    /// `Stopped`, `NotDurable`, `Argument`; what was stored before stays.
    pub fn ingest<B: AsRef<[u8]>>(
        &self,
        database: &str,
        table: &str,
        bodies: &[B],
        now_ms: Option<i64>,
        lines: Option<FileLines>,
        stop_on_error: bool,
    ) -> Result<IngestReport> {
        self.ensure_running()?;
        let mut report = IngestReport::default();
        let mut last = None;
        let mut answer = Vec::new();
        let dealt_with = lines.map_or(0, |lines| self.ingested_line(database, table, lines.file));
        for (position, body) in bodies.iter().enumerate() {
            let source = lines.map(|lines| SourceLine {
                file: lines.file,
                line: lines.first_line + position as u64,
            });
            if source.is_some_and(|source| source.line <= dealt_with) {
                report.duplicate += 1;
                continue;
            }
            let request = Request {
                now_ms,
                source,
                decide: false,
                ..Request::new(database, table, body.as_ref())
            };
            match self.store_patiently(&request, &mut answer) {
                Ok(receipt) => {
                    report.lsn = report.lsn.max(receipt.lsn);
                    let count = match receipt {
                        Receipt { dropped: true, .. } => &mut report.ignored,
                        Receipt { duplicate: true, .. } => &mut report.duplicate,
                        _ => &mut report.stored,
                    };
                    *count += 1;
                }
                Err(error) if matches!(error.kind(), ErrorKind::BadEvent(_)) => {
                    report.refused.push((position, error));
                    if stop_on_error {
                        break;
                    }
                }
                Err(error) => return Err(error),
            }
            last = source;
        }
        if let Some(source) = last {
            self.note_dealt_with(LinesRecord { database, table, source }, &mut report)?;
        }
        self.log.wait(report.lsn, PATIENCE)?;
        Ok(report)
    }

    /// Records how far the file is dealt with, unless the record of its last line says so.
    fn note_dealt_with(&self, lines: LinesRecord<'_>, report: &mut IngestReport) -> Result<()> {
        let LinesRecord { database, table, source } = lines;
        if source.line <= self.ingested_line(database, table, source.file) {
            return Ok(());
        }
        let payload = lines.encode();
        let reservation = loop {
            match self.log.reserve_internal(payload.len()) {
                Ok(reservation) => break reservation,
                Err(full @ ReserveError::Full(_)) => return Err(full.into()),
                Err(ReserveError::Busy(_)) => self.log.wait(self.log.appended(), PATIENCE)?,
            }
        };
        // A snapshot's cut comes before both or after both.
        let _order = self.clock.hold();
        report.lsn = self.log.append(reservation, KIND_LINES, &[&payload])?;
        self.remember_line(database, table, source);
        Ok(())
    }

    /// Stores an event however long the writer takes to make room.
    pub(super) fn store_patiently(
        &self,
        request: &Request<'_>,
        answer: &mut Vec<u8>,
    ) -> Result<Receipt> {
        loop {
            match self.personalize_json(request, answer) {
                Err(error) if matches!(error.kind(), ErrorKind::Busy) => {
                    self.log.wait(self.log.appended(), PATIENCE)?;
                }
                other => return other,
            }
        }
    }
}
