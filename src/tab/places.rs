//! Where documents were seen, by their ids.
//!
//! A document is found by its id in two steps: the id leads to the time of creation, and both together to the document.
//! Who changes a document has mostly just read it, in a query that came by the second way: then the first step, and the
//! page that it would load, can be left out. What is remembered is a guess: the id may have been given again since, to
//! a document of another time. So only finding the document there counts, not missing it.

use crate::keyspace::{Place, RowId, TableId};

/// How many documents are remembered at first, and at most. Powers of two.
const FIRST: usize = 256;
const MOST: usize = 16_384;

/// Times of creation; each has one slot, which it loses to the next one that falls there.
#[derive(Debug, Default)]
pub(crate) struct Places {
    /// What tells a document from others of its slot; 0 is an empty slot.
    marks: Vec<u32>,
    times: Vec<f64>,
    /// How many slots were filled.
    filled: usize,
}

impl Places {
    /// Where the document was seen.
    pub(crate) fn get(&self, table: TableId, row: &RowId) -> Option<Place> {
        let slot = self.slot(table, row)?;
        (self.marks[slot] == mark(table, row)).then(|| Place { creation_time: self.times[slot], id: *row })
    }

    /// Remembers where a document is.
    #[inline]
    pub(crate) fn note(&mut self, table: TableId, place: &Place) {
        if self.filled * 2 >= self.marks.len() && self.marks.len() < MOST {
            self.grow();
        }
        let Some(slot) = self.slot(table, &place.id) else { return };
        self.filled += usize::from(self.marks[slot] == 0);
        self.marks[slot] = mark(table, &place.id);
        self.times[slot] = place.creation_time;
    }

    /// Begins anew with twice the room: what is in use comes back soon.
    #[cold]
    fn grow(&mut self) {
        let slots = (self.marks.len() * 2).max(FIRST);
        *self = Places { marks: vec![0; slots], times: vec![0.0; slots], filled: 0 };
    }

    fn slot(&self, table: TableId, row: &RowId) -> Option<usize> {
        Some(row.spread(table) & self.marks.len().checked_sub(1)?)
    }
}

fn mark(table: TableId, row: &RowId) -> u32 {
    let [.., a, b, c, d, _, _] = row.0;
    (u32::from_le_bytes([a, b, c, d]) ^ table.0) | 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::Random;

    #[test]
    fn what_was_noted_last_is_found_or_nothing_is() {
        let mut random = Random::from_seed([1; 32]);
        let rows: Vec<RowId> = (0..40_000u64)
            .map(|_| {
                let (a, b) = (random.next_u64().to_le_bytes(), random.next_u64().to_le_bytes());
                RowId(std::array::from_fn(|index| if index < 8 { a[index] } else { b[index - 8] }))
            })
            .collect();
        let mut places = Places::default();
        assert_eq!(places.get(TableId(1), &rows[0]), None);
        for round in 0..2 {
            for (index, row) in rows.iter().enumerate() {
                let place = Place { creation_time: (index * 2 + round) as f64, id: *row };
                places.note(TableId(1), &place);
                assert_eq!(places.get(TableId(1), row), Some(place));
                assert_eq!(places.get(TableId(2), row), None);
            }
        }
        let known = rows.iter().enumerate().filter(|(index, row)| {
            let found = places.get(TableId(1), row);
            assert!(found.is_none_or(|place| place.creation_time == (index * 2 + 1) as f64), "the newest time");
            found.is_some()
        });
        assert!((MOST * 8 / 10..=MOST).contains(&known.count()));
        assert_eq!(places.marks.len(), MOST);
    }
}
