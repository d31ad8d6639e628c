//! Ids of documents, in Convex's format.
//!
//! ```text
//! id := base32(table number:varint  fourteen random bytes  day since 1970:u16be  Fletcher-16 of all that:u16le)
//! ```
//! in Crockford's alphabet, lower-case. A table number in three bytes makes 34 letters.

use crate::keyspace::RowId;
use crate::sha256::sha256;

const ALPHABET: &[u8; 32] = b"0123456789abcdefghjkmnpqrstvwxyz";
/// A table number in one byte, and in five.
const LENGTHS: std::ops::RangeInclusive<usize> = 31..=37;
const MOST_BYTES: usize = 5 + 16 + 2;
/// Blocks of five bytes, which make eight letters.
const MOST_BLOCKS: usize = MOST_BYTES.div_ceil(5);
/// Table numbers that Convex gives out in practice stay below; those of three bytes start here.
const FIRST_DERIVED: u32 = 16_384;
/// How many there are of three bytes.
const DERIVED: u32 = (1 << 21) - FIRST_DERIVED;

/// The text of an id.
pub(crate) fn encode(table_number: u32, id: &RowId) -> String {
    let mut text = Vec::with_capacity(*LENGTHS.end());
    encode_into(&mut text, table_number, id);
    String::from_utf8(text).expect("the alphabet is ASCII")
}

/// Appends the text of an id.
pub(crate) fn encode_into(out: &mut Vec<u8>, table_number: u32, id: &RowId) {
    // Padded with zeros to whole blocks.
    let mut bytes = [0; MOST_BLOCKS * 5];
    let mut length = 0;
    let mut number = table_number;
    while number >= 0x80 {
        bytes[length] = number as u8 | 0x80;
        number >>= 7;
        length += 1;
    }
    bytes[length] = number as u8;
    length += 1;
    bytes[length..length + 16].copy_from_slice(&id.0);
    length += 16;
    let footer = fletcher16(&bytes[..length]);
    bytes[length..length + 2].copy_from_slice(&footer.to_le_bytes());
    length += 2;

    let mut text = [0; MOST_BLOCKS * 8];
    for (letters, block) in text.chunks_exact_mut(8).zip(bytes.chunks_exact(5)) {
        let bits = u64::from_be_bytes([0, 0, 0, block[0], block[1], block[2], block[3], block[4]]);
        for (position, letter) in letters.iter_mut().enumerate() {
            *letter = ALPHABET[(bits >> (35 - 5 * position)) as usize & 31];
        }
    }
    out.extend_from_slice(&text[..(length * 8).div_ceil(5)]);
}

/// The table number and row id of a text, if it is exactly what [`encode`] writes for them.
pub(crate) fn decode(text: &str) -> Option<(u32, RowId)> {
    let text = text.as_bytes();
    if !LENGTHS.contains(&text.len()) {
        return None;
    }
    let mut bytes = [0; MOST_BLOCKS * 5];
    for (block, letters) in bytes.chunks_exact_mut(5).zip(text.chunks(8)) {
        let mut bits = 0;
        for &letter in letters {
            bits = bits << 5 | u64::from(digit(letter)?);
        }
        bits <<= 5 * (8 - letters.len());
        block.copy_from_slice(&bits.to_be_bytes()[3..]);
    }
    let mut number = 0;
    let mut length = 0;
    loop {
        let byte = *bytes.get(length).filter(|_| length < 5)?;
        number |= u64::from(byte & 0x7f) << (7 * length);
        length += 1;
        if byte < 0x80 {
            break;
        }
    }
    let number = u32::try_from(number).ok().filter(|&number| number > 0)?;
    let id = RowId(bytes.get(length..length + 16)?.try_into().ok()?);
    // The checksum, the length and the unused bits are right if the text comes out the same.
    let mut again = Vec::with_capacity(*LENGTHS.end());
    encode_into(&mut again, number, &id);
    (again == text).then_some((number, id))
}

fn digit(letter: u8) -> Option<u8> {
    let gap = match letter {
        b'0'..=b'9' => return Some(letter - b'0'),
        b'a'..=b'h' => 0,
        b'j'..=b'k' => 1,
        b'm'..=b'n' => 2,
        b'p'..=b't' => 3,
        b'v'..=b'z' => 4,
        _ => return None,
    };
    Some(letter - b'a' + 10 - gap)
}

/// Fletcher's checksum modulo 256.
fn fletcher16(bytes: &[u8]) -> u16 {
    let (mut low, mut high) = (0u8, 0u8);
    for &byte in bytes {
        low = low.wrapping_add(byte);
        high = high.wrapping_add(low);
    }
    u16::from_le_bytes([low, high])
}

/// The number of a table for which nobody has chosen one: devices that never talked agree on it.
pub(crate) fn derived_table_number(name: &str) -> u32 {
    let digest = sha256(format!("table:{name}").as_bytes());
    let [a, b, c, d, ..] = digest;
    FIRST_DERIVED + u32::from_be_bytes([a, b, c, d]) % DERIVED
}

/// A new row id from random bytes and the time.
pub(crate) fn make(random: [u8; 14], now_ms: f64) -> RowId {
    const DAY_MS: f64 = 86_400_000.0;
    // The cast saturates: a clock before 1970 gives day 0, one after 2149 the last day.
    let day = (now_ms / DAY_MS) as u16;
    let mut id = [0; 16];
    id[..14].copy_from_slice(&random);
    id[14..].copy_from_slice(&day.to_be_bytes());
    RowId(id)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn an_id_is_written_as_convex_writes_it() {
        let mut id = [251u8; 16];
        for i in 1..16 {
            id[i] = id[i - 1].wrapping_mul(251);
        }
        assert_eq!(encode(1017, &RowId(id)), "z43zp6c3e75gkmz1kfwj6mbbx5sw281h");
        assert_eq!(decode("z43zp6c3e75gkmz1kfwj6mbbx5sw281h"), Some((1017, RowId(id))));
    }

    #[test]
    fn an_id_is_as_long_as_its_table_number_asks() {
        let lengths = [(1, 31), (127, 31), (128, 32), (16_383, 32), (16_384, 34), (2_097_151, 34), (u32::MAX, 37)];
        for (number, length) in lengths {
            let text = encode(number, &RowId([7; 16]));
            assert_eq!(text.len(), length, "table {number}");
            assert_eq!(decode(&text), Some((number, RowId([7; 16]))));
        }
    }

    #[test]
    fn only_canonical_texts_are_ids() {
        assert_eq!(decode("sssswsgggggggggsgcsssfafffsffks"), None, "the number's length and the text's differ");
        assert_eq!(decode(&encode(0, &RowId([7; 16]))), None, "there is no table 0");
        assert_eq!(decode(&encode(10_001, &RowId([7; 16])).to_uppercase()), None);
        assert_eq!(decode(""), None);
        assert_eq!(decode(&"0".repeat(1000)), None);
        assert_eq!(decode(&"é".repeat(16)), None);
    }

    #[test]
    fn derived_numbers_are_what_every_device_computes() {
        // Computed with Python's hashlib.
        let check = |name: &str, number: u32| assert_eq!(derived_table_number(name), number, "{name:?}");
        check("tasks", 1_683_411);
        check("projects", 44_439);
        check("users", 641_353);
        check("project_members", 1_466_202);
        check("", 199_875);
        check("😀", 1_693_724);
    }

    #[test]
    fn an_id_carries_its_day() {
        let day = |now_ms: f64| {
            let RowId(id) = make([9; 14], now_ms);
            assert_eq!(id[..14], [9; 14]);
            u16::from_be_bytes([id[14], id[15]])
        };
        assert_eq!(day(0.0), 0);
        assert_eq!(day(86_399_999.9), 0);
        assert_eq!(day(86_400_000.0), 1);
        assert_eq!(day(1_753_000_000_000.0), 20_289);
        assert_eq!((day(-1.0), day(f64::NAN), day(1e300)), (0, 0, u16::MAX));
    }

    proptest! {
        #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

        #[test]
        fn an_id_reads_back(number in 1u32.., id in any::<[u8; 16]>()) {
            prop_assert_eq!(decode(&encode(number, &RowId(id))), Some((number, RowId(id))));
        }

        #[test]
        fn a_row_has_one_id_text(
            number in 1u32..,
            id in any::<[u8; 16]>(),
            at in any::<proptest::sample::Index>(),
            to in 0usize..32,
        ) {
            let mut changed = encode(number, &RowId(id)).into_bytes();
            let at = at.index(changed.len());
            changed[at] = ALPHABET[to];
            let changed = String::from_utf8(changed).expect("ASCII");
            if let Some((number, id)) = decode(&changed) {
                prop_assert_eq!(encode(number, &id), changed);
            }
        }

        #[test]
        fn any_text_is_judged(text in "[0-9a-z]{30,38}|.{0,40}") {
            let _ = decode(&text);
        }
    }
}
