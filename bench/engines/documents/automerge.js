// automerge-repo with its IndexedDB storage: one document { tasks: { key: task } }. It has no indexes: a query goes over it.
// Its strings are ImmutableString, values as a whole, as those of the others are; plain ones would be merged by letters.
// asset: @automerge/automerge/dist/automerge.wasm
import { Automerge as A, NetworkAdapter, Repo, initializeWasm } from '@automerge/automerge-repo/slim'
import { IndexedDBStorageAdapter } from '@automerge/automerge-repo-storage-indexeddb'
import { PROJECT } from '../../documents/workload.js'

let ready
const encode = fields => { const o = {}; for (const f in fields) o[f] = typeof fields[f] === 'string' ? new A.ImmutableString(fields[f]) : fields[f]; return o }
const decode = task => { const o = {}; for (const f in task) o[f] = typeof task[f] === 'object' ? task[f].val : task[f]; return o }
// Both sides of a connection begin from one and the same document without tasks.
const ORIGIN = 'ab'.repeat(16)
const DOCUMENT = '4NMNnkMhL8jXrdJ9jamS58PAVdXu'

class WireAdapter extends NetworkAdapter {
  isReady() { return true }
  async whenReady() {}
  connect(peerId, metadata) { this.peerId = peerId; this.peerMetadata = metadata }
  disconnect() {}
  send(message) { this.wire?.send(message) }
}

export default {
  label: 'automerge-repo', packages: ['@automerge/automerge', '@automerge/automerge-repo', '@automerge/automerge-repo-storage-indexeddb'], store: 'memory (WASM); chunks in IndexedDB',
  async open({ name, base }) {
    await (ready ??= initializeWasm(fetch(base + 'automerge.wasm')))
    const adapter = new WireAdapter(), repo = new Repo({ storage: new IndexedDBStorageAdapter(name), network: [adapter] })
    const known = localStorage.getItem(`automerge ${name}`)
    let handle
    if (known) handle = await repo.find(known)
    else {
      const origin = A.change(A.init({ actor: ORIGIN }), { time: 0 }, d => { d.tasks = {} })
      handle = repo.import(A.save(origin), { docId: DOCUMENT })
      localStorage.setItem(`automerge ${name}`, handle.url)
    }
    await handle.whenReady()
    const flush = () => repo.flush([handle.documentId])
    const change = (key, fields) => handle.change(d => { Object.assign(d.tasks[key], encode(fields)) })
    return {
      prepare: flush,
      insertMany(rows) {
        handle.change(d => { for (const { key, row } of rows) d.tasks[key] = encode({ projectId: PROJECT, ...row }) })
        return flush()
      },
      patch(key, fields) { change(key, fields); return flush() },
      edit(edits) { for (const { key, fields } of edits) change(key, fields); return flush() },
      byDue: n => Object.values(handle.doc().tasks).sort((a, b) => a.dueDate - b.dueDate).slice(0, n).map(decode),
      all: () => Object.values(handle.doc().tasks).map(decode),
      connect(wire) {
        let theirs, peerId, isThere = false, isThereToo = false, meet
        const met = new Promise(r => { meet = r })
        const look = async () => {
          if (!isThere && theirs && A.hasHeads(handle.doc(), theirs)) { isThere = true; wire.send({ isThere }) }
          if (isThere && isThereToo) { await flush(); meet() }
        }
        handle.on('heads-changed', look)
        adapter.wire = wire
        wire.receive(message => {
          if (message.heads) {
            theirs = message.heads
            peerId = message.peerId
            adapter.emit('peer-candidate', { peerId, peerMetadata: {} })
            void look()
          } else if (message.isThere) { isThereToo = true; void look() } else adapter.emit('message', message)
        })
        wire.send({ heads: A.getHeads(handle.doc()), peerId: repo.peerId })
        return { met, end() { handle.off('heads-changed', look); adapter.wire = undefined; adapter.emit('peer-disconnected', { peerId }) } }
      },
      close: () => repo.shutdown(),
    }
  },
}
