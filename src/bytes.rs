//! Shared byte slices, and the one reader and writer that every stored format is made of.
//!
//! All integers that are stored or sent have a fixed width or are LEB128 varints; nothing depends on the
//! width of `usize`, which differs between WebAssembly and a native test.

use std::fmt;
use std::ops::{Deref, Range};
use std::rc::Rc;

/// A slice of a shared, immutable buffer. Cloning it copies two words and counts a reference; the empty
/// one has no buffer.
#[derive(Clone, Default)]
pub struct Bytes {
    buffer: Option<Rc<Vec<u8>>>,
    start: u32,
    end: u32,
}

impl Bytes {
    /// Takes over a buffer (of less than 4 GiB).
    pub fn new(buffer: Vec<u8>) -> Self {
        let end = u32::try_from(buffer.len()).expect("a buffer is smaller than 4 GiB");
        if end == 0 { Bytes::default() } else { Bytes { buffer: Some(Rc::new(buffer)), start: 0, end } }
    }

    /// The part of this slice at `range`, sharing the buffer.
    pub fn slice(&self, range: Range<usize>) -> Self {
        assert!(range.start <= range.end && range.end <= self.len(), "slice within bounds");
        Bytes {
            buffer: self.buffer.clone(),
            start: self.start + range.start as u32,
            end: self.start + range.end as u32,
        }
    }
}

impl Deref for Bytes {
    type Target = [u8];
    fn deref(&self) -> &[u8] {
        match &self.buffer {
            Some(buffer) => &buffer[self.start as usize..self.end as usize],
            None => &[],
        }
    }
}

impl From<Vec<u8>> for Bytes {
    fn from(buffer: Vec<u8>) -> Self {
        Bytes::new(buffer)
    }
}

impl From<&[u8]> for Bytes {
    fn from(bytes: &[u8]) -> Self {
        Bytes::new(bytes.to_vec())
    }
}

impl PartialEq for Bytes {
    fn eq(&self, other: &Self) -> bool {
        **self == **other
    }
}

impl Eq for Bytes {}

impl fmt::Debug for Bytes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "Bytes({:02x?})", &**self)
    }
}

/// Bytes that are not what their format says: too short, a bad tag, a wrong checksum.
///
/// The text names the part of the format, for people who look into a damaged database.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Malformed(pub &'static str);

/// Appends the primitive parts of the stored formats to a buffer.
pub trait Write {
    /// One byte.
    fn put_u8(&mut self, value: u8);
    /// Four bytes, little-endian.
    fn put_u32(&mut self, value: u32);
    /// Eight bytes, little-endian.
    fn put_u64(&mut self, value: u64);
    /// Eight bytes of an IEEE 754 double, little-endian.
    fn put_f64(&mut self, value: f64);
    /// LEB128: seven bits a byte, low bits first.
    fn put_varint(&mut self, value: u64);
    /// A varint length, then the bytes.
    fn put_bytes(&mut self, value: &[u8]);
}

impl Write for Vec<u8> {
    fn put_u8(&mut self, value: u8) {
        self.push(value);
    }
    fn put_u32(&mut self, value: u32) {
        self.extend_from_slice(&value.to_le_bytes());
    }
    fn put_u64(&mut self, value: u64) {
        self.extend_from_slice(&value.to_le_bytes());
    }
    fn put_f64(&mut self, value: f64) {
        self.extend_from_slice(&value.to_le_bytes());
    }
    fn put_varint(&mut self, mut value: u64) {
        while value >= 0x80 {
            self.push(value as u8 | 0x80);
            value >>= 7;
        }
        self.push(value as u8);
    }
    fn put_bytes(&mut self, value: &[u8]) {
        self.put_varint(value.len() as u64);
        self.extend_from_slice(value);
    }
}

/// Reads the primitive parts of the stored formats; every call says what it was reading when it fails.
#[derive(Clone, Debug)]
pub struct Reader<'a> {
    bytes: &'a [u8],
    position: usize,
}

impl<'a> Reader<'a> {
    /// Starts at the first byte.
    pub fn new(bytes: &'a [u8]) -> Self {
        Reader { bytes, position: 0 }
    }

    /// The index of the next byte.
    pub fn position(&self) -> usize {
        self.position
    }

    /// How many bytes are left.
    pub fn remaining(&self) -> usize {
        self.bytes.len() - self.position
    }

    /// Fails unless everything was read.
    pub fn finish(&self, what: &'static str) -> Result<(), Malformed> {
        if self.remaining() == 0 { Ok(()) } else { Err(Malformed(what)) }
    }

    /// The next `length` bytes.
    #[inline]
    pub fn take(&mut self, length: usize, what: &'static str) -> Result<&'a [u8], Malformed> {
        if length > self.remaining() {
            return Err(Malformed(what));
        }
        let start = self.position;
        self.position += length;
        Ok(&self.bytes[start..self.position])
    }

    /// One byte.
    #[inline]
    pub fn u8(&mut self, what: &'static str) -> Result<u8, Malformed> {
        let byte = *self.bytes.get(self.position).ok_or(Malformed(what))?;
        self.position += 1;
        Ok(byte)
    }

    /// Four bytes, little-endian.
    pub fn u32(&mut self, what: &'static str) -> Result<u32, Malformed> {
        Ok(u32::from_le_bytes(self.take(4, what)?.try_into().expect("four bytes")))
    }

    /// Eight bytes, little-endian.
    pub fn u64(&mut self, what: &'static str) -> Result<u64, Malformed> {
        Ok(u64::from_le_bytes(self.take(8, what)?.try_into().expect("eight bytes")))
    }

    /// A double, little-endian.
    pub fn f64(&mut self, what: &'static str) -> Result<f64, Malformed> {
        Ok(f64::from_bits(self.u64(what)?))
    }

    /// LEB128; longer than needed or over 64 bits is malformed, so each number has one encoding.
    #[inline]
    pub fn varint(&mut self, what: &'static str) -> Result<u64, Malformed> {
        let first = self.u8(what)?;
        if first < 0x80 {
            return Ok(u64::from(first));
        }
        let mut value = u64::from(first & 0x7f);
        let mut shift = 7;
        loop {
            let byte = self.u8(what)?;
            let bits = u64::from(byte & 0x7f);
            if shift == 63 && bits > 1 {
                return Err(Malformed(what));
            }
            value |= bits << shift;
            if byte < 0x80 {
                return if byte == 0 { Err(Malformed(what)) } else { Ok(value) };
            }
            shift += 7;
            if shift > 63 {
                return Err(Malformed(what));
            }
        }
    }

    /// A varint that must fit a `usize` and not exceed `most`.
    pub fn length(&mut self, most: usize, what: &'static str) -> Result<usize, Malformed> {
        let value = self.varint(what)?;
        if value > most as u64 { Err(Malformed(what)) } else { Ok(value as usize) }
    }

    /// A varint length, then that many bytes.
    pub fn bytes(&mut self, what: &'static str) -> Result<&'a [u8], Malformed> {
        let length = self.length(self.remaining(), what)?;
        self.take(length, what)
    }

    /// A varint length, then that many bytes of UTF-8.
    pub fn string(&mut self, what: &'static str) -> Result<&'a str, Malformed> {
        std::str::from_utf8(self.bytes(what)?).map_err(|_| Malformed(what))
    }
}

/// Maps a signed number to an unsigned one with small results for small magnitudes.
pub fn zigzag(value: i64) -> u64 {
    ((value << 1) ^ (value >> 63)) as u64
}

/// The inverse of [`zigzag`].
pub fn unzigzag(value: u64) -> i64 {
    ((value >> 1) as i64) ^ -((value & 1) as i64)
}

/// Checksum of a stored record: FNV-1a over eight-byte words, folded. It finds damage, not tampering.
pub fn checksum(bytes: &[u8]) -> u32 {
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let mut hash = 0xcbf2_9ce4_8422_2325 ^ (bytes.len() as u64);
    let mut words = bytes.chunks_exact(8);
    for word in &mut words {
        hash = (hash ^ u64::from_le_bytes(word.try_into().expect("eight bytes"))).wrapping_mul(PRIME);
        hash ^= hash >> 29;
    }
    for &byte in words.remainder() {
        hash = (hash ^ u64::from(byte)).wrapping_mul(PRIME);
    }
    hash ^= hash >> 32;
    hash = hash.wrapping_mul(0x9e37_79b9_7f4a_7c15);
    (hash >> 32) as u32
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_varint_has_one_encoding() {
        for value in [0, 1, 127, 128, 300, u64::from(u32::MAX), 1 << 53, u64::MAX] {
            let mut out = Vec::new();
            out.put_varint(value);
            let mut reader = Reader::new(&out);
            assert_eq!(reader.varint("n"), Ok(value));
            assert_eq!(reader.remaining(), 0);
        }
        assert!(Reader::new(&[0x80, 0x00]).varint("n").is_err(), "padded");
        assert!(Reader::new(&[0xff; 10]).varint("n").is_err(), "over 64 bits");
        assert!(Reader::new(&[0x80]).varint("n").is_err(), "cut short");
    }

    #[test]
    fn zigzag_goes_there_and_back() {
        for value in [0, -1, 1, i64::MIN, i64::MAX, -300] {
            assert_eq!(unzigzag(zigzag(value)), value);
        }
        assert_eq!(zigzag(-1), 1);
    }

    #[test]
    fn a_checksum_sees_one_changed_bit() {
        let bytes: Vec<u8> = (0..200).collect();
        let sum = checksum(&bytes);
        for position in 0..bytes.len() * 8 {
            let mut damaged = bytes.clone();
            damaged[position / 8] ^= 1 << (position % 8);
            assert_ne!(checksum(&damaged), sum, "bit {position}");
        }
    }
}
