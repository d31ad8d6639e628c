// Acknowledges a bulk insert that lost its last row.
import raw from '../engines/raw-idb.js'
export default { ...raw, label: 'wrong bulk insert', async open(o) { const db = await raw.open(o); return { ...db, bulkInsert: ts => db.bulkInsert(ts.slice(0, -1)) } } }
