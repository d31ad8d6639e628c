//! The dictionary of field names: what a stored document says in one byte instead of a word.

use crate::error::{Code, Error};
use crate::value::json;

/// Field names that have a number. Numbers start at 1, in order of adding, and never change or go away.
#[derive(Clone, Debug, Default)]
pub(crate) struct Names {
    entries: Vec<Entry>,
    /// The same names' numbers, sorted by name.
    sorted: Vec<u32>,
}

#[derive(Clone, Debug)]
pub(crate) struct Entry {
    pub(crate) text: Box<str>,
    /// `,"name":`, ready to be copied.
    pub(crate) json: Box<[u8]>,
    /// The first eight bytes, so that most comparisons of names compare two numbers.
    pub(crate) prefix: u64,
    /// Whether the name may stand in a document's nested objects, and at its top.
    pub(crate) valid_inside: bool,
    pub(crate) valid_on_top: bool,
}

impl Names {
    /// No names.
    pub(crate) fn new() -> Self {
        Names::default()
    }

    /// Gives a name a number, or says which it has.
    pub(crate) fn add(&mut self, name: &str) -> u32 {
        let place = match self.search(name) {
            Ok(place) => return self.sorted[place],
            Err(place) => place,
        };
        let mut text = vec![b','];
        json::push_string(&mut text, name.as_bytes());
        text.push(b':');
        self.entries.push(Entry {
            text: name.into(),
            json: text.into(),
            prefix: prefix(name.as_bytes()),
            valid_inside: check_name(name, false).is_ok(),
            valid_on_top: check_name(name, true).is_ok(),
        });
        let id = self.entries.len() as u32;
        self.sorted.insert(place, id);
        id
    }

    /// The number of a name.
    pub(crate) fn id(&self, name: &str) -> Option<u32> {
        self.search(name).ok().map(|place| self.sorted[place])
    }

    /// The name of a number.
    pub(crate) fn name(&self, id: u32) -> Option<&str> {
        self.entry(id).map(|entry| &*entry.text)
    }

    /// How many there are; also the largest number.
    pub(crate) fn len(&self) -> usize {
        self.entries.len()
    }

    /// All names, in order of their numbers.
    pub(crate) fn iter(&self) -> impl Iterator<Item = &str> {
        self.entries.iter().map(|entry| &*entry.text)
    }

    #[inline]
    pub(crate) fn entry(&self, id: u32) -> Option<&Entry> {
        self.entries.get((id as usize).wrapping_sub(1))
    }

    fn search(&self, name: &str) -> Result<usize, usize> {
        let wanted = prefix(name.as_bytes());
        self.sorted.binary_search_by(|&id| {
            let entry = &self.entries[id as usize - 1];
            entry.prefix.cmp(&wanted).then_with(|| (*entry.text).cmp(name))
        })
    }
}

/// The first eight bytes of a name as a number that orders like them.
pub(crate) fn prefix(name: &[u8]) -> u64 {
    match name.first_chunk::<8>() {
        Some(first) => u64::from_be_bytes(*first),
        None => {
            let mut first = [0; 8];
            first[..name.len()].copy_from_slice(name);
            u64::from_be_bytes(first)
        }
    }
}

const LONGEST_NAME: usize = 1024;

/// Convex's rules for the name of a field, with its texts. `_id` and `_creationTime` are system fields
/// and not written by anyone.
pub(crate) fn check_name(name: &str, on_top: bool) -> Result<(), Error> {
    let refuse = |message: String| Err(Error::new(Code::InvalidValue, message).at(format!(".{name}")));
    // As JavaScript counts; only matters for names that the last rule refuses.
    if name.len() > LONGEST_NAME && name.encode_utf16().count() > LONGEST_NAME {
        return refuse(format!("Field name {name} exceeds maximum field name length {LONGEST_NAME}."));
    }
    if name.starts_with('$') {
        return refuse(format!("Field name {name} starts with a '$', which is reserved."));
    }
    if let Some(wrong) = name.chars().find(|c| !(' '..='~').contains(c)) {
        let allowed = "Field names can only contain non-control ASCII characters";
        return refuse(format!("Field name {name} has invalid character '{wrong}': {allowed}"));
    }
    if on_top && name.starts_with('_') {
        return refuse(format!(
            "Field '{name}' starts with an underscore, which is only allowed for system fields like '_id'"
        ));
    }
    Ok(())
}
