// @sqlite.org/sqlite-wasm on the OPFS SAH pool, called by postMessage. One tab at a time: the pool takes exclusive handles.
// worker: sqlite.worker.js
// asset: @sqlite.org/sqlite-wasm/dist/sqlite3.wasm
export default {
  label: 'SQLite OPFS (SAH pool)', packages: ['@sqlite.org/sqlite-wasm'], store: 'OPFS file, in a worker',
  async open({ name, base }) {
    const w = new Worker(base + 'sqlite.worker.js', { type: 'module' })
    const waiting = new Map()
    let seq = 0
    w.onmessage = ({ data: [id, bad, v] }) => { const p = waiting.get(id); waiting.delete(id); bad ? p.rej(new Error(v)) : p.res(v) }
    w.onerror = e => { for (const p of waiting.values()) p.rej(new Error('worker: ' + e.message)); waiting.clear() }
    const call = (op, ...args) => new Promise((res, rej) => { waiting.set(++seq, { res, rej }); w.postMessage([seq, op, args]) })
    await call('open', { name, wasmUrl: base })
    const db = {}
    for (const op of ['bulkInsert', 'insert', 'get', 'byProject', 'byProjectStatus', 'dueRange', 'page', 'countByStatus', 'patch', 'bulkPatch', 'scan', 'warm', 'stats']) db[op] = (...a) => call(op, ...a)
    db.close = async () => { await call('close'); w.terminate() }
    return db
  },
}
