//! Stitching: imported rows of identifiers, which stitch profiles as events do (page 4.3).
//!
//! A row becomes an event's record under a table that no event can come in for: its identifiers are linked,
//! no rule runs and no offer is decided. So replay obeys its verdict like any event's. Rows are read
//! twice: once to find what is malformed before anything is stitched, once to stitch. Invariants: with one
//! malformed row nothing is stitched; a row is stitched once, however often and wherever the import of its
//! file was interrupted.

use super::import::identifier_field;
use super::ingest::PATIENCE;
use super::{Reactor, Request};
use crate::batch::source::{Format, Layout, Source, Tally, Target};
use crate::error::{Error, ErrorKind, Result};
use crate::record::{IDENTITY_DATABASE, IDENTITY_TABLE, SourceLine};

/// Rows of identifiers being read.
pub struct IdentityRows {
    source: Source,
    file: [u8; 32],
    only_check: bool,
    /// Lines that an earlier run had stitched.
    dealt_with: u64,
    stitched: u64,
    skipped: u64,
    lsn: u64,
    /// Rows of the last bytes: line and body.
    rows: Vec<(u64, Vec<u8>)>,
}

/// What became of rows of identifiers.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct IdentityReport {
    /// What became of the file's rows.
    pub tally: Tally,
    /// Rows stitched now.
    pub stitched: u64,
    /// Rows that an earlier run had stitched.
    pub skipped: u64,
    /// The last record.
    pub lsn: u64,
}

impl Reactor {
    /// Begins to read rows of identifiers; `only_check`: nothing is stitched.
    pub fn begin_identities(
        &self,
        format: Format,
        file: [u8; 32],
        only_check: bool,
    ) -> IdentityRows {
        let published = self.published();
        let plan = &published.plan;
        let keys = plan.keys.iter().map(identifier_field).collect();
        let (columns, zone) = (Vec::new(), plan.time_zone);
        let layout = Layout { kind: None, keys, chosen: None, columns, zone };
        let dealt_with = self.ingested_line(IDENTITY_DATABASE, IDENTITY_TABLE, file);
        let source = Source::new(format, layout);
        let (stitched, skipped, lsn, rows) = (0, 0, 0, Vec::new());
        IdentityRows { source, file, only_check, dealt_with, stitched, skipped, lsn, rows }
    }

    /// Reads the next bytes, and stitches their rows.
    ///
    /// # Errors
    /// `Batch` for a file of which no row can be read; `Stopped`, `Full` as for events.
    pub fn feed_identities(&self, rows: &mut IdentityRows, bytes: &[u8]) -> Result<()> {
        let IdentityRows { source, rows: taken, .. } = rows;
        let mut take = |line: u64, body: &[u8]| {
            taken.push((line, body.to_vec()));
            Ok(())
        };
        source.feed(bytes, &mut Target::Events(&mut take))?;
        self.stitch(rows)
    }

    /// Reads what is left, and waits until all is durable.
    ///
    /// # Errors
    /// As [`Reactor::feed_identities`].
    pub fn finish_identities(&self, mut rows: IdentityRows) -> Result<IdentityReport> {
        let mut taken = std::mem::take(&mut rows.rows);
        let mut take = |line: u64, body: &[u8]| {
            taken.push((line, body.to_vec()));
            Ok(())
        };
        // What is left of the source is read here; an empty one takes its place.
        let empty = Layout {
            kind: None,
            keys: Vec::new(),
            chosen: None,
            columns: Vec::new(),
            zone: crate::value::date::Zone::UTC,
        };
        let source = std::mem::replace(&mut rows.source, Source::new(Format::JsonLines, empty));
        let tally = source.finish(&mut Target::Events(&mut take))?;
        rows.rows = taken;
        self.stitch(&mut rows)?;
        self.log.wait(rows.lsn, PATIENCE)?;
        let IdentityRows { stitched, skipped, lsn, .. } = rows;
        Ok(IdentityReport { tally, stitched, skipped, lsn })
    }

    fn stitch(&self, rows: &mut IdentityRows) -> Result<()> {
        let mut answer = Vec::new();
        for (line, body) in std::mem::take(&mut rows.rows) {
            if rows.only_check {
                continue;
            }
            if line <= rows.dealt_with {
                rows.skipped += 1;
                continue;
            }
            let source = Some(SourceLine { file: rows.file, line });
            let request = Request {
                source,
                decide: false,
                links_only: true,
                ..Request::new(IDENTITY_DATABASE, IDENTITY_TABLE, &body)
            };
            match self.store_patiently(&request, &mut answer) {
                Ok(receipt) => {
                    rows.lsn = receipt.lsn;
                    rows.stitched += 1;
                }
                Err(error) => return Err(at_line(line, error)),
            }
        }
        Ok(())
    }
}

/// What the configuration says of an identifier has changed between the two readings.
fn at_line(line: u64, error: Error) -> Error {
    match error.kind() {
        ErrorKind::BadEvent(why) => {
            ErrorKind::Argument(format!("line {line} can no longer be stitched: {why}")).into()
        }
        _ => error,
    }
}
