//! Load, part three: batch segments and catalogs, which are filled by import (page 4.3).

use super::fields::{Fields, text_of, word_of};
use super::limits::{COLUMN_NAME_BYTES_MAX, SEGMENT_ID_BYTES_MAX};
use super::model::{Catalog, CatalogColumn, Segment};
use super::names;
use super::schema;
use super::source::{Problems, Spanned};
use super::yaml::{Content, Node};
use crate::profile::attribute::DataType;
use crate::value::Text;

/// Reads an entry of `segments`.
pub fn segment(node: &Node, problems: &mut Problems<'_>) -> Option<Segment> {
    let mut fields = Fields::open(node, schema::SEGMENT, problems)?;
    let id = fields.required_text("id", "id: \"1588214\"", problems);
    let name = fields.required_text("name", "name: high_loyalty", problems);
    fields.finish(problems);
    let (id, name) = (id?, name?);
    names::check_name(&name, "A segment's name", problems);
    if id.value.is_empty() || id.value.len() > SEGMENT_ID_BYTES_MAX {
        let sentence = format!("A segment's id has 1 to {SEGMENT_ID_BYTES_MAX} bytes.");
        problems.error("E0205", id.span.clone(), sentence);
    }
    Some(Segment { id, name })
}

/// Reads an entry of `catalogs`.
pub fn catalog(node: &Node, problems: &mut Problems<'_>) -> Option<Catalog> {
    let mut fields = Fields::open(node, schema::CATALOG, problems)?;
    let name = fields.required_text("name", "name: products", problems);
    let key = fields.required_text("key", "key: sku", problems);
    fields.require("columns", "columns: [title, price]", problems);
    let columns = fields.list("columns", problems);
    let at = fields.name_span("columns");
    if columns.is_empty() && fields.has("columns") {
        let sentence = "A catalog has at least one column beside its key.";
        problems.error_with_help("E0204", at.clone(), sentence, "write `columns: [title, price]`");
    }
    let columns: Vec<CatalogColumn> =
        columns.iter().filter_map(|node| column(node, &at, problems)).collect();
    fields.finish(problems);
    let (name, key) = (name?, key?);
    names::check_name(&name, "A catalog's name", problems);
    check_column_name(&key, problems);
    Some(Catalog { name, key, columns })
}

/// A name, or a map of `name` and `data_type`.
fn column(
    node: &Node,
    at: &super::source::Span,
    problems: &mut Problems<'_>,
) -> Option<CatalogColumn> {
    let column = match &node.content {
        Content::Map(_) => {
            let mut fields = Fields::open(node, schema::CATALOG_COLUMN, problems)?;
            let name = fields.required_text("name", "name: price", problems);
            let data_type = fields
                .text("data_type", problems)
                .and_then(|text| word_of(&text, "`data_type`", &DataType::WORDS, &[], problems));
            fields.finish(problems);
            CatalogColumn { name: name?, data_type }
        }
        _ => {
            let name = text_of(node, "A column", at, problems)?;
            CatalogColumn { name, data_type: None }
        }
    };
    check_column_name(&column.name, problems);
    Some(column)
}

fn check_column_name(name: &Spanned<Text>, problems: &mut Problems<'_>) {
    names::check_wire(name, "A column's name", problems);
    if name.value.len() > COLUMN_NAME_BYTES_MAX {
        let sentence = format!("A column's name has at most {COLUMN_NAME_BYTES_MAX} bytes.");
        problems.error("E0205", name.span.clone(), sentence);
    }
}
