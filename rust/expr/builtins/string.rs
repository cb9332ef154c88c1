//! Strings: what cuts, pads and spells text. Positions are UTF-16 units.

use unicode_normalization::UnicodeNormalization;

use super::super::error::Fault;
use super::super::limits::STRING_BYTES_MAX;
use super::super::operators::too_long;
use super::super::vm::unit_value;
use super::{Call, Entry, Function, global, within};
use crate::value::{Text, Value, number as numbers, string};

pub(super) const METHODS: &[Entry] = &[
    ("at", None, at),
    ("charAt", None, char_at),
    ("charCodeAt", None, char_code_at),
    ("codePointAt", None, code_point_at),
    ("concat", None, concat),
    ("hasOwnProperty", None, super::object::has_own_property),
    ("isWellFormed", None, is_well_formed),
    ("normalize", None, normalize),
    ("padEnd", None, pad_end),
    ("padStart", None, pad_start),
    ("propertyIsEnumerable", None, super::object::property_is_enumerable),
    ("repeat", None, repeat),
    ("slice", None, slice),
    ("substr", None, substr),
    ("substring", None, substring),
    ("toLowerCase", None, to_lower_case),
    ("toString", None, super::object::value_of),
    ("toUpperCase", None, to_upper_case),
    ("toWellFormed", None, super::object::value_of),
    ("trim", None, trim),
    ("trimEnd", None, trim_end),
    ("trimLeft", None, trim_start),
    ("trimRight", None, trim_end),
    ("trimStart", None, trim_start),
    ("valueOf", None, super::object::value_of),
];

pub(super) const FUNCTIONS: &[Function] = &[
    global("String", text_of),
    within("String", "fromCharCode", from_char_code),
    within("String", "fromCodePoint", from_code_point),
];

fn text_of(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    if call.arguments.is_empty() {
        return Ok(Value::String(Text::default()));
    }
    Ok(Value::String(call.text(0)?))
}

fn from_char_code(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let mut units = Vec::new();
    for position in 0..call.arguments.len() {
        units.push(numbers::to_uint32(call.number(position)?) as u16);
    }
    call.machine.charge(units.len())?;
    call.machine.text(String::from_utf16_lossy(&units))
}

fn from_code_point(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let mut units = Vec::new();
    for position in 0..call.arguments.len() {
        let number = call.number(position)?;
        if !(0.0..=1_114_111.0).contains(&number) || number != libm::trunc(number) {
            return Err(Fault::range_error("`String.fromCodePoint` got no code point"));
        }
        // Halves of a pair beside each other make one character, as in JavaScript.
        match char::from_u32(number as u32) {
            Some(character) => units.extend_from_slice(character.encode_utf16(&mut [0; 2])),
            None => units.push(number as u16),
        }
    }
    call.machine.charge(units.len())?;
    call.machine.text(String::from_utf16_lossy(&units))
}

fn unit(text: &str, position: Option<usize>) -> Option<u16> {
    position.and_then(|at| string::unit_at(text, at))
}

fn at(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.receiver_text()?;
    call.machine.charge_bytes(2 * text.len())?;
    let position = call.position(0, string::length(&text))?;
    Ok(unit(&text, position).map_or(Value::Undefined, unit_value))
}

/// The unit position that an argument names, never counted from the end.
fn plain_position(call: &mut Call<'_, '_>, length: usize) -> Result<Option<usize>, Fault> {
    // It is counted through once more.
    call.machine.charge_bytes(3 * length)?;
    let at = call.integer(0)?;
    Ok((at >= 0.0 && at < length as f64).then_some(at as usize))
}

fn char_at(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.receiver_text()?;
    let position = plain_position(call, string::length(&text))?;
    Ok(unit(&text, position).map_or(Value::String(Text::default()), unit_value))
}

fn char_code_at(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.receiver_text()?;
    let position = plain_position(call, string::length(&text))?;
    Ok(Value::Number(unit(&text, position).map_or(f64::NAN, f64::from)))
}

fn code_point_at(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.receiver_text()?;
    let position = plain_position(call, string::length(&text))?;
    let code = position.and_then(|at| string::code_point_at(&text, at));
    Ok(code.map_or(Value::Undefined, |code| Value::Number(f64::from(code))))
}

fn concat(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let mut out = call.receiver_text()?.to_string();
    for position in 0..call.arguments.len() {
        out.push_str(&call.text(position)?);
        if out.len() > STRING_BYTES_MAX {
            return Err(too_long());
        }
    }
    call.machine.text(out)
}

fn padding(call: &mut Call<'_, '_>) -> Result<(Text, Text), Fault> {
    let text = call.receiver_text()?;
    let target = call.integer(0)?;
    let length = string::length(&text) as f64;
    if target <= length {
        return Ok((text, Text::default()));
    }
    let fill = if call.given(1) { call.text(1)? } else { " ".into() };
    if fill.is_empty() {
        return Ok((text, Text::default()));
    }
    if target > STRING_BYTES_MAX as f64 {
        return Err(too_long());
    }
    let missing = (target - length) as usize;
    let repeats = missing.div_ceil(string::length(&fill));
    if fill.len() * repeats > 4 * STRING_BYTES_MAX {
        return Err(too_long());
    }
    call.machine.charge_bytes(fill.len() * repeats)?;
    let pad = string::slice(&fill.repeat(repeats), 0, missing);
    Ok((text, pad))
}

fn pad_start(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let (text, pad) = padding(call)?;
    call.machine.text(format!("{pad}{text}"))
}

fn pad_end(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let (text, pad) = padding(call)?;
    call.machine.text(format!("{text}{pad}"))
}

fn repeat(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.receiver_text()?;
    let count = call.integer(0)?;
    if count < 0.0 || count.is_infinite() {
        return Err(Fault::range_error("`repeat` got a negative or infinite count"));
    }
    if text.len() as f64 * count > STRING_BYTES_MAX as f64 {
        return Err(too_long());
    }
    let count = if text.is_empty() { 0 } else { count as usize };
    call.machine.text(text.repeat(count))
}

fn slice(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.receiver_text()?;
    call.machine.charge_bytes(text.len())?;
    let length = string::length(&text);
    let start = call.relative(0, length, 0)?;
    let end = call.relative(1, length, length)?;
    call.machine.text(string::slice(&text, start, end))
}

fn substring(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.receiver_text()?;
    call.machine.charge_bytes(text.len())?;
    let length = string::length(&text) as f64;
    let start = call.integer(0)?.clamp(0.0, length) as usize;
    let end = if call.given(1) { call.integer(1)?.clamp(0.0, length) } else { length } as usize;
    call.machine.text(string::slice(&text, start.min(end), start.max(end)))
}

fn substr(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.receiver_text()?;
    call.machine.charge_bytes(text.len())?;
    let length = string::length(&text);
    let start = call.relative(0, length, 0)?;
    let rest = (length - start) as f64;
    let count = if call.given(1) { call.integer(1)?.clamp(0.0, rest) } else { rest };
    call.machine.text(string::slice(&text, start, start + count as usize))
}

/// Letters beyond ASCII are looked up one by one.
fn charge_beyond_ascii(call: &mut Call<'_, '_>, text: &str) -> Result<(), Fault> {
    call.machine.charge(text.len() / 2)
}

/// ASCII text with its letters in the other case: short text without an allocation.
fn ascii_cased(text: Text, upper: bool) -> Text {
    let changes = if upper { u8::is_ascii_lowercase } else { u8::is_ascii_uppercase };
    if !text.as_bytes().iter().any(changes) {
        return text;
    }
    let mut buffer = [0; 23];
    if let Some(short) = buffer.get_mut(..text.len()) {
        short.copy_from_slice(text.as_bytes());
        if upper {
            short.make_ascii_uppercase();
        } else {
            short.make_ascii_lowercase();
        }
        if let Ok(short) = std::str::from_utf8(short) {
            return Text::new(short);
        }
    }
    Text::from(if upper { text.to_ascii_uppercase() } else { text.to_ascii_lowercase() })
}

fn to_lower_case(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.receiver_text()?;
    if text.is_ascii() {
        return call.machine.text(ascii_cased(text, false));
    }
    // Eight times: whether a sigma is the last of its word depends on its neighbours.
    (0..8).try_for_each(|_| charge_beyond_ascii(call, &text))?;
    call.machine.text(text.to_lowercase())
}

fn to_upper_case(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.receiver_text()?;
    if text.is_ascii() {
        return call.machine.text(ascii_cased(text, true));
    }
    charge_beyond_ascii(call, &text)?;
    call.machine.text(text.to_uppercase())
}

/// Always: text holds no half of a pair (page 3.6.2).
fn is_well_formed(_: &mut Call<'_, '_>) -> Result<Value, Fault> {
    Ok(Value::Bool(true))
}

fn normalize(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.receiver_text()?;
    let form = if call.given(0) { call.text(0)? } else { "NFC".into() };
    // Decomposition makes text longer, composition looks at each character a few times.
    call.machine.charge(4 * text.len())?;
    let mut out = String::new();
    let characters: &mut dyn Iterator<Item = char> = match form.as_str() {
        "NFC" => &mut text.nfc(),
        "NFD" => &mut text.nfd(),
        "NFKC" => &mut text.nfkc(),
        "NFKD" => &mut text.nfkd(),
        _ => {
            let message = "`normalize` takes \"NFC\", \"NFD\", \"NFKC\" or \"NFKD\"";
            return Err(Fault::range_error(message));
        }
    };
    for character in characters {
        out.push(character);
        if out.len() > STRING_BYTES_MAX {
            return Err(too_long());
        }
    }
    call.machine.text(out)
}

fn trim(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.receiver_text()?;
    let trimmed = string::trim(&text);
    call.machine.charge((text.len() - trimmed.len()) / 4)?;
    call.machine.text(trimmed)
}

fn trim_start(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.receiver_text()?;
    let trimmed = string::trim_start(&text);
    call.machine.charge((text.len() - trimmed.len()) / 4)?;
    call.machine.text(trimmed)
}

fn trim_end(call: &mut Call<'_, '_>) -> Result<Value, Fault> {
    let text = call.receiver_text()?;
    let trimmed = string::trim_end(&text);
    call.machine.charge((text.len() - trimmed.len()) / 4)?;
    call.machine.text(trimmed)
}
