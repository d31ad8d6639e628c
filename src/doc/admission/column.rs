//! Columns as others have written them, read one value after another without allocating.
//!
//! Each sequence of values has one encoding (`crdt/column.rs` writes it), and a column in any other is refused: automerge
//! saves a document's operations, not the bytes of its changes, and makes those again when it loads. A change that was
//! written differently would then have another hash, and the document could not be loaded any more.

use crate::bytes::{Malformed, Reader};

/// Counters of operations stay below: automerge has 32 bits for them, and counts on from the greatest.
pub(super) const COUNTER_END: u64 = 1 << 31;

/// What a column holds.
pub(super) trait Cell<'a>: Copy + PartialEq {
    fn read(reader: &mut Reader<'a>) -> Result<Self, Malformed>;
}

impl<'a> Cell<'a> for u64 {
    fn read(reader: &mut Reader<'a>) -> Result<u64, Malformed> {
        reader.varint("a number in a column is not encoded as it should be")
    }
}

impl<'a> Cell<'a> for i64 {
    fn read(reader: &mut Reader<'a>) -> Result<i64, Malformed> {
        signed(reader, "a number in a column is not encoded as it should be")
    }
}

impl<'a> Cell<'a> for &'a str {
    fn read(reader: &mut Reader<'a>) -> Result<&'a str, Malformed> {
        reader.string("a text in a column is cut off or is not UTF-8")
    }
}

/// A signed LEB128 number, in its shortest form.
pub(super) fn signed(reader: &mut Reader<'_>, what: &'static str) -> Result<i64, Malformed> {
    let mut value: i64 = 0;
    let mut shift = 0;
    loop {
        let byte = reader.u8(what)?;
        let bits = byte & 0x7f;
        if shift == 63 && bits != 0 && bits != 0x7f {
            return Err(Malformed(what));
        }
        value |= i64::from(bits) << shift;
        shift += 7;
        if byte < 0x80 {
            if shift < 64 && bits & 0x40 != 0 {
                value |= -1 << shift;
            }
            let magnitude = if value < 0 { !value } else { value };
            let needed = (65 - magnitude.leading_zeros()).div_ceil(7);
            return if shift == needed * 7 { Ok(value) } else { Err(Malformed(what)) };
        }
        if shift > 63 {
            return Err(Malformed(what));
        }
    }
}

const NOT_CANONICAL: Malformed = Malformed("a column is not encoded as it should be");

/// Runs of equal values, of different ones, and of none.
pub(super) struct Runs<'a, T> {
    reader: Reader<'a>,
    is_empty: bool,
    /// Whether only the one encoding of each sequence is read.
    is_strict: bool,
    run: Run,
    left: u64,
    /// The value before, unless there was none.
    last: Option<T>,
    has_values: bool,
}

#[derive(Clone, Copy, PartialEq)]
enum Run {
    Begin,
    Equal,
    Different,
    Missing,
}

impl<'a, T: Cell<'a>> Runs<'a, T> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Runs {
            reader: Reader::new(bytes),
            is_empty: bytes.is_empty(),
            is_strict: true,
            run: Run::Begin,
            left: 0,
            last: None,
            has_values: false,
        }
    }

    /// Reads a document's column, which is not kept as it is: other encodings will do.
    pub(super) fn lenient(bytes: &'a [u8]) -> Self {
        Runs { is_strict: false, ..Runs::new(bytes) }
    }

    /// The next value, or that there is none in this row. A column without bytes has none in any row.
    #[inline]
    pub(super) fn next(&mut self) -> Result<Option<T>, Malformed> {
        if self.is_empty {
            return Ok(None);
        }
        while self.left == 0 {
            self.begin_run()?;
        }
        self.left -= 1;
        if self.run == Run::Different {
            let value = T::read(&mut self.reader)?;
            if self.is_strict && self.last == Some(value) {
                return Err(NOT_CANONICAL);
            }
            self.last = Some(value);
        }
        Ok(self.last)
    }

    /// The next value of a column that has one in each row.
    #[inline]
    pub(super) fn value(&mut self) -> Result<T, Malformed> {
        self.next()?.ok_or(Malformed("a column lacks a value that each row has"))
    }

    fn begin_run(&mut self) -> Result<(), Malformed> {
        const SHORT: &str = "a column has fewer rows than others";
        let count = signed(&mut self.reader, SHORT)?;
        self.left = count.unsigned_abs();
        let is_one_of_its_kind = match count {
            0 => {
                self.left = self.reader.varint(SHORT)?;
                let is_new = self.left > 0 && self.run != Run::Missing;
                (self.run, self.last) = (Run::Missing, None);
                is_new
            }
            1.. => {
                let value = T::read(&mut self.reader)?;
                let is_new = count > 1 && self.last != Some(value);
                (self.run, self.last, self.has_values) = (Run::Equal, Some(value), true);
                is_new
            }
            _ => {
                let is_new = self.run != Run::Different;
                (self.run, self.has_values) = (Run::Different, true);
                is_new
            }
        };
        if self.is_strict && !is_one_of_its_kind {
            return Err(NOT_CANONICAL);
        }
        Ok(())
    }

    /// All rows were read.
    pub(super) fn is_at_end(&self) -> bool {
        self.left == 0 && self.reader.remaining() == 0
    }

    /// Fails unless all rows were read. A column without any value has no bytes.
    pub(super) fn finish(&self) -> Result<(), Malformed> {
        if !self.is_at_end() {
            return Err(Malformed("a column has more rows than others"));
        }
        if self.has_values || self.is_empty || !self.is_strict { Ok(()) } else { Err(NOT_CANONICAL) }
    }
}

/// Numbers, each as the difference to the one before.
pub(super) struct Deltas<'a> {
    runs: Runs<'a, i64>,
    before: i64,
}

impl<'a> Deltas<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        Deltas { runs: Runs::new(bytes), before: 0 }
    }

    pub(super) fn lenient(bytes: &'a [u8]) -> Self {
        Deltas { runs: Runs::lenient(bytes), before: 0 }
    }

    pub(super) fn next(&mut self) -> Result<Option<i64>, Malformed> {
        let Some(delta) = self.runs.next()? else { return Ok(None) };
        self.before = self.before.checked_add(delta).ok_or(Malformed("a number in a column is too large"))?;
        Ok(Some(self.before))
    }

    /// The next number, which is a counter of an operation or another small one.
    pub(super) fn counter(&mut self) -> Result<Option<u32>, Malformed> {
        match self.next()? {
            Some(value) if value < 0 || value as u64 >= COUNTER_END => {
                Err(Malformed("a counter in a column is negative or too large"))
            }
            value => Ok(value.map(|value| value as u32)),
        }
    }

    pub(super) fn is_at_end(&self) -> bool {
        self.runs.is_at_end()
    }

    pub(super) fn finish(&self) -> Result<(), Malformed> {
        self.runs.finish()
    }
}

/// How many are false, how many then are true, and so on.
pub(super) struct Flags<'a> {
    reader: Reader<'a>,
    is_empty: bool,
    is_strict: bool,
    is_first: bool,
    value: bool,
    has_true: bool,
    left: u64,
}

impl<'a> Flags<'a> {
    pub(super) fn new(bytes: &'a [u8]) -> Self {
        let is_empty = bytes.is_empty();
        Flags {
            reader: Reader::new(bytes),
            is_empty,
            is_strict: true,
            is_first: true,
            value: true,
            has_true: false,
            left: 0,
        }
    }

    pub(super) fn lenient(bytes: &'a [u8]) -> Self {
        Flags { is_strict: false, ..Flags::new(bytes) }
    }

    /// The next flag. A column without bytes is false in each row.
    pub(super) fn next(&mut self) -> Result<bool, Malformed> {
        if self.is_empty {
            return Ok(false);
        }
        while self.left == 0 {
            self.left = self.reader.varint("a column of flags has fewer rows than others")?;
            if self.left == 0 && !self.is_first && self.is_strict {
                return Err(NOT_CANONICAL);
            }
            self.is_first = false;
            self.value = !self.value;
        }
        self.left -= 1;
        self.has_true |= self.value;
        Ok(self.value)
    }

    /// Whether any was true: some columns have no bytes otherwise.
    pub(super) fn has_true(&self) -> bool {
        self.has_true
    }

    pub(super) fn is_empty(&self) -> bool {
        self.is_empty
    }

    pub(super) fn finish(&self) -> Result<(), Malformed> {
        if self.left == 0 && self.reader.remaining() == 0 {
            Ok(())
        } else {
            Err(Malformed("a column of flags has more rows than others"))
        }
    }
}
