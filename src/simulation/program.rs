//! What tabs do: small programs that read, decide by what they read, and write.
//!
//! A program is deterministic given what it reads, so it can run again: in the tab when it lost a race, and
//! on the model when the log says that it was saved.

use crate::keyspace::RowId;
use crate::random::Random;
use crate::tab::ReadId;
use crate::value::{Value, compare_optional};
use std::cmp::Ordering;
use std::collections::BTreeMap;

pub(super) type Fields = BTreeMap<String, Value>;

/// A row as programs see it.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Row {
    pub(super) id: RowId,
    pub(super) time: f64,
    pub(super) fields: Fields,
}

impl Row {
    fn number(&self, field: &str) -> f64 {
        self.fields.get(field).and_then(Value::as_f64).unwrap_or(0.0)
    }
}

/// A range of an index.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Query {
    pub(super) table: &'static str,
    pub(super) index: &'static str,
    /// Values of the first fields; `None` is a missing field.
    pub(super) equal: Vec<Option<Value>>,
    /// Bounds on the next field, and whether they are inside.
    pub(super) lower: Option<(Value, bool)>,
    pub(super) upper: Option<(Value, bool)>,
    pub(super) is_descending: bool,
    pub(super) limit: Option<usize>,
}

/// The fields of every index that any schema of the simulation has.
pub(super) fn fields_of_index(table: &str, index: &str) -> &'static [&'static str] {
    match (table, index) {
        ("accounts", "by_name") => &["name"],
        ("accounts", "by_balance") => &["balance"],
        ("items", "by_k") => &["k"],
        ("items", "by_g_n") => &["g", "n"],
        ("items", "by_n") => &["n"],
        ("items", "by_k_g") => &["k", "g"],
        ("extras", "by_x") => &["x"],
        (_, "by_creation_time") => &[],
        _ => panic!("no index {index} on {table}"),
    }
}

impl Query {
    pub(super) fn all(table: &'static str, index: &'static str) -> Self {
        Query { table, index, equal: Vec::new(), lower: None, upper: None, is_descending: false, limit: None }
    }

    /// Whether a row lies in the range.
    pub(super) fn accepts(&self, row: &Row) -> bool {
        let fields = fields_of_index(self.table, self.index);
        let is_equal = self
            .equal
            .iter()
            .zip(fields)
            .all(|(value, field)| compare_optional(row.fields.get(*field), value.as_ref()) == Ordering::Equal);
        let Some(next) = fields.get(self.equal.len()) else { return is_equal };
        let value = row.fields.get(*next);
        let above = self.lower.as_ref().is_none_or(|(bound, inside)| {
            let order = compare_optional(value, Some(bound));
            order == Ordering::Greater || (*inside && order == Ordering::Equal)
        });
        let below = self.upper.as_ref().is_none_or(|(bound, inside)| {
            let order = compare_optional(value, Some(bound));
            order == Ordering::Less || (*inside && order == Ordering::Equal)
        });
        is_equal && above && below
    }

    /// The query as it crosses the line.
    pub(super) fn to_value(&self) -> Value {
        let fields = fields_of_index(self.table, self.index);
        let bound = |kind: &str, field: &str, value: Option<&Value>| {
            let undefined = || object([("$undefined", Value::Null)]);
            let value = value.cloned().unwrap_or_else(undefined);
            object([("type", text(kind)), ("fieldPath", text(field)), ("value", value)])
        };
        let mut range: Vec<Value> =
            self.equal.iter().zip(fields).map(|(value, field)| bound("Eq", field, value.as_ref())).collect();
        if let Some(next) = fields.get(self.equal.len()) {
            let lower = self.lower.as_ref().map(|(value, inside)| (if *inside { "Gte" } else { "Gt" }, value));
            let upper = self.upper.as_ref().map(|(value, inside)| (if *inside { "Lte" } else { "Lt" }, value));
            range.extend(lower.into_iter().chain(upper).map(|(kind, value)| bound(kind, next, Some(value))));
        }
        let source = object([
            ("type", text("IndexRange")),
            ("indexName", Value::String(format!("{}.{}", self.table, self.index))),
            ("range", Value::Array(range)),
            ("order", text(if self.is_descending { "desc" } else { "asc" })),
        ]);
        let limit = self.limit.map(|limit| object([("limit", number(limit as f64))]));
        object([("source", source), ("operators", Value::Array(limit.into_iter().collect()))])
    }
}

pub(super) fn object<const N: usize>(fields: [(&str, Value); N]) -> Value {
    Value::Object(fields.into_iter().map(|(name, value)| (name.to_string(), value)).collect())
}

pub(super) fn text(text: &str) -> Value {
    Value::String(text.to_string())
}

pub(super) fn number(number: f64) -> Value {
    Value::Float64(number)
}

/// One call of a program to its database.
#[derive(Clone, Debug)]
pub(super) enum Call {
    Get(&'static str, RowId),
    Query(Query),
    Count(Query),
    Insert(&'static str, Option<RowId>, Fields),
    Patch(&'static str, RowId, Vec<(&'static str, Option<Value>)>),
    Replace(&'static str, RowId, Fields),
    Delete(&'static str, RowId),
    /// Makes tables to fill, for tables of these names.
    BeginImport(&'static [&'static str]),
    ImportRow(&'static str, RowId, f64, Fields),
    /// What was filled takes the places of what was there, or goes.
    EndImport(bool),
}

/// What it got.
#[derive(Clone, Debug, PartialEq)]
pub(super) enum Answer {
    Row(Option<Row>),
    Rows(Vec<Row>),
    Count(u64),
    /// Id and creation time, or nothing if the id is taken.
    Inserted(Option<(RowId, f64)>),
    /// Whether there was such a row.
    Done(bool),
}

/// Why a program does not go on.
#[derive(Clone, Debug)]
pub(super) enum Stop {
    /// It had its share of steps.
    Pause,
    /// Pages are on their way.
    Wait(ReadId),
    /// It has to run again.
    Again,
    /// An index is being built.
    Building,
    Error(crate::error::Error),
    /// The model did not get as far as the tab did.
    Diverged,
    /// The tab was told another thing than the model.
    Told {
        call: Box<Call>,
        by_tab: Option<Box<Answer>>,
        by_model: Box<Answer>,
    },
}

pub(super) trait Database {
    fn call(&mut self, call: Call) -> Result<Answer, Stop>;
}

/// How many accounts there are, and what each has in the beginning.
pub(super) const ACCOUNTS: u64 = 6;
pub(super) const BALANCE: f64 = 100.0;
/// Keys that everybody fights for.
const HOT_KEYS: u64 = 20;
/// Above so many items, programs delete.
const MOST_ITEMS: u64 = 90;

#[derive(Clone, Debug)]
enum Action {
    /// Makes the accounts, if there are none.
    Found,
    Increment {
        key: u64,
    },
    Transfer {
        from: u64,
        to: u64,
        amount: f64,
    },
    Insert {
        fields: Fields,
    },
    Toggle {
        hot: u64,
        fields: Fields,
        choice: u64,
    },
    Touch {
        query: Query,
        choice: u64,
    },
    CountInto {
        query: Query,
        key: u64,
    },
    Churn {
        fields: Fields,
    },
    Thin,
    Extra {
        x: f64,
    },
    BeginImport {
        tables: &'static [&'static str],
    },
    ImportRow {
        hot: u64,
        fields: Fields,
        x: Option<f64>,
    },
    EndImport {
        is_kept: bool,
    },
    /// Reads the accounts.
    Audit {
        way: u64,
    },
    ReadTwice {
        query: Query,
    },
}

/// A list of actions, run one after the other in one transaction.
#[derive(Clone, Debug)]
pub(super) struct Program {
    actions: Vec<Action>,
    pub(super) is_read_only: bool,
}

/// What imports bring.
const IMPORTS: [&[&str]; 3] = [&["items"], &["extras"], &["items", "extras"]];

/// A row id that several programs insert.
fn hot_id(hot: u64) -> RowId {
    crate::id::make([hot as u8 + 1; 14], 1_800_000_000_000.0)
}

fn key_text(key: u64) -> String {
    format!("k{key:02}")
}

fn some_fields(random: &mut Random, most_padding: u64) -> Fields {
    let mut fields = Fields::new();
    fields.insert("k".into(), Value::String(key_text(random.below(HOT_KEYS))));
    fields.insert("n".into(), number(random.below(10) as f64));
    if random.below(2) == 0 {
        fields.insert("g".into(), number(random.below(4) as f64));
    }
    if most_padding > 0 && random.below(2) == 0 {
        fields.insert("p".into(), Value::String("x".repeat(random.below(most_padding) as usize)));
    }
    fields
}

impl Query {
    /// Any query of items.
    pub(super) fn some(random: &mut Random) -> Query {
        some_query(random)
    }
}

fn some_query(random: &mut Random) -> Query {
    let bound = |random: &mut Random, most: u64| {
        (random.below(2) == 0).then(|| (number(random.below(most) as f64), random.below(2) == 0))
    };
    let mut query = match random.below(7) {
        0 => Query::all("items", "by_creation_time"),
        1 => {
            Query { equal: vec![Some(Value::String(key_text(random.below(HOT_KEYS))))], ..Query::all("items", "by_k") }
        }
        2 => Query {
            lower: Some((Value::String(key_text(random.below(HOT_KEYS))), true)),
            ..Query::all("items", "by_k")
        },
        3 => {
            let group = (random.below(3) > 0).then(|| number(random.below(4) as f64));
            let (lower, upper) = (bound(random, 10), bound(random, 10));
            Query { equal: vec![group], lower, upper, ..Query::all("items", "by_g_n") }
        }
        4 => {
            let (lower, upper) = (bound(random, 4), bound(random, 4));
            Query { lower, upper, ..Query::all("items", "by_g_n") }
        }
        5 => {
            let (lower, upper) = (bound(random, 10), bound(random, 10));
            Query { lower, upper, ..Query::all("items", "by_n") }
        }
        _ => {
            let key = Some(Value::String(key_text(random.below(HOT_KEYS))));
            Query { equal: vec![key], ..Query::all("items", "by_k_g") }
        }
    };
    query.is_descending = random.below(2) == 0;
    if random.below(3) > 0 {
        query.limit = Some(random.below(4) as usize + 1);
    }
    query
}

impl Program {
    pub(super) fn found() -> Self {
        Program { actions: vec![Action::Found], is_read_only: false }
    }

    /// Any mutation.
    pub(super) fn mutation(random: &mut Random, most_padding: u64) -> Self {
        let actions = (0..random.below(3) + 1)
            .map(|_| match random.below(20) {
                0..=3 => Action::Increment { key: random.below(HOT_KEYS / 4) },
                4..=7 => Action::Transfer {
                    from: random.below(ACCOUNTS),
                    to: random.below(ACCOUNTS),
                    amount: random.below(20) as f64,
                },
                8..=10 => Action::Insert { fields: some_fields(random, most_padding) },
                11..=13 => Action::Toggle {
                    hot: random.below(HOT_KEYS),
                    fields: some_fields(random, most_padding),
                    choice: random.below(4),
                },
                14..=15 => Action::Touch { query: some_query(random), choice: random.below(5) },
                16 => Action::CountInto {
                    query: Query { limit: None, ..some_query(random) },
                    key: random.below(HOT_KEYS),
                },
                17 => Action::Churn { fields: some_fields(random, most_padding) },
                18 if random.below(2) == 0 => Action::Thin,
                18 => Action::ReadTwice { query: some_query(random) },
                _ => Action::Extra { x: random.below(5) as f64 },
            })
            .collect();
        Program { actions, is_read_only: false }
    }

    /// A step of an import. Whose import that is does not matter.
    pub(super) fn import(random: &mut Random) -> Self {
        let action = match random.below(10) {
            0..=1 => Action::BeginImport { tables: IMPORTS[random.below(IMPORTS.len() as u64) as usize] },
            2..=7 => {
                let mut fields = some_fields(random, 0);
                fields.insert("g".into(), number(random.below(4) as f64));
                let x = (random.below(2) == 0).then(|| random.below(5) as f64);
                Action::ImportRow { hot: random.below(HOT_KEYS), fields, x }
            }
            end => Action::EndImport { is_kept: end == 8 },
        };
        Program { actions: vec![action], is_read_only: false }
    }

    /// Any program that only reads.
    pub(super) fn reading(random: &mut Random) -> Self {
        let actions = (0..random.below(2) + 1)
            .map(|_| match random.below(2) {
                0 => Action::Audit { way: random.below(3) },
                _ => Action::ReadTwice { query: some_query(random) },
            })
            .collect();
        Program { actions, is_read_only: true }
    }

    pub(super) fn run(&self, db: &mut dyn Database) -> Result<(), Stop> {
        self.actions.iter().try_for_each(|action| action.run(db))
    }
}

fn rows(db: &mut dyn Database, query: Query) -> Result<Vec<Row>, Stop> {
    match db.call(Call::Query(query))? {
        Answer::Rows(rows) => Ok(rows),
        other => panic!("rows expected, not {other:?}"),
    }
}

fn get(db: &mut dyn Database, table: &'static str, id: RowId) -> Result<Option<Row>, Stop> {
    match db.call(Call::Get(table, id))? {
        Answer::Row(row) => Ok(row),
        other => panic!("a row expected, not {other:?}"),
    }
}

fn count(db: &mut dyn Database, query: Query) -> Result<u64, Stop> {
    match db.call(Call::Count(query))? {
        Answer::Count(count) => Ok(count),
        other => panic!("a count expected, not {other:?}"),
    }
}

fn insert(
    db: &mut dyn Database,
    table: &'static str,
    explicit: Option<RowId>,
    fields: Fields,
) -> Result<Option<(RowId, f64)>, Stop> {
    match db.call(Call::Insert(table, explicit, fields))? {
        Answer::Inserted(inserted) => Ok(inserted),
        other => panic!("an id expected, not {other:?}"),
    }
}

fn patch(
    db: &mut dyn Database,
    table: &'static str,
    id: RowId,
    field: &'static str,
    value: Option<Value>,
) -> Result<(), Stop> {
    db.call(Call::Patch(table, id, vec![(field, value)])).map(drop)
}

fn fields<const N: usize>(list: [(&str, Value); N]) -> Fields {
    list.into_iter().map(|(name, value)| (name.to_string(), value)).collect()
}

fn account(db: &mut dyn Database, account: u64) -> Result<Option<Row>, Stop> {
    let name = Some(Value::String(format!("a{account}")));
    let query = Query { equal: vec![name], limit: Some(2), ..Query::all("accounts", "by_name") };
    let found = rows(db, query)?;
    assert!(found.len() < 2, "[consistent] two accounts of one name");
    Ok(found.into_iter().next())
}

impl Action {
    fn run(&self, db: &mut dyn Database) -> Result<(), Stop> {
        match self {
            Action::Found => {
                if count(db, Query::all("accounts", "by_name"))? == 0 {
                    for account in 0..ACCOUNTS {
                        let name = Value::String(format!("a{account}"));
                        insert(db, "accounts", None, fields([("name", name), ("balance", number(BALANCE))]))?;
                    }
                }
            }
            Action::Increment { key } => {
                let query = Query { equal: vec![Some(Value::String(key_text(*key)))], ..Query::all("items", "by_k") };
                match rows(db, Query { limit: Some(1), ..query })?.first() {
                    Some(row) => patch(db, "items", row.id, "n", Some(number(row.number("n") + 1.0)))?,
                    None => {
                        let new = fields([("k", Value::String(key_text(*key))), ("n", number(1.0))]);
                        insert(db, "items", None, new)?;
                    }
                }
            }
            Action::Transfer { from, to, amount } => {
                let (Some(from), Some(to)) = (account(db, *from)?, account(db, *to)?) else { return Ok(()) };
                if from.id != to.id && from.number("balance") >= *amount {
                    patch(db, "accounts", from.id, "balance", Some(number(from.number("balance") - amount)))?;
                    patch(db, "accounts", to.id, "balance", Some(number(to.number("balance") + amount)))?;
                }
            }
            Action::Insert { fields } => drop(insert(db, "items", None, fields.clone())?),
            Action::Toggle { hot, fields, choice } => {
                let id = hot_id(*hot);
                match (get(db, "items", id)?, choice) {
                    (None, _) => drop(insert(db, "items", Some(id), fields.clone())?),
                    (Some(row), 0) => patch(db, "items", id, "n", Some(number(row.number("n") + 1.0)))?,
                    (Some(_), 1) => drop(db.call(Call::Replace("items", id, fields.clone()))?),
                    (Some(_), 2) => drop(db.call(Call::Delete("items", id))?),
                    (Some(_), _) => {
                        // Deleted and inserted again in one go: it comes back at its place.
                        db.call(Call::Delete("items", id))?;
                        insert(db, "items", Some(id), fields.clone())?;
                    }
                }
            }
            Action::Touch { query, choice } => {
                let found = rows(db, query.clone())?;
                for row in &found {
                    match choice {
                        0 => drop(db.call(Call::Delete(query.table, row.id))?),
                        1 => patch(db, query.table, row.id, "g", None)?,
                        2 => patch(db, query.table, row.id, "g", Some(number(found.len() as f64 % 4.0)))?,
                        _ => patch(
                            db,
                            query.table,
                            row.id,
                            "n",
                            Some(number((row.number("n") + found.len() as f64) % 10.0)),
                        )?,
                    }
                }
            }
            Action::CountInto { query, key } => {
                let n = count(db, query.clone())?;
                insert(db, "items", None, fields([("k", Value::String(key_text(*key))), ("n", number(n as f64))]))?;
            }
            Action::Churn { fields } => {
                let Some((id, _)) = insert(db, "items", None, fields.clone())? else { return Ok(()) };
                let found = get(db, "items", id)?;
                let Some(row) = found else { panic!("[consistent] a transaction does not see its own row") };
                patch(db, "items", id, "g", Some(number(row.number("n") % 4.0)))?;
                let newest = Query { is_descending: true, limit: Some(2), ..Query::all("items", "by_creation_time") };
                for row in rows(db, newest)? {
                    if row.id != id {
                        db.call(Call::Delete("items", row.id))?;
                    }
                }
            }
            Action::Thin => {
                let total = count(db, Query::all("items", "by_creation_time"))?;
                if total > MOST_ITEMS {
                    let oldest = Query { limit: Some(40), ..Query::all("items", "by_creation_time") };
                    for row in rows(db, oldest)? {
                        db.call(Call::Delete("items", row.id))?;
                    }
                }
            }
            Action::Extra { x } => {
                let equal = vec![Some(number(*x))];
                let found = rows(db, Query { equal, ..Query::all("extras", "by_x") })?;
                if found.len() > 2 {
                    db.call(Call::Delete("extras", found[0].id))?;
                } else {
                    insert(db, "extras", None, fields([("x", number(*x))]))?;
                }
            }
            Action::BeginImport { tables } => drop(db.call(Call::BeginImport(tables))?),
            Action::ImportRow { hot, fields, x } => {
                let time = 1_700_000_000_000.0 + *hot as f64 / 2.0;
                let (table, fields) = match x {
                    Some(x) => ("extras", self::fields([("x", number(*x))])),
                    None => ("items", fields.clone()),
                };
                db.call(Call::ImportRow(table, hot_id(*hot), time, fields))?;
            }
            Action::EndImport { is_kept } => drop(db.call(Call::EndImport(*is_kept))?),
            Action::Audit { way } => {
                let index = ["by_creation_time", "by_name", "by_balance"][*way as usize];
                let found = rows(db, Query::all("accounts", index))?;
                check_sum(&found);
            }
            Action::ReadTwice { query } => {
                let first = rows(db, query.clone())?;
                let again = rows(db, query.clone())?;
                assert!(first == again, "[consistent] one snapshot gave two answers to {query:?}");
                if query.limit.is_none() {
                    let count = count(db, query.clone())?;
                    assert!(
                        count == first.len() as u64,
                        "[consistent] {} rows, counted {count}: {query:?}",
                        first.len()
                    );
                }
                for row in &first {
                    let found = get(db, query.table, row.id)?;
                    assert!(found.as_ref() == Some(row), "[consistent] by id {found:?}, by index {row:?}");
                }
            }
        }
        Ok(())
    }
}

/// Transfers keep the sum of all accounts.
pub(super) fn check_sum(accounts: &[Row]) {
    let sum: f64 = accounts.iter().map(|row| row.number("balance")).sum();
    let is_right = accounts.is_empty() || (accounts.len() as u64 == ACCOUNTS && sum == BALANCE * ACCOUNTS as f64);
    assert!(is_right, "[consistent] the accounts hold {sum}: {accounts:?}");
}
