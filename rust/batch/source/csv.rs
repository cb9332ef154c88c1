//! CSV: records of RFC 4180 from bytes in pieces; the first one names the columns.
//!
//! Lines may end in LF or CRLF, fields may be quoted and hold line ends; empty lines are passed over. A byte
//! order mark is none of the first name's.

use csv_core::{ReadRecordResult, Reader};

use super::super::error::Error;
use super::super::limits::RECORD_BYTES_MAX;
use super::Take;
use super::layout::{Fields, Layout, Role};

/// Reads CSV.
pub(super) struct CsvParser {
    reader: Reader,
    /// What the columns are, once the header is read.
    roles: Option<Vec<Role>>,
    output: Vec<u8>,
    output_used: usize,
    ends: Vec<usize>,
    ends_used: usize,
    /// Line ends seen so far.
    lines: u64,
    /// Line that the record under way begins on; `None` between records.
    begun: Option<u64>,
}

impl Default for CsvParser {
    fn default() -> Self {
        Self {
            reader: Reader::new(),
            roles: None,
            output: vec![0; 1024],
            output_used: 0,
            ends: vec![0; 64],
            ends_used: 0,
            lines: 0,
            begun: None,
        }
    }
}

impl CsvParser {
    pub(super) fn has_header(&self) -> bool {
        self.roles.is_some()
    }

    pub(super) fn parse(
        &mut self,
        mut bytes: &[u8],
        is_end: bool,
        layout: &Layout,
        fields: &mut Fields,
        take: Take<'_>,
    ) -> Result<(), Error> {
        loop {
            if self.begun.is_none() {
                bytes = self.pass_line_ends(bytes);
                if bytes.is_empty() {
                    return Ok(());
                }
                self.begun = Some(self.lines + 1);
            }
            if bytes.is_empty() && !is_end {
                return Ok(());
            }
            let (result, read, written, ended) = self.reader.read_record(
                bytes,
                &mut self.output[self.output_used..],
                &mut self.ends[self.ends_used..],
            );
            self.lines += bytes[..read].iter().filter(|byte| **byte == b'\n').count() as u64;
            bytes = &bytes[read..];
            self.output_used += written;
            self.ends_used += ended;
            match result {
                ReadRecordResult::InputEmpty if !is_end => return Ok(()),
                ReadRecordResult::InputEmpty => {}
                ReadRecordResult::OutputFull => {
                    if self.output.len() > RECORD_BYTES_MAX {
                        let line = self.begun.unwrap_or(self.lines);
                        return Err(Error::Limit(format!(
                            "line {line} is longer than {RECORD_BYTES_MAX} bytes"
                        )));
                    }
                    self.output.resize(self.output.len() * 2, 0);
                }
                ReadRecordResult::OutputEndsFull => self.ends.resize(self.ends.len() * 2, 0),
                ReadRecordResult::Record => self.record(layout, fields, take)?,
                ReadRecordResult::End => return Ok(()),
            }
        }
    }

    fn pass_line_ends<'b>(&mut self, bytes: &'b [u8]) -> &'b [u8] {
        let ends = bytes.iter().take_while(|byte| matches!(byte, b'\r' | b'\n'));
        let length = ends.clone().count();
        self.lines += ends.filter(|byte| **byte == b'\n').count() as u64;
        &bytes[length..]
    }

    fn record(
        &mut self,
        layout: &Layout,
        fields: &mut Fields,
        take: Take<'_>,
    ) -> Result<(), Error> {
        let line = self.begun.take().unwrap_or(self.lines);
        let ends = &self.ends[..self.ends_used];
        let record = Record { output: &self.output[..self.output_used], ends };
        match &self.roles {
            Some(roles) => {
                let read = record.read(layout, roles, fields);
                take(line, read, fields)?;
            }
            None => {
                let refuse = |why| Error::Limit(format!("line {line}, the header: {why}"));
                self.roles = Some(record.header(layout).map_err(refuse)?);
            }
        }
        self.output_used = 0;
        self.ends_used = 0;
        Ok(())
    }
}

/// One record: its fields' bytes one after the other, and where each ends.
struct Record<'r> {
    output: &'r [u8],
    ends: &'r [usize],
}

impl Record<'_> {
    fn fields(&self) -> impl Iterator<Item = Option<&str>> {
        let starts = std::iter::once(0).chain(self.ends.iter().copied());
        let bounds = starts.zip(self.ends.iter().copied());
        bounds.map(|(start, end)| std::str::from_utf8(&self.output[start..end]).ok())
    }

    fn header(&self, layout: &Layout) -> Result<Vec<Role>, String> {
        let mut roles = Vec::new();
        for (at, name) in self.fields().enumerate() {
            let name = name.ok_or("it is not UTF-8")?;
            let name = if at == 0 { name.trim_start_matches('\u{feff}') } else { name }.trim();
            let role = layout.role(name)?;
            if role != Role::Ignored && roles.contains(&role) {
                return Err(format!("it names `{name}` twice"));
            }
            roles.push(role);
        }
        layout.check(&roles)?;
        Ok(roles)
    }

    fn read(&self, layout: &Layout, roles: &[Role], fields: &mut Fields) -> Result<(), String> {
        if self.ends.len() != roles.len() {
            let (found, wanted) = (self.ends.len(), roles.len());
            return Err(format!("it has {found} fields where the header has {wanted}"));
        }
        for (text, role) in self.fields().zip(roles) {
            fields.put_text(layout, *role, text.ok_or("it is not UTF-8")?)?;
        }
        Ok(())
    }
}
