//! Where a page of a query could be cut in two.

/// So many keys at most are kept.
const KEPT: usize = 64;

/// Keys of a page at even distances, so that the one in the middle is known when the page ends.
pub(crate) struct SplitKeys {
    keys: Vec<Vec<u8>>,
    /// One of so many is kept.
    distance: usize,
    count: usize,
}

impl Default for SplitKeys {
    fn default() -> Self {
        SplitKeys { keys: Vec::new(), distance: 1, count: 0 }
    }
}

impl SplitKeys {
    /// Notes the next row's key.
    pub(crate) fn note(&mut self, key: &[u8]) {
        self.count += 1;
        if !self.count.is_multiple_of(self.distance) {
            return;
        }
        self.keys.push(key.to_vec());
        if self.keys.len() == KEPT {
            let mut is_second = true;
            self.keys.retain(|_| {
                is_second = !is_second;
                is_second
            });
            self.distance *= 2;
        }
    }

    /// The key of a row with about half of the rows behind it; none when there are not two.
    pub(crate) fn middle(&self) -> Option<&[u8]> {
        if self.count < 2 {
            return None;
        }
        let middle = self.count / 2 / self.distance;
        self.keys.get(middle.max(1) - 1).map(Vec::as_slice)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_middle_is_about_in_the_middle_and_never_the_end() {
        for count in 0..2000u32 {
            let mut keys = SplitKeys::default();
            for number in 1..=count {
                keys.note(&number.to_be_bytes());
            }
            let middle = keys.middle().map(|key| u32::from_be_bytes(key.try_into().expect("four bytes")));
            match (count, middle) {
                (0 | 1, middle) => assert_eq!(middle, None),
                (_, None) => panic!("no middle of {count}"),
                (_, Some(middle)) => {
                    let distance = keys.distance as u32;
                    assert!(middle <= count / 2 && middle + distance > count / 2, "{middle} of {count}");
                    assert!(middle >= 1 && middle < count, "{middle} of {count}");
                }
            }
            assert!(keys.keys.len() < KEPT);
        }
    }
}
