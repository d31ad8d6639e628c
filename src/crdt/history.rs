//! What has become of a row, change by change, as the docs worker tells the page.
//!
//! ```text
//! history := entries:varint entry*
//! entry   := hash:32 time:zigzag actor:bytes kind:u8 fields:varint (name:string)* before:bytes after:bytes
//! kind    := 00 inserted | 01 updated | 02 deleted | 03 restored | 04 moved away | 05 arrived
//! ```
//! The names ascend. `before` and `after` are documents whose names are all text, of those fields that there were: the two
//! binaries have no dictionary in common.

use super::{ActorId, ChangeHash};
use crate::bytes::{Bytes, Malformed, Reader, Write, unzigzag, zigzag};
use crate::document::{self, Document, Names};
use crate::flat_map::FlatMap;
use crate::value::Value;

/// One change of a row.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct HistoryEntry {
    /// Names the entry.
    pub(crate) hash: ChangeHash,
    /// Seconds since 1970, by the clock of the author: it may be anything.
    pub(crate) time: i64,
    pub(crate) actor: ActorId,
    pub(crate) kind: HistoryKind,
    /// The fields on top that the change has written, or written something inside of, by name.
    pub(crate) fields: Vec<FieldChange>,
}

/// What a change was to its row as a whole.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum HistoryKind {
    Inserted,
    Updated,
    Deleted,
    /// It had been deleted.
    Restored,
    /// It lies in another document from then on.
    MovedAway,
    /// It has come from another document.
    Arrived,
}

/// A field that a change has written. Its author may have written what was there already.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct FieldChange {
    pub(crate) name: String,
    /// As the author knew it; `None` if there was no such field.
    pub(crate) before: Option<Value>,
    /// As the author left it; `None` if there was no such field any more.
    pub(crate) after: Option<Value>,
}

/// The entries as bytes.
pub(crate) fn encode_history(entries: &[HistoryEntry]) -> Vec<u8> {
    let mut out = Vec::with_capacity(entries.len() * 128);
    out.put_varint(entries.len() as u64);
    for entry in entries {
        entry.encode(&mut out);
    }
    out
}

/// The inverse of [`encode_history`].
pub(crate) fn decode_history(bytes: &[u8]) -> Result<Vec<HistoryEntry>, Malformed> {
    let mut reader = Reader::new(bytes);
    let mut entries = Vec::new();
    for _ in 0..reader.length(reader.remaining(), "history: entries")? {
        entries.push(HistoryEntry::decode(&mut reader)?);
    }
    reader.finish("history: left over")?;
    Ok(entries)
}

impl HistoryEntry {
    fn encode(&self, out: &mut Vec<u8>) {
        out.extend_from_slice(&self.hash);
        out.put_varint(zigzag(self.time));
        out.put_bytes(&self.actor);
        out.put_u8(self.kind as u8);
        out.put_varint(self.fields.len() as u64);
        for field in &self.fields {
            out.put_bytes(field.name.as_bytes());
        }
        put_values(out, self.fields.iter().map(|field| (&field.name, &field.before)));
        put_values(out, self.fields.iter().map(|field| (&field.name, &field.after)));
    }

    fn decode(reader: &mut Reader<'_>) -> Result<Self, Malformed> {
        const FIELD: Malformed = Malformed("history: field");
        let hash = *reader.take(32, "history: change")?.first_chunk().ok_or(Malformed("history: change"))?;
        let time = unzigzag(reader.varint("history: time")?);
        let actor = Bytes::from(reader.bytes("history: actor")?);
        let kind = HistoryKind::decode(reader.u8("history: kind")?)?;
        let mut fields: Vec<FieldChange> = Vec::new();
        for _ in 0..reader.length(reader.remaining(), "history: fields")? {
            let name = reader.string(FIELD.0)?.to_string();
            if fields.last().is_some_and(|last| last.name >= name) {
                return Err(FIELD);
            }
            fields.push(FieldChange { name, before: None, after: None });
        }
        let mut before = values(reader)?;
        let mut after = values(reader)?;
        for field in &mut fields {
            field.before = before.remove(&field.name);
            field.after = after.remove(&field.name);
        }
        if !before.is_empty() || !after.is_empty() {
            return Err(FIELD);
        }
        Ok(HistoryEntry { hash, time, actor, kind, fields })
    }
}

fn put_values<'a>(out: &mut Vec<u8>, fields: impl Iterator<Item = (&'a String, &'a Option<Value>)>) {
    let fields = fields.filter_map(|(name, value)| Some((name.clone(), value.clone()?)));
    out.put_bytes(&document::encode(&Value::Object(fields.collect()), &Names::new()));
}

fn values(reader: &mut Reader<'_>) -> Result<FlatMap<String, Value>, Malformed> {
    match Document::new(reader.bytes("history: values")?).to_value(&Names::new())? {
        Value::Object(fields) => Ok(fields),
        _ => Err(Malformed("history: values")),
    }
}

impl HistoryKind {
    fn decode(byte: u8) -> Result<Self, Malformed> {
        Ok(match byte {
            0 => HistoryKind::Inserted,
            1 => HistoryKind::Updated,
            2 => HistoryKind::Deleted,
            3 => HistoryKind::Restored,
            4 => HistoryKind::MovedAway,
            5 => HistoryKind::Arrived,
            _ => return Err(Malformed("history: kind")),
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    fn value(random: &mut Random, levels: u64) -> Value {
        match random.below(if levels == 0 { 5 } else { 7 }) {
            0 => Value::Null,
            1 => Value::Int64(random.next_u64() as i64),
            2 => Value::Float64([0.0, -0.0, 1.5, f64::NAN, 9e300][random.below(5) as usize]),
            3 => Value::String(["", "plain", "añ🙂\n"][random.below(3) as usize].into()),
            4 => Value::Bytes(vec![7; random.below(4) as usize]),
            5 => Value::Array((0..random.below(4)).map(|_| value(random, levels - 1)).collect()),
            _ => {
                Value::Object((0..random.below(4)).map(|n| (format!("inner{n}"), value(random, levels - 1))).collect())
            }
        }
    }

    fn entry(random: &mut Random) -> HistoryEntry {
        let some = |random: &mut Random| (random.below(4) > 0).then(|| value(random, 2));
        let fields = (0..random.below(5))
            .map(|n| FieldChange { name: format!("field{n}"), before: some(random), after: some(random) })
            .collect();
        HistoryEntry {
            hash: [random.next_u64() as u8; 32],
            time: random.next_u64() as i64 >> random.below(64),
            actor: Bytes::new(vec![3; random.below(20) as usize]),
            kind: HistoryKind::decode(random.below(6) as u8).unwrap(),
            fields,
        }
    }

    #[test]
    fn a_history_goes_there_and_back_and_damage_is_refused_or_another_one() {
        for seed in crate::random::seeds(1_000) {
            let mut random = Random::from_number(seed);
            let entries: Vec<_> = (0..random.below(4)).map(|_| entry(&mut random)).collect();
            let bytes = encode_history(&entries);
            assert_eq!(decode_history(&bytes), Ok(entries), "seed {seed}");
            for _ in 0..40 {
                let mut damaged = bytes.clone();
                let at = random.below(damaged.len() as u64) as usize;
                match random.below(3) {
                    0 => damaged[at] ^= 1 << random.below(8),
                    1 => damaged[at] = random.next_u64() as u8,
                    _ => damaged.insert(at, [0, 1, 0x7f, 0x80, 0xff][random.below(5) as usize]),
                }
                if let Ok(read) = decode_history(&damaged) {
                    // All NaNs become the one that is stored.
                    let bytes = encode_history(&read);
                    let again = decode_history(&bytes).map(|read| encode_history(&read));
                    assert_eq!(again, Ok(bytes), "seed {seed}");
                }
                assert!(decode_history(&bytes[..at]).is_err(), "seed {seed}, cut at {at}");
            }
        }
    }

    #[test]
    fn names_ascend_and_values_belong_to_them() {
        let field = |name: &str| FieldChange { name: name.into(), before: None, after: Some(Value::Null) };
        let with = |fields| HistoryEntry {
            hash: [1; 32],
            time: 0,
            actor: Bytes::default(),
            kind: HistoryKind::Updated,
            fields,
        };
        for fields in [vec![field("b"), field("a")], vec![field("a"), field("a")]] {
            assert_eq!(decode_history(&encode_history(&[with(fields)])), Err(Malformed("history: field")));
        }
        let mut bytes = encode_history(&[with(vec![field("a")])]);
        let named = bytes.iter().position(|&byte| byte == b'a').unwrap();
        bytes[named] = b'c';
        assert_eq!(decode_history(&bytes), Err(Malformed("history: field")), "a value of no field");
    }
}
