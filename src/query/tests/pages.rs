//! Pages put together are the query, and no cursor does harm.

use proptest::prelude::*;

use super::evaluation::any_expression;
use super::ranges::{key_of, read};
use super::*;
use crate::document::{encode, encode_value};
use crate::error::Code;
use crate::golden;
use crate::query::fuzz::fuzz_query;
use crate::query::page_cursor::{self, Position};
use crate::query::{Plan, plan};

const NO_CURSOR: &str = "InvalidCursor: The text is no cursor that this version of Holdfast has made. Begin again with \
                         `cursor: null`.";
const OTHER_QUERY: &str = "InvalidCursor: Tried to run a query starting from a cursor, but it looks like this cursor is from a \
                       different query.";

fn some_plan(order: &str) -> (Schema, Plan) {
    let schema = schema_of(&[("x", &["a", "b"])]);
    let plan = plan(&schema, &index_query("x", vec![bound("Gt", "a", None)], order, vec![])).expect("a plan");
    (schema, plan)
}

#[test]
fn garbage_is_told_from_a_cursor_of_another_query() {
    let (_, whole) = some_plan("asc");
    let (_, other) = some_plan("desc");
    let message = |text: &str| page_cursor::decode(&whole, text).expect_err("no cursor of the query").into_message();
    assert_eq!(message("nonsense"), NO_CURSOR);
    let theirs = page_cursor::encode(&other, &Position::After([&other.key_prefix()[..], b"abc"].concat()));
    assert_eq!(message(&theirs), OTHER_QUERY);
    assert_eq!(message(&theirs[..theirs.len() - 2]), NO_CURSOR);
}

proptest! {
    #[test]
    fn pages_put_together_are_the_query(
        rows in any_rows(30),
        sizes in prop::collection::vec(1usize..5, 1..30),
        descending: bool,
    ) {
        let (schema, whole) = some_plan(if descending { "desc" } else { "asc" });
        let mut found = Vec::new();
        let mut cursor: Option<String> = None;
        for size in sizes {
            let mut page = whole.clone();
            let after = cursor.as_deref().map(|text| page_cursor::decode(&whole, text).expect("a cursor"));
            page.narrow(after.as_ref(), None);
            let mut ids = read(&page, &schema, &rows);
            ids.truncate(size);
            let position = match ids.last() {
                Some(last) => Position::After(key_of(&whole, &schema, rows.iter().find(|row| row.place.id == *last).expect("the row"))),
                None => Position::End,
            };
            let text = page_cursor::encode(&whole, &position);

            // The same page again, by its end.
            let mut again = whole.clone();
            again.narrow(after.as_ref(), Some(&page_cursor::decode(&whole, &text).expect("a cursor")));
            prop_assert_eq!(read(&again, &schema, &rows), ids.clone());

            found.extend(ids);
            cursor = Some(text);
        }
        let expected = read(&whole, &schema, &rows);
        prop_assert_eq!(&found[..], &expected[..found.len()]);
    }

    #[test]
    fn a_changed_cursor_is_invalid(key in prop::collection::vec(any::<u8>(), 0..40), place: prop::sample::Index, character in "[ -~é]") {
        let (_, plan) = some_plan("asc");
        let position = Position::After([&plan.key_prefix()[..], &key].concat());
        let text = page_cursor::encode(&plan, &position);
        prop_assert_eq!(page_cursor::decode(&plan, &text), Ok(position));

        let place = place.index(text.len());
        let changed = format!("{}{character}{}", &text[..place], &text[place + 1..]);
        if changed != text {
            let error = page_cursor::decode(&plan, &changed).expect_err("a changed cursor");
            prop_assert_eq!(error.code, Code::InvalidCursor);
            prop_assert!([NO_CURSOR, OTHER_QUERY].contains(&error.message.as_str()), "{}", error.message);
        }
        prop_assert!(page_cursor::decode(&plan, &text[..place]).is_err());
    }

    #[test]
    fn any_text_is_a_cursor_or_not(text in ".{0,40}") {
        prop_assert!(page_cursor::decode(&some_plan("asc").1, &text).is_err());
    }

    #[test]
    fn a_key_from_elsewhere_only_narrows(key in prop::collection::vec(any::<u8>(), 0..20), until: bool, descending: bool) {
        let (_, whole) = some_plan(if descending { "desc" } else { "asc" });
        let mut narrowed = whole.clone();
        let position = Position::After(key);
        narrowed.narrow((!until).then_some(&position), until.then_some(&position));
        prop_assert!(narrowed.start >= whole.start && narrowed.end <= whole.end);
    }

    #[test]
    fn any_bytes_may_be_a_query(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        fuzz_query(&bytes);
    }

    #[test]
    fn a_damaged_query_does_no_harm(
        (expression, row) in (any_expression(), any_row()),
        bounds in prop::collection::vec(("Eq|Gt|Gte|Lt|Lte", "a|b\\.c|_id|_creationTime", prop::option::of(any_value())), 0..3),
        damage in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 0..3),
    ) {
        let range = bounds.into_iter().map(|(kind, field, value)| bound(&kind, &field, value)).collect();
        let query = index_query("by_ab", range, "desc", vec![object([("filter", expression)])]);
        let names = Names::new();
        let mut bytes = Vec::new();
        encode_value(&query, &names, &mut bytes);
        bytes.extend(encode(&Value::from(row.fields), &names));
        for (place, byte) in damage {
            let place = place.index(bytes.len());
            bytes[place] = byte;
        }
        fuzz_query(&bytes);
    }
}

#[test]
fn the_end_comes_after_everything() {
    let (_, plan) = some_plan("asc");
    let text = page_cursor::encode(&plan, &Position::End);
    let end = page_cursor::decode(&plan, &text).expect("a cursor");
    assert_eq!(end, Position::End);
    let mut after = plan.clone();
    after.narrow(Some(&end), None);
    assert!(after.is_empty());
    let mut until = plan.clone();
    until.narrow(None, Some(&end));
    assert_eq!(until, plan);
}

#[test]
fn a_cursor_belongs_to_one_query() {
    let schema = schema_of(&[("x", &["a", "b"]), ("y", &["a", "c"])]);
    let filter = |field: &str| object([("filter", object([("$field", string(field))]))]);
    let a = |kind: &str, value: f64| bound(kind, "a", Some(number(value)));
    let queries = [
        table_query(vec![]),
        table_query(vec![filter("a")]),
        table_query(vec![filter("b")]),
        table_query(vec![filter("a"), filter("a")]),
        table_query(vec![object([("limit", number(1.0))])]),
        index_query("by_creation_time", vec![], "desc", vec![]),
        index_query("by_id", vec![], "asc", vec![]),
        index_query("x", vec![], "asc", vec![]),
        index_query("y", vec![], "asc", vec![]),
        index_query("x", vec![], "desc", vec![]),
        index_query("x", vec![a("Eq", 1.0)], "asc", vec![]),
        index_query("x", vec![a("Eq", 2.0)], "asc", vec![]),
        index_query("x", vec![a("Gt", 1.0)], "asc", vec![]),
        index_query("x", vec![a("Gte", 1.0)], "asc", vec![]),
        index_query("x", vec![a("Lt", 1.0)], "asc", vec![]),
        index_query("x", vec![a("Lte", 1.0)], "asc", vec![]),
        index_query("x", vec![a("Gt", 1.0), a("Lt", 1.0)], "asc", vec![]),
        index_query("x", vec![a("Eq", 1.0), bound("Eq", "b", None)], "asc", vec![]),
    ];
    let plans: Vec<_> = queries.iter().map(|query| plan(&schema, query).expect("a plan")).collect();
    for (asked, from) in plans.iter().flat_map(|asked| plans.iter().map(move |from| (asked, from))) {
        let text = page_cursor::encode(from, &Position::End);
        assert_eq!(page_cursor::decode(asked, &text).is_ok(), asked == from, "{asked:?} {from:?}");
    }
    // An order that is left out is `asc`.
    let same = plan(&schema, &index_query("by_creation_time", vec![], "asc", vec![])).expect("a plan");
    assert_eq!(same.fingerprint, plans[0].fingerprint);
}

/// Cursors are kept in URLs and in state that outlives a page.
#[test]
fn the_text_of_a_cursor_stays() {
    let (_, plan) = some_plan("asc");
    let position = Position::After([&plan.key_prefix()[..], b"\x0e\x01\x02"].concat());
    golden::check("page-cursor-after", page_cursor::encode(&plan, &position).as_bytes());
    golden::check("page-cursor-end", page_cursor::encode(&plan, &Position::End).as_bytes());
}
