//! The one ordered key space of the store: which kinds of keys exist and where they sort.
//!
//! ```text
//! 0x10 table:u32be creation_time:9 id:16                row of a table  -> document bytes
//! 0x20 table:u32be day:2 random:14                      place of an id  -> creation_time:9
//! 0x30 index:u32be field keys… creation_time:9 id:16    index entry     -> nothing
//! 0x40 table:u32be day:2 random:14                      a synced row     -> its stamps (src/crdt/state.rs)
//! 0x41 table:u32be day:2 random:14 root:20              what is left of it in a document that it has left
//! 0x50 root:20                                          a CRDT document  -> its state (src/crdt/state.rs)
//! 0x51 root:20 number:u32be                             an actor of it   -> the actor
//! 0x52 root:20 sequence:u64be                           changes of it    -> chunks, as automerge stores them
//! ```
//! `root` is the row that a CRDT document belongs to, `table:u32be day:2 random:14`.
//! `creation_time` is the order-preserving key of the number (tag and eight bytes), `id` the sixteen
//! internal bytes of an `_id` (fourteen random, two of the day). The tail of an index entry is the tail of
//! its row's key, so an entry names its row's place.

use crate::key;

/// A table's number inside this database: given in order of appearance, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TableId(pub u32);

/// An index's number inside this database: given in order of appearance, never reused.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct IndexId(pub u32);

/// The sixteen internal bytes of an `_id`: fourteen random ones, then the day since 1970, big-endian.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct RowId(pub [u8; 16]);

impl RowId {
    /// A number for hash tables, whose low bits differ from row to row. The first bytes of an id are random.
    pub(crate) fn spread(&self, table: TableId) -> usize {
        let [a, b, c, d, e, f, g, h, ..] = self.0;
        let word = u64::from_le_bytes([a, b, c, d, e, f, g, h]) ^ u64::from(table.0);
        (word.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> 32) as usize
    }
}

/// Where a row lies in its table: the order of the default scan, and the tail of every index entry.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Place {
    /// `_creationTime`, in milliseconds since 1970.
    pub creation_time: f64,
    /// The row's id.
    pub id: RowId,
}

/// Length of a place at the end of a row key or index entry.
pub const PLACE_LENGTH: usize = 25;
/// Length of the kind and number that every key starts with.
pub const PREFIX_LENGTH: usize = 5;

const ROW: u8 = 0x10;
const ID: u8 = 0x20;
const ENTRY: u8 = 0x30;
const STAMPS: u8 = 0x40;
const REMAINS: u8 = 0x41;
const NOTED: u8 = 0x42;
const ADOPTED: u8 = 0x43;
const CRDT: u8 = 0x50;
const CRDT_ACTOR: u8 = 0x51;
const CRDT_CHANGES: u8 = 0x52;
const CRDT_LONG: u8 = 0x53;
const NOTE: u8 = 0x60;

/// What a key is, judged by its first byte.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A row of this table.
    Row(TableId),
    /// The place of an id of this table.
    Id(TableId),
    /// An entry of this index.
    Entry(IndexId),
    /// The stamps of a row of this table.
    Stamps(TableId),
    /// What is left of one in a document that it has left.
    Remains(TableId),
    /// That there is something to be said of one of those two.
    Noted(TableId),
    /// That all rows of this table have stamps.
    Adopted(TableId),
    /// Of the CRDT document of a row of this table.
    Crdt(TableId),
    /// What a mutation has written down of itself.
    Note,
}

/// Reads a key's kind, or `None` for bytes that are no key.
pub fn kind(key: &[u8]) -> Option<Kind> {
    let number = u32::from_be_bytes(key.get(1..PREFIX_LENGTH)?.try_into().ok()?);
    match key[0] {
        ROW => Some(Kind::Row(TableId(number))),
        ID => Some(Kind::Id(TableId(number))),
        ENTRY => Some(Kind::Entry(IndexId(number))),
        STAMPS => Some(Kind::Stamps(TableId(number))),
        REMAINS => Some(Kind::Remains(TableId(number))),
        NOTED => Some(Kind::Noted(TableId(number))),
        ADOPTED => Some(Kind::Adopted(TableId(number))),
        CRDT | CRDT_ACTOR | CRDT_CHANGES | CRDT_LONG => Some(Kind::Crdt(TableId(number))),
        NOTE => Some(Kind::Note),
        _ => None,
    }
}

fn prefix(kind: u8, number: u32) -> [u8; PREFIX_LENGTH] {
    let n = number.to_be_bytes();
    [kind, n[0], n[1], n[2], n[3]]
}

/// What all rows of a table start with.
pub fn row_prefix(table: TableId) -> [u8; PREFIX_LENGTH] {
    prefix(ROW, table.0)
}

/// The first key that is behind the rows of all tables.
pub const AFTER_ROWS: &[u8] = &[ID];

/// The first key of what only CRDT documents need: what is before it is what readers of rows look at.
pub const CRDT_KEYS: &[u8] = &[STAMPS];

/// What all id places of a table start with.
pub fn id_prefix(table: TableId) -> [u8; PREFIX_LENGTH] {
    prefix(ID, table.0)
}

/// What all entries of an index start with.
pub fn entry_prefix(index: IndexId) -> [u8; PREFIX_LENGTH] {
    prefix(ENTRY, index.0)
}

/// The first key after all keys that start with `prefix`, or `None` when there is none.
pub fn after_prefix(prefix: &[u8]) -> Option<Vec<u8>> {
    let last = prefix.iter().rposition(|&byte| byte != 0xff)?;
    let mut end = prefix[..=last].to_vec();
    end[last] += 1;
    Some(end)
}

/// Appends the bytes of a place.
pub fn push_place(out: &mut Vec<u8>, place: &Place) {
    key::push_float(out, place.creation_time);
    out.extend_from_slice(&place.id.0);
}

/// Reads the place at the end of a row key or an index entry.
pub fn place_of(key: &[u8]) -> Option<Place> {
    let tail = &key[key.len().checked_sub(PLACE_LENGTH)?..];
    let creation_time = key::read_float(&tail[..9])?;
    Some(Place { creation_time, id: RowId(tail[9..].try_into().ok()?) })
}

/// The key of a row.
pub fn row_key(table: TableId, place: &Place) -> [u8; PREFIX_LENGTH + PLACE_LENGTH] {
    let mut key = [0; PREFIX_LENGTH + PLACE_LENGTH];
    key[..PREFIX_LENGTH].copy_from_slice(&row_prefix(table));
    key[PREFIX_LENGTH..PREFIX_LENGTH + 9].copy_from_slice(&key::float_bytes(place.creation_time));
    key[PREFIX_LENGTH + 9..].copy_from_slice(&place.id.0);
    key
}

/// The key of an id's place.
pub type IdKey = [u8; PREFIX_LENGTH + 16];

/// The key of an id's place. The day comes first, so that new ids fall together.
pub fn id_key(table: TableId, id: &RowId) -> IdKey {
    let mut key = [0; PREFIX_LENGTH + 16];
    key[..PREFIX_LENGTH].copy_from_slice(&id_prefix(table));
    key[PREFIX_LENGTH..PREFIX_LENGTH + 2].copy_from_slice(&id.0[14..]);
    key[PREFIX_LENGTH + 2..].copy_from_slice(&id.0[..14]);
    key
}

/// The row that a CRDT document belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Root {
    /// Its table.
    pub table: TableId,
    /// Its id.
    pub id: RowId,
}

/// Stands for the row that the document of whoever uses the app would belong to.
pub const WORKSPACE: Root = Root { table: TableId(0), id: RowId([0; 16]) };

impl Root {
    fn key(&self, kind: u8) -> IdKey {
        let mut key = id_key(self.table, &self.id);
        key[0] = kind;
        key
    }

    /// The key of the document's state.
    pub fn state_key(&self) -> IdKey {
        self.key(CRDT)
    }

    /// The key of one of its actors.
    pub fn actor_key(&self, number: u32) -> Vec<u8> {
        [&self.key(CRDT_ACTOR)[..], &number.to_be_bytes()].concat()
    }

    /// What the keys of all its actors start with.
    pub fn actors_prefix(&self) -> IdKey {
        self.key(CRDT_ACTOR)
    }

    /// The key of those of its changes that a record of the log holds.
    pub fn changes_key(&self, sequence: u64) -> Vec<u8> {
        [&self.key(CRDT_CHANGES)[..], &sequence.to_be_bytes()].concat()
    }

    /// What the keys of all its changes start with.
    pub fn changes_prefix(&self) -> IdKey {
        self.key(CRDT_CHANGES)
    }

    /// The key that says that those are long, and could do with less space.
    pub fn long_key(&self, sequence: u64) -> Vec<u8> {
        [&self.key(CRDT_LONG)[..], &sequence.to_be_bytes()].concat()
    }

    /// What those keys start with.
    pub fn long_prefix(&self) -> IdKey {
        self.key(CRDT_LONG)
    }

    /// Reads a root as it stands in keys.
    pub fn from_key_part(bytes: &[u8]) -> Option<Root> {
        let (table, id) = bytes.split_first_chunk::<4>()?;
        let id = id_of(&[&[0; PREFIX_LENGTH], id].concat())?;
        Some(Root { table: TableId(u32::from_be_bytes(*table)), id })
    }

    /// The root that a key of its document names.
    pub fn of(key: &[u8]) -> Option<Root> {
        let Some(Kind::Crdt(table)) = kind(key) else { return None };
        Some(Root { table, id: id_of(key.get(..PREFIX_LENGTH + 16)?)? })
    }
}

/// The key that says that all rows of a table have stamps.
pub fn adopted_key(table: TableId) -> [u8; PREFIX_LENGTH] {
    prefix(ADOPTED, table.0)
}

/// What all keys start with that a table has for the sake of documents, those of its rows' documents last.
pub fn crdt_prefixes(table: TableId) -> [[u8; PREFIX_LENGTH]; 8] {
    [ADOPTED, STAMPS, REMAINS, NOTED, CRDT_LONG, CRDT_CHANGES, CRDT_ACTOR, CRDT].map(|kind| prefix(kind, table.0))
}

/// The key of a row's stamps.
pub fn stamps_key(table: TableId, id: &RowId) -> IdKey {
    let mut key = id_key(table, id);
    key[0] = STAMPS;
    key
}

/// The key of what is left of a row in a document.
pub fn remains_key(table: TableId, id: &RowId, root: &Root) -> Vec<u8> {
    [&remains_prefix(table, id)[..], &root.state_key()[1..]].concat()
}

/// What the keys of all that is left of a row start with.
pub fn remains_prefix(table: TableId, id: &RowId) -> IdKey {
    let mut key = stamps_key(table, id);
    key[0] = REMAINS;
    key
}

/// The document of a key of what is left of a row.
pub fn remains_root(key: &[u8]) -> Option<Root> {
    Root::from_key_part(key.get(PREFIX_LENGTH + 16..)?)
}

/// The key that says that there is something to be said of what is stored under a key of stamps or remains.
pub fn noted_key(stored: &[u8]) -> Vec<u8> {
    let mut key = stored.to_vec();
    key[0] = NOTED;
    key
}

/// The key of stamps or remains that such a key speaks of.
pub fn stored_key(noted: &[u8]) -> Option<Vec<u8>> {
    let mut key = noted.to_vec();
    *key.first_mut()? = if key.len() > PREFIX_LENGTH + 16 { REMAINS } else { STAMPS };
    Some(key)
}

/// What the keys of the states of all documents start with.
pub const STATES_PREFIX: &[u8] = &[CRDT];

/// What the keys that say of any document's changes that they are long start with.
pub const LONG_PREFIX: &[u8] = &[CRDT_LONG];

/// What the keys of all notes start with.
pub const NOTES_PREFIX: &[u8] = &[NOTE];

/// The other key of two: of changes, and of that they are long.
pub fn changes_of_long(key: &[u8]) -> Vec<u8> {
    [&[CRDT_CHANGES], &key[1..]].concat()
}

/// The same the other way round.
pub fn long_of_changes(key: &[u8]) -> Vec<u8> {
    [&[CRDT_LONG], &key[1..]].concat()
}

/// What all such keys start with.
pub const NOTED_PREFIX: &[u8] = &[NOTED];

/// What those start with that speak of rows of a table.
pub fn noted_prefix(table: TableId) -> [u8; PREFIX_LENGTH] {
    prefix(NOTED, table.0)
}

/// The row id that an id key names.
pub fn id_of(key: &[u8]) -> Option<RowId> {
    let tail: &[u8; 16] = key.get(PREFIX_LENGTH..)?.try_into().ok()?;
    let mut id = [0; 16];
    id[..14].copy_from_slice(&tail[2..]);
    id[14..].copy_from_slice(&tail[..2]);
    Some(RowId(id))
}
