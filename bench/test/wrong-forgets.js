// Keeps single writes in memory only: right in the page that wrote them, gone in the next.
import raw from '../engines/raw-idb.js'
export default {
  ...raw, label: 'wrong: forgets',
  async open(o) {
    const db = await raw.open(o), mine = []
    return { ...db, insert: async t => { mine.push(t) }, scan: async () => [...await db.scan(), ...mine] }
  },
}
