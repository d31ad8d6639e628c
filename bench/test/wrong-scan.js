// Right until its second scan of a page, then one row is an old one.
import raw from '../engines/raw-idb.js'
export default {
  ...raw, label: 'wrong scan',
  async open(o) {
    const db = await raw.open(o)
    let scans = 0
    return { ...db, scan: async () => { const r = await db.scan(); if (++scans > 1) r[7] = { ...r[7], status: 'old' }; return r } }
  },
}
