// SQLite in a worker, OPFS SyncAccessHandle pool VFS, WAL with synchronous=NORMAL. One message a call.
import sqlite3InitModule from '@sqlite.org/sqlite-wasm'

const COLS = ['id', 'projectId', 'assigneeId', 'title', 'description', 'status', 'priority', 'dueDate', 'completedAt', 'createdAt', 'updatedAt']
let db, sqlite3
const cache = new Map()
const prep = sql => { let s = cache.get(sql); if (!s) cache.set(sql, s = db.prepare(sql)); return s }
function run(sql, bind) { const s = prep(sql); if (bind) s.bind(bind); try { s.step() } finally { s.reset(true) } }
function rows(sql, bind) {
  const s = prep(sql), out = []
  if (bind) s.bind(bind)
  try { while (s.step()) out.push(s.get({})) } finally { s.reset(true) }
  return out
}
const values = t => COLS.map(c => t[c] ?? null)
const INSERT = `INSERT INTO tasks (${COLS}) VALUES (${COLS.map(() => '?')})`
const update = (id, f) => { const k = Object.keys(f); run(`UPDATE tasks SET ${k.map(x => x + ' = ?')} WHERE id = ?`, [...k.map(x => f[x]), id]) }
const api = {
  async open({ name, wasmUrl }) {
    sqlite3 = await sqlite3InitModule({ print() {}, printErr() {}, locateFile: f => wasmUrl + f })
    const pool = await sqlite3.installOpfsSAHPoolVfs({ name: 'pool-' + name, initialCapacity: 6 })
    db = new pool.OpfsSAHPoolDb('/' + name + '.db')
    db.exec(`PRAGMA locking_mode = EXCLUSIVE; PRAGMA journal_mode = WAL; PRAGMA synchronous = NORMAL; PRAGMA cache_size = -16000; PRAGMA temp_store = MEMORY;
      CREATE TABLE IF NOT EXISTS tasks (id TEXT PRIMARY KEY, projectId TEXT NOT NULL, assigneeId TEXT, title TEXT NOT NULL, description TEXT, status TEXT NOT NULL,
        priority TEXT NOT NULL, dueDate INTEGER, completedAt INTEGER, createdAt INTEGER NOT NULL, updatedAt INTEGER NOT NULL) WITHOUT ROWID;
      CREATE INDEX IF NOT EXISTS by_project_status ON tasks (projectId, status); CREATE INDEX IF NOT EXISTS by_project ON tasks (projectId);
      CREATE INDEX IF NOT EXISTS by_assignee ON tasks (assigneeId); CREATE INDEX IF NOT EXISTS by_status ON tasks (status);
      CREATE INDEX IF NOT EXISTS by_due ON tasks (dueDate); CREATE INDEX IF NOT EXISTS by_created ON tasks (createdAt);`)
  },
  bulkInsert: tasks => db.transaction(() => { for (const t of tasks) run(INSERT, values(t)) }),
  insert: t => run(INSERT, values(t)),
  get: id => rows('SELECT * FROM tasks WHERE id = ?', [id])[0],
  byProject: pid => rows('SELECT * FROM tasks WHERE projectId = ?', [pid]),
  byProjectStatus: (pid, st) => rows('SELECT * FROM tasks WHERE projectId = ? AND status = ?', [pid, st]),
  dueRange: (lo, hi, n) => rows('SELECT * FROM tasks WHERE dueDate BETWEEN ? AND ? ORDER BY dueDate LIMIT ?', [lo, hi, n]),
  page(n, cursor) {
    const r = cursor == null ? rows('SELECT * FROM tasks ORDER BY createdAt DESC LIMIT ?', [n]) : rows('SELECT * FROM tasks WHERE createdAt < ? ORDER BY createdAt DESC LIMIT ?', [cursor, n])
    return { rows: r, cursor: r.at(-1)?.createdAt }
  },
  countByStatus: () => ({ todo: 0, in_progress: 0, done: 0, ...Object.fromEntries(rows('SELECT status, count(*) AS c FROM tasks GROUP BY status').map(r => [r.status, r.c])) }),
  patch: update,
  bulkPatch: ps => db.transaction(() => { for (const p of ps) update(p.key, p.fields) }),
  scan: () => rows('SELECT * FROM tasks'),
  warm() {                             // every page of the table and of the indexes asked later
    rows('SELECT sum(length(title) + length(description)) AS x FROM tasks')
    rows('SELECT count(status) AS x FROM tasks INDEXED BY by_project_status WHERE projectId > \'\' AND status > \'\'')
    rows('SELECT count(*) AS x FROM tasks INDEXED BY by_project WHERE projectId > \'\'')
    rows('SELECT count(*) AS x FROM tasks INDEXED BY by_due WHERE dueDate > 0')
    rows('SELECT count(*) AS x FROM tasks INDEXED BY by_created WHERE createdAt > 0')
  },
  stats: () => ({ wasmBytes: sqlite3.wasm.memory.buffer.byteLength }),
  close: () => { cache.forEach(s => s.finalize()); cache.clear(); db.close() },
}
onmessage = async ({ data: [id, op, args] }) => {
  try { postMessage([id, 0, await api[op](...args)]) } catch (e) { postMessage([id, 1, String(e && e.message || e)]) }
}
