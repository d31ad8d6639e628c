//! Numbers as text: the shortest digits that read back as the same double.
//!
//! The standard library has this too, in eighteen kilobytes with its tables. JSON text, which has to be fast, has
//! ways of its own for numbers of ordinary size (`json.rs`); here is the one that is right for all and small.

use std::cmp::Ordering;

/// The shortest decimal that reads back as this positive, finite number, the closest of several: `(digits, power)`
/// for `digits * 10^power`. The last digit is not 0.
///
/// Steele and White's algorithm, with Dragon4's fixed scale: the number and half the distances to its
/// neighbours are numerators over a common denominator, exact however large, and digits are taken off until what
/// is left is less than such a distance.
pub(crate) fn shortest(number: f64) -> (u64, i32) {
    let bits = number.to_bits();
    let (biased, fraction) = ((bits >> 52 & 0x7ff) as i32, bits & ((1 << 52) - 1));
    let (mantissa, exponent) = if biased == 0 { (fraction, -1074) } else { (fraction | 1 << 52, biased - 1075) };
    // The neighbour below a power of two is only half as far.
    let is_edge = u32::from(fraction == 0 && biased > 1);
    // Halfway between two numbers, the one with the even mantissa is read.
    let is_even = mantissa & 1 == 0;

    let (mut rest, mut scale) = (Big::from(mantissa << (1 + is_edge)), Big::from(1 << (1 + is_edge)));
    let (mut above, mut below) = (Big::from(1 << is_edge), Big::from(1));
    // The power of ten below the number, from that of two (78913 / 2^18 is the logarithm of 2): right, or one less.
    let mut power = ((exponent + 63 - mantissa.leading_zeros() as i32) * 78913) >> 18;
    if exponent < 0 {
        scale.shift_left(exponent.unsigned_abs());
    }
    if power > 0 {
        scale.times_power_of_ten(power.unsigned_abs());
    }
    for big in [&mut rest, &mut above, &mut below] {
        if exponent > 0 {
            big.shift_left(exponent.unsigned_abs());
        }
        if power < 0 {
            big.times_power_of_ten(power.unsigned_abs());
        }
    }
    let reaches = |ordering: Ordering| ordering == Ordering::Greater || is_even && ordering == Ordering::Equal;
    // From here on, the number is `rest / scale * 10^power`, and the first digit comes before the point.
    if reaches(rest.plus(&above).compare(&scale.times(10))) {
        power += 1;
        scale = scale.times(10);
    }
    let mut digits = 0;
    loop {
        digits *= 10;
        while rest.compare(&scale) != Ordering::Less {
            rest.subtract(&scale);
            digits += 1;
        }
        let is_low = reaches(below.compare(&rest));
        let is_high = reaches(rest.plus(&above).compare(&scale));
        if is_low || is_high {
            if is_high && (!is_low || rest.times(2).compare(&scale) != Ordering::Less) {
                digits += 1;
            }
            break;
        }
        power -= 1;
        for big in [&mut rest, &mut above, &mut below] {
            *big = big.times(10);
        }
    }
    while digits % 10 == 0 {
        digits /= 10;
        power += 1;
    }
    (digits, power)
}

/// A whole number of any size: words from the lowest on, the highest is not 0.
struct Big(Vec<u32>);

impl From<u64> for Big {
    fn from(number: u64) -> Self {
        let mut big = Big(vec![number as u32, (number >> 32) as u32]);
        big.trim();
        big
    }
}

impl Big {
    fn trim(&mut self) {
        while self.0.last() == Some(&0) {
            self.0.pop();
        }
    }

    fn times(&self, factor: u32) -> Big {
        let mut carry = 0;
        let mut words = Vec::with_capacity(self.0.len() + 1);
        for word in &self.0 {
            carry += u64::from(*word) * u64::from(factor);
            words.push(carry as u32);
            carry >>= 32;
        }
        words.push(carry as u32);
        let mut big = Big(words);
        big.trim();
        big
    }

    fn times_power_of_ten(&mut self, mut power: u32) {
        while power > 0 {
            let step = power.min(9);
            *self = self.times(10u32.pow(step));
            power -= step;
        }
    }

    fn shift_left(&mut self, bits: u32) {
        *self = self.times(1 << (bits % 32));
        if !self.0.is_empty() {
            self.0.splice(..0, std::iter::repeat_n(0, bits as usize / 32));
        }
    }

    fn plus(&self, other: &Big) -> Big {
        let mut carry = 0;
        let words = (0..=self.0.len().max(other.0.len())).map(|position| {
            let word = |big: &Big| big.0.get(position).map_or(0, |word| u64::from(*word));
            carry += word(self) + word(other);
            let sum = carry as u32;
            carry >>= 32;
            sum
        });
        let mut big = Big(words.collect());
        big.trim();
        big
    }

    /// Takes away a number that is not greater.
    fn subtract(&mut self, other: &Big) {
        let mut carry = 0;
        for (position, word) in self.0.iter_mut().enumerate() {
            carry += i64::from(*word) - other.0.get(position).map_or(0, |word| i64::from(*word));
            *word = carry as u32;
            carry >>= 32;
        }
        self.trim();
    }

    fn compare(&self, other: &Big) -> Ordering {
        self.0.len().cmp(&other.0.len()).then_with(|| self.0.iter().rev().cmp(other.0.iter().rev()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::value::json::push_exponential;
    use crate::value::show::Number;
    use proptest::prelude::*;

    fn check(number: f64) -> Result<(), TestCaseError> {
        prop_assert_eq!(Number(number).to_string(), format!("{number:?}"));
        if number.is_finite() && number != 0.0 {
            let (digits, power) = shortest(number.abs());
            let mut text = Vec::new();
            push_exponential(&mut text, digits, power);
            let text = String::from_utf8_lossy(&text);
            prop_assert_eq!(&text, &format!("{:e}", number.abs()));
            prop_assert_eq!(text.parse::<f64>().map(f64::to_bits), Ok(number.abs().to_bits()));
        }
        Ok(())
    }

    #[test]
    fn the_edges_have_the_standard_librarys_digits() -> Result<(), TestCaseError> {
        for exponent in 0..2048u64 {
            for fraction in [0, 1, 2, 3, (1 << 51) - 1, 1 << 51, (1 << 52) - 2, (1 << 52) - 1] {
                check(f64::from_bits(exponent << 52 | fraction))?;
                check(-f64::from_bits(exponent << 52 | fraction))?;
            }
        }
        for power in -330..310 {
            for digits in ["1", "9", "5", "25", "99999999999999999", "12345678901234567", "2.2250738585072011"] {
                check(format!("{digits}e{power}").parse().expect("a number"))?;
            }
        }
        Ok(())
    }

    proptest! {
        #[test]
        fn numbers_have_the_standard_librarys_digits(bits in any::<u64>(), number in any::<f64>(), short in -99_999i64..99_999, power in -30i32..30) {
            check(f64::from_bits(bits))?;
            check(number)?;
            check(short as f64 * 10f64.powi(power))?;
            check(format!("{short}e{power}").parse().expect("a number"))?;
        }
    }
}
