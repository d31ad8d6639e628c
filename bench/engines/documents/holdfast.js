// Holdfast, a synced table: tasks lie in the document of their project.
import { openDatabase } from 'holdfast'
import { linkInMemory, root, within } from 'holdfast/sync'
import { adapt, schema } from './holdfast_tables.js'

const nameOf = id => id.join()

/** Calls `note` with each frame that a database sends. */
function overhear({ sync }, note) {
  const attach = sync.attach.bind(sync)
  sync.attach = peer => attach({ ...peer, send(frame) { note(frame); peer.send(frame) } })
}

export default {
  label: 'Holdfast, synced table', packages: ['holdfast'], store: 'paged tree and log in IndexedDB; documents merged in a worker',
  async open({ name }) {
    const db = await openDatabase({ name, schema, sync: { projects: root(), tasks: within('projectId') } })
    return {
      ...adapt(db), db,
      /** An end of a connection whose other end is elsewhere: the same rules as those of linkInMemory. */
      connect(wire) {
        const standing = new Map()
        let introduced = 0, meet
        const met = new Promise(r => { meet = r })
        const note = frame => {
          if (frame.type === 'documents') introduced++
          for (const id of frame.type === 'documents' ? frame.ids : [frame.id]) if (!standing.has(nameOf(id))) standing.set(nameOf(id), false)
        }
        const look = () => { if (introduced === 2 && standing.size && end.isIdle() && [...standing.values()].every(Boolean)) meet() }
        const end = db.sync.attach({
          device: 'the other page',
          send(frame) { note(frame); wire.send(frame) },
          restart() { throw new Error('the connection had to be made anew') },
          lose() { throw new Error('the docs worker has failed') },
          status(id, isSynced) { standing.set(nameOf(id), isSynced); look() },
          idle: look,
        })
        wire.receive(frame => { note(frame); end.receive(frame) })
        return { met, end: () => end.end() }
      },
    }
  },
  /** Two databases of one page; `send` hears all that crosses. */
  pair(a, b, send) {
    for (const { db } of [a, b]) overhear(db, send)
    const link = linkInMemory(a.db, b.db)
    return {
      connect: () => link.connect(), disconnect: () => link.disconnect(),
      met: () => new Promise(resolve => {
        const look = () => { if (link.isSynced) { stop(); resolve() } }
        const stop = link.subscribe(look)
        look()
      }),
    }
  },
}
