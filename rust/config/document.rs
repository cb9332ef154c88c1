//! Document: any YAML document, read as strictly as a configuration is, as plain values.
//!
//! For files that are not ours and are to become a configuration. A plain scalar is what JSON says
//! it is, nothing at all is null, and all else is text; a number that no double holds exactly stays
//! text, since it is somebody's identifier.

use super::diagnostic::Diagnostic;
use super::limits::FILE_BYTES_MAX;
use super::quantity::is_json_number;
use super::source::{Problems, SourceFile, too_large};
use super::yaml::{self, Content, Node, Scalar};
use crate::value::{Text, Value};

use saphyr_parser::ScalarStyle;

/// Whole numbers up to this magnitude are exact in a double.
const EXACT_MAX: f64 = 9_007_199_254_740_992.0;

/// The document of a file.
///
/// # Errors
/// All diagnostics, when its YAML cannot be read or uses what is refused.
pub fn read_document(file: &SourceFile) -> Result<Value, Vec<Diagnostic>> {
    if file.text.len() > FILE_BYTES_MAX {
        return Err(vec![too_large(&file.name, file.text.len())]);
    }
    let mut problems = Problems::new(&file.name, file.body());
    match yaml::read(&mut problems) {
        Some(root) if !problems.has_errors() => Ok(value(&root)),
        _ => Err(problems.into_sorted()),
    }
}

fn value(node: &Node) -> Value {
    match &node.content {
        Content::Scalar(scalar) => of_scalar(scalar),
        Content::List(items) => Value::array(items.iter().map(value).collect()),
        Content::Map(entries) => {
            let named = entries.iter();
            let named = named.map(|entry| (Text::new(&entry.name.value), value(&entry.value)));
            Value::object(named.collect())
        }
    }
}

fn of_scalar(scalar: &Scalar) -> Value {
    let text = || Value::String(Text::new(&scalar.text));
    if scalar.style != ScalarStyle::Plain {
        return text();
    }
    match scalar.text.as_str() {
        "" | "null" => Value::Null,
        "true" => Value::Bool(true),
        "false" => Value::Bool(false),
        number if is_json_number(number) => match number.parse::<f64>() {
            Ok(exact) if exact.abs() <= EXACT_MAX => Value::Number(exact + 0.0),
            _ => text(),
        },
        _ => text(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(text: &str) -> Result<String, Vec<&'static str>> {
        let found = read_document(&SourceFile::new("other.yaml", text));
        let value = found.map_err(|all| all.into_iter().map(|one| one.code).collect::<Vec<_>>())?;
        let mut out = Vec::new();
        crate::value::write_json(&value, &mut out);
        Ok(String::from_utf8(out).expect("JSON is UTF-8"))
    }

    #[test]
    fn plain_scalars_are_typed_by_the_grammar_of_json() {
        let text =
            "a: 1\nb: '1'\nc: yes\nd: null\ne:\nf: [true, 1.5e1, 01, 12345678901234567890]\n";
        let json = r#"{"a":1,"b":"1","c":"yes","d":null,"e":null,"f":[true,15,"01","12345678901234567890"]}"#;
        assert_eq!(read(text).as_deref(), Ok(json));
    }

    #[test]
    fn what_a_configuration_may_not_hold_is_refused_here_too() {
        assert_eq!(read("a: &x 1\nb: *x\n"), Err(vec!["E0105", "E0105"]));
        assert_eq!(read("a: 1\na: 2\n"), Err(vec!["E0103"]));
        assert_eq!(read(""), Err(vec!["E0101"]));
    }
}
