//! JSON text: numbers and strings that `JSON.parse` reads back exactly, and Convex's forms for the rest.

use super::Value;
use super::decimal::shortest;

/// Appends a value in Convex's JSON: `$integer`, `$float` and `$bytes` for what JSON has no word for.
pub(crate) fn write_json(value: &Value, out: &mut String) {
    let mut bytes = Vec::new();
    push_value(&mut bytes, value);
    out.push_str(std::str::from_utf8(&bytes).expect("JSON text of strings is UTF-8"));
}

fn push_value(out: &mut Vec<u8>, value: &Value) {
    match value {
        Value::Null => out.extend_from_slice(b"null"),
        Value::Int64(number) => push_integer64(out, *number),
        Value::Float64(number) => push_float64(out, *number),
        Value::Boolean(true) => out.extend_from_slice(b"true"),
        Value::Boolean(false) => out.extend_from_slice(b"false"),
        Value::String(text) => push_string(out, text.as_bytes()),
        Value::Bytes(bytes) => push_bytes(out, bytes),
        Value::Array(items) => {
            out.push(b'[');
            for (index, item) in items.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                push_value(out, item);
            }
            out.push(b']');
        }
        Value::Object(fields) => {
            out.push(b'{');
            for (index, (name, value)) in fields.iter().enumerate() {
                if index > 0 {
                    out.push(b',');
                }
                push_string(out, name.as_bytes());
                out.push(b':');
                push_value(out, value);
            }
            out.push(b'}');
        }
    }
}

/// Whether JSON has a number for this one: not `NaN`, not infinite, not `-0`.
pub(crate) fn is_json_number(number: f64) -> bool {
    number.is_finite() && !(number == 0.0 && number.is_sign_negative())
}

/// Appends an int64 as `{"$integer":"…"}`.
pub(crate) fn push_integer64(out: &mut Vec<u8>, number: i64) {
    push_wrapped(out, b"{\"$integer\":\"", &number.to_le_bytes());
}

/// Appends a float64: a number, or `{"$float":"…"}` when JSON has none for it.
pub(crate) fn push_float64(out: &mut Vec<u8>, number: f64) {
    if is_json_number(number) {
        push_number(out, number);
    } else {
        push_wrapped(out, b"{\"$float\":\"", &number.to_le_bytes());
    }
}

/// Appends bytes as `{"$bytes":"…"}`.
pub(crate) fn push_bytes(out: &mut Vec<u8>, bytes: &[u8]) {
    push_wrapped(out, b"{\"$bytes\":\"", bytes);
}

fn push_wrapped(out: &mut Vec<u8>, start: &[u8], bytes: &[u8]) {
    out.extend_from_slice(start);
    push_base64(out, bytes);
    out.extend_from_slice(b"\"}");
}

fn push_base64(out: &mut Vec<u8>, bytes: &[u8]) {
    const ALPHABET: &[u8; 64] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    out.reserve(bytes.len().div_ceil(3) * 4);
    for chunk in bytes.chunks(3) {
        let mut block = [0; 3];
        block[..chunk.len()].copy_from_slice(chunk);
        let bits = u32::from_be_bytes([0, block[0], block[1], block[2]]);
        for position in 0..4 {
            out.push(if position <= chunk.len() {
                ALPHABET[(bits >> (18 - 6 * position)) as usize & 63]
            } else {
                b'='
            });
        }
    }
}

/// Appends a JSON string with its quotes. The bytes are UTF-8.
pub(crate) fn push_string(out: &mut Vec<u8>, text: &[u8]) {
    out.push(b'"');
    let mut start = 0;
    for (index, &byte) in text.iter().enumerate() {
        if byte >= 0x20 && byte != b'"' && byte != b'\\' {
            continue;
        }
        out.extend_from_slice(&text[start..index]);
        start = index + 1;
        let letter = match byte {
            b'"' | b'\\' => byte,
            b'\n' => b'n',
            b'\r' => b'r',
            b'\t' => b't',
            0x08 => b'b',
            0x0c => b'f',
            _ => {
                const HEX: &[u8; 16] = b"0123456789abcdef";
                out.extend_from_slice(b"\\u00");
                out.push(HEX[usize::from(byte >> 4)]);
                out.push(HEX[usize::from(byte & 15)]);
                continue;
            }
        };
        out.extend_from_slice(&[b'\\', letter]);
    }
    out.extend_from_slice(&text[start..]);
    out.push(b'"');
}

/// Whether text can stand between quotes as it is.
pub(crate) fn needs_no_escape(text: &[u8]) -> bool {
    scan(text).plain
}

/// What one look at a string's bytes tells.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(crate) struct Scan {
    /// No byte of 0x80 or more.
    pub(crate) ascii: bool,
    /// No byte that JSON wants escaped.
    pub(crate) plain: bool,
}

/// Looks at eight bytes at a time: WebAssembly without SIMD has nothing wider.
#[inline]
pub(crate) fn scan(text: &[u8]) -> Scan {
    const LOW: u64 = 0x0101_0101_0101_0101;
    const HIGH: u64 = 0x8080_8080_8080_8080;
    // Bit 7 of some byte is set in the first result if any byte is 0x80 or more, in the second if
    // any byte is to be escaped. (The usual "has a byte less than n" test is exact in that sense.)
    #[inline(always)]
    fn look(word: u64) -> (u64, u64) {
        let control = word.wrapping_sub(LOW * 0x20) & !word;
        let quote = word ^ (LOW * u64::from(b'"'));
        let quote = quote.wrapping_sub(LOW) & !quote;
        let backslash = word ^ (LOW * u64::from(b'\\'));
        let backslash = backslash.wrapping_sub(LOW) & !backslash;
        (word & HIGH, (control | quote | backslash) & HIGH)
    }
    let (mut high, mut special) = (0, 0);
    if let Some(last) = text.last_chunk::<8>() {
        for chunk in text.chunks_exact(8) {
            let (a, b) = look(u64::from_le_bytes(chunk.try_into().expect("eight bytes")));
            high |= a;
            special |= b;
        }
        let (a, b) = look(u64::from_le_bytes(*last));
        high |= a;
        special |= b;
    } else {
        let mut word = LOW * 0x20;
        for &byte in text {
            word = word << 8 | u64::from(byte);
        }
        (high, special) = look(word);
    }
    Scan { ascii: high == 0, plain: special == 0 }
}

/// Appends a finite number that is not `-0`, so that parsing it gives the same bits.
pub(crate) fn push_number(out: &mut Vec<u8>, number: f64) {
    const EXACT: f64 = 9_007_199_254_740_992.0;
    if number.abs() <= EXACT && number.trunc() == number {
        push_integer(out, number as i64);
    } else if !push_decimal(out, number) {
        push_with_exponent(out, number);
    }
}

/// Very large and very small numbers, which are rare.
#[cold]
fn push_with_exponent(out: &mut Vec<u8>, number: f64) {
    if number < 0.0 {
        out.push(b'-');
    }
    let (digits, power) = small_digits(number).unwrap_or_else(|| shortest(number.abs()));
    push_exponential(out, digits, power);
}

/// As [`shortest`], for numbers down to about a billionth, and faster.
fn small_digits(number: f64) -> Option<(u64, i32)> {
    let bits = number.to_bits();
    let fraction_bits = bits & ((1 << 52) - 1);
    let q = 1023 + 52 - (bits >> 52 & 0x7ff) as i32;
    if fraction_bits == 0 || !(53..100).contains(&q) {
        return None;
    }
    let (digits, places) = fraction_digits(u128::from(fraction_bits | 1 << 52), q as u32, 2)?;
    Some((digits, -(places as i32)))
}

/// Appends `digits * 10^power` with one digit before the point: `1.25e-7`.
pub(super) fn push_exponential(out: &mut Vec<u8>, digits: u64, power: i32) {
    let start = out.len();
    push_unsigned(out, digits, 1);
    let count = out.len() - start;
    if count > 1 {
        out.insert(start + 1, b'.');
    }
    out.push(b'e');
    push_integer(out, i64::from(power) + count as i64 - 1);
}

/// Appends the decimal digits of an integer.
pub(crate) fn push_integer(out: &mut Vec<u8>, number: i64) {
    if number < 0 {
        out.push(b'-');
    }
    push_unsigned(out, number.unsigned_abs(), 1);
}

/// `00` to `99`.
const PAIRS: [[u8; 2]; 100] = {
    let mut pairs = [[0; 2]; 100];
    let mut number = 0;
    while number < 100 {
        pairs[number] = [b'0' + number as u8 / 10, b'0' + number as u8 % 10];
        number += 1;
    }
    pairs
};

/// Appends decimal digits, at least `width` of them.
fn push_unsigned(out: &mut Vec<u8>, mut number: u64, width: usize) {
    let mut digits = [b'0'; 20];
    let mut start = digits.len();
    // Eight digits at a time fit 32 bits, whose division WebAssembly engines do much faster.
    while number > u64::from(u32::MAX) {
        let mut low = (number % 100_000_000) as u32;
        number /= 100_000_000;
        for _ in 0..4 {
            start -= 2;
            digits[start..start + 2].copy_from_slice(&PAIRS[(low % 100) as usize]);
            low /= 100;
        }
    }
    let mut number = number as u32;
    while number >= 10 {
        start -= 2;
        digits[start..start + 2].copy_from_slice(&PAIRS[(number % 100) as usize]);
        number /= 100;
    }
    if number > 0 {
        start -= 1;
        digits[start] = b'0' + number as u8;
    }
    out.extend_from_slice(&digits[start.min(digits.len() - width)..]);
}

/// Appends a number with a fraction in as few digits as name it uniquely, if it is of ordinary size.
fn push_decimal(out: &mut Vec<u8>, number: f64) -> bool {
    let bits = number.to_bits();
    let exponent = (bits >> 52 & 0x7ff) as i32;
    if !(1023 - 12..1023 + 53).contains(&exponent) {
        return false;
    }
    let q = (1023 + 52 - exponent) as u32;
    let fraction_bits = bits & ((1 << 52) - 1);
    let mantissa = u128::from(fraction_bits | 1 << 52);
    // The neighbour below a power of two is only half as far.
    let margin = if fraction_bits == 0 { 4 } else { 2 };
    let found = fraction_digits(mantissa & ((1 << q) - 1), q, margin);
    let Some((digits, places)) = found.filter(|(_, places)| *places < 20) else { return false };
    if number < 0.0 {
        out.push(b'-');
    }
    push_unsigned(out, (mantissa >> q) as u64, 1);
    out.push(b'.');
    push_unsigned(out, digits, places);
    true
}

/// The fewest digits after the point that name `fraction / 2^q` uniquely, and how many they are, zeros at the
/// front included; `None` if the arithmetic is too narrow.
///
/// A double is `mantissa / 2^q`; its neighbours are `1 / 2^q` away, so a decimal closer than half of that
/// reads back as it. Fractions are tried with 1, 2, … digits in integer arithmetic: prices, coordinates
/// and times need few, and no table of powers is linked in for them.
fn fraction_digits(fraction: u128, q: u32, margin: u128) -> Option<(u64, usize)> {
    let (mut scaled, mut power) = (fraction, 1u128);
    for places in 1.. {
        // The error times the margin, and half a unit added, have to fit too.
        if scaled.leading_zeros() < 5 {
            return None;
        }
        scaled *= 10;
        power *= 10;
        let digits = (scaled + (1 << (q - 1))) >> q;
        let error = scaled.abs_diff(digits << q);
        if error * margin < power && digits < power {
            return Some((u64::try_from(digits).ok()?, places));
        }
    }
    None
}
