//! Names of documents as automerge-repo writes them: sixteen bytes and a checksum, in base 58.

use super::DocumentId;
use crate::sha256::sha256;

const DIGITS: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";
const BYTES: usize = 16 + CHECK;
const CHECK: usize = 4;
/// Twenty bytes have no more digits.
const MOST_DIGITS: usize = 28;

/// The name of a document.
pub(crate) fn document_name(id: &DocumentId) -> String {
    let mut bytes = id.to_vec();
    bytes.extend_from_slice(&checksum(id));
    // Each zero that the bytes begin with is a digit of its own.
    let zeros = bytes.iter().take_while(|byte| **byte == 0).count();
    let mut digits: Vec<u8> = Vec::with_capacity(MOST_DIGITS);
    for byte in &bytes[zeros..] {
        let mut carry = u32::from(*byte);
        for digit in &mut digits {
            carry += u32::from(*digit) << 8;
            *digit = (carry % 58) as u8;
            carry /= 58;
        }
        while carry > 0 {
            digits.push((carry % 58) as u8);
            carry /= 58;
        }
    }
    digits.extend(std::iter::repeat_n(0, zeros));
    digits.iter().rev().map(|digit| char::from(DIGITS[usize::from(*digit)])).collect()
}

/// The document of a name; `None` if it is none.
pub(crate) fn document_of(name: &str) -> Option<DocumentId> {
    if name.len() > MOST_DIGITS {
        return None;
    }
    let mut number = [0; BYTES];
    for letter in name.bytes() {
        let mut carry = DIGITS.iter().position(|digit| *digit == letter)?;
        for byte in number.iter_mut().rev() {
            carry += usize::from(*byte) * 58;
            *byte = carry as u8;
            carry >>= 8;
        }
        if carry > 0 {
            return None;
        }
    }
    let (id, check) = number.split_first_chunk()?;
    // There is one name of each: as many ones in front as there are zeros.
    (check == checksum(id) && document_name(id) == name).then_some(*id)
}

fn checksum(id: &DocumentId) -> [u8; CHECK] {
    let hash = sha256(&sha256(id));
    [hash[0], hash[1], hash[2], hash[3]]
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::random::{Random, seeds};

    /// Names that automerge-repo 2.5.6 has made of these bytes.
    #[test]
    fn names_are_those_of_automerge_repo() {
        let counting: DocumentId = std::array::from_fn(|at| at as u8);
        for (id, name) in [([0; 16], ZEROS), (counting, COUNTING), ([0xff; 16], ONES)] {
            assert_eq!(document_name(&id), name);
            assert_eq!(document_of(name), Some(id));
        }
    }
    const ZEROS: &str = "11111111111111114Ki9Gx";
    const COUNTING: &str = "1Bhh3pU9gLXZiNDL6PEa1Gs9fh";
    const ONES: &str = "4ZrjxJnU1LA5xSyrWMNuXTozYEvA";

    #[test]
    fn every_document_has_one_name() {
        for seed in seeds(500) {
            let mut random = Random::from_number(seed);
            let mut id: DocumentId = std::array::from_fn(|_| random.next_u64() as u8);
            let zeros = random.below(17) as usize;
            id[..zeros].fill(0);
            let name = document_name(&id);
            assert_eq!(document_of(&name), Some(id));
            let at = random.below(name.len() as u64) as usize;
            let digit = char::from(DIGITS[random.below(58) as usize]);
            let other: String =
                name.char_indices().map(|(place, letter)| if place == at { digit } else { letter }).collect();
            assert!(other == name || document_of(&other).is_none(), "{other}");
            assert_eq!(document_of(&format!("1{name}")), None);
        }
    }

    #[test]
    fn what_is_no_name_names_nothing() {
        for text in ["", "1", "0OIl", "é", "zzzzzzzzzzzzzzzzzzzzzzzzzzzz", "2".repeat(1000).as_str()] {
            assert_eq!(document_of(text), None, "{text}");
        }
    }
}
