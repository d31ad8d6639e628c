//! What is told about a database, as plain objects of JavaScript.

use crate::tab::{IndexWork, RecentCommit, Stats, VerifyReport};
use serde::ser::{Serialize, SerializeStruct, Serializer};
use wasm_bindgen::JsValue;

/// An object under way. One kind for all of them: a derived serializer for each weighs a kilobyte.
#[derive(Debug)]
pub(crate) enum Report {
    Number(f64),
    Flag(bool),
    Text(String),
    List(Vec<Report>),
    Fields(Vec<(&'static str, Report)>),
}

impl Serialize for Report {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        match self {
            Report::Number(number) => serializer.serialize_f64(*number),
            Report::Flag(flag) => serializer.serialize_bool(*flag),
            Report::Text(text) => serializer.serialize_str(text),
            Report::List(list) => serializer.collect_seq(list),
            Report::Fields(fields) => {
                let mut object = serializer.serialize_struct("", fields.len())?;
                for (name, field) in fields {
                    object.serialize_field(name, field)?;
                }
                object.end()
            }
        }
    }
}

impl Report {
    fn numbers(numbers: &[(&'static str, f64)]) -> Vec<(&'static str, Report)> {
        numbers.iter().map(|&(name, number)| (name, Report::Number(number))).collect()
    }

    /// The object.
    pub(crate) fn to_js(&self) -> JsValue {
        serde_wasm_bindgen::to_value(self).unwrap_or(JsValue::UNDEFINED)
    }

    /// `VerifyReport` of `ts/database.ts`, without `ok`.
    pub(crate) fn of_verify(report: &VerifyReport) -> Report {
        let mut fields = Report::numbers(&[
            ("pages", report.pages as f64),
            ("rows", report.rows as f64),
            ("entries", report.entries as f64),
            ("moreProblems", report.more_problems as f64),
        ]);
        fields.push(("problems", Report::List(report.problems.iter().cloned().map(Report::Text).collect())));
        Report::Fields(fields)
    }

    /// `DatabaseStats` of `ts/database.ts`.
    pub(crate) fn of_stats(stats: &Stats, indexes: &[IndexWork], row_bytes: usize, rows: usize) -> Report {
        let mut fields = Report::numbers(&[
            ("sequence", stats.sequence as f64),
            ("generation", stats.generation as f64),
            ("logRecords", stats.log_records as f64),
            ("logBytes", stats.log_bytes as f64),
            ("overlayBytes", stats.overlay_bytes as f64),
            ("pageCacheBytes", stats.page_cache_bytes as f64),
            ("pageCacheBudget", stats.page_cache_budget as f64),
            ("pending", stats.pending as f64),
            ("treeEntries", stats.tree_entries as f64),
            ("treeHeight", f64::from(stats.tree_height)),
            ("rowCacheBytes", row_bytes as f64),
            ("rowCacheRows", rows as f64),
            ("wasmMemoryBytes", core::arch::wasm32::memory_size(0) as f64 * 65_536.0),
        ]);
        fields.push(("recentCommits", Report::List(stats.recent.iter().map(Report::of_commit).collect())));
        fields.push(("indexWork", Report::List(indexes.iter().map(Report::of_index_work).collect())));
        Report::Fields(fields)
    }

    fn of_commit(commit: &RecentCommit) -> Report {
        let [inserted, updated, deleted] = commit.rows.map(|count| count as f64);
        let mut fields = Report::numbers(&[
            ("sequence", commit.sequence as f64),
            ("bytes", commit.bytes as f64),
            ("learnedAt", commit.learned_ms),
            ("inserted", inserted),
            ("updated", updated),
            ("deleted", deleted),
        ]);
        fields.push(("isOwn", Report::Flag(commit.is_own)));
        Report::Fields(fields)
    }

    fn of_index_work(work: &IndexWork) -> Report {
        let mut fields = Report::numbers(&[("done", work.done as f64), ("total", work.total as f64)]);
        fields.push(("table", Report::Text(work.table.clone())));
        fields.push(("index", Report::Text(work.index.clone())));
        fields.push(("isBuilding", Report::Flag(work.is_building)));
        Report::Fields(fields)
    }
}
