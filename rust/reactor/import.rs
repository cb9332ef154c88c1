//! Import: a file's rows to one generation, and the generation into force (page 4.3).
//!
//! Bytes come in pieces, from whoever reads the file; rows are sorted and written beside the running reactor,
//! and count from one record of the log on. Invariants: all of a file's rows or none; the same file again
//! changes nothing; what was begun and not finished leaves nothing but files that the next start removes.

use sha2::{Digest, Sha256};

use super::batch::{Gate, layer_of};
use super::{Published, Reactor};
use crate::batch::limits::{COLUMNS_MAX, LAYERS_MAX, ROW_BYTES_MAX};
use crate::batch::source::{
    Column, Format, Identify, KeyField, Layout, Source, Tally, Target, word,
};
use crate::batch::{self, Cause, Dataset, Kind, Layer, Sorter, Writer, row};
use crate::config::plan::{Catalog, Key, Plan};
use crate::error::{Error, ErrorKind, Result};
use crate::profile::identity;
use crate::value::{Text, Value, number};

/// What is imported, and how.
#[derive(Clone, Debug)]
pub struct ImportRequest {
    /// What the rows are.
    pub dataset: Dataset,
    /// The key that rows are found by, where they have several.
    pub key: Option<Text>,
    /// How the file is written.
    pub format: Format,
    /// SHA-256 of the file.
    pub file: [u8; 32],
    /// Whether the rows stand instead of those imported before.
    pub replace: bool,
}

/// What an import begins with.
pub enum Begun {
    /// The rows are wanted.
    Import(Box<Import>),
    /// The newest import was of the same file: nothing is to be done.
    Same(Layer),
}

/// An import under way.
pub struct Import {
    dataset: Dataset,
    source_hash: [u8; 32],
    replace: bool,
    generation: u64,
    source: Source,
    sorter: Sorter,
}

/// What became of an import.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ImportReport {
    /// What became of the file's rows. With a malformed one nothing was imported.
    pub tally: Tally,
    /// The generation that the rows became; 0 when nothing was imported.
    pub generation: u64,
    /// Rows of the generation: fewer than were read when keys repeat.
    pub rows: u64,
    /// Length of its file, bytes.
    pub bytes: u64,
    /// The record that put it into force.
    pub lsn: u64,
    /// Layers of the same data from now on.
    pub layers: usize,
}

impl Import {
    /// Reads the next bytes of the file.
    ///
    /// # Errors
    /// `Batch` for a file of which no row can be read, and for what the disk refused.
    pub fn feed(&mut self, bytes: &[u8]) -> Result<()> {
        Ok(self.source.feed(bytes, &mut Target::Sorter(&mut self.sorter))?)
    }

    /// What became of the rows so far.
    #[must_use]
    pub fn tally(&self) -> &Tally {
        self.source.tally()
    }
}

impl Reactor {
    /// Begins an import under the configuration in force.
    ///
    /// # Errors
    /// `Argument` for data that the configuration does not declare; `Batch` for what the disk refused.
    pub fn begin_import(&self, request: &ImportRequest) -> Result<Begun> {
        self.ensure_running()?;
        let published = self.published();
        let layout = layout(&published, &request.dataset, request.key.as_deref())?;
        let source_hash = source_hash(request, &layout);
        let layers = self.batch.layers(&request.dataset);
        if let Some(newest) = layers.first()
            && newest.source == source_hash
            && (layers.len() == 1 || !request.replace)
        {
            return Ok(Begun::Same(newest.clone()));
        }
        let generation = self.batch.reserve()?;
        let disk = std::sync::Arc::clone(self.batch.disk());
        Ok(Begun::Import(Box::new(Import {
            dataset: request.dataset.clone(),
            source_hash,
            replace: request.replace,
            generation,
            source: Source::new(request.format, layout),
            sorter: Sorter::new(disk, self.batch.folder(), generation),
        })))
    }

    /// Puts an import into force, unless a row was malformed.
    ///
    /// # Errors
    /// `Batch` for what the disk refused; `Stopped`, `Full`, `NotDurable` as for events.
    pub fn finish_import(&self, import: Import) -> Result<ImportReport> {
        self.ensure_running()?;
        let Import { dataset, source_hash, replace, generation, source, mut sorter } = import;
        let columns = source.layout().columns.iter();
        let columns: Vec<batch::Column> = columns
            .map(|column| batch::Column { number: column.number, name: column.name.clone() })
            .collect();
        let tally = source.finish(&mut Target::Sorter(&mut sorter))?;
        if tally.malformed > 0 {
            return Ok(ImportReport { tally, ..ImportReport::default() });
        }
        let written = self.write_generation(generation, dataset.kind, sorter, &columns)?;
        let layer = layer_of(&written, source_hash);
        let changed = self.put_into_force(&dataset, layer, replace);
        if !matches!(changed, Ok(Some(_))) {
            self.batch.remove(generation)?;
        }
        let lsn = changed?.unwrap_or_default();
        self.merge_where_nobody_else_does()?;
        let layers = self.batch.layers(&dataset).len();
        let (rows, bytes) = (written.rows, written.bytes);
        Ok(ImportReport { tally, generation, rows, bytes, lsn, layers })
    }

    fn put_into_force(
        &self,
        dataset: &Dataset,
        layer: Layer,
        replace: bool,
    ) -> Result<Option<u64>> {
        while !replace && self.batch.layers(dataset).len() >= LAYERS_MAX {
            if !self.gate().merge_one(&|| false)? {
                let sentence = format!("there are {LAYERS_MAX} layers and none can be merged");
                return Err(ErrorKind::Argument(sentence).into());
            }
        }
        let cause = if replace { Cause::Replace } else { Cause::Import };
        self.gate().change(dataset, cause, |older| {
            let older = if replace { Vec::new() } else { older };
            Some(std::iter::once(layer).chain(older).collect())
        })
    }

    /// A reactor in memory has no thread that merges layers.
    fn merge_where_nobody_else_does(&self) -> Result<()> {
        while self.keeper.is_none() && self.gate().merge_one(&|| false)? {}
        Ok(())
    }

    pub(super) fn gate(&self) -> Gate<'_> {
        Gate { batch: &self.batch, store: &self.store, clock: &self.clock, log: &self.log }
    }

    fn write_generation(
        &self,
        generation: u64,
        kind: Kind,
        sorter: Sorter,
        columns: &[batch::Column],
    ) -> Result<batch::Written> {
        let disk = std::sync::Arc::clone(self.batch.disk());
        let folder = self.batch.folder();
        let mut writer = Writer::create(disk, folder, generation, kind)?;
        let mut held: Option<(Vec<u8>, Vec<u8>)> = None;
        let damaged = |bad: crate::value::codec::BadBytes| batch::Error::Damaged {
            file: folder.to_path_buf(),
            what: bad.0,
        };
        let sorted = sorter.finish(&mut |key, row| {
            match &mut held {
                Some((held_key, held_row)) if held_key == key => {
                    *held_row = row::repeated(kind, held_row, row).map_err(damaged)?;
                    if held_row.len() > ROW_BYTES_MAX {
                        let sentence =
                            format!("the rows of one key are larger than {ROW_BYTES_MAX} bytes");
                        return Err(batch::Error::Limit(sentence));
                    }
                }
                Some((held_key, held_row)) => {
                    writer.row(held_key, held_row)?;
                    held_key.clear();
                    held_key.extend_from_slice(key);
                    held_row.clear();
                    held_row.extend_from_slice(row);
                }
                None => held = Some((key.to_vec(), row.to_vec())),
            }
            Ok(())
        });
        let ended = sorted.and_then(|()| match &held {
            Some((key, row)) => writer.row(key, row),
            None => Ok(()),
        });
        match ended {
            Ok(()) => Ok(writer.finish(columns, None)?),
            Err(error) => {
                writer.discard();
                Err(error.into())
            }
        }
    }
}

/// The fields that rows of a dataset may have.
fn layout(published: &Published, dataset: &Dataset, key: Option<&str>) -> Result<Layout> {
    let plan = &published.plan;
    let zone = plan.time_zone;
    if dataset.kind == Kind::Catalog {
        let catalog = catalog(plan, &dataset.name)?;
        let field = KeyField { name: catalog.key.clone(), number: 0, identify: row_key() };
        let columns = catalog.columns.iter().zip(0..).map(|((name, data_type), number)| Column {
            name: name.clone(),
            number,
            data_type: *data_type,
        });
        let (keys, columns) = (vec![field], columns.collect());
        return Ok(Layout { kind: Some(Kind::Catalog), keys, chosen: Some(0), columns, zone });
    }
    let keys = plan.keys.iter().map(identifier_field).collect();
    let chosen = key.map(|name| chosen_key(plan, name)).transpose()?;
    let mut columns = Vec::new();
    if dataset.kind == Kind::Attributes {
        if plan.imported.is_empty() {
            return Err(argument("the configuration has no attribute of `type: imported`"));
        }
        if plan.imported.len() > COLUMNS_MAX {
            let sentence = format!("an import has at most {COLUMNS_MAX} imported attributes");
            return Err(argument(sentence));
        }
        columns.extend(plan.imported.iter().map(|attribute| Column {
            name: attribute.name.clone(),
            number: attribute.id,
            data_type: attribute.data_type,
        }));
    }
    Ok(Layout { kind: Some(dataset.kind), keys, chosen, columns, zone })
}

fn catalog<'p>(plan: &'p Plan, name: &str) -> Result<&'p Catalog> {
    plan.catalogs.iter().find(|catalog| catalog.name == name).ok_or_else(|| {
        let known: Vec<_> = plan.catalogs.iter().map(|known| format!("`{}`", known.name)).collect();
        let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
        argument(format!("the configuration has no catalog `{name}`; it has {known}"))
    })
}

fn chosen_key(plan: &Plan, name: &str) -> Result<usize> {
    plan.keys.iter().position(|key| key.name == name).ok_or_else(|| {
        let known: Vec<_> = plan.keys.iter().map(|key| format!("`{}`", key.name)).collect();
        let known = known.join(", ");
        argument(format!("`{name}` is not a key of this configuration; keys are {known}"))
    })
}

/// A field that holds an identifier, read as an event's is.
pub(super) fn identifier_field(key: &Key) -> KeyField {
    let (normalize, invalid_texts) = (key.normalize.clone(), key.invalid_texts.clone());
    let valid_regexp = key.valid_regexp.clone();
    let identify: Identify = Box::new(move |value: &Value| {
        let matches =
            |text: &str| valid_regexp.as_ref().is_none_or(|pattern| pattern.is_match(text));
        identity::identifying_text(value, &normalize, &invalid_texts, matches)
            .map_err(|refusal| refusal.to_string())
    });
    KeyField { name: key.name.clone(), number: key.id, identify }
}

/// The key of a catalog's row, which is looked up by the same text.
fn row_key() -> Identify {
    Box::new(|value| match value {
        Value::String(text) if !text.is_empty() => Ok(text.clone()),
        Value::Number(key) => Ok(number::to_text(*key)),
        Value::Undefined => Err("absent".to_owned()),
        _ => Err("neither text nor a number".to_owned()),
    })
}

/// What makes two imports the same: the file, its key, and what its columns are made.
fn source_hash(request: &ImportRequest, layout: &Layout) -> [u8; 32] {
    let mut hash = Sha256::new();
    hash.update(request.file);
    hash.update([request.format as u8]);
    if let Some(key) = &request.key {
        hash.update(key.as_bytes());
    }
    for column in &layout.columns {
        let word = column.data_type.map_or("", word);
        hash.update(format!("\n{} {} {word}", column.number, column.name));
    }
    hash.finalize().into()
}

fn argument(sentence: impl Into<String>) -> Error {
    ErrorKind::Argument(sentence.into()).into()
}
