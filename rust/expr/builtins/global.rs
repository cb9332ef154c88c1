//! Global functions: our own (`ago`, `bucket`, `escapeHtml`) and those of URIs.

use xxhash_rust::xxh3::xxh3_64;

use super::super::error::{EvalErrorKind, Fault};
use super::{Call, Function, global};
use crate::value::Value;

pub(super) const FUNCTIONS: &[Function] = &[
    global("ago", ago),
    global("bucket", bucket),
    global("decodeURI", decode_uri),
    global("decodeURIComponent", decode_uri_component),
    global("encodeURI", encode_uri),
    global("encodeURIComponent", encode_uri_component),
    global("escapeHtml", escape_html),
];

/// Milliseconds of a duration as the configuration spells it (`90s 15m 24h 30d 12w`).
pub(in super::super) fn duration_ms(text: &str) -> Option<i64> {
    let unit_at = text.len().checked_sub(1)?;
    if !text.is_char_boundary(unit_at) {
        return None;
    }
    let (digits, unit) = text.split_at(unit_at);
    let unit_ms = match unit {
        "s" => 1_000,
        "m" => 60_000,
        "h" => 3_600_000,
        "d" => 86_400_000,
        "w" => 604_800_000,
        _ => return None,
    };
    if digits.is_empty() || digits.len() > 9 || !digits.bytes().all(|byte| byte.is_ascii_digit()) {
        return None;
    }
    digits.parse::<i64>().ok()?.checked_mul(unit_ms)
}

fn ago(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.text(0)?;
    match duration_ms(&text) {
        Some(duration_ms) => {
            Ok(Value::Number(call.machine.now_ms().saturating_sub(duration_ms) as f64))
        }
        None => {
            Err(Fault::range_error("`ago` takes a duration such as \"90s\", \"24h\" or \"7d\""))
        }
    }
}

/// 0 to 9,999 from the hash of `rid`, a zero byte and the salt: the same for ever.
fn bucket(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let salt = call.text(0)?;
    let Some(rid) = call.machine.rid() else {
        return Err(Fault::type_error("`bucket` needs a profile, and there is none here"));
    };
    call.machine.charge(8)?;
    let mut bytes = Vec::with_capacity(rid.len() + salt.len() + 1);
    bytes.extend_from_slice(rid.as_bytes());
    bytes.push(0);
    bytes.extend_from_slice(salt.as_bytes());
    Ok(Value::Number((xxh3_64(&bytes) % 10_000) as f64))
}

/// `undefined` and `null` stay what they are, so that nobody is greeted "undefined".
fn escape_html(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    if call.argument(0).is_nullish() {
        return Ok(call.take(0));
    }
    let text = call.text(0)?;
    // A character at a time: dearer than copying.
    call.machine.charge(text.len() / 8)?;
    let mut out = String::with_capacity(text.len());
    for character in text.chars() {
        match character {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            '\'' => out.push_str("&#39;"),
            other => out.push(other),
        }
    }
    call.machine.text(out)
}

/// What parts of a URI may hold as they are, beside letters and digits.
const UNRESERVED: &[u8] = b"-_.!~*'()";
/// What keeps the parts of a URI apart.
const RESERVED: &[u8] = b";/?:@&=+$,#";

fn encode_uri(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    encode(call, |byte| UNRESERVED.contains(&byte) || RESERVED.contains(&byte))
}

fn encode_uri_component(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    encode(call, |byte| UNRESERVED.contains(&byte))
}

fn encode(call: &mut Call<'_, '_>, stays: fn(u8) -> bool) -> Result<Value, Fault> {
    let text = call.text(0)?;
    // A byte at a time: dearer than copying.
    call.machine.charge(text.len())?;
    let mut out = String::with_capacity(text.len());
    let digit = |value: u8| char::from(b"0123456789ABCDEF"[usize::from(value)]);
    for byte in text.bytes() {
        if byte.is_ascii_alphanumeric() || stays(byte) {
            out.push(char::from(byte));
        } else {
            out.extend(['%', digit(byte >> 4), digit(byte & 15)]);
        }
    }
    call.machine.text(out)
}

/// Escapes of what keeps the parts of a URI apart stay as they are.
fn decode_uri(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    decode(call, "decodeURI", |byte| RESERVED.contains(&byte))
}

fn decode_uri_component(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    decode(call, "decodeURIComponent", |_| false)
}

fn decode(call: &mut Call<'_, '_>, function: &str, stays: fn(u8) -> bool) -> Result<Value, Fault> {
    let text = call.text(0)?;
    call.machine.charge(text.len())?;
    let malformed =
        || Fault::new(EvalErrorKind::Uri, format!("`{function}` got a malformed sequence"));
    let bytes = text.as_bytes();
    let mut out = Vec::with_capacity(bytes.len());
    let mut at = 0;
    while let Some(&byte) = bytes.get(at) {
        if byte != b'%' {
            out.push(byte);
            at += 1;
            continue;
        }
        let digit = |at: usize| bytes.get(at).and_then(|&byte| char::from(byte).to_digit(16));
        let (Some(high), Some(low)) = (digit(at + 1), digit(at + 2)) else {
            return Err(malformed());
        };
        let decoded = (high << 4 | low) as u8;
        match stays(decoded) {
            true => out.extend_from_slice(&bytes[at..at + 3]),
            false => out.push(decoded),
        }
        at += 3;
    }
    let out = String::from_utf8(out).map_err(|_| malformed())?;
    call.machine.text(out)
}
