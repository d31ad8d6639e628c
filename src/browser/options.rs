//! What a database is opened with, and what is told about it.

use crate::tab;
use js_sys::Reflect;
use serde::Serialize;
use wasm_bindgen::JsValue;

/// Options as JavaScript gives them: an object that `ts/database.ts` has made and checked. What is left out
/// has the core's default. Read by hand, because a derived reader of a dozen numbers weighs eight kilobytes.
pub(crate) struct OpenOptions {
    source: JsValue,
}

/// The memory that rows take in JavaScript, about, unless said otherwise.
const ROW_CACHE_BYTES: f64 = 32.0 * 1024.0 * 1024.0;

impl OpenOptions {
    pub(crate) fn new(source: JsValue) -> Self {
        OpenOptions { source }
    }

    fn get(&self, name: &str) -> JsValue {
        Reflect::get(&self.source, &name.into()).unwrap_or(JsValue::UNDEFINED)
    }

    /// A text; empty when there is none.
    pub(crate) fn text(&self, name: &str) -> String {
        self.get(name).as_string().unwrap_or_default()
    }

    /// The core's part of the options.
    pub(crate) fn tab_options(&self) -> tab::Options {
        let mut options = tab::Options::default();
        let sizes = [
            ("pageCacheBytes", &mut options.page_cache_bytes),
            ("overlayBytes", &mut options.overlay_bytes),
            ("checkpointLogBytes", &mut options.checkpoint_log_bytes),
            ("checkpointLogRecords", &mut options.checkpoint_log_records),
        ];
        for (name, size) in sizes {
            if let Some(wanted) = self.get(name).as_f64() {
                *size = wanted as usize;
            }
        }
        if let Some(idle_ms) = self.get("idleMs").as_f64() {
            options.idle_ms = idle_ms;
        }
        options.accept_loss = self.get("acceptLoss").is_truthy();
        options
    }

    pub(crate) fn row_cache_bytes(&self) -> usize {
        self.get("rowCacheBytes").as_f64().unwrap_or(ROW_CACHE_BYTES) as usize
    }
}

/// What a check has found.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct VerifyOutcome {
    pages: f64,
    rows: f64,
    entries: f64,
    problems: Vec<String>,
    more_problems: f64,
}

impl VerifyOutcome {
    pub(crate) fn of(report: &tab::VerifyReport) -> Self {
        VerifyOutcome {
            pages: report.pages as f64,
            rows: report.rows as f64,
            entries: report.entries as f64,
            problems: report.problems.clone(),
            more_problems: report.more_problems as f64,
        }
    }
}

/// Numbers about an open database, for people and tests.
#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub(crate) struct StatsReport {
    sequence: f64,
    generation: f64,
    log_records: f64,
    log_bytes: f64,
    overlay_bytes: f64,
    page_cache_bytes: f64,
    page_cache_budget: f64,
    pending: f64,
    tree_entries: f64,
    tree_height: f64,
    row_cache_bytes: f64,
    row_cache_rows: f64,
    wasm_memory_bytes: f64,
    recent_commits: Vec<RecentCommit>,
}

#[derive(Debug, Serialize)]
#[serde(rename_all = "camelCase")]
struct RecentCommit {
    sequence: f64,
    bytes: f64,
    learned_at: f64,
    is_own: bool,
    inserted: f64,
    updated: f64,
    deleted: f64,
}

impl RecentCommit {
    fn new(commit: &tab::RecentCommit) -> Self {
        let [inserted, updated, deleted] = commit.rows.map(|count| count as f64);
        RecentCommit {
            sequence: commit.sequence as f64,
            bytes: commit.bytes as f64,
            learned_at: commit.learned_ms,
            is_own: commit.is_own,
            inserted,
            updated,
            deleted,
        }
    }
}

impl StatsReport {
    pub(crate) fn new(stats: &tab::Stats, row_bytes: usize, rows: usize) -> Self {
        StatsReport {
            sequence: stats.sequence as f64,
            generation: stats.generation as f64,
            log_records: stats.log_records as f64,
            log_bytes: stats.log_bytes as f64,
            overlay_bytes: stats.overlay_bytes as f64,
            page_cache_bytes: stats.page_cache_bytes as f64,
            page_cache_budget: stats.page_cache_budget as f64,
            pending: stats.pending as f64,
            tree_entries: stats.tree_entries as f64,
            tree_height: f64::from(stats.tree_height),
            row_cache_bytes: row_bytes as f64,
            row_cache_rows: rows as f64,
            wasm_memory_bytes: core::arch::wasm32::memory_size(0) as f64 * 65_536.0,
            recent_commits: stats.recent.iter().map(RecentCommit::new).collect(),
        }
    }
}
