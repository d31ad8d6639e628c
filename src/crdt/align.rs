//! How one sequence becomes another one with few steps.

/// A step, with places in the sequence before and in the one after.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Step {
    Keep(usize, usize),
    /// Another item in the place of this one.
    Replace(usize, usize),
    Delete(usize),
    Insert(usize),
}

/// Beyond so many pairs what lies between the equal ends is replaced: to compare them all would take too long.
const PAIRS: usize = 1 << 18;

/// Steps from a sequence of `old` items to one of `new`, in their order. As many items as can be are kept; of those that
/// are not, first ones take each other's places.
pub(crate) fn align(old: usize, new: usize, is_equal: impl Fn(usize, usize) -> bool) -> Vec<Step> {
    let shorter = old.min(new);
    let head = (0..shorter).take_while(|&i| is_equal(i, i)).count();
    let tail = (0..shorter - head).take_while(|&i| is_equal(old - 1 - i, new - 1 - i)).count();
    let mut steps: Vec<Step> = (0..head).map(|i| Step::Keep(i, i)).collect();
    let (old_end, new_end) = (old - tail, new - tail);
    let mut at = (head, head);
    for kept in common(head..old_end, head..new_end, &is_equal) {
        fill(&mut steps, at, kept);
        steps.push(Step::Keep(kept.0, kept.1));
        at = (kept.0 + 1, kept.1 + 1);
    }
    fill(&mut steps, at, (old_end, new_end));
    steps.extend((0..tail).map(|i| Step::Keep(old_end + i, new_end + i)));
    steps
}

/// The steps of a stretch in which nothing is kept.
fn fill(steps: &mut Vec<Step>, from: (usize, usize), to: (usize, usize)) {
    let both = (to.0 - from.0).min(to.1 - from.1);
    steps.extend((0..both).map(|i| Step::Replace(from.0 + i, from.1 + i)));
    steps.extend((from.0 + both..to.0).map(Step::Delete));
    steps.extend((from.1 + both..to.1).map(Step::Insert));
}

/// The longest common subsequence, as pairs of places.
fn common(
    old: std::ops::Range<usize>,
    new: std::ops::Range<usize>,
    is_equal: &impl Fn(usize, usize) -> bool,
) -> Vec<(usize, usize)> {
    let (height, width) = (old.len(), new.len());
    if height == 0 || width == 0 || height.saturating_mul(width) > PAIRS {
        return Vec::new();
    }
    // How many are common to what is left from here on.
    let mut longest = vec![0_u32; (height + 1) * (width + 1)];
    let place = |i: usize, j: usize| i * (width + 1) + j;
    for i in (0..height).rev() {
        for j in (0..width).rev() {
            longest[place(i, j)] = if is_equal(old.start + i, new.start + j) {
                longest[place(i + 1, j + 1)] + 1
            } else {
                longest[place(i + 1, j)].max(longest[place(i, j + 1)])
            };
        }
    }
    let (mut i, mut j) = (0, 0);
    let mut pairs = Vec::with_capacity(longest[0] as usize);
    while i < height && j < width && longest[place(i, j)] > 0 {
        if is_equal(old.start + i, new.start + j) {
            pairs.push((old.start + i, new.start + j));
            i += 1;
            j += 1;
        } else if longest[place(i + 1, j)] >= longest[place(i, j + 1)] {
            i += 1;
        } else {
            j += 1;
        }
    }
    pairs
}
