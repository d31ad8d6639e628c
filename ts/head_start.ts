/**
 * What the engine asks of IndexedDB first, read while its binary is still on the way: the two take about as long, and
 * neither needs the other. Whatever is odd here is left to the engine, which opens the database itself and knows what
 * to say about it.
 */
import { HoldfastError } from "./errors.js";
import { followFreezing } from "./freezing.js";

/** As in src/browser/indexeddb.rs. */
const STORES = ["log", "pages", "meta", "blobs"];

/** An open connection, and what was read through it: as `Effect::ReadLog` in src/tab/effect.rs, of all there is. */
export class HeadStart {
  /** Where other tabs announce commits; joined before anything was read. */
  readonly channel: BroadcastChannel | undefined;
  /** Whether somebody has announced something since: then what was read may be old. */
  isOld = false;
  /** Whether the connection is closed: the database was deleted, or the browser has lost it. */
  isClosed = false;
  /** The newest manifest, if there is one, and its key. */
  manifest: unknown;
  generation = 0;
  /** The numbers of the log records beyond it, ascending. */
  numbers: IDBValidKey[] = [];
  /** The records. */
  records: unknown[] = [];

  constructor(
    name: string,
    readonly database: IDBDatabase,
  ) {
    // Until the engine takes over, nobody who wants to delete the database waits for this connection.
    database.onversionchange = database.onclose = () => this.giveBack();
    this.channel = join(name);
    if (this.channel) this.channel.onmessage = () => (this.isOld = true);
  }

  /** Ends it: nobody takes over. */
  giveBack(): void {
    this.isClosed = true;
    this.database.close();
    this.channel?.close();
  }

  /** Whether the database has our stores and no others. */
  isOurs(): boolean {
    const stores = this.database.objectStoreNames;
    return stores.length === STORES.length && STORES.every((store) => stores.contains(store));
  }

  /** Reads what there is, and tells whether that went well. */
  read(): Promise<boolean> {
    return new Promise((resolve) => {
      const transaction = this.database.transaction(["log", "meta"]);
      // A page that sleeps must not keep others waiting.
      const unfollow = followFreezing(
        () => transaction.abort(),
        () => undefined,
      );
      const end = (isRead: boolean) => {
        unfollow();
        resolve(isRead);
      };
      transaction.onabort = () => end(false);
      const newest = transaction.objectStore("meta").openCursor(above(0), "prev");
      newest.onsuccess = () => {
        this.manifest = newest.result?.value;
        this.generation = Number(newest.result?.key ?? 0);
        const log = transaction.objectStore("log");
        const beyond = above(coveredBy(this.manifest));
        const records = log.getAll(beyond);
        const numbers = log.getAllKeys(beyond);
        numbers.onsuccess = () => {
          this.numbers = numbers.result;
          this.records = records.result;
          end(true);
        };
      };
    });
  }
}

/**
 * Opens a database if it exists, and reads the newest manifest and the log beyond it. Creates nothing, and fails only
 * where waiting has no end.
 */
export async function headStart(name: string): Promise<HeadStart | undefined> {
  let start: HeadStart | undefined;
  try {
    const database = await open(name);
    start = database && new HeadStart(name, database);
    if (start?.isOurs() && (await start.read())) return start;
  } catch (error) {
    if (error instanceof HoldfastError) throw error;
    // There is no IndexedDB, or the database is not one of ours.
  }
  start?.giveBack();
  return undefined;
}

/** A browser that has just started may take seconds; one that lets others go first doesn't say so. */
const PATIENCE_MS = 30_000;

function open(name: string): Promise<IDBDatabase | undefined> {
  return new Promise((resolve, reject) => {
    const opening = indexedDB.open(name, 1);
    const timer = setTimeout(() => {
      opening.onsuccess = () => opening.result.close();
      reject(
        new HoldfastError(
          "StorageUnavailable",
          `IndexedDB has not opened the database "${name}" within ${PATIENCE_MS / 1000} s. Perhaps it is being deleted, and ` +
            "a page that does not answer has it open: close the app's other tabs and try again.",
          { retryable: true },
        ),
      );
    }, PATIENCE_MS);
    const end = (database?: IDBDatabase) => {
      clearTimeout(timer);
      resolve(database);
    };
    // It does not exist: what is not created does not stay.
    opening.onupgradeneeded = () => opening.transaction?.abort();
    opening.onerror = () => end();
    opening.onsuccess = () => end(opening.result);
  });
}

function join(name: string): BroadcastChannel | undefined {
  try {
    return new BroadcastChannel(`holdfast:${name}`);
  } catch {
    // Then this tab hears of other commits when it commits itself.
    return undefined;
  }
}

/** All numbers above one; texts, which `meta` has too, are above all numbers. */
function above(number: number): IDBKeyRange {
  return IDBKeyRange.bound(number, Infinity, true);
}

/** Up to which log record a manifest goes: its second number, behind two bytes (docs/format.md). */
function coveredBy(manifest: unknown): number {
  if (!(manifest instanceof Uint8Array)) return 0;
  let position = 2;
  const varint = () => {
    let value = 0;
    for (let place = 1; place < 2 ** 53; place *= 128) {
      const byte = manifest[position++] ?? 0;
      value += (byte & 0x7f) * place;
      if (byte < 0x80) break;
    }
    return value;
  };
  varint();
  return varint();
}
