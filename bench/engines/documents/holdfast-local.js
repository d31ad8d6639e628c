// Holdfast, a table that is not synced: what a synced one is measured against.
import { openDatabase } from 'holdfast'
import { adapt, schema } from './holdfast_tables.js'

export default {
  label: 'Holdfast, local table', packages: ['holdfast'], store: 'paged tree and log in IndexedDB',
  async open({ name }) { return adapt(await openDatabase({ name, schema })) },
}
