//! Values of operations: a number that says kind and length, and bytes.

use super::column::signed;
use crate::bytes::{Malformed, Reader};

/// The greatest magnitude of counters and of what is added to them. Sums of some thousand stay within 64 bits.
const COUNTER_BOUND: u64 = 1 << 53;

/// What kind of value an operation has, as far as the checks ask.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) enum Kind {
    Null,
    /// A number that can be added to a counter.
    Step,
    Counter,
    Other,
}

/// Takes the value that `meta` announces from a column of values. It has one encoding, as columns have.
pub(super) fn take<'a>(meta: u64, values: &mut Reader<'a>) -> Result<(Kind, &'a [u8]), Malformed> {
    const WRONG: Malformed = Malformed("a value is not encoded as it should be");
    let length = usize::try_from(meta >> 4).map_err(|_| WRONG)?;
    let bytes = values.take(length, "the column of values is shorter than the values' lengths")?;
    let mut reader = Reader::new(bytes);
    let kind = match meta & 0xf {
        0 => Kind::Null,
        1 | 2 => Kind::Other,
        3 => step(i64::try_from(reader.varint(WRONG.0)?).unwrap_or(i64::MAX)),
        4 => step(signed(&mut reader, WRONG.0)?),
        5 => {
            reader.f64(WRONG.0)?;
            Kind::Other
        }
        6 => {
            let length = reader.remaining();
            let text = reader.take(length, WRONG.0)?;
            std::str::from_utf8(text).map_err(|_| Malformed("a text is not UTF-8"))?;
            Kind::Other
        }
        7 => {
            reader.take(length, WRONG.0)?;
            Kind::Other
        }
        8 => {
            if signed(&mut reader, WRONG.0)?.unsigned_abs() > COUNTER_BOUND {
                return Err(Malformed("a counter is larger than can be counted"));
            }
            Kind::Counter
        }
        9 => {
            signed(&mut reader, WRONG.0)?;
            Kind::Other
        }
        _ => return Err(Malformed("a value is of a kind that is not known here")),
    };
    reader.finish(WRONG.0)?;
    Ok((kind, bytes))
}

fn step(by: i64) -> Kind {
    if by.unsigned_abs() > COUNTER_BOUND { Kind::Other } else { Kind::Step }
}
