//! A seeded stream of random numbers (xoshiro256**): the core has no other source of randomness.
//!
//! A run of the core with the same seed and the same inputs is the same run. The seed comes from the
//! browser's cryptographic source; the stream itself only has to make collisions of ids improbable.

#[cfg(test)]
mod seeds;

#[cfg(test)]
#[cfg_attr(target_arch = "wasm32", allow(unused_imports))] // some are for tests beside automerge
pub(crate) use seeds::{kept_seeds, on_all_processors, seeds};

/// A stream of random numbers.
#[derive(Clone, Debug)]
pub struct Random {
    state: [u64; 4],
}

impl Random {
    /// Starts a stream; every seed gives another one.
    pub fn from_seed(seed: [u8; 32]) -> Self {
        let mut state = [0; 4];
        for (word, bytes) in state.iter_mut().zip(seed.chunks_exact(8)) {
            *word = u64::from_le_bytes(bytes.try_into().expect("eight bytes"));
        }
        // The all-zero state would stay there; mixing also spreads seeds that differ in one bit.
        let mut mix = 0x9e37_79b9_7f4a_7c15;
        for word in &mut state {
            mix = split_mix(mix ^ *word);
            *word = mix;
        }
        Random { state }
    }

    /// Starts a stream from a number, for tests and simulations.
    #[cfg(test)]
    pub fn from_number(number: u64) -> Self {
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&number.to_le_bytes());
        Random::from_seed(seed)
    }

    /// The next 64 bits.
    pub fn next_u64(&mut self) -> u64 {
        let result = self.state[1].wrapping_mul(5).rotate_left(7).wrapping_mul(9);
        let shifted = self.state[1] << 17;
        self.state[2] ^= self.state[0];
        self.state[3] ^= self.state[1];
        self.state[1] ^= self.state[2];
        self.state[0] ^= self.state[3];
        self.state[2] ^= shifted;
        self.state[3] = self.state[3].rotate_left(45);
        result
    }

    /// The next fourteen bytes, the random part of an id.
    pub fn next_id(&mut self) -> [u8; 14] {
        let mut id = [0; 14];
        id[..8].copy_from_slice(&self.next_u64().to_le_bytes());
        id[8..].copy_from_slice(&self.next_u64().to_le_bytes()[..6]);
        id
    }

    /// A number below `limit`, which is not zero.
    #[cfg(any(test, feature = "docs"))]
    pub fn below(&mut self, limit: u64) -> u64 {
        ((u128::from(self.next_u64()) * u128::from(limit)) >> 64) as u64
    }

    /// A stream of its own, independent of what this one gives next.
    pub fn fork(&mut self) -> Random {
        let mut seed = [0; 32];
        for chunk in seed.chunks_exact_mut(8) {
            chunk.copy_from_slice(&self.next_u64().to_le_bytes());
        }
        Random::from_seed(seed)
    }
}

fn split_mix(number: u64) -> u64 {
    let mut mixed = number.wrapping_add(0x9e37_79b9_7f4a_7c15);
    mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    mixed ^ (mixed >> 31)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_seed_repeats_itself_and_a_fork_does_not() {
        let mut one = Random::from_number(1);
        let mut same = Random::from_number(1);
        let mut fork = one.clone().fork();
        let first: Vec<u64> = (0..4).map(|_| one.next_u64()).collect();
        assert_eq!(first, (0..4).map(|_| same.next_u64()).collect::<Vec<_>>());
        assert_ne!(first, (0..4).map(|_| fork.next_u64()).collect::<Vec<_>>());
    }

    #[test]
    fn below_stays_below_and_reaches_everything() {
        let mut random = Random::from_number(7);
        let mut seen = [false; 5];
        for _ in 0..200 {
            seen[random.below(5) as usize] = true;
        }
        assert_eq!(seen, [true; 5]);
    }
}
