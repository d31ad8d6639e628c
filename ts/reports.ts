/**
 * What a database tells of itself: numbers, and what checks and repairs have found.
 */

/** Numbers about an open database. */
export interface DatabaseStats {
  /** The last log record that this tab knows. */
  sequence: number;
  /** The checkpoint that this tab uses. */
  generation: number;
  /** Log records beyond it. */
  logRecords: number;
  /** Their bytes. */
  logBytes: number;
  /** Memory of what they hold, about. */
  overlayBytes: number;
  /** Memory of pages. */
  pageCacheBytes: number;
  /** The most that pages may take. */
  pageCacheBudget: number;
  /** Mutations that are finished and not saved. */
  pending: number;
  /** Entries of the tree: documents, ids and index entries at the checkpoint. */
  treeEntries: number;
  /** Levels of the tree. */
  treeHeight: number;
  /** Memory of documents kept for reads, about. */
  rowCacheBytes: number;
  /** How many they are. */
  rowCacheRows: number;
  /** Memory of the engine, of all databases of this page. It never shrinks. */
  wasmMemoryBytes: number;
  /** The last of the log records beyond the checkpoint, the newest first: ten at most, none when all are in the tree. */
  recentCommits: RecentCommit[];
  /** Indexes that are being built, or removed, behind the scenes; none when all are as the schema says. */
  indexWork: IndexWork[];
}

/** An index that is being built or removed. Queries of one that is being built wait until it is done. */
export interface IndexWork {
  /** The table's name. */
  table: string;
  /** The index's name. */
  index: string;
  /** Whether it is being built. */
  isBuilding: boolean;
  /** Documents that are done, about. */
  done: number;
  /** Documents of the table, about. */
  total: number;
}

/** A record of the log: one or more mutations that were saved together. */
export interface RecentCommit {
  /** Its number in the log. */
  sequence: number;
  /** Its size. */
  bytes: number;
  /** When this tab saved it or read it, as `Date.now()` tells it. */
  learnedAt: number;
  /** Whether this tab wrote it. */
  isOwn: boolean;
  /**
   * Documents that it inserts. Where nothing is inserted, updated or deleted, it is a new schema or a step of building an
   * index.
   */
  inserted: number;
  /** Documents that it changes. */
  updated: number;
  /** Documents that it deletes. */
  deleted: number;
}

/** How `db.verify` goes about it. */
export interface VerifyOptions {
  /** Hears now and then how far the check is. It reads the pages first, then the documents. */
  onProgress?: (progress: VerifyProgress) => void;
}

/** How far a check is. */
export interface VerifyProgress {
  /** Pages read so far. */
  pages: number;
  /** Documents checked so far. */
  rows: number;
}

/** What `db.verify` has found. */
export interface VerifyReport {
  /** Whether all is well. */
  ok: boolean;
  /** Pages read. */
  pages: number;
  /** Documents of all tables, as far as they can be read. */
  rows: number;
  /** Entries of all indexes. */
  entries: number;
  /** What is wrong, in sentences that name table, index or range. */
  problems: string[];
  /** How many problems there are beyond those named. */
  moreProblems: number;
}

/** What `db.repair` did. */
export interface RepairReport {
  /** Documents that were read and kept. */
  rows: number;
  /** What was lost, in sentences that name table and range, and how many documents that are at most. */
  lost: string[];
}
