//! JSON lines: one object a line, from bytes in pieces.

use super::super::error::Error;
use super::super::limits::RECORD_BYTES_MAX;
use super::Take;
use super::layout::{Fields, Layout};
use crate::value::{Value, parse_json};

/// Reads JSON lines.
#[derive(Default)]
pub(super) struct JsonParser {
    /// The beginning of a line whose end is not there yet.
    begun: Vec<u8>,
    lines: u64,
}

impl JsonParser {
    pub(super) fn parse(
        &mut self,
        mut bytes: &[u8],
        is_end: bool,
        layout: &Layout,
        fields: &mut Fields,
        take: Take<'_>,
    ) -> Result<(), Error> {
        while let Some(end) = memchr::memchr(b'\n', bytes) {
            let (line, rest) = (&bytes[..end], &bytes[end + 1..]);
            if self.begun.is_empty() {
                self.line(line, layout, fields, take)?;
            } else {
                let mut whole = std::mem::take(&mut self.begun);
                whole.extend_from_slice(line);
                self.line(&whole, layout, fields, take)?;
                whole.clear();
                self.begun = whole;
            }
            bytes = rest;
        }
        self.begun.extend_from_slice(bytes);
        if self.begun.len() > RECORD_BYTES_MAX {
            return Err(too_long(self.lines + 1));
        }
        if is_end && !self.begun.is_empty() {
            let last = std::mem::take(&mut self.begun);
            self.line(&last, layout, fields, take)?;
        }
        Ok(())
    }

    fn line(
        &mut self,
        line: &[u8],
        layout: &Layout,
        fields: &mut Fields,
        take: Take<'_>,
    ) -> Result<(), Error> {
        self.lines += 1;
        if line.len() > RECORD_BYTES_MAX {
            return Err(too_long(self.lines));
        }
        if line.iter().all(u8::is_ascii_whitespace) {
            return Ok(());
        }
        let read = read(line, layout, fields);
        take(self.lines, read, fields)
    }
}

fn too_long(line: u64) -> Error {
    Error::Limit(format!("line {line} is longer than {RECORD_BYTES_MAX} bytes"))
}

fn read(line: &[u8], layout: &Layout, fields: &mut Fields) -> Result<(), String> {
    let value = parse_json(line).map_err(|error| format!("it is no JSON: {error}"))?;
    let Value::Object(object) = value else { return Err("it is no JSON object".to_owned()) };
    for (name, value) in object.entries() {
        fields.put_value(layout, layout.role(name)?, value.clone())?;
    }
    Ok(())
}
