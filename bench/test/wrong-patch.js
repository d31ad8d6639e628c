// Loses one field of one patch in fifty.
import raw from '../engines/raw-idb.js'
export default {
  ...raw, label: 'wrong patch',
  async open(o) { const db = await raw.open(o); let k = 0; return { ...db, patch: (id, f) => db.patch(id, ++k % 50 ? f : { status: f.status }) } },
}
