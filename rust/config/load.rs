//! Load: from the YAML tree to the model.
//!
//! Everything that one map can tell is checked here: kinds of fields, forms of names, ranges,
//! words, what is not built yet. What needs the whole file is `check`'s.

use super::fields::{Fields, note_not_built, text_of, word_of};
use super::limits::{self, NUMBER_MAX};
use super::load_batch::{catalog, segment};
use super::load_rules::{attribute, offer};
use super::model::{Configuration, Event, Ignore, Key, Place, Secret, Token};
use super::names;
use super::plan::Normalize;
use super::schema;
use super::source::{Problems, Spanned};
use super::time_zone;
use super::yaml::{Content, Entry, Node};
use crate::value::Text;
use crate::value::date::Zone;

/// Reads the whole file. Always gives a model; what was wrong is absent in it and noted.
pub fn configuration(root: &Node, problems: &mut Problems<'_>) -> Configuration {
    let Some(mut fields) = Fields::open(root, schema::TOP, problems) else {
        return Configuration::default();
    };
    version(&mut fields, problems);
    let mut loaded = Configuration {
        account: identity(&mut fields, "account", problems),
        instance: identity(&mut fields, "instance", problems),
        name: name(&mut fields, problems),
        clock_skew_ms: clock_skew(&mut fields, problems),
        value_bytes_max: value_bytes_max(&mut fields, problems),
        time_zone: time_zone(&mut fields, problems),
        ..Configuration::default()
    };
    fixed_choices(&mut fields, problems);
    let database = default_database(&mut fields, problems);
    let database = database.as_ref();
    fields.require("keys", "keys: [{name: customer_id}]", problems);
    loaded.keys = entries(&mut fields, "keys", problems, key);
    loaded.destinations =
        entries(&mut fields, "destinations", problems, |node, p| destination(node, database, p));
    loaded.events = entries(&mut fields, "events", problems, |node, p| event(node, database, p));
    loaded.attributes = entries(&mut fields, "attributes", problems, attribute);
    loaded.segments = entries(&mut fields, "segments", problems, segment);
    loaded.catalogs = entries(&mut fields, "catalogs", problems, catalog);
    loaded.offers = entries(&mut fields, "offers", problems, offer);
    activations(&mut fields, problems);
    if let Some(entry) = root.entry("tokens") {
        hide_secrets(&entry.value, None, problems);
    }
    loaded.tokens = entries(&mut fields, "tokens", problems, token);
    loaded.ignore = entries(&mut fields, "ignore", problems, ignore);
    loaded.profile_ttl_ms = profile_ttl(&mut fields, problems);
    fields.finish(problems);
    loaded
}

fn entries<T>(
    fields: &mut Fields<'_>,
    name: &str,
    problems: &mut Problems<'_>,
    load: impl Fn(&Node, &mut Problems<'_>) -> Option<T>,
) -> Vec<T> {
    // A section with nothing under it is an empty section: its entries may all be commented out.
    if fields.name_is_empty(name) {
        fields.take(name);
        return Vec::new();
    }
    fields.list(name, problems).iter().filter_map(|node| load(node, problems)).collect()
}

fn version(fields: &mut Fields<'_>, problems: &mut Problems<'_>) {
    let Some(version) = fields.required_text("version", "version: 1", problems) else { return };
    if version.value != "1" {
        problems.error_with_help(
            "E0205",
            version.span,
            format!("This release reads version 1 of the format, not `{}`.", version.value),
            "write `version: 1`",
        );
    }
}

fn identity(fields: &mut Fields<'_>, field: &str, problems: &mut Problems<'_>) -> u64 {
    fields.require(field, &format!("{field}: 1"), problems);
    fields.whole_number(field, 0, NUMBER_MAX, problems).map_or(0, |number| number.value)
}

fn name(fields: &mut Fields<'_>, problems: &mut Problems<'_>) -> Text {
    let name = fields.required_text("name", "name: retail", problems);
    name.map_or_else(Text::default, |name| {
        names::check_wire(&name, "The configuration's name", problems);
        name.value
    })
}

fn clock_skew(fields: &mut Fields<'_>, problems: &mut Problems<'_>) -> i64 {
    fields
        .duration("clock_skew", 0, limits::CLOCK_SKEW_MAX_MS, problems)
        .map_or(limits::CLOCK_SKEW_DEFAULT_MS, |skew| skew.value)
}

fn value_bytes_max(fields: &mut Fields<'_>, problems: &mut Problems<'_>) -> usize {
    fields
        .size("value_bytes_max", limits::VALUE_BYTES_MAX, problems)
        .map_or(limits::VALUE_BYTES_DEFAULT, |size| size.value as usize)
}

fn time_zone(fields: &mut Fields<'_>, problems: &mut Problems<'_>) -> Option<Zone> {
    if !fields.has("time_zone") {
        return Some(Zone::UTC);
    }
    let name = fields.text("time_zone", problems)?;
    match time_zone::named(&name.value) {
        Ok(zone) => Some(zone),
        Err(unknown) => {
            let sentence = format!("There is no time zone `{}`.", name.value);
            problems.error_with_help("E0205", name.span, sentence, unknown.help);
            None
        }
    }
}

/// Fields of which only the default is built: stating it is allowed, choosing otherwise is not.
fn fixed_choices(fields: &mut Fields<'_>, problems: &mut Problems<'_>) {
    for (field, default) in [("unidentified", "refuse"), ("unrouted", "store")] {
        let Some(choice) = fields.text(field, problems) else { continue };
        if choice.value != default {
            let what = format!("`{field}` other than {default}");
            note_not_built(&what, choice.span, problems);
        }
    }
}

/// `profiles: {ttl: 395d}`.
fn profile_ttl(fields: &mut Fields<'_>, problems: &mut Problems<'_>) -> Option<i64> {
    if fields.name_is_empty("profiles") {
        fields.take("profiles");
        return None;
    }
    let entry = fields.take("profiles")?;
    let mut profiles = Fields::open(&entry.value, schema::PROFILES, problems)?;
    let (least, most) = (limits::PROFILE_TTL_MIN_MS, limits::DURATION_MAX_MS);
    let ttl = profiles.duration("ttl", least, most, problems);
    profiles.finish(problems);
    ttl.map(|ttl| ttl.value)
}

fn ignore(node: &Node, problems: &mut Problems<'_>) -> Option<Ignore> {
    let mut fields = Fields::open(node, schema::IGNORE, problems)?;
    fields.require("if", "if: '/bot|crawl/i.test(REQUEST.user_agent)'", problems);
    let conditions = conditions(&mut fields, problems);
    let store = fields.boolean("store", problems).is_none_or(|store| store.value);
    fields.finish(problems);
    Some(Ignore { at: node.span.clone(), conditions, store })
}

fn default_database(fields: &mut Fields<'_>, problems: &mut Problems<'_>) -> Option<Spanned<Text>> {
    let database = fields.text("database", problems)?;
    // A malformed default stays in use, so that it is reported once and not at every table.
    names::check_table(&database, "database", problems);
    Some(database)
}

fn activations(fields: &mut Fields<'_>, problems: &mut Problems<'_>) {
    if fields.name_is_empty("activations") {
        fields.take("activations");
        return;
    }
    if let [first, ..] = fields.list("activations", problems) {
        note_not_built("An activation", first.span.clone(), problems);
    }
}

fn key(node: &Node, problems: &mut Problems<'_>) -> Option<Key> {
    let mut fields = Fields::open(node, schema::KEY, problems)?;
    let name = fields.required_text("name", "name: customer_id", problems);
    let valid_regexp = fields.text("valid_regexp", problems).map(|text| {
        // The line break that ends a block is none of the expression's.
        Spanned { value: Text::new(text.value.trim_end_matches('\n')), span: text.span }
    });
    let max_values = count(&mut fields, "max_values", limits::VALUES_MAX, problems);
    let normalize = normalize(&mut fields, problems);
    let invalid_texts = fields.list("invalid_texts", problems);
    let at = fields.name_span("invalid_texts");
    let invalid_texts = invalid_texts
        .iter()
        .filter_map(|item| text_of(item, "An entry of `invalid_texts`", &at, problems))
        .map(|text| text.value)
        .collect();
    let from = from(&mut fields, problems);
    let sensitive = fields.boolean("sensitive", problems).map(|sensitive| sensitive.value);
    let words = [("stitch", true), ("ignore", false)];
    let public = fields.word("public", &words, &[], problems).map(|public| public.value);
    fields.finish(problems);
    let name = name?;
    names::check_name(&name, "A key's name", problems);
    Some(Key {
        name,
        max_values,
        normalize,
        valid_regexp,
        invalid_texts,
        from,
        sensitive,
        stitches_public: public,
    })
}

fn from(fields: &mut Fields<'_>, problems: &mut Problems<'_>) -> Vec<Node> {
    let Some((entry, nodes)) = fields.one_or_many("from") else { return Vec::new() };
    let help = "write `from: \"${EVENT.user.email}\"`, or a list of such texts";
    if nodes.is_empty() {
        let sentence = "`from` is present but empty.";
        problems.error_with_help("E0203", entry.name.span.clone(), sentence, help);
    }
    let (good, bad): (Vec<&Node>, _) = nodes.into_iter().partition(|node| node.scalar().is_some());
    for node in bad {
        let sentence = format!("`from` takes text with `${{...}}`, not {}.", node.kind());
        problems.error_with_help("E0204", node.span.clone(), sentence, help);
    }
    good.into_iter().cloned().collect()
}

fn normalize(fields: &mut Fields<'_>, problems: &mut Problems<'_>) -> Vec<Normalize> {
    let words =
        [("trim", Normalize::Trim), ("lower", Normalize::Lower), ("upper", Normalize::Upper)];
    let at = fields.name_span("normalize");
    let steps = fields.list("normalize", problems);
    steps
        .iter()
        .filter_map(|step| {
            let text = text_of(step, "A step of `normalize`", &at, problems)?;
            word_of(&text, "A step of `normalize`", &words, &[], problems)
        })
        .collect()
}

fn destination(
    node: &Node,
    default: Option<&Spanned<Text>>,
    problems: &mut Problems<'_>,
) -> Option<Place> {
    let mut fields = Fields::open(node, schema::DESTINATION, problems)?;
    let place = place(&mut fields, default, problems);
    fields.finish(problems);
    place
}

fn place(
    fields: &mut Fields<'_>,
    default: Option<&Spanned<Text>>,
    problems: &mut Problems<'_>,
) -> Option<Place> {
    let own = fields.text("database", problems);
    let own_given = fields.has("database");
    let table = fields.required_text("table", "table: pageviews", problems);
    let own_good = own.as_ref().is_none_or(|own| names::check_table(own, "database", problems));
    let table = table?;
    let good = names::check_table(&table, "table", problems) && own_good;
    if own_given && own.is_none() {
        return None;
    }
    let Some(database) = own.as_ref().or(default) else {
        problems.error_with_help(
            "E0215",
            table.span,
            format!("Table `{}` has no database.", table.value),
            "add `database: ...` here, or once at the top of the file as the default",
        );
        return None;
    };
    good.then(|| Place { database: database.value.clone(), table })
}

fn event(
    node: &Node,
    default: Option<&Spanned<Text>>,
    problems: &mut Problems<'_>,
) -> Option<Event> {
    let mut fields = Fields::open(node, schema::EVENT, problems)?;
    let name = fields.required_text("name", "name: pageview", problems);
    let place = place(&mut fields, default, problems);
    let conditions = conditions(&mut fields, problems);
    fields.finish(problems);
    let name = name?;
    names::check_name(&name, "An event's name", problems);
    Some(Event { name, place, conditions })
}

/// Takes `if`: one expression, or a list of which all must hold.
pub(super) fn conditions(fields: &mut Fields<'_>, problems: &mut Problems<'_>) -> Vec<Node> {
    let Some((entry, nodes)) = fields.one_or_many("if") else { return Vec::new() };
    if nodes.is_empty() {
        note_empty_if(entry, problems);
    }
    let mut conditions = Vec::new();
    for node in nodes {
        match node.scalar() {
            Some(_) if node.is_empty() => note_empty_if(entry, problems),
            Some(_) => conditions.push(node.clone()),
            None => problems.error_with_help(
                "E0204",
                node.span.clone(),
                format!("`if` takes an expression or a list of expressions, not {}.", node.kind()),
                "quote the whole expression, or write `if: |`",
            ),
        }
    }
    conditions
}

fn note_empty_if(entry: &Entry, problems: &mut Problems<'_>) {
    problems.error_with_help(
        "E0108",
        entry.name.span.clone(),
        "`if` is present but empty.",
        "write the condition after it, or remove `if` for a rule that always holds",
    );
}

/// Hides every text under `tokens` that may be a token's value, in its own field or not.
fn hide_secrets(node: &Node, field: Option<&str>, problems: &mut Problems<'_>) {
    match &node.content {
        Content::Scalar(scalar) => {
            let public = matches!(field, Some("name" | "type" | "sees_sensitive"))
                || scalar.text.starts_with("env:")
                || scalar.text.starts_with("file:");
            if !public {
                problems.hide(node.span.clone());
            }
        }
        Content::List(items) => {
            items.iter().for_each(|item| hide_secrets(item, None, problems));
        }
        Content::Map(entries) => {
            for Entry { name, value } in entries {
                if !schema::TOKEN.later.contains(&name.value.as_str()) {
                    hide_secrets(value, Some(&name.value), problems);
                }
            }
        }
    }
}

fn token(node: &Node, problems: &mut Problems<'_>) -> Option<Token> {
    let mut fields = Fields::open(node, schema::TOKEN, problems)?;
    let name = fields.required_text("name", "name: server", problems);
    let kind = node.entry("type").and_then(|entry| entry.value.scalar());
    let is_public = kind.is_some_and(|kind| kind.text == "public");
    fields.word("type", &[("server", ())], &["public", "lookup"], problems);
    let sees_sensitive = fields.boolean("sees_sensitive", problems).is_none_or(|sees| sees.value);
    let secret = secret(&mut fields, problems);
    fields.finish(problems);
    let name = name?;
    names::check_wire(&name, "A token's name", problems);
    let (secret, entry) = secret?;
    let field = entry.name.span.start..entry.value.span.end;
    Some(Token {
        name,
        is_public,
        sees_sensitive,
        secret,
        field,
        value_span: entry.value.span.clone(),
    })
}

fn secret<'n>(fields: &mut Fields<'n>, problems: &mut Problems<'_>) -> Option<(Secret, &'n Entry)> {
    let value = fields.take("value");
    let digest = fields.take("value_sha256");
    let (entry, is_digest) = match (value, digest) {
        (Some(entry), None) => (entry, false),
        (None, Some(entry)) => (entry, true),
        (Some(_), Some(entry)) => {
            let sentence = "A token has `value` or `value_sha256`, not both.";
            problems.error("E0208", entry.name.span.clone(), sentence);
            return None;
        }
        (None, None) => {
            problems.error_with_help(
                "E0203",
                fields.span(),
                "A token needs `value` or `value_sha256`.",
                "write `value: env:NAME` and set the environment variable NAME to the token",
            );
            return None;
        }
    };
    let what = format!("`{}`", entry.name.value);
    let text = text_of(&entry.value, &what, &entry.name.span, problems)?;
    if is_digest { digest_of(&text, problems) } else { value_of(&text, problems) }
        .map(|secret| (secret, entry))
}

fn value_of(text: &Spanned<Text>, problems: &mut Problems<'_>) -> Option<Secret> {
    let word = text.value.trim();
    if let Some(variable) = word.strip_prefix("env:") {
        return Some(Secret::Variable(Text::new(variable)));
    }
    if let Some(path) = word.strip_prefix("file:") {
        return Some(Secret::File(Text::new(path)));
    }
    let good = names::is_token(word);
    if !good {
        note_malformed_token(text.span.clone(), "This", problems);
    }
    good.then(|| Secret::Value(Text::new(word)))
}

/// Notes a token that no client could send; the sentence never holds its value.
pub(super) fn note_malformed_token(
    span: super::source::Span,
    what: &str,
    problems: &mut Problems<'_>,
) {
    let most = limits::TOKEN_CHARS_MAX;
    problems.error_with_help(
        "E0230",
        span,
        format!("{what} is not a token: 1 to {most} characters out of `0-9 A-Z a-z _ -`."),
        "a UUID v4 without its dashes makes a good token",
    );
}

fn digest_of(text: &Spanned<Text>, problems: &mut Problems<'_>) -> Option<Secret> {
    let digest = parse_hex(&text.value);
    if digest.is_none() {
        problems.error_with_help(
            "E0230",
            text.span.clone(),
            "`value_sha256` is 64 hex digits: the SHA-256 of the token's text.",
            "`printf %s TOKEN | sha256sum` prints it",
        );
    }
    digest.map(Secret::Digest)
}

fn parse_hex(text: &str) -> Option<[u8; 32]> {
    let digits = text.as_bytes();
    if digits.len() != 64 || !digits.iter().all(u8::is_ascii_hexdigit) {
        return None;
    }
    let mut digest = [0; 32];
    for (byte, pair) in digest.iter_mut().zip(digits.chunks_exact(2)) {
        let nibble = |digit: u8| (digit as char).to_digit(16).map(|value| value as u8);
        *byte = nibble(pair[0])? << 4 | nibble(pair[1])?;
    }
    Some(digest)
}

/// The number of an allowed count, for a field that is `1` to `most`.
pub(super) fn count(
    fields: &mut Fields<'_>,
    name: &str,
    most: u64,
    problems: &mut Problems<'_>,
) -> Option<usize> {
    fields.whole_number(name, 1, most, problems).map(|number| number.value as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_digest_is_64_hex_digits_in_any_case() {
        let text = "00fF".repeat(16);
        assert_eq!(parse_hex(&text).map(|digest| (digest[0], digest[1])), Some((0, 255)));
        assert!(parse_hex(&text[..63]).is_none());
        assert!(parse_hex(&text.replace('f', "g")).is_none());
    }
}
