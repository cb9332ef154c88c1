//! Scan: what a line of a file holds, judged by its characters when YAML's parser cannot.
//!
//! Used only where the parser failed or read something odd. Nothing here decides what a sound
//! file means.

/// A line and the byte in the file at which it starts.
#[derive(Debug)]
pub struct Line<'t> {
    /// Byte in the file.
    pub start: usize,
    /// The line without its break.
    pub text: &'t str,
}

/// All lines of a text.
pub fn lines(text: &str) -> Vec<Line<'_>> {
    let mut start = 0;
    text.split_inclusive('\n')
        .map(|whole| {
            let line = Line { start, text: whole.trim_end_matches(['\n', '\r']) };
            start += whole.len();
            line
        })
        .collect()
}

/// The start of a line: `- - name: value`.
#[derive(Debug)]
pub struct Head {
    /// The name, when the line has one.
    pub key: Option<String>,
    /// Byte at which the name, or what stands there, starts.
    pub column: usize,
    /// Byte at which the value starts.
    pub value: usize,
}

/// What may stand in a field.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Holds {
    /// No expression.
    Nothing,
    /// Text with `${...}`, or maps and lists of it.
    Templates,
    /// Bare expressions.
    Expressions,
}

impl Holds {
    /// What a field holds, by its name.
    pub fn of(name: &str) -> Self {
        match name {
            "if" => Self::Expressions,
            // Regular expressions are torn apart in the same ways.
            "value" | "each" | "delete" | "data" | "let" | "valid_regexp" => Self::Templates,
            _ => Self::Nothing,
        }
    }

    /// What a field inside holds.
    pub fn within(self, name: Option<&str>) -> Self {
        name.map_or(self, |name| self.max(Self::of(name)))
    }

    /// Whether a text would be read as an expression, at least in part.
    pub fn is_read(self, text: &str) -> bool {
        self == Self::Expressions || text.contains("${")
    }
}

/// A name as it would be written.
pub fn quoted_if_needed(name: &str) -> String {
    let plain = name.chars().all(|c| c.is_alphanumeric() || c == '_' || c == '-');
    if plain { name.to_owned() } else { format!("\"{name}\"") }
}

/// Splits a line into its dashes, name and value.
pub fn head(line: &str) -> Head {
    let mut column = line.len() - line.trim_start().len();
    while line[column..].starts_with("- ") {
        let rest = &line[column + 1..];
        column += 1 + rest.len() - rest.trim_start().len();
    }
    let rest = &line[column..];
    let name_end = match rest.chars().next() {
        Some('"' | '\'') => yaml_quote_end(line, column).map(|end| end - column),
        Some(_) => rest.find(|c: char| c == ':' || c.is_whitespace() || "{[,#".contains(c)),
        None => None,
    };
    let named = name_end.filter(|end| {
        let after = rest[*end..].trim_start();
        *end > 0
            && after.starts_with(':')
            && (after.len() == 1 || after[1..].starts_with([' ', '\t']))
    });
    let Some(end) = named else { return Head { key: None, column, value: column } };
    let after_colon = column + end + rest[end..].find(':').map_or(0, |at| at + 1);
    let blank = line[after_colon..].len() - line[after_colon..].trim_start().len();
    let key = rest[..end].trim_matches(['"', '\'']).to_owned();
    Head { key: Some(key), column, value: after_colon + blank }
}

/// Names of the maps that a line stands in, by indentation, innermost first.
pub fn enclosing(lines: &[Line<'_>], index: usize, column: usize) -> Vec<String> {
    let mut names = Vec::new();
    let mut column = column;
    for line in lines[..index].iter().rev() {
        let text = line.text.trim_start();
        if text.is_empty() || text.starts_with('#') {
            continue;
        }
        let head = head(line.text);
        // A list's dashes may stand at its name's own column: its items are further in.
        if head.column < column
            && let Some(key) = head.key
        {
            names.push(key);
            column = head.column;
        }
        if column == 0 {
            break;
        }
    }
    names
}

/// The line at which the scalar starts that goes on at line `index`.
pub fn scalar_start(lines: &[Line<'_>], index: usize) -> usize {
    let indentation = |line: &Line<'_>| line.text.len() - line.text.trim_start().len();
    let own = &lines[index];
    if head(own.text).key.is_some() || own.text.trim_start().starts_with("- ") {
        return index;
    }
    for (above, line) in lines[..index].iter().enumerate().rev() {
        let text = line.text.trim_start();
        if text.starts_with('#') {
            return index;
        }
        let head = head(line.text);
        let starts = head.key.is_some() || text.starts_with("- ");
        if !text.is_empty() && starts {
            let goes_on = indentation(line) < indentation(own) && head.value < line.text.len();
            return if goes_on { above } else { index };
        }
    }
    index
}

/// The byte of the file at which a scalar ends that starts on line `index`: lines that are
/// indented deeper and start no entry of their own belong to it.
pub fn scalar_end(lines: &[Line<'_>], index: usize, head: &Head) -> usize {
    let mut end = lines[index].start + lines[index].text.trim_end().len();
    if head.value >= lines[index].text.len() {
        return end;
    }
    let least = head.column + usize::from(head.key.is_some());
    for line in &lines[index + 1..] {
        let text = line.text.trim_start();
        if text.is_empty() {
            continue;
        }
        let deep = line.text.len() - text.len() >= least;
        let own_entry = self::head(line.text).key.is_some() || text.starts_with("- ");
        if !deep || own_entry || text.starts_with('#') {
            break;
        }
        end = line.start + line.text.trim_end().len();
    }
    end
}

/// Whether a bracket is open where the line starts: the line above ends with a comma or bracket.
pub fn flow_is_open(lines: &[Line<'_>], index: usize) -> bool {
    let above = lines[..index].iter().rev().map(|line| line.text.trim_end());
    let mut above = above.filter(|text| !text.is_empty() && !text.trim_start().starts_with('#'));
    above.next().is_some_and(|text| text.ends_with([',', '{', '[']))
}

/// Where an expression that starts at `from` ends, as JavaScript reads it: at the line's end or a
/// comment; in `flow` also at a comma or closing bracket of YAML's. `None` when it is not whole.
pub fn extent(line: &str, from: usize, flow: bool) -> Option<usize> {
    let bytes = line.as_bytes();
    let mut depth = 0usize;
    let mut at = from;
    while at < bytes.len() {
        match bytes[at] {
            b'"' | b'\'' | b'`' => {
                if let Some(end) = script_quote_end(bytes, at) {
                    at = end;
                    continue;
                }
            }
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' if depth > 0 => depth -= 1,
            b']' | b'}' | b',' if flow && depth == 0 => break,
            b'#' if at > from && bytes[at - 1].is_ascii_whitespace() => break,
            _ => {}
        }
        at += 1;
    }
    let end = from + line[from..at].trim_end().len();
    (depth == 0 && end > from).then_some(end)
}

/// Whether quotes and brackets of a piece of an expression are closed.
pub fn is_balanced(text: &str) -> bool {
    let bytes = text.as_bytes();
    let mut depth = 0i32;
    let mut at = 0;
    while at < bytes.len() {
        match bytes[at] {
            b'"' | b'\'' | b'`' => match script_quote_end(bytes, at) {
                Some(end) => {
                    at = end;
                    continue;
                }
                None => return false,
            },
            b'(' | b'[' | b'{' => depth += 1,
            b')' | b']' | b'}' => depth -= 1,
            _ => {}
        }
        at += 1;
    }
    depth == 0
}

/// One past the bracket that closes the one at `from`; `None` when brackets do not match.
pub fn bracket_end(line: &str, from: usize) -> Option<usize> {
    let bytes = line.as_bytes();
    let mut open: Vec<u8> = Vec::new();
    let mut at = from;
    while at < bytes.len() {
        match bytes[at] {
            b'"' | b'\'' | b'`' => {
                if let Some(end) = script_quote_end(bytes, at) {
                    at = end;
                    continue;
                }
            }
            b'(' => open.push(b')'),
            b'[' => open.push(b']'),
            b'{' => open.push(b'}'),
            close @ (b')' | b']' | b'}') => {
                if open.pop() != Some(close) {
                    return None;
                }
                if open.is_empty() {
                    return Some(at + 1);
                }
            }
            _ => {}
        }
        at += 1;
    }
    None
}

/// One past the quote that closes a JavaScript string at `from`.
fn script_quote_end(bytes: &[u8], from: usize) -> Option<usize> {
    let quote = bytes[from];
    let mut at = from + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' => at += 1,
            byte if byte == quote => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
    None
}

/// One past the quote that closes a YAML scalar at `from`, on the same line.
pub fn yaml_quote_end(line: &str, from: usize) -> Option<usize> {
    let bytes = line.as_bytes();
    let quote = bytes[from];
    let mut at = from + 1;
    while at < bytes.len() {
        match bytes[at] {
            b'\\' if quote == b'"' => at += 1,
            b'\'' if quote == b'\'' && bytes.get(at + 1) == Some(&b'\'') => at += 1,
            byte if byte == quote => return Some(at + 1),
            _ => {}
        }
        at += 1;
    }
    None
}

/// Whether something other than a comment follows.
pub fn has_more(line: &str, after: usize) -> bool {
    let rest = &line[after..];
    let trimmed = rest.trim_start();
    let comment = trimmed.starts_with('#') && trimmed.len() < rest.len();
    !trimmed.is_empty() && !comment
}

/// Whether something follows that cannot follow a whole value inside `{...}` or `[...]`.
pub fn has_more_in_flow(line: &str, after: usize) -> bool {
    has_more(line, after) && !line[after..].trim_start().starts_with([',', '}', ']', ':'])
}

/// The name that stands before a value inside a flow collection.
pub fn name_before(line: &str, value: usize) -> Option<&str> {
    let before = line[..value].trim_end().strip_suffix(':')?;
    let start = before.rfind(['{', '[', ',']).map_or(0, |at| at + 1);
    Some(before[start..].trim())
}

/// The name of an entry inside a flow collection, and where its value starts.
pub fn flow_name(line: &str, at: usize) -> (Option<&str>, usize) {
    let rest = &line[at..];
    let end = match rest.chars().next() {
        Some('"' | '\'') => yaml_quote_end(line, at).map(|end| end - at),
        _ => rest.find(|c: char| !(c.is_alphanumeric() || c == '_' || c == '-')),
    };
    let Some(end) = end.filter(|end| *end > 0) else { return (None, at) };
    let Some(value) = rest[end..].strip_prefix(": ") else { return (None, at) };
    let start = at + end + 2 + value.len() - value.trim_start().len();
    (Some(rest[..end].trim_matches(['"', '\''])), start)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_head_is_dashes_a_name_and_a_value() {
        let head = head("  - - if: !x");
        assert_eq!((head.key.as_deref(), head.column, head.value), (Some("if"), 6, 10));
        assert_eq!(super::head("  \"a b\": c").key.as_deref(), Some("a b"));
        assert_eq!(super::head("  - !x").key, None);
        assert_eq!(super::head("  a ? b : c").key, None);
        assert_eq!(super::head("a:b").key, None);
    }

    #[test]
    fn an_extent_ends_where_javascript_ends() {
        let line = "{if: f(a, \"}\")[0], x: 1} # c";
        assert_eq!(&line[5..extent(line, 5, true).unwrap()], "f(a, \"}\")[0]");
        let line = "if: a === \" #x\" # why";
        assert_eq!(&line[4..extent(line, 4, false).unwrap()], "a === \" #x\"");
        assert_eq!(extent("{if: f(a", 5, true), None);
    }

    #[test]
    fn enclosing_names_follow_the_indentation() {
        let text = "offers:\n- name: a\n  set:\n    - event: e\n      data:\n\n        x: y";
        let lines = lines(text);
        let head = head(lines[6].text);
        assert_eq!(enclosing(&lines, 6, head.column), ["data", "set", "offers"]);
    }
}
