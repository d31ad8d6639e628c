//! The columns of a change. Each sequence of values has one encoding, and automerge makes the same: a change's hash is
//! that of its bytes.

use crate::bytes::Write;

/// Appends a signed LEB128 number.
pub(crate) fn put_signed(out: &mut Vec<u8>, mut value: i64) {
    loop {
        let byte = value as u8 & 0x7f;
        value >>= 7;
        let is_last = value == 0 && byte & 0x40 == 0 || value == -1 && byte & 0x40 != 0;
        if is_last {
            out.push(byte);
            return;
        }
        out.push(byte | 0x80);
    }
}

/// Runs of equal values, of different ones, and of none. Values are compared by their bytes.
///
/// ```text
/// column := run*
/// run    := count:signed value          the same value, at least twice
///         | -count:signed value{count}  values that differ from their neighbours
///         | 0:signed count:varint       no values
/// ```
/// A column without any value has no bytes.
#[derive(Default)]
pub(crate) struct RunColumn {
    out: Vec<u8>,
    /// Values of the run at hand: of equal ones the last, else all.
    values: Vec<u8>,
    /// Where the last of them starts.
    last: usize,
    run: Run,
    has_values: bool,
}

#[derive(Clone, Copy, Default, PartialEq)]
enum Run {
    #[default]
    None,
    Missing(u64),
    Equal(i64),
    Different(i64),
}

impl RunColumn {
    /// Appends a value, whose bytes `write` appends to what it is given.
    #[inline]
    pub(crate) fn push(&mut self, write: impl FnOnce(&mut Vec<u8>)) {
        if let Run::None | Run::Missing(_) = self.run {
            self.end_run();
        }
        self.has_values = true;
        let start = self.values.len();
        write(&mut self.values);
        let is_same = start > self.last && self.values[self.last..start] == self.values[start..];
        match self.run {
            Run::Equal(count) if is_same => {
                self.values.truncate(start);
                self.run = Run::Equal(count + 1);
            }
            Run::Different(count) if is_same => {
                self.values.truncate(start);
                if count > 1 {
                    put_signed(&mut self.out, 1 - count);
                    self.out.extend_from_slice(&self.values[..self.last]);
                }
                self.values.drain(..self.last);
                self.last = 0;
                self.run = Run::Equal(2);
            }
            Run::Different(count) => {
                self.last = start;
                self.run = Run::Different(count + 1);
            }
            Run::Equal(count) => {
                put_signed(&mut self.out, count);
                self.out.extend_from_slice(&self.values[..start]);
                self.values.drain(..start);
                self.last = 0;
                self.run = Run::Different(1);
            }
            Run::None | Run::Missing(_) => self.run = Run::Different(1),
        }
    }

    /// Appends that there is none.
    #[inline]
    pub(crate) fn push_missing(&mut self) {
        let before = match self.run {
            Run::Missing(count) => count,
            _ => {
                self.end_run();
                0
            }
        };
        self.run = Run::Missing(before + 1);
    }

    fn end_run(&mut self) {
        match self.run {
            Run::None => {}
            Run::Missing(count) => {
                self.out.push(0);
                self.out.put_varint(count);
            }
            Run::Equal(count) => {
                put_signed(&mut self.out, count);
                self.out.extend_from_slice(&self.values);
            }
            Run::Different(count) => {
                put_signed(&mut self.out, -count);
                self.out.extend_from_slice(&self.values);
            }
        }
        self.values.clear();
        self.last = 0;
        self.run = Run::None;
    }

    pub(crate) fn push_number(&mut self, value: u64) {
        self.push(|out| out.put_varint(value));
    }

    /// The column's bytes.
    pub(crate) fn finish(mut self) -> Vec<u8> {
        if self.has_values {
            self.end_run();
        }
        self.out
    }
}

/// Numbers, each as the difference to the one before.
#[derive(Default)]
pub(crate) struct DeltaColumn {
    runs: RunColumn,
    before: i64,
}

impl DeltaColumn {
    #[inline]
    pub(crate) fn push(&mut self, value: u32) {
        let value = i64::from(value);
        let delta = value - self.before;
        self.before = value;
        self.runs.push(|out| put_signed(out, delta));
    }

    pub(crate) fn push_missing(&mut self) {
        self.runs.push_missing();
    }

    pub(crate) fn finish(self) -> Vec<u8> {
        self.runs.finish()
    }
}

/// How many are false, how many then are true, and so on.
#[derive(Default)]
pub(crate) struct FlagColumn {
    out: Vec<u8>,
    last: bool,
    count: u64,
}

impl FlagColumn {
    pub(crate) fn push(&mut self, value: bool) {
        if value != self.last {
            self.out.put_varint(self.count);
            self.last = value;
            self.count = 0;
        }
        self.count += 1;
    }

    pub(crate) fn finish(mut self) -> Vec<u8> {
        if self.count > 0 {
            self.out.put_varint(self.count);
        }
        self.out
    }
}
