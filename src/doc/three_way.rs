//! What somebody has changed of a value, changed in another one that has come of the same.

use crate::crdt::{FieldKind, Step, align};
use crate::flat_map::FlatMap;
use crate::value::Value;
use std::collections::BTreeSet;

/// What becomes of `ours` when what has made `after` of `before` happens to it, too. `None` is no value. Where both have
/// changed the same, theirs is taken.
pub(super) fn brought(
    before: Option<&Value>,
    after: Option<&Value>,
    ours: Option<&Value>,
    kind: Option<FieldKind>,
) -> Option<Value> {
    if before == after {
        return ours.cloned();
    }
    if before == ours {
        return after.cloned();
    }
    let (Some(before), Some(after), Some(ours)) = (before, after, ours) else { return after.cloned() };
    let value = match (before, after, ours, kind) {
        (Value::Float64(before), Value::Float64(after), Value::Float64(ours), Some(FieldKind::Counter)) => {
            Value::Float64(ours + (after - before))
        }
        (Value::String(before), Value::String(after), Value::String(ours), Some(FieldKind::Text)) => {
            let [before, after, ours] = [before, after, ours].map(|text| text.chars().collect::<Vec<_>>());
            Value::String(spliced(&before, &after, &ours).into_iter().collect())
        }
        (Value::Array(before), Value::Array(after), Value::Array(ours), _) => {
            Value::Array(spliced(before, after, ours))
        }
        (Value::Object(before), Value::Object(after), Value::Object(ours), _) => {
            let names: BTreeSet<&String> = before.keys().chain(after.keys()).chain(ours.keys()).collect();
            let mut fields = FlatMap::new();
            for name in names {
                if let Some(value) = brought(before.get(name), after.get(name), ours.get(name), None) {
                    fields.insert(name.clone(), value);
                }
            }
            Value::Object(fields)
        }
        _ => after.clone(),
    };
    Some(value)
}

/// The same of a sequence: what they have taken out is taken out, and what they have put in comes behind the same item.
fn spliced<T: PartialEq + Clone>(before: &[T], after: &[T], ours: &[T]) -> Vec<T> {
    // Where items of before are in ours.
    let mut places = vec![None; before.len()];
    for step in align(before.len(), ours.len(), |i, j| before[i] == ours[j]) {
        if let Step::Keep(i, j) = step {
            places[i] = Some(j);
        }
    }
    let mut is_gone = vec![false; ours.len()];
    // What comes in front of each of ours, and at the end.
    let mut inserted = vec![Vec::new(); ours.len() + 1];
    let mut at = 0;
    for step in align(before.len(), after.len(), |i, j| before[i] == after[j]) {
        let (Step::Keep(i, _) | Step::Replace(i, _) | Step::Delete(i)) = step else {
            if let Step::Insert(j) = step {
                inserted[at].push(after[j].clone());
            }
            continue;
        };
        if let Some(place) = places[i] {
            at = place + 1;
            is_gone[place] = !matches!(step, Step::Keep(..));
        }
        if let Step::Replace(_, j) = step {
            inserted[at].push(after[j].clone());
        }
    }
    let mut result = Vec::with_capacity(ours.len());
    for (place, news) in inserted.into_iter().enumerate() {
        result.extend(news);
        result.extend(ours.get(place).filter(|_| !is_gone[place]).cloned());
    }
    result
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::crdt::FieldKind::{Counter, Text};

    fn text(before: &str, after: &str, ours: &str) -> String {
        let [before, after, ours] = [before, after, ours].map(Value::from);
        let brought = brought(Some(&before), Some(&after), Some(&ours), Some(Text)).expect("a text");
        brought.as_str().expect("a text").to_string()
    }

    #[test]
    fn letters_come_behind_the_same_letters() {
        assert_eq!(text("wall", "walls", "the wall, red"), "the walls, red");
        assert_eq!(text("the wall", "wall", "the walls"), "walls");
        assert_eq!(text("abc", "aXc", "abcd"), "aXcd");
        assert_eq!(text("abc", "Xabc", "bc"), "Xbc");
        assert_eq!(text("abc", "abcX", ""), "X");
    }

    #[test]
    fn what_both_have_changed_is_theirs_and_the_rest_stays() {
        let number = |number: f64| Some(Value::Float64(number));
        let of = |before: f64, after: f64, ours: f64, kind| {
            brought(number(before).as_ref(), number(after).as_ref(), number(ours).as_ref(), kind)
        };
        assert_eq!(of(1.0, 3.0, 5.0, Some(Counter)), number(7.0));
        assert_eq!(of(1.0, 3.0, 5.0, None), number(3.0));
        assert_eq!(of(1.0, 1.0, 5.0, None), number(5.0));
        assert_eq!(brought(number(1.0).as_ref(), None, number(2.0).as_ref(), None), None);
        assert_eq!(brought(None, number(1.0).as_ref(), number(2.0).as_ref(), None), number(1.0));

        let list = |items: &[f64]| Value::Array(items.iter().map(|item| Value::Float64(*item)).collect());
        let object = |fields: &[(&str, Value)]| {
            Value::Object(fields.iter().map(|(name, value)| (name.to_string(), value.clone())).collect())
        };
        let before = object(&[("gone", Value::Null), ("list", list(&[1.0, 2.0, 3.0])), ("other", Value::Null)]);
        let after = object(&[("list", list(&[1.0, 3.0, 4.0])), ("new", Value::Null), ("other", Value::Null)]);
        let ours = object(&[("gone", Value::Null), ("list", list(&[0.0, 1.0, 2.0, 3.0])), ("other", Value::from("x"))]);
        let expected =
            object(&[("list", list(&[0.0, 1.0, 3.0, 4.0])), ("new", Value::Null), ("other", Value::from("x"))]);
        assert_eq!(brought(Some(&before), Some(&after), Some(&ours), None), Some(expected));
    }
}
