//! Source: an imported file's bytes, in pieces of any size, to rows that can be sorted.
//!
//! Every malformed row is noted with its line and why; with one of them nothing is imported. Reading goes on,
//! so that all of them are told at once. Invariants: memory holds one record and what the sorter may hold;
//! a row is taken whole or noted; no sentence holds a value of a row.

mod csv;
mod json;
mod layout;
#[cfg(test)]
mod tests;

pub use layout::{Column, Identify, KeyField, Layout, Role, word};

use super::error::Error;
use super::limits::{KEY_BYTES_MAX, PROBLEMS_SHOWN_MAX, ROW_BYTES_MAX, SEGMENTS_MAX};
use super::row::{self, Key};
use super::{Kind, Sorter};
use crate::value::Value;
use crate::value::json::write_json;
use csv::CsvParser;
use json::JsonParser;
use layout::Fields;

/// How a file is written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Format {
    /// CSV with a header; fields may be quoted.
    Csv,
    /// One JSON object a line.
    JsonLines,
}

/// A row that cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Problem {
    /// Line of the file, from 1.
    pub line: u64,
    /// Why, as a sentence.
    pub why: String,
}

/// What became of the rows so far.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Tally {
    /// Rows read, the malformed ones included.
    pub rows: u64,
    /// Malformed rows.
    pub malformed: u64,
    /// The first of them.
    pub problems: Vec<Problem>,
}

impl Tally {
    fn note(&mut self, line: u64, why: impl Into<String>) {
        self.malformed += 1;
        if self.problems.len() < PROBLEMS_SHOWN_MAX {
            self.problems.push(Problem { line, why: why.into() });
        }
    }
}

/// Where rows go.
pub enum Target<'s> {
    /// Rows of a generation.
    Sorter(&'s mut Sorter),
    /// Rows of identifiers, each as the JSON of an event, with its line.
    #[allow(clippy::type_complexity)]
    Events(&'s mut dyn FnMut(u64, &[u8]) -> Result<(), Error>),
    /// Nowhere: rows are only checked.
    Nowhere,
}

enum Parser {
    Csv(Box<CsvParser>),
    Json(JsonParser),
}

/// Told of each row: its line, why it is malformed, and what it holds when it is not.
type Take<'t> = &'t mut dyn FnMut(u64, Result<(), String>, &mut Fields) -> Result<(), Error>;

/// A file being read.
pub struct Source {
    layout: Layout,
    parser: Parser,
    fields: Fields,
    tally: Tally,
    taker: Taker,
}

impl Source {
    /// A file of which nothing is read yet.
    #[must_use]
    pub fn new(format: Format, layout: Layout) -> Self {
        let parser = match format {
            Format::Csv => Parser::Csv(Box::default()),
            Format::JsonLines => Parser::Json(JsonParser::default()),
        };
        let (fields, tally, taker) = (Fields::default(), Tally::default(), Taker::default());
        Self { layout, parser, fields, tally, taker }
    }

    /// Reads the next bytes.
    ///
    /// # Errors
    /// `Limit` for what no row can be made of: a header that does not fit, a record that is too long; what
    /// `into` answers.
    pub fn feed(&mut self, bytes: &[u8], into: &mut Target<'_>) -> Result<(), Error> {
        self.parse(bytes, false, into)
    }

    /// Reads what is left after the last bytes.
    ///
    /// # Errors
    /// As [`Source::feed`].
    pub fn finish(mut self, into: &mut Target<'_>) -> Result<Tally, Error> {
        self.parse(&[], true, into)?;
        match &self.parser {
            Parser::Csv(parser) if !parser.has_header() => {
                let sentence = "the file is empty: its first line names its columns";
                Err(Error::Limit(sentence.to_owned()))
            }
            _ => Ok(self.tally),
        }
    }

    /// What became of the rows so far.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        &self.tally
    }

    /// The columns that rows may have.
    #[must_use]
    pub fn layout(&self) -> &Layout {
        &self.layout
    }

    fn parse(&mut self, bytes: &[u8], is_end: bool, into: &mut Target<'_>) -> Result<(), Error> {
        let Self { layout, parser, fields, tally, taker } = self;
        let mut take = |line: u64, read: Result<(), String>, fields: &mut Fields| {
            tally.rows += 1;
            let taken = match read {
                Ok(()) => taker.take(layout, line, fields, tally.malformed > 0, into)?,
                Err(why) => Err(why),
            };
            fields.clear();
            if let Err(why) = taken {
                tally.note(line, why);
            }
            Ok(())
        };
        match parser {
            Parser::Csv(parser) => parser.parse(bytes, is_end, layout, fields, &mut take),
            Parser::Json(parser) => parser.parse(bytes, is_end, layout, fields, &mut take),
        }
    }
}

/// What is reused from row to row.
#[derive(Default)]
struct Taker {
    key: Key,
    row: Vec<u8>,
}

impl Taker {
    /// Makes a row of a record's fields; the inner error says why it is malformed. After a malformed row the
    /// others are only checked.
    fn take(
        &mut self,
        layout: &Layout,
        line: u64,
        fields: &mut Fields,
        only_checks: bool,
        into: &mut Target<'_>,
    ) -> Result<Result<(), String>, Error> {
        self.row.clear();
        let made = match layout.kind {
            None => self.event(layout, fields),
            Some(kind) => self.keyed(layout, kind, fields),
        };
        if made.is_err() || only_checks {
            return Ok(made);
        }
        match into {
            Target::Sorter(sorter) => sorter.push(self.key.bytes(), &self.row)?,
            Target::Events(give) => give(line, &self.row)?,
            Target::Nowhere => {}
        }
        Ok(Ok(()))
    }

    fn keyed(&mut self, layout: &Layout, kind: Kind, fields: &mut Fields) -> Result<(), String> {
        let (field, value) = fields.key(layout)?;
        let text = (field.identify)(value)
            .map_err(|why| format!("its `{}` is no usable key: {why}", field.name))?;
        self.key.set(field.number, &text);
        if !self.key.fits() {
            return Err(format!("its `{}` is longer than {KEY_BYTES_MAX} bytes", field.name));
        }
        if kind == Kind::Segments {
            let ids = fields.ids.as_mut().ok_or("it has no `segments`")?;
            if ids.len() > SEGMENTS_MAX {
                return Err(format!("it has more than {SEGMENTS_MAX} segments"));
            }
            row::put_segments(&mut self.row, ids);
        } else {
            fields.cells.sort_by_key(|(column, _)| *column);
            row::put_cells(&mut self.row, &fields.cells);
        }
        if self.row.len() > ROW_BYTES_MAX {
            return Err(format!("it is larger than {ROW_BYTES_MAX} bytes"));
        }
        Ok(())
    }

    /// A row of identifiers as an event's JSON; what does not identify is left out, as an event's is.
    fn event(&mut self, layout: &Layout, fields: &Fields) -> Result<(), String> {
        let usable = fields.keys.iter().filter_map(|(at, value)| {
            let field = &layout.keys[*at];
            let text = (field.identify)(value).ok()?;
            Some((field.name.clone(), Value::String(text)))
        });
        let entries: Vec<_> = usable.collect();
        if entries.is_empty() {
            return Err("it has no usable identifier".to_owned());
        }
        write_json(&Value::object(entries), &mut self.row);
        Ok(())
    }
}
