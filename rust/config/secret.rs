//! Secrets: where the values of tokens come from, and the text of which they are gone.
//!
//! A secret is read once, when its configuration is compiled, and only its SHA-256 goes on.
//! Invariant: neither a plan, nor the recorded text, nor a diagnostic holds a token's value.

use std::io;
use std::path::PathBuf;

use sha2::{Digest, Sha256};

use super::load::note_malformed_token;
use super::model::{Secret, Token};
use super::names::is_token;
use super::plan;
use super::source::{Problems, Span};

/// Tokens shorter than this are not looked for in the rest of the file: they may be plain words.
const SEARCHED_CHARS_MIN: usize = 16;

/// Where `env:NAME` and `file:PATH` are looked up; faked in tests.
pub trait Secrets {
    /// The environment variable's value; `None` when it is unset or not UTF-8.
    fn variable(&self, name: &str) -> Option<String>;
    /// The file's text.
    ///
    /// # Errors
    /// Why it cannot be read.
    fn file(&self, path: &str) -> io::Result<String>;
}

/// The process's environment and the disk.
#[derive(Clone, Debug, Default)]
pub struct Environment {
    directory: PathBuf,
}

impl Environment {
    /// Relative paths are looked up in the directory of this configuration file.
    pub fn beside(file_name: &str) -> Self {
        let directory = PathBuf::from(file_name).parent().map(PathBuf::from).unwrap_or_default();
        Self { directory }
    }
}

impl Secrets for Environment {
    fn variable(&self, name: &str) -> Option<String> {
        std::env::var(name).ok()
    }

    fn file(&self, path: &str) -> io::Result<String> {
        std::fs::read_to_string(self.directory.join(path))
    }
}

/// A token's digest, and its value while the file is searched for it.
struct Resolved {
    digest: [u8; 32],
    value: Option<String>,
}

/// The tokens of the plan. `secrets` is `None` on replay: only digests are read.
pub fn resolve(
    tokens: &[Token],
    secrets: Option<&dyn Secrets>,
    problems: &mut Problems<'_>,
) -> Vec<plan::Token> {
    let mut resolved: Vec<plan::Token> = Vec::new();
    for token in tokens {
        let Some(Resolved { digest, value }) = look_up(token, secrets, problems) else { continue };
        if let Some(first) = resolved.iter().find(|known| known.digest == digest) {
            problems.error_with_help(
                "E0231",
                token.name.span.clone(),
                format!("Tokens `{}` and `{}` have the same value.", first.name, token.name.value),
                "give each token a value of its own, or remove one",
            );
        }
        if let Some(value) = value {
            refuse_elsewhere(&value, token, tokens, problems);
        }
        resolved.push(plan::Token {
            name: token.name.value.clone(),
            digest,
            sees_sensitive: token.sees_sensitive,
        });
    }
    resolved
}

fn look_up(
    token: &Token,
    secrets: Option<&dyn Secrets>,
    problems: &mut Problems<'_>,
) -> Option<Resolved> {
    let value = match (&token.secret, secrets) {
        (Secret::Digest(digest), _) => return Some(Resolved { digest: *digest, value: None }),
        (_, None) => return None,
        (Secret::Value(value), _) => value.to_string(),
        (Secret::Variable(name), Some(secrets)) => variable(name, token, secrets, problems)?,
        (Secret::File(path), Some(secrets)) => file(path, token, secrets, problems)?,
    };
    let digest = Sha256::digest(value.as_bytes()).into();
    Some(Resolved { digest, value: Some(value) })
}

fn variable(
    name: &str,
    token: &Token,
    secrets: &dyn Secrets,
    problems: &mut Problems<'_>,
) -> Option<String> {
    let Some(value) = secrets.variable(name).filter(|value| !value.is_empty()) else {
        problems.error_with_help(
            "E0232",
            token.value_span.clone(),
            format!("The environment variable `{name}` is not set."),
            format!("set it before starting: `export {name}=...`"),
        );
        return None;
    };
    usable(value, token, &format!("The value of environment variable `{name}`"), problems)
}

fn file(
    path: &str,
    token: &Token,
    secrets: &dyn Secrets,
    problems: &mut Problems<'_>,
) -> Option<String> {
    match secrets.file(path) {
        Ok(value) => usable(value, token, &format!("The text of file `{path}`"), problems),
        Err(error) => {
            problems.error_with_help(
                "E0233",
                token.value_span.clone(),
                format!("The file `{path}` cannot be read: {}.", reason(&error)),
                "a relative path starts at the configuration file's directory",
            );
            None
        }
    }
}

/// The operating system's reason without its number.
fn reason(error: &io::Error) -> String {
    match error.kind() {
        io::ErrorKind::NotFound => "it does not exist".to_owned(),
        io::ErrorKind::PermissionDenied => "permission denied".to_owned(),
        io::ErrorKind::InvalidData => "it is not UTF-8".to_owned(),
        kind => kind.to_string(),
    }
}

fn usable(value: String, token: &Token, what: &str, problems: &mut Problems<'_>) -> Option<String> {
    let value = value.trim();
    if !is_token(value) {
        note_malformed_token(token.value_span.clone(), what, problems);
        return None;
    }
    Some(value.to_owned())
}

/// The recorded text would keep a value that also stands in a comment or an expression.
fn refuse_elsewhere(value: &str, token: &Token, tokens: &[Token], problems: &mut Problems<'_>) {
    if value.len() < SEARCHED_CHARS_MIN {
        return;
    }
    let replaced = |at: usize| tokens.iter().any(|token| token.field.contains(&at));
    let places: Vec<usize> = problems
        .text()
        .match_indices(value)
        .map(|(at, _)| at)
        .filter(|at| !replaced(*at))
        .collect();
    for at in places {
        problems.hide(at..at + value.len());
        problems.error_with_help(
            "E0234",
            at..at + value.len(),
            format!(
                "The value of token `{}` stands here too: the log would record it.",
                token.name.value
            ),
            "remove it; a token's value stands in the token's own entry only",
        );
    }
}

/// The file's text with each token's value replaced by its digest (page 2, "Versions").
pub fn recorded_text(text: &str, tokens: &[Token], resolved: &[plan::Token]) -> String {
    let mut fields: Vec<(&Span, &plan::Token)> = tokens
        .iter()
        .filter_map(|token| {
            let same = |known: &&plan::Token| known.name == token.name.value;
            resolved.iter().find(same).map(|known| (&token.field, known))
        })
        .collect();
    fields.sort_by_key(|(field, _)| field.start);
    let mut recorded = String::with_capacity(text.len());
    let mut copied = 0;
    for (field, token) in fields {
        recorded.push_str(&text[copied..field.start]);
        recorded.push_str("value_sha256: ");
        recorded.push_str(&hex(&token.digest));
        copied = field.end;
    }
    recorded.push_str(&text[copied..]);
    recorded
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
