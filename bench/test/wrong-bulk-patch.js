// Loses the first of a thousand patches.
import raw from '../engines/raw-idb.js'
export default { ...raw, label: 'wrong bulk patch', async open(o) { const db = await raw.open(o); return { ...db, bulkPatch: ps => db.bulkPatch(ps.slice(1)) } } }
