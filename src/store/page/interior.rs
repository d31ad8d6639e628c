//! Interior pages, unpacked: they are few, and every read goes through them.

use super::{Group, Leaf, PageWriter};
use crate::bytes::{Malformed, Reader, Write};
use crate::store::keys::Keys;
use crate::store::{PAGE_ID_END, PageId};

/// The children of an interior page with their lower bounds; the first bound is empty.
#[derive(Debug, Default)]
pub(in crate::store) struct Interior {
    pub(in crate::store) keys: Keys,
    pub(in crate::store) children: Vec<ChildRef>,
}

/// A child and where its entries begin among all of the page.
#[derive(Clone, Copy, Debug)]
pub(in crate::store) struct ChildRef {
    pub(in crate::store) page: PageId,
    /// Entries below this child and the ones before it.
    pub(in crate::store) count_to_end: u64,
}

impl Interior {
    pub(super) fn unpack(packed: &Leaf) -> Result<Self, Malformed> {
        let mut interior = Interior::default();
        let mut group = Group::default();
        for index in 0..packed.len() {
            if index % super::RESTART == 0 {
                packed.unpack(Leaf::group_of(index), &mut group);
            }
            let (key, value) = group.get(index);
            if key.is_empty() != (index == 0) {
                return Err(Malformed("first bound"));
            }
            let mut reader = Reader::new(&packed.bytes[value]);
            let page = reader.varint("child page")?;
            let count = reader.varint("child count")?;
            reader.finish("bytes after a child")?;
            let count_to_end = interior.count().checked_add(count).filter(|&count| count < PAGE_ID_END);
            let count_to_end = count_to_end.ok_or(Malformed("child count"))?;
            if page >= PAGE_ID_END {
                return Err(Malformed("child page"));
            }
            interior.keys.push(key);
            interior.children.push(ChildRef { page, count_to_end });
        }
        Ok(interior)
    }

    /// Appends a child.
    pub(in crate::store) fn push(&mut self, bound: &[u8], page: PageId, count: u64) {
        self.keys.push(if self.children.is_empty() { &[] } else { bound });
        self.children.push(ChildRef { page, count_to_end: self.count() + count });
    }

    /// Entries below all children.
    pub(in crate::store) fn count(&self) -> u64 {
        self.children.last().map_or(0, |child| child.count_to_end)
    }

    /// Entries below the children before this one.
    pub(in crate::store) fn count_before(&self, index: usize) -> u64 {
        index.checked_sub(1).map_or(0, |before| self.children[before].count_to_end)
    }

    /// Entries below one child.
    pub(in crate::store) fn count_of(&self, index: usize) -> u64 {
        self.children[index].count_to_end - self.count_before(index)
    }

    /// The page's bytes.
    pub(in crate::store) fn encode(&self, writer: &mut PageWriter) -> Vec<u8> {
        let mut value = Vec::new();
        for (index, child) in self.children.iter().enumerate() {
            value.clear();
            value.put_varint(child.page);
            value.put_varint(self.count_of(index));
            writer.push(self.keys.get(index), &value);
        }
        writer.finish(false)
    }

    pub(super) fn memory(&self) -> usize {
        self.keys.byte_len() + self.children.len() * (size_of::<ChildRef>() + 4) + size_of::<Interior>()
    }
}
