//! Values in messages, as Convex's server prints them, which is not JSON: `{a: 1.0, b: "x"}`.
//!
//! Convex prints by Rust's `{:?}`, and so does this, with less code: the standard library brings tables of all
//! characters that are not to be seen.

use super::Value;
use super::decimal::shortest;
use super::json::{push_bytes, push_exponential};
use std::fmt::{self, Write};

/// A value.
pub(crate) struct Show<'a>(pub(crate) &'a Value);

impl fmt::Display for Show<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Value::Null => f.write_str("null"),
            Value::Int64(number) => write!(f, "{number}"),
            Value::Float64(number) => Number(*number).fmt(f),
            Value::Boolean(true) => f.write_str("true"),
            Value::Boolean(false) => f.write_str("false"),
            Value::String(text) => Quoted(text).fmt(f),
            Value::Bytes(bytes) => {
                // The base64 is the last quoted word of `{"$bytes":"…"}`.
                let mut json = Vec::new();
                push_bytes(&mut json, bytes);
                let base64 = json.rsplit(|&byte| byte == b'"').nth(1).and_then(|word| std::str::from_utf8(word).ok());
                write!(f, "b\"{}\"", base64.unwrap_or_default())
            }
            Value::Array(items) => {
                f.write_str("[")?;
                for (position, item) in items.iter().enumerate() {
                    f.write_str(if position == 0 { "" } else { ", " })?;
                    Show(item).fmt(f)?;
                }
                f.write_str("]")
            }
            Value::Object(fields) => {
                f.write_str("{")?;
                for (position, (name, value)) in fields.iter().enumerate() {
                    f.write_str(if position == 0 { "" } else { ", " })?;
                    write!(f, "{name}: {}", Show(value))?;
                }
                f.write_str("}")
            }
        }
    }
}

/// A number: `1.0`, `0.1`, `1e16`, `NaN`.
pub(crate) struct Number(pub(crate) f64);

impl fmt::Display for Number {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Number(number) = *self;
        if number.is_nan() {
            return f.write_str("NaN");
        }
        if number.is_sign_negative() {
            f.write_str("-")?;
        }
        if number == 0.0 {
            return f.write_str("0.0");
        }
        if number.is_infinite() {
            return f.write_str("inf");
        }
        let (digits, power) = shortest(number.abs());
        let text = digits.to_string();
        // How many digits stand before the point, if there is no exponent.
        let whole = text.len() as i32 + power;
        let zeros = |count: i32| "0".repeat(count as usize);
        if !(-3..=16).contains(&whole) {
            let mut text = Vec::new();
            push_exponential(&mut text, digits, power);
            f.write_str(std::str::from_utf8(&text).unwrap_or_default())
        } else if whole <= 0 {
            write!(f, "0.{}{text}", zeros(-whole))
        } else if power >= 0 {
            write!(f, "{text}{}.0", zeros(power))
        } else {
            let (whole, fraction) = text.split_at(whole as usize);
            write!(f, "{whole}.{fraction}")
        }
    }
}

/// Text between quotes.
pub(crate) struct Quoted<'a>(pub(crate) &'a str);

impl fmt::Display for Quoted<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_quoted(f, '"', self.0)
    }
}

/// The beginning of what would be long: an error is read by people, and a document may have a megabyte.
pub(crate) struct Brief<T>(pub(crate) T);

const LONGEST: usize = 200;

impl<T: fmt::Display> fmt::Display for Brief<T> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut short = Short { out: f, left: LONGEST };
        match write!(short, "{}", self.0) {
            // Ends the writing of the rest.
            Err(_) if short.left == 0 => f.write_str("[...truncated]"),
            written => written,
        }
    }
}

struct Short<'a, 'b> {
    out: &'a mut fmt::Formatter<'b>,
    /// Characters, and one more.
    left: usize,
}

impl Write for Short<'_, '_> {
    fn write_str(&mut self, text: &str) -> fmt::Result {
        for letter in text.chars() {
            self.left -= 1;
            if self.left == 0 {
                return Err(fmt::Error);
            }
            self.out.write_char(letter)?;
        }
        Ok(())
    }
}

/// A character between quotes.
pub(crate) struct QuotedChar(pub(crate) char);

impl fmt::Display for QuotedChar {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write_quoted(f, '\'', self.0.encode_utf8(&mut [0; 4]))
    }
}

fn write_quoted(f: &mut fmt::Formatter<'_>, quote: char, text: &str) -> fmt::Result {
    f.write_char(quote)?;
    for letter in text.chars() {
        match letter {
            '\n' => f.write_str("\\n")?,
            '\r' => f.write_str("\\r")?,
            '\t' => f.write_str("\\t")?,
            '\0' => f.write_str("\\0")?,
            '\\' => f.write_str("\\\\")?,
            _ if letter == quote => write!(f, "\\{letter}")?,
            _ if is_invisible(letter) => write!(f, "\\u{{{:x}}}", letter as u32)?,
            _ => f.write_char(letter)?,
        }
    }
    f.write_char(quote)
}

/// Control characters, and those that have no width or turn the direction of what follows.
fn is_invisible(letter: char) -> bool {
    matches!(letter, ..' ' | '\x7f'..='\u{a0}' | '\u{ad}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}' | '\u{feff}')
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    #[test]
    fn what_is_long_is_cut() {
        assert_eq!(Brief(Quoted("short")).to_string(), "\"short\"");
        assert_eq!(Brief("é".repeat(199)).to_string(), "é".repeat(199));
        assert_eq!(Brief("é".repeat(200)).to_string(), "é".repeat(199) + "[...truncated]");
        let many = Value::Array(vec![Value::String("a".repeat(1_000)); 1_000]);
        assert_eq!(Brief(Show(&many)).to_string(), format!("[\"{}[...truncated]", "a".repeat(197)));
    }

    proptest! {
        #[test]
        fn texts_are_quoted_as_the_standard_library_does(text in "[ -~äéß€漢\u{0}-\u{1f}\u{7f}-\u{a0}\u{ad}\u{200b}\u{200e}\u{2028}\u{202e}\u{2066}\u{feff}😀]{0,12}") {
            prop_assert_eq!(Quoted(&text).to_string(), format!("{text:?}"));
            for letter in text.chars() {
                prop_assert_eq!(QuotedChar(letter).to_string(), format!("{letter:?}"));
            }
        }
    }
}
